/** A box that ticks or clears every box of the list that bears its name. */

for (const all of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[data-tick-all]"))) {
  all.addEventListener("change", () => {
    const name = CSS.escape(all.dataset.tickAll ?? "");
    for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(`input[name="${name}"]`))) {
      box.checked = all.checked;
    }
  });
}
