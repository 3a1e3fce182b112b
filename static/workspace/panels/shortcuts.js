/** The sheet behind `?`: every key, searchable; a row that is clicked does what its key does. */

import { h, showDialog } from "../dom.js";
import { changeRows } from "./key-changes.js";

/** @typedef {import("../keys.js").KeyChoices} KeyChoices */

/** @param {import("../keys.js").Keys} keys @param {(choices: KeyChoices) => Promise<void>} save keeps them for the person */
export function bindShortcutSheet(keys, save) {
  const open = () => void showSheet(keys, save);
  keys.bind({ id: "sheet", code: "Slash", shift: true, cap: "?", label: "All shortcuts", group: "Help", run: open });
  keys.bind({ id: "sheet-plain", code: "Slash", cap: "?", label: "All shortcuts", group: "Help", run: open });
  keys.bind({ id: "sheet-f1", code: "F1", label: "All shortcuts", group: "Help", run: open });
  keys.bind({
    id: "guideline", code: "KeyG", label: "Read the guideline of the class in hand", group: "Help", run: () => {
      document.body.classList.remove("folded-side");
      const isRead = document.body.classList.toggle("reading");
      const guideline = document.getElementById("guideline");
      guideline?.scrollIntoView({ block: "nearest" });
      // Tab goes on to its link and its example frames; the keys work as on the picture.
      if (isRead) guideline?.focus({ preventScroll: true });
      else document.getElementById("stage")?.focus({ preventScroll: true });
    },
  });
  return open;
}

/** @param {import("../keys.js").Binding} b */
function caps(b) {
  const parts = [b.ctrl && "Ctrl", b.alt && "Alt", b.shift && b.cap !== "?" && "Shift", b.cap];
  return h("span", { class: "keys" }, ...parts.filter(Boolean).map((p) => h("kbd", {}, /** @type {string} */ (p))));
}

/** Four arrows with the same modifiers are one cap. @param {import("../keys.js").Binding[]} shown */
function allCaps(shown) {
  const arrows = shown.length === 4 && shown.every((b) => b.code.startsWith("Arrow"));
  return arrows ? [caps({ ...shown[0], cap: "← → ↑ ↓" })] : shown.map(caps);
}

/** @param {import("../keys.js").Keys} keys @param {(choices: KeyChoices) => Promise<void>} save */
function showSheet(keys, save) {
  let changing = false;
  const search = h("input", { type: "search", placeholder: "Search keys", "aria-label": "Search shortcuts", autofocus: true });
  const list = h("div", { class: "sheet" });
  /** The action by a click or a tap, for who has no keyboard at hand. @param {import("../keys.js").Binding} b @param {HTMLElement} caps */
  const doing = (b, caps) =>
    h("button", { type: "button", "data-testid": `do-${b.id}`, disabled: !keys.isOpen(b), onclick: () => {
      // The sheet gives the focus back to the picture first; the action may want it elsewhere.
      dialog.addEventListener("close", () => void keys.run(b.id), { once: true });
      dialog.close();
    } }, h("span", {}, b.label), caps);
  const render = () => {
    const words = search.value.trim().toLowerCase();
    change.setAttribute("aria-pressed", String(changing));
    if (changing) {
      list.replaceChildren(...changeRows(keys, words, save, render));
      return;
    }
    /** @type {Map<string, HTMLElement[]>} */
    const groups = new Map();
    const seen = new Set();
    for (const b of keys.bindings.filter((each) => !keys.isOff(each))) {
      const line = `${b.label} ${b.group} ${b.cap}`.toLowerCase();
      const once = `${b.group}/${b.label}`;
      if ((words && !line.includes(words)) || seen.has(once)) continue;
      seen.add(once);
      const same = keys.bindings.filter((x) => x.group === b.group && x.label === b.label && !keys.isOff(x));
      const shown = same.filter((x, i) => same.findIndex((y) => y.cap === x.cap && y.ctrl === x.ctrl) === i).slice(0, 4);
      const caps = h("span", { class: "keys" }, ...allCaps(shown));
      // An action of four arrows has no one direction that a click could mean.
      const row = shown.length === 4 ? h("li", {}, h("span", {}, b.label), caps) : h("li", {}, doing(same[0], caps));
      groups.set(b.group, [...(groups.get(b.group) ?? []), row]);
    }
    list.replaceChildren(
      ...[...groups].map(([name, rows]) => h("section", {}, h("h3", {}, name), h("ul", {}, ...rows))),
    );
    if (!groups.size) list.replaceChildren(h("p", { class: "hint" }, "No shortcut of that name"));
  };
  const change = h("button", { type: "button", class: "button", "data-testid": "change-keys", onclick: () => {
    changing = !changing;
    render();
  } }, "Change keys");
  search.addEventListener("input", render);
  const dialog = h("dialog", { class: "wide", "aria-labelledby": "sheet-title" },
    h("div", { class: "dialog-head" }, h("h2", { id: "sheet-title" }, "Shortcuts"), search, change,
      h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Close")),
    list);
  render();
  return showDialog(dialog);
}
