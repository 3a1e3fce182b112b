/**
 * The idle lock of every page. Nobody touched anything for a while: the page is covered, the session
 * locked on the server, and both open again by signing in here. What was typed or drawn stays.
 * The limit and the person stand in <meta name="idle-lock" content="seconds" data-user="name">.
 */

const meta = /** @type {HTMLMetaElement | null} */ (document.querySelector("meta[name=idle-lock]"));
const limitMs = Number(meta?.content ?? 0) * 1000;
const username = meta?.dataset.user ?? "";
const others = new BroadcastChannel("clinicalannot-idle");
let last = Date.now();
let told = 0;

/** @type {HTMLDialogElement | null} */
let cover = null;

/** The cookie is newer than the page after a sign-in. */
function token() {
  const cookie = /(?:^|;\s*)[\w-]*csrftoken=([^;]+)/.exec(document.cookie);
  return cookie ? decodeURIComponent(cookie[1]) : (meta?.dataset.csrf ?? "");
}

/** @param {string} url @param {object} body @returns {Promise<Response>} */
function post(url, body) {
  return fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token() },
    body: JSON.stringify(body),
    credentials: "same-origin",
    cache: "no-store",
    signal: AbortSignal.timeout(20_000),
  });
}

function touched() {
  if (cover) return;
  last = Date.now();
  if (last - told > 5000) {
    told = last;
    others.postMessage("touched");
  }
}

/** @param {string} name @param {string} type @param {string} complete @param {string} words */
function field(name, type, complete, words) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.name = name;
  input.type = type;
  input.autocomplete = /** @type {AutoFill} */ (complete);
  label.append(words, input);
  return { label, input };
}

/** Cover the page; nothing of it can be read, reached or heard. */
function show() {
  if (cover) return;
  for (const playing of document.querySelectorAll("video, audio")) /** @type {HTMLMediaElement} */ (playing).pause();
  window.dispatchEvent(new Event("idle-locked"));
  const dialog = document.createElement("dialog");
  dialog.className = "locked";
  dialog.setAttribute("aria-labelledby", "locked-title");
  const title = document.createElement("h1");
  title.id = "locked-title";
  title.textContent = "Locked";
  const words = document.createElement("p");
  words.textContent = `Nobody was here for a while. Your work is kept: sign in again as ${username} to go on.`;
  const password = field("password", "password", "current-password", "Password");
  password.input.required = true;
  const code = field("code", "text", "one-time-code", "Code of your app");
  code.label.hidden = true;
  const problem = document.createElement("p");
  problem.className = "problem";
  problem.setAttribute("role", "alert");
  const button = document.createElement("button");
  button.className = "button primary";
  button.textContent = "Unlock";
  const other = document.createElement("a");
  other.href = "/accounts/login/";
  other.target = "_blank";
  other.rel = "noopener";
  other.textContent = "Sign in another way, in a new tab";
  const form = document.createElement("form");
  form.append(title, words, password.label, code.label, problem, button, other);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    button.disabled = true;
    try {
      const answer = await post("/api/v1/session/", { username, password: password.input.value, code: code.input.value });
      if (answer.ok) {
        hide();
        others.postMessage("unlocked");
      } else {
        const said = (await answer.json().catch(() => ({}))).error ?? {};
        if (said.field === "code") {
          code.label.hidden = false;
          code.input.focus();
        }
        problem.textContent = said.message ?? "It did not work. Try again.";
      }
    } catch {
      problem.textContent = "The server does not answer. Your work is kept; try again.";
    }
    button.disabled = false;
  });
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.append(form);
  // Keys of the page must not act behind the cover.
  for (const kind of ["keydown", "keyup", "keypress"]) dialog.addEventListener(kind, (event) => event.stopPropagation());
  document.body.append(dialog);
  document.body.classList.add("is-locked");
  dialog.showModal();
  password.input.focus();
  cover = dialog;
}

function hide() {
  cover?.close();
  cover?.remove();
  cover = null;
  document.body.classList.remove("is-locked");
  last = Date.now();
  window.dispatchEvent(new Event("session-renewed"));
}

async function lock() {
  show();
  others.postMessage("locked");
  // Without a network the page is covered all the same; the server locks what it does not hear of.
  await post("/api/v1/session/lock/", {}).catch(() => {});
}

/** Whether somebody signed in again elsewhere, for a cover whose form was not used. */
async function renewed() {
  const answer = await fetch("/api/v1/me/", { credentials: "same-origin", cache: "no-store" }).catch(() => null);
  if (answer?.ok && cover && (await answer.json()).username === username) hide();
}

if (meta && limitMs > 0) {
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
    window.addEventListener(kind, touched, { capture: true, passive: true });
  }
  others.addEventListener("message", (event) => {
    if (event.data === "touched") last = Date.now();
    else if (event.data === "locked") show();
    else if (event.data === "unlocked" && cover) hide();
  });
  window.addEventListener("focus", () => void (cover && renewed()));
  window.setInterval(() => {
    if (!cover && Date.now() - last >= limitMs) void lock();
  }, Math.min(5000, limitMs / 4));
}
