/** The sheet's other side: each action with its key, to change it, switch it off, or take it back. */

import { h } from "../dom.js";
import { ariaKeys, capText, keyOf } from "../keys.js";

/** @typedef {import("../keys.js").Keys} Keys */
/** @typedef {import("../keys.js").Binding} Binding */
/** @typedef {import("../keys.js").KeyChoices} KeyChoices */

/**
 * @param {Keys} keys @param {string} words only what they are in @param {(choices: KeyChoices) => Promise<void>} save
 * @param {() => void} render shows the sheet anew
 * @returns {HTMLElement[]}
 */
export function changeRows(keys, words, save, render) {
  /** @param {KeyChoices} choices */
  const take = async (choices) => {
    const before = keys.choices;
    keys.apply(choices);
    render();
    try {
      await save(choices);
    } catch {
      keys.apply(before);
      render();
      document.querySelector(".key-problem")?.replaceChildren("The server did not take it: the keys are as before");
    }
  };
  /** @param {string} id @param {import("../keys.js").Key | null | undefined} key undefined takes it back */
  const set = (id, key) => {
    const held = { ...keys.choices.keys };
    if (key === undefined) delete held[id];
    else held[id] = key;
    return take({ ...keys.choices, keys: held });
  };
  /** Waits for one key on a button. @param {HTMLButtonElement} button @param {Binding} binding */
  const listen = (button, binding) => {
    button.textContent = "Press a key";
    const stop = () => {
      button.removeEventListener("keydown", pressed);
      button.removeEventListener("blur", leave);
    };
    const leave = () => {
      stop();
      button.textContent = "Change";
    };
    const pressed = (/** @type {KeyboardEvent} */ event) => {
      if (event.code === "Tab") return;
      event.preventDefault();
      event.stopPropagation();
      if (event.code === "Escape") return leave();
      const key = keyOf(event);
      if (!key) return;
      stop();
      void set(binding.id, key);
    };
    button.addEventListener("keydown", pressed);
    button.addEventListener("blur", leave);
  };
  /** @param {Binding} b */
  const row = (b) => {
    const also = b.off ? [] : [...new Set(keys.alsoOn(b).map((other) => other.label))];
    const change = h("button", { type: "button", class: "pill", "data-testid": `change-${b.id}`, "aria-label": `Change the key of: ${b.label}`, onclick: () => listen(change, b) }, "Change");
    return h("li", { class: "key-row" },
      h("span", {}, b.label, b.changed && also.length ? h("span", { class: "hint" }, ` · also ${also[0].toLowerCase()}`) : null),
      h("span", { class: "keys" },
        keys.isOff(b) ? h("span", { class: "hint" }, "off") : h("kbd", { "data-keys": ariaKeys(b) }, capText(b)), change,
        b.changed || b.off
          ? h("button", { type: "button", class: "pill", "data-testid": `standard-${b.id}`, "aria-label": `As it was: ${b.label}`, onclick: () => void set(b.id, undefined) }, capText(b.standard))
          : h("button", { type: "button", class: "pill", "data-testid": `off-${b.id}`, "aria-label": `No key for: ${b.label}`, onclick: () => void set(b.id, null) }, "Off")));
  };
  const characters = h("input", { type: "checkbox", checked: keys.choices.characters, "data-testid": "keys-characters", onchange: () => void take({ ...keys.choices, characters: characters.checked }) });
  const head = h("section", { class: "key-head" },
    h("label", {}, characters, " Shortcuts of a single character (off: only those with Ctrl or Alt, arrows and the like)"),
    h("button", { type: "button", class: "button", "data-testid": "keys-reset", onclick: () => void take({ characters: true, keys: {} }) }, "All as they were"),
    h("p", { class: "problem key-problem", role: "alert" }));
  /** @type {Map<string, HTMLElement[]>} */
  const groups = new Map();
  for (const b of keys.bindings) {
    if (words && !`${b.label} ${b.group} ${capText(b)}`.toLowerCase().includes(words)) continue;
    groups.set(b.group, [...(groups.get(b.group) ?? []), row(b)]);
  }
  return [head, ...[...groups].map(([name, rows]) => h("section", {}, h("h3", {}, name), h("ul", {}, ...rows)))];
}
