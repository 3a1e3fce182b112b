/** Talks to the server in JSON. Every refusal becomes an ApiError with the server's own words. */

export class ApiError extends Error {
  /** @param {number} status @param {Record<string, unknown>} body */
  constructor(status, body) {
    const error = /** @type {Record<string, unknown>} */ (
      typeof body.error === "object" && body.error ? body.error : {}
    );
    super(String(error.message ?? body.detail ?? `HTTP ${status}`));
    this.status = status;
    this.code = String(error.code ?? "");
    this.error = error;
    this.remedy = error.remedy ? String(error.remedy) : "";
  }
}

/** The network is away, not the server's refusal. */
export class Offline extends Error {}

const TIMEOUT_MS = 30000;

export class Api {
  /** @param {string} csrf token rendered into the page; the cookie is newer after a sign-in */
  constructor(csrf) {
    this.csrf = csrf;
  }

  #token() {
    const cookie = /(?:^|;\s*)[\w-]*csrftoken=([^;]+)/.exec(document.cookie);
    return cookie ? decodeURIComponent(cookie[1]) : this.csrf;
  }

  /**
   * @param {string} method @param {string} url @param {unknown} [body] JSON value, or text that is JSON already
   * @param {RequestInit} [init]
   * @returns {Promise<any>}
   */
  async #call(method, url, body, init = {}) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (method !== "GET") {
      headers["X-CSRFToken"] = this.#token();
      headers["Content-Type"] = "application/json";
    }
    let answer;
    try {
      answer = await fetch(url, {
        method,
        headers,
        body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
        credentials: "same-origin",
        cache: "no-store",
        ...init,
        signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(init.signal ? [init.signal] : [])]),
      });
    } catch (error) {
      throw new Offline(error instanceof Error ? error.message : "network");
    }
    const text = await answer.text().catch(() => "");
    /** @type {any} */
    let value = {};
    try {
      value = text ? JSON.parse(text) : {};
    } catch {
      // A page instead of JSON is a sign-in page after a redirect, or a proxy's error page.
      if (answer.ok && answer.redirected) throw new ApiError(401, {});
      if (answer.ok) throw new ApiError(502, {});
    }
    if (!answer.ok) throw new ApiError(answer.status, typeof value === "object" && value ? value : {});
    return value;
  }

  /** @param {string} url @param {RequestInit} [init] */
  get(url, init) {
    return this.#call("GET", url, undefined, init);
  }

  /** @param {string} url @param {unknown} body @param {RequestInit} [init] */
  post(url, body, init) {
    return this.#call("POST", url, body, init);
  }

  /** @param {string} username @param {string} password @param {string} [code] of a second factor */
  async signIn(username, password, code = "") {
    const answer = await this.post("/api/v1/session/", { username, password, code });
    if (typeof answer.csrf === "string") this.csrf = answer.csrf;
  }
}
