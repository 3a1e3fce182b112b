/** Signing: password again, the meaning in words, the digest of exactly what is signed. */

import { ApiError } from "../workspace/api.js";
import { h, showDialog } from "../workspace/dom.js";
import { spaced } from "../workspace/player/timebase.js";

/**
 * @param {import("../workspace/api.js").Api} api @param {import("./types.js").Adjudication} now  just loaded
 * @param {(signature: import("./types.js").Signature) => void} signed
 */
export function signDialog(api, now, signed) {
  const password = h("input", { type: "password", autocomplete: "current-password", required: true, autofocus: true, "data-testid": "sign-password", id: "sign-password" });
  const problem = h("p", { class: "problem", role: "alert" });
  const confirm = h("button", { class: "button primary", "data-testid": "sign-confirm" }, "Sign");
  const form = h("form", {
    onsubmit: async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      problem.textContent = "";
      confirm.disabled = true;
      try {
        const answer = await api.post(`/api/v1/adjudications/${now.id}/sign/`, { password: password.value, revision: now.consensus.revision });
        dialog.close();
        signed(answer.signature);
      } catch (error) {
        confirm.disabled = false;
        password.value = "";
        password.focus();
        problem.textContent = error instanceof ApiError ? [error.message, error.remedy].filter(Boolean).join(" ") : "The server does not answer: nothing was signed";
      }
    },
  },
    h("div", { class: "field" }, h("label", { for: "sign-password" }, "Your password"), password),
    problem,
    h("div", { class: "dialog-foot" }, h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Not yet"), confirm));
  const tracks = Object.keys(now.consensus.labels.tracks).length;
  const intervals = Object.keys(now.consensus.labels.intervals).length;
  const dialog = h("dialog", { "aria-labelledby": "sign-title" },
    h("h2", { id: "sign-title" }, "Sign the consensus"),
    h("p", {}, now.statement?.meaning ?? ""),
    h("p", { class: "hint" }, `${tracks} tracks, ${intervals} phases and events, revision ${spaced(now.consensus.revision)}. Signed is final: a correction is a new version with a reason.`),
    h("p", { class: "digest", "data-testid": "sign-digest" }, `SHA-256 ${now.statement?.digest ?? now.consensus.digest ?? ""}`),
    form);
  return showDialog(dialog);
}
