/** Before a further reader's labels join: what is decided between fewer does not stand. */

import { h, showDialog } from "../workspace/dom.js";

/** @param {number} decided  how many decisions would fall @returns {Promise<boolean>} whether to go on */
export async function confirmTakeIn(decided) {
  let isSure = false;
  const dialog = h("dialog", { "aria-labelledby": "take-in-title" },
    h("h2", { id: "take-in-title" }, "Take the further reader in"),
    h("p", {}, `${decided} ${decided === 1 ? "decision falls" : "decisions fall"}: all is compared, and decided, anew. What you drew for the consensus falls too.`),
    h("div", { class: "dialog-foot" },
      h("button", { type: "button", class: "button", autofocus: true, "data-testid": "take-in-not", onclick: () => dialog.close() }, "Go on deciding"),
      h("button", { type: "button", class: "button primary", "data-testid": "take-in-sure", onclick: () => {
        isSure = true;
        dialog.close();
      } }, "Take in")));
  await showDialog(dialog);
  return isSure;
}
