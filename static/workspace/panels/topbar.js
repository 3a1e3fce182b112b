/** Saved state and revision, banners (signed out, fallback), notices, submit. */

import { ApiError } from "../api.js";
import { h, need, showDialog } from "../dom.js";
import { spaced } from "../player/timebase.js";
import { stillToDo } from "./tracks.js";

/** @typedef {import("../sync.js").Sync} Sync */

/** @type {Record<import("../sync.js").SavedState, string>} */
const WORDS = { saved: "Saved", saving: "Saving", offline: "Not on the server yet" };

/**
 * @param {HTMLElement} host @param {Sync | null} sync @param {string} reading  said instead when nothing can be saved
 * @param {() => void} [showHistory]
 */
export function savedState(host, sync, reading, showHistory) {
  const text = h("span", { class: "saved", "data-testid": "saved", role: "status", "aria-live": "polite" });
  const revision = showHistory
    ? h("button", { type: "button", class: "revision", "data-testid": "revision", title: "Read and compare revisions", "aria-keyshortcuts": "Alt+H", onclick: showHistory })
    : h("span", { class: "revision", "data-testid": "revision" });
  host.append(text, revision);
  const update = () => {
    const state = sync?.state ?? "saved";
    text.dataset.state = state;
    text.textContent = reading || (state === "offline" && sync?.reason ? sync.reason : WORDS[state]);
    revision.textContent = sync ? `revision ${spaced(sync.revision)}` : "";
  };
  update();
  /** @param {string} words */
  const read = (words) => {
    reading = words;
    update();
  };
  return { update, read };
}

/** A line that comes and goes by itself. */
export function notices() {
  const host = need("#notices", HTMLElement);
  let timer = 0;
  return (/** @type {string} */ message) => {
    host.textContent = message;
    host.hidden = false;
    clearTimeout(timer);
    timer = globalThis.setTimeout(() => (host.hidden = true), Math.max(3500, message.length * 70));
  };
}

/** @param {string} id @param {string} kind @param {...import("../dom.js").Child} children one banner an id; none takes it away */
export function banner(id, kind, ...children) {
  const host = need("#banners", HTMLElement);
  const held = host.querySelector(`[data-banner="${id}"]`);
  if (!children.length) {
    held?.remove();
    return;
  }
  const element = h("div", { class: `banner ${kind}`, "data-banner": id, role: kind === "held" ? "alert" : "status" }, ...children);
  if (held) held.replaceWith(element);
  else host.append(element);
}

/**
 * Signed out in the middle of work: sign in again in place, nothing is lost.
 * @param {import("../api.js").Api} api @param {string} username @param {() => void} done
 */
export function signInBanner(api, username, done) {
  if (document.querySelector("[data-banner=signed-out]")) return;
  const user = h("input", { name: "username", autocomplete: "username", value: username, "aria-label": "User name", required: true });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", "aria-label": "Password", placeholder: "password", required: true, "data-testid": "sign-in-password" });
  const code = h("input", { name: "code", autocomplete: "one-time-code", "aria-label": "Code of your app", placeholder: "code of your app", hidden: true });
  const problem = h("span", { class: "problem", role: "alert" });
  // The idle lock's cover signs in too; what waits here goes on with it.
  window.addEventListener("session-renewed", () => {
    if (!form.isConnected) return;
    banner("signed-out", "");
    done();
  }, { once: true });
  const form = h("form", { class: "inline", onsubmit: async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    problem.textContent = "";
    try {
      await api.signIn(user.value, password.value, code.value);
      banner("signed-out", "");
      done();
      // The keys belong to the picture again.
      document.getElementById("stage")?.focus({ preventScroll: true });
    } catch (error) {
      if (error instanceof ApiError && error.error.field === "code") code.hidden = false;
      problem.textContent = error instanceof ApiError ? error.message : "The server does not answer: try again";
    }
  } }, user, password, code, h("button", { class: "button primary", "data-testid": "sign-in" }, "Sign in again"), problem);
  banner("signed-out", "look", h("strong", {}, "You were signed out."), h("span", {}, "Your work is kept. "), form);
}

/**
 * Submitting cannot be undone by the person, so it asks, with what is still to do.
 * @param {import("../bench.js").Bench} bench @param {Sync} sync @param {() => Promise<void>} submit
 */
export async function submitDialog(bench, sync, submit) {
  if (bench.tools.stroke) bench.tools.up();
  await sync.flush();
  if (document.getElementById("submit-title")) return;
  const open = stillToDo(bench.store).map((t) => t.text);
  const written = [...document.querySelectorAll("textarea")].some((field) => field.value.trim() && !field.closest("dialog"));
  if (written) open.unshift("A comment is written and not sent");
  const tracks = bench.store.clipTracks().length;
  const intervals = bench.store.clipIntervals("phase").length + bench.store.clipIntervals("event").length + bench.store.clipIntervals("tag").length;
  const problem = h("p", { class: "problem", role: "alert" });
  const yes = h("button", { type: "button", class: "button primary", "data-testid": "submit-confirm", onclick: async () => {
    yes.disabled = true;
    try {
      await submit();
      dialog.close();
    } catch (error) {
      yes.disabled = false;
      problem.textContent = error instanceof ApiError ? [error.message, error.remedy].filter(Boolean).join(" ") : "The server did not answer: try again";
    }
  } }, "Submit and lock");
  const about = h("p", {});
  const list = h("div", { class: "summary", "aria-live": "polite" });
  // What waits for the network goes on by itself, and with it the button opens.
  let said = -1;
  const follow = () => {
    const unsent = sync.pending.length;
    if (unsent === said) return;
    said = unsent;
    yes.disabled = unsent > 0;
    about.textContent = `${tracks} ${tracks === 1 ? "track" : "tracks"}, ${intervals} phases and events, revision ${sync.revision}.`;
    const todo = [unsent ? `${unsent} ${unsent === 1 ? "change is" : "changes are"} not on the server yet: this waits for the network` : "", ...open].filter(Boolean);
    list.replaceChildren(...(todo.length
      ? [h("p", {}, "Still open:"), h("ul", {}, ...todo.map((t) => h("li", {}, t)))]
      : [h("p", { class: "good" }, "Nothing is left to do.")]));
  };
  const dialog = h("dialog", { "aria-labelledby": "submit-title" },
    h("h2", { id: "submit-title" }, "Submit this label set"),
    about,
    list,
    h("p", { class: "hint" }, "A submitted set is locked; the project lead can return it to you."),
    problem,
    h("div", { class: "dialog-foot" }, h("button", { type: "button", class: "button", autofocus: true, onclick: () => dialog.close() }, "Go on working"), yes));
  follow();
  const following = setInterval(follow, 250);
  await showDialog(dialog);
  clearInterval(following);
}
