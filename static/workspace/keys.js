/** Shortcuts bind to the key's place (KeyboardEvent.code); each is listed once, for the sheet too. */

/**
 * @typedef {{id: string, code: string, shift?: boolean, alt?: boolean, ctrl?: boolean, cap: string,
 *   label: string, group: string, run: (event: KeyboardEvent) => void, up?: () => void,
 *   when?: () => boolean, repeat?: boolean}} Binding
 */

/** @param {string} code */
export function capOf(code) {
  const named = /** @type {Record<string, string>} */ ({
    ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", BracketLeft: "[", BracketRight: "]",
    Comma: ",", Period: ".", Slash: "?", Equal: "+", Minus: "−", Escape: "Esc", Backslash: "\\", Delete: "Del",
  });
  return named[code] ?? code.replace(/^(Key|Digit)/, "");
}

/** As aria-keyshortcuts wants it. @param {Pick<Binding, "code" | "shift" | "alt" | "ctrl">} b */
export function ariaKeys(b) {
  const key = /** @type {Record<string, string>} */ ({ BracketLeft: "[", BracketRight: "]", Comma: ",", Period: ".", Slash: "?", Equal: "+", Minus: "-", Backslash: "\\" })[b.code] ?? b.code.replace(/^(Key|Digit)/, "");
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

export class Keys {
  constructor() {
    /** @type {Binding[]} */
    this.bindings = [];
    this.enabled = true;
    /** @type {Map<string, Binding>} */
    this.held = new Map();
    globalThis.addEventListener("keydown", (event) => this.#down(event));
    globalThis.addEventListener("keyup", (event) => this.#up(event));
    globalThis.addEventListener("blur", () => this.#releaseAll());
  }

  /** @param {Omit<Binding, "cap"> & {cap?: string}} binding */
  bind(binding) {
    this.bindings.push({ ...binding, cap: binding.cap ?? capOf(binding.code) });
  }

  /** @param {string} id */
  find(id) {
    return this.bindings.find((b) => b.id === id);
  }

  /** Whether a key has a meaning already. @param {{code: string, shift: boolean, alt: boolean}} key */
  taken(key) {
    return this.bindings.some(
      (b) => b.code === key.code && Boolean(b.shift) === key.shift && Boolean(b.alt) === key.alt && !b.ctrl,
    );
  }

  /** @param {KeyboardEvent} event */
  #down(event) {
    if (!this.enabled || event.isComposing || event.defaultPrevented) return;
    const target = event.target;
    if (isTyping(target) || document.querySelector("dialog[open]")) return;
    if ((event.code === "Space" || event.code === "Enter") && target instanceof HTMLElement && target.closest("button, a, summary")) return;
    const ctrl = event.ctrlKey || event.metaKey;
    const code = event.code.replace(/^Numpad(\d)$/, "Digit$1");
    const binding = this.bindings.find(
      (b) =>
        b.code === code &&
        Boolean(b.shift) === event.shiftKey &&
        Boolean(b.alt) === event.altKey &&
        Boolean(b.ctrl) === ctrl &&
        (!b.when || b.when()),
    );
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
