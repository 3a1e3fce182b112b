/** Signing: password or passkey again, the meaning in words, the digest of exactly what is signed. */

import { ApiError } from "../workspace/api.js";
import { h, showDialog } from "../workspace/dom.js";
import { spaced } from "../workspace/player/timebase.js";
import { assertion, canAsk } from "./passkey.js";

/** @type {Record<import("./types.js").SigningKind, [title: string, act: string, hint: string]>} */
const WORDS = {
  sign: ["Sign the consensus", "Sign", "Signed is final: a correction is a new version with a reason."],
  countersign: ["Countersign the consensus", "Countersign", "Your signature stands beside the first one."],
  withdraw: ["Withdraw your approval", "Withdraw", "The signed version stays readable and verifiable; it goes into no further release."],
};

/** @param {import("./types.js").Unseen[]} rows */
function unseenWords(rows) {
  const n = rows.length;
  return `${n} ${n === 1 ? "label stands" : "labels stand"} on frames that you have not seen; the first on frame ${spaced(rows[0].first_frame)}.`;
}

/**
 * @param {import("../workspace/api.js").Api} api @param {import("./types.js").Adjudication} now  just loaded
 * @param {import("./types.js").SigningKind} kind @param {(answer: import("./types.js").Signed) => void} signed
 */
export async function signDialog(api, now, kind, signed) {
  const address = `/api/v1/adjudications/${now.id}/`;
  const { statement, options } = await api.get(`${address}statement/?kind=${kind}`);
  const [title, act, hint] = WORDS[kind];
  const password = h("input", { type: "password", autocomplete: "current-password", required: true, autofocus: kind !== "withdraw", "data-testid": "sign-password", id: "sign-password" });
  const reason = h("textarea", { rows: "2", maxlength: "400", id: "sign-reason", required: true, autofocus: true, "data-testid": "sign-reason" });
  const problem = h("p", { class: "problem", role: "alert" });
  const confirm = h("button", { class: "button primary", "data-testid": "sign-confirm" }, act);
  const passkey = h("button", { type: "button", class: "button", "data-testid": "sign-passkey", onclick: () => void withPasskey() }, "Use a passkey");

  /** @param {() => Promise<object>} means */
  const send = async (means) => {
    problem.textContent = "";
    confirm.disabled = passkey.disabled = true;
    try {
      const given = { revision: now.consensus.revision, ...(kind === "withdraw" ? { reason: reason.value } : {}) };
      const answer = await api.post(`${address}${kind}/`, { ...given, ...(await means()) });
      dialog.close();
      signed(answer);
    } catch (error) {
      confirm.disabled = passkey.disabled = false;
      password.value = "";
      if (!(error instanceof ApiError && error.error.field === "reason")) password.focus();
      problem.textContent = error instanceof ApiError ? [error.message, error.remedy].filter(Boolean).join(" ")
        : error instanceof DOMException ? "No passkey answered: nothing was signed" : "The server does not answer: nothing was signed";
    }
  };
  const withPasskey = () => {
    if (kind === "withdraw" && !reason.reportValidity()) return;
    return send(async () => ({ statement, passkey: await assertion(options) }));
  };
  const form = h("form", {
    onsubmit: (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      void send(async () => ({ password: password.value }));
    },
  },
    kind === "withdraw" ? h("div", { class: "field" }, h("label", { for: "sign-reason" }, "Reason"), reason) : null,
    h("div", { class: "field" }, h("label", { for: "sign-password" }, "Your password"), password),
    problem,
    h("div", { class: "dialog-foot" }, h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Not now"), options && canAsk() ? passkey : null, confirm));
  const tracks = Object.keys(now.consensus.labels.tracks).length;
  const intervals = Object.keys(now.consensus.labels.intervals).length;
  const said = JSON.parse(statement);
  const dialog = h("dialog", { "aria-labelledby": "sign-title" },
    h("h2", { id: "sign-title" }, title),
    h("p", {}, said.meaning),
    h("p", { class: "hint" }, `${tracks} tracks, ${intervals} phases and events, revision ${spaced(now.consensus.revision)}. ${hint}`),
    kind !== "withdraw" && now.unseen?.length ? h("p", { class: "look", "data-testid": "unseen" }, unseenWords(now.unseen)) : null,
    h("p", { class: "digest", "data-testid": "sign-digest" }, `SHA-256 ${said.digest}`),
    form);
  return showDialog(dialog);
}
