/** Brings a clip and its frame index, or says in words why it cannot be worked on. */

import { ApiError, Offline } from "./api.js";
import { h, need } from "./dom.js";
import { Preview } from "./player/preview.js";

/** @typedef {import("./types.js").Clip} Clip */
/** @typedef {import("./types.js").FrameIndex} FrameIndex */

/** @param {string} title @param {string} text @param {number | null} [progress] 0..1 @param {HTMLElement} [kept] stays where it is in the page */
export function pageState(title, text, progress = null, kept) {
  const host = need("#page-state", HTMLElement);
  host.hidden = !title;
  document.body.classList.toggle("blocked", Boolean(title));
  // A video that is taken out of the page stops.
  for (const child of [...host.children]) if (child !== kept) child.remove();
  if (!title) return;
  const before = kept && host.contains(kept) ? kept : null;
  host.insertBefore(h("h1", {}, title), before);
  host.insertBefore(h("p", {}, text), before);
  if (progress !== null) host.insertBefore(h("progress", { max: "1", value: String(progress), "aria-label": "Progress" }), before);
}

/** What is wrong, and the one button that goes on. @param {string} title @param {string} text @param {string} words @param {() => void} go */
function wayOn(title, text, words, go) {
  pageState(title, text);
  const button = h("button", { type: "button", class: "button primary", onclick: go }, words);
  need("#page-state", HTMLElement).append(button);
  button.focus();
}

/** @param {unknown} error @param {string} what @param {boolean} [isTried] whether this page goes on trying */
export function explain(error, what, isTried = false) {
  if (error instanceof Offline && isTried) return pageState("The server does not answer", "Check the network; this page tries again by itself.");
  if (error instanceof Offline) return wayOn("The server does not answer", "Check the network, then open the page again.", "Open again", () => location.reload());
  if (error instanceof ApiError) {
    if (error.status === 404) return pageState(`No such ${what}`, "It does not exist, or it was not assigned to you. Ask your project lead.");
    if (error.status === 401) {
      return wayOn("Signed out", "Sign in: this page opens again where you were.", "Sign in", () => location.assign(`/accounts/login/?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`));
    }
    if (error.status === 403) return pageState("Not yours to open", [error.message, error.remedy].filter(Boolean).join(" "));
    return pageState("This cannot be opened", [error.message, error.remedy].filter(Boolean).join(" "));
  }
  pageState("This page failed", error instanceof Error ? error.message : String(error));
}

/** The keys that the person has changed; without them the standard ones hold. @param {import("./api.js").Api} api */
export async function keyChoices(api) {
  return /** @type {Promise<import("./keys.js").KeyChoices | undefined>} */ (api.get("/api/v1/me/keys/").catch(() => undefined));
}

/** @param {number} ms */
export const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The frame index of a clip, its lists whole again where they came as runs.
 * @param {import("./api.js").Api} api @param {Clip} clip @param {Promise<any>} [asked]  the same, asked for already; null where it did not come
 */
export async function readIndex(api, clip, asked) {
  const found = (await asked) ?? (await api.get(`${clip.pts_url}?form=runs`));
  for (const name of ["pts", "review_pts", "key"]) {
    const runs = /** @type {[number, number, number][] | undefined} */ (found[`${name}_runs`]);
    if (runs) found[name] = runs.flatMap(([first, step, count]) => Array.from({ length: count }, (_, i) => first + i * step));
  }
  return /** @type {FrameIndex} */ (found);
}

/**
 * Waits until the clip is ready, with progress.
 * @param {import("./api.js").Api} api @param {string} clipId
 * @param {{clip: Promise<Clip>, index: Promise<any>}} [asked]  the same, asked for already
 * @returns {Promise<{clip: Clip, index: FrameIndex}>}
 */
export async function loadClip(api, clipId, asked) {
  const preview = new Preview(api, clipId);
  let first = asked;
  for (;;) {
    try {
      const { clip: waiting, index: itsIndex } = first ?? { clip: /** @type {Promise<Clip>} */ (api.get(`/api/v1/clips/${clipId}/`)), index: undefined };
      first = undefined;
      const clip = await waiting;
      if (clip.state === "failed") throw new ApiError(409, { error: { message: "This clip could not be made ready: the data steward sees why." } });
      if (clip.state === "ready") {
        const index = await readIndex(api, clip, itsIndex);
        if (index.pts.length !== index.n_frames || index.n_frames !== clip.n_frames) {
          throw new Error(`The frame index has ${index.pts.length} entries, the clip ${clip.n_frames} frames`);
        }
        preview.close();
        pageState("", "");
        return { clip, index };
      }
      pageState("This clip is being made ready", `${clip.progress?.step || "The frame index and the review copy are being made"}. It opens here by itself.`, clip.progress?.progress ?? null, preview.box);
      await preview.update();
    } catch (error) {
      if (!(error instanceof Offline)) throw error;
      explain(error, "clip", true);
    }
    await wait(3000);
  }
}
