/** Shortcuts bind to the key's place (KeyboardEvent.code); each is listed once, for the sheet too. A person may change or switch off each. */

import { h } from "./dom.js";

/**
 * @typedef {{code: string, shift: boolean, alt: boolean, ctrl: boolean}} Key
 * @typedef {{characters: boolean, keys: Record<string, Key | null>}} KeyChoices  `characters` false: no shortcut of a
 *   single character (WCAG 2.1.4); null: that action has no key
 * @typedef {{id: string, code: string, shift?: boolean, alt?: boolean, ctrl?: boolean, cap: string,
 *   label: string, group: string, run: (event: KeyboardEvent) => void, up?: () => void,
 *   when?: () => boolean, repeat?: boolean}} Shortcut
 * @typedef {Shortcut & {standard: Key & {cap: string}, changed: boolean, off: boolean}} Binding
 */

const MODIFIER = /^(Shift|Control|Alt|Meta)(Left|Right)$|^(CapsLock|ContextMenu|Fn)$/;
const CHARACTER = /^(Key|Digit|Numpad|Bracket|Intl)|^(Comma|Period|Slash|Semicolon|Quote|Minus|Equal|Backslash|Backquote)$/;

/** @param {string} code */
export function capOf(code) {
  const named = /** @type {Record<string, string>} */ ({
    ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", BracketLeft: "[", BracketRight: "]",
    Comma: ",", Period: ".", Slash: "?", Equal: "+", Minus: "−", Escape: "Esc", Backslash: "\\", Delete: "Del", Semicolon: ";", Backquote: "`",
  });
  return named[code] ?? code.replace(/^(Key|Digit)/, "");
}

/** As aria-keyshortcuts wants it. @param {Pick<Binding, "code" | "shift" | "alt" | "ctrl">} b */
export function ariaKeys(b) {
  const key = /** @type {Record<string, string>} */ ({ BracketLeft: "[", BracketRight: "]", Comma: ",", Period: ".", Slash: "?", Equal: "+", Minus: "-", Backslash: "\\", Semicolon: ";", Backquote: "`" })[b.code] ?? b.code.replace(/^(Key|Digit)/, "");
  return [b.ctrl && "Control", b.alt && "Alt", b.shift && "Shift", key].filter(Boolean).join("+");
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return (
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLInputElement && !["checkbox", "radio", "button"].includes(target.type))
  );
}

/** What stands on a key's cap, with its modifiers. @param {Pick<Binding, "cap" | "shift" | "alt" | "ctrl">} b */
export const capText = (b) => `${b.ctrl ? "Ctrl " : ""}${b.alt ? "Alt " : ""}${b.shift && b.cap !== "?" ? "⇧" : ""}${b.cap}`;

/** The key of an event, or null for a modifier alone. @param {KeyboardEvent} event @returns {Key | null} */
export function keyOf(event) {
  if (MODIFIER.test(event.code) || !event.code) return null;
  const code = event.code.replace(/^Numpad(\d)$/, "Digit$1").replace("NumpadEnter", "Enter");
  return { code, shift: event.shiftKey, alt: event.altKey, ctrl: event.ctrlKey || event.metaKey };
}

/** @param {{code: string, shift?: boolean, alt?: boolean, ctrl?: boolean}} a @param {Key} key */
const isKey = (a, key) => a.code === key.code && Boolean(a.shift) === key.shift && Boolean(a.alt) === key.alt && Boolean(a.ctrl) === key.ctrl;

