/** The dry run's filter: rows by what becomes of them and by attribute or value. Nothing is sent. */

const what = /** @type {HTMLSelectElement | null} */ (document.querySelector("[data-filter-what]"));
const find = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-filter-text]"));
const count = document.getElementById("f-count");
const tables = [...document.querySelectorAll("table.beside")];

function filter() {
  const kind = what?.value ?? "";
  const text = find?.value.trim().toLowerCase() ?? "";
  let shown = 0;
  for (const table of tables) {
    let here = 0;
    for (const row of /** @type {NodeListOf<HTMLTableRowElement>} */ (table.querySelectorAll("tbody tr"))) {
      const fits = (!kind || row.dataset.what === kind) && (!text || (row.textContent ?? "").toLowerCase().includes(text));
      row.hidden = !fits;
      here += Number(fits);
    }
    const room = /** @type {HTMLElement} */ (table.closest(".scroll"));
    room.hidden = !here;
    if (room.previousElementSibling instanceof HTMLHeadingElement) room.previousElementSibling.hidden = !here;
    shown += here;
  }
  // What is added or kept is folded, but not away from who looks for it.
  for (const fold of /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll("details[data-fold]"))) {
    fold.hidden = !fold.querySelector("tbody tr:not([hidden])");
    if (text || kind) fold.open = Boolean(text) || kind === fold.dataset.fold;
  }
  if (count) count.textContent = text || kind ? `${shown} ${shown === 1 ? "element" : "elements"}` : "";
}

what?.addEventListener("change", filter);
find?.addEventListener("input", filter);