export class Keys {
  /** @param {KeyChoices} [choices] what the person has changed */
  constructor(choices) {
    /** @type {Binding[]} */
    this.bindings = [];
    /** @type {KeyChoices} */
    this.choices = choices ?? { characters: true, keys: {} };
    this.enabled = true;
    /** @type {Map<string, Binding>} */
    this.held = new Map();
    globalThis.addEventListener("keydown", (event) => this.#down(event));
    globalThis.addEventListener("keyup", (event) => this.#up(event));
    globalThis.addEventListener("blur", () => this.#releaseAll());
  }

  /** @param {Omit<Shortcut, "cap"> & {cap?: string}} shortcut */
  bind(shortcut) {
    const { code, shift = false, alt = false, ctrl = false } = shortcut;
    const cap = shortcut.cap ?? capOf(code);
    const binding = { ...shortcut, cap, standard: { code, shift, alt, ctrl, cap }, changed: false, off: false };
    this.#choose(binding);
    this.bindings.push(binding);
  }

  /** @param {Binding} binding */
  #choose(binding) {
    const chosen = this.choices.keys[binding.id];
    Object.assign(binding, binding.standard, chosen && { ...chosen, cap: capOf(chosen.code) });
    binding.changed = Boolean(chosen);
    binding.off = chosen === null;
  }

  /** Takes other choices; caps in the page follow. @param {KeyChoices} choices */
  apply(choices) {
    this.choices = choices;
    for (const binding of this.bindings) this.#choose(binding);
    for (const cap of document.querySelectorAll("[data-key]")) if (cap instanceof HTMLElement) this.#label(cap);
  }

  /** @param {HTMLElement} cap */
  #label(cap) {
    const binding = this.find(cap.dataset.key ?? "");
    const text = binding && !this.isOff(binding) ? capText(binding) : "";
    if (cap.dataset.cap !== undefined) cap.dataset.cap = text;
    else cap.textContent = text;
    cap.hidden = !text;
    const named = cap.closest("[aria-keyshortcuts]");
    if (binding && text) named?.setAttribute("aria-keyshortcuts", ariaKeys(binding));
  }

  /** The cap of an action's key as it stands now; empty when it is off. @param {string} id */
  cap(id) {
    const cap = h("kbd", { "aria-hidden": "true", "data-key": id });
    this.#label(cap);
    return cap;
  }

  /** Whether an action has no key now. @param {Binding} b */
  isOff(b) {
    return b.off || (!this.choices.characters && !b.ctrl && !b.alt && CHARACTER.test(b.code));
  }

  /** Other actions on the same key. @param {Binding} binding @returns {Binding[]} */
  alsoOn(binding) {
    const key = { code: binding.code, shift: Boolean(binding.shift), alt: Boolean(binding.alt), ctrl: Boolean(binding.ctrl) };
    return this.bindings.filter((b) => b !== binding && !b.off && isKey(b, key));
  }

  /** @param {string} id */
  find(id) {
    return this.bindings.find((b) => b.id === id);
  }

  /** Whether an action can be done now. @param {Binding} b */
  isOpen(b) {
    return !b.when || b.when();
  }

  /** Does an action without its key. @param {string} id @returns {boolean} whether it could be done now */
  run(id) {
    const binding = this.find(id);
    if (!binding || !this.isOpen(binding)) return false;
    binding.run(new KeyboardEvent("keydown"));
    binding.up?.();
    return true;
  }

  /**
   * A button that does what a key does, and wears the key.
   * @param {string} id of a binding @param {string} words @param {string} [kind] its class
   * @param {HTMLElement} [inside] instead of the words, which are its name then
   */
  button(id, words, kind = "pill", inside) {
    const binding = this.find(id);
    return h("button", {
      type: "button", class: kind, "data-testid": `act-${id}`, title: binding?.label ?? words, "aria-label": inside ? words : null,
      "aria-keyshortcuts": binding && !this.isOff(binding) ? ariaKeys(binding) : null,
      onclick: () => void this.run(id),
    }, inside ?? words, inside ? null : this.cap(id));
  }

  /** Whether a key has a meaning already. @param {{code: string, shift: boolean, alt: boolean}} key */
  taken(key) {
    return this.bindings.some((b) => !b.off && isKey(b, { ...key, ctrl: false }));
  }

  /** @param {KeyboardEvent} event */
  #down(event) {
    if (!this.enabled || event.isComposing || event.defaultPrevented) return;
    const target = event.target;
    if (isTyping(target) || document.querySelector("dialog[open]")) return;
    if (["Space", "Enter", "NumpadEnter"].includes(event.code) && target instanceof HTMLElement && target.closest("button, a, summary")) return;
    const key = keyOf(event);
    if (!key) return;
    const here = this.bindings.filter((b) => isKey(b, key) && !this.isOff(b) && this.isOpen(b));
    // What the person put on a key comes before what stands there by itself.
    const binding = here.find((b) => b.changed) ?? here[0];
    if (!binding) return;
    event.preventDefault();
    if (event.repeat && !binding.repeat) return;
    if (binding.up) this.held.set(event.code, binding);
    binding.run(event);
  }

  /** @param {KeyboardEvent} event */
  #up(event) {
    const binding = this.held.get(event.code);
    if (!binding) return;
    this.held.delete(event.code);
    event.preventDefault();
    binding.up?.();
  }

  #releaseAll() {
    for (const binding of this.held.values()) binding.up?.();
    this.held.clear();
  }
}

/**
 * Gives each class a key: its own shortcut where free, else the next free place.
 * @param {import("./types.js").LabelClass[]} classes @param {Keys} keys
 * @returns {Map<string, {code: string, shift: boolean, alt: boolean}>}
 */
export function classKeys(classes, keys) {
  /** @type {Map<string, {code: string, shift: boolean, alt: boolean}>} */
  const out = new Map();
  const used = new Set();
  const digits = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];
  const spare = [...digits, ...digits.map((d) => `Shift+${d}`), ...digits.map((d) => `Alt+${d}`)];
  /** @param {string | undefined} text */
  const free = (text) => {
    const wish = /^(shift\+|alt\+)?(.)$/i.exec(text ?? "");
    const code = wish ? codeOf(wish[2]) : null;
    if (!wish || !code) return null;
    const key = { code, shift: /^shift/i.test(wish[1] ?? ""), alt: /^alt/i.test(wish[1] ?? "") };
    return used.has(JSON.stringify(key)) || keys.taken(key) ? null : key;
  };
  const wishes = [...classes].sort((a, b) => Number(Boolean(b.shortcut)) - Number(Boolean(a.shortcut)));
  for (const c of wishes) {
    const key = free(c.shortcut) ?? spare.map(free).find(Boolean);
    if (!key) continue;
    used.add(JSON.stringify(key));
    out.set(c.id, key);
  }
  return out;
}

/** @param {string} character @returns {string | null} */
function codeOf(character) {
  if (/^[0-9]$/.test(character)) return `Digit${character}`;
  if (/^[a-z]$/i.test(character)) return `Key${character.toUpperCase()}`;
  return null;
}
