/** Pixel review: proposed boxes and spans over the original's pictures, decided by key or pointer. */

import { BoxEditor } from "./review-boxes.js";
import { byId, clock, h, kindName, spanText } from "./review-dom.js";

/** @typedef {import("./review-dom.js").Part} Part */

const root = byId("review");
const api = root.dataset.api ?? "";
const token = /** @type {HTMLInputElement} */ (root.querySelector("[name=csrfmiddlewaretoken]")).value;

/** @param {string} url @param {unknown} [body] */
async function call(url, body) {
  const init = body === undefined ? {} : {
    method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
  };
  const answer = await fetch(url, { ...init, credentials: "same-origin" });
  const type = answer.headers.get("Content-Type") ?? "";
  const value = type.includes("json") ? await answer.json() : {};
  if (!answer.ok) throw new Error([value.error?.message ?? `HTTP ${answer.status}`, value.error?.remedy].filter(Boolean).join(" "));
  return value;
}

/** @param {string} text */
function problem(text) {
  const place = byId("problem");
  place.textContent = text;
  place.hidden = !text;
}

/** Follows the background work until the state is another one. @param {string} state */
async function follow(state) {
  byId("working").hidden = false;
  const bar = /** @type {HTMLProgressElement} */ (byId("share"));
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    try {
      const now = await call(api);
      problem("");
      if (now.state !== state && !(state === "received" && now.state === "deidentifying")) return location.reload();
      bar.value = now.progress?.share ?? 0;
      byId("step").textContent = now.progress?.step ? `${now.progress.step} · ${Math.round(now.progress.share * 100)} %`
        : now.progress?.state === "running" ? "Working" : "Waiting for a free worker";
    } catch (error) {
      problem(`No word from the server (${/** @type {Error} */ (error).message}). Trying again.`);
    }
  }
}

class Review {
  /** @param {any} proposals */
  constructor(proposals) {
    this.size = { width: proposals.width_px, height: proposals.height_px };
    this.nFrames = proposals.n_frames;
    this.rate = proposals.rate_fps || 25;
    this.basis = proposals.basis;
    this.frames = proposals.representative_frames.length ? proposals.representative_frames : [0];
    /** @type {Part[]} */
    this.parts = [
      ...proposals.boxes.map((/** @type {any} */ box) => ({ ...box, type: "box" })),
      ...proposals.spans.map((/** @type {any} */ span) => ({ ...span, type: "span" })),
    ];
    this.selected = this.parts.length ? 0 : -1;
    // What the other person kept, told apart from what is kept here.
    this.keptBefore = new Set(root.dataset.by ? this.parts.filter((p) => p.action === "keep").map((p) => `${p.type}${p.proposal}`) : []);
    /** @type {string[]} */
    this.undos = [];
    this.frame = this.frames[0];
    this.sent = false;
    this.isMine = root.dataset.mine === "true";
    this.pictures = new Map();
    this.wanted = -1;
    this.editor = new BoxEditor(this);
    this.buildStrip();
    this.listen();
    this.go(this.selected >= 0 ? this.homeOf(this.parts[0]) : this.frame);
    this.render();
    byId("stage").focus({ preventScroll: true });
  }

  /** @param {Part} part */
  homeOf(part) {
    return part.type === "span" ? part.start_frame : part.frame_index ?? part.start_frame;
  }

  /** Remembers the parts before a change. */
  before() {
    this.undos.push(JSON.stringify(this.parts));
    if (this.undos.length > 200) this.undos.shift();
  }

  undo() {
    const last = this.undos.pop();
    if (!last) return;
    this.parts = JSON.parse(last);
    this.selected = Math.min(this.selected, this.parts.length - 1);
    this.render();
  }

  // Pictures

  /** @param {number} index @param {boolean} [small] @returns {Promise<string>} */
  async picture(index, small = false) {
    const key = `${index}${small ? "s" : ""}`;
    const known = this.pictures.get(key);
    if (known) return known;
    const answer = await fetch(`${api}frames/${index}.png${small ? "?small=1" : ""}`, { credentials: "same-origin" });
    if (!answer.ok) throw new Error((await answer.json()).error?.message ?? `HTTP ${answer.status}`);
    const url = URL.createObjectURL(await answer.blob());
    this.pictures.set(key, url);
    if (!small && this.pictures.size > 60) {
      const oldest = [...this.pictures.keys()].find((k) => !k.endsWith("s") && k !== String(this.frame));
      if (oldest) {
        URL.revokeObjectURL(this.pictures.get(oldest));
        this.pictures.delete(oldest);
      }
    }
    return url;
  }

  /** Shows exactly this frame; the newest wish wins. @param {number} index */
  async go(index) {
    const frame = Math.min(Math.max(Math.round(index), 0), this.nFrames - 1);
    this.wanted = frame;
    try {
      const url = await this.picture(frame);
      if (this.wanted !== frame) return;
      const image = /** @type {HTMLImageElement} */ (byId("picture"));
      image.src = url;
      await image.decode();
      if (this.wanted !== frame) return;
      this.frame = frame;
      image.dataset.frameIndex = String(frame);
      image.alt = `Frame ${frame} of the original`;
      problem("");
      this.render();
    } catch (error) {
      problem(`Frame ${frame}: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {number} direction */
  step(direction) {
    const at = this.wanted;
    const next = direction > 0 ? this.frames.find((/** @type {number} */ f) => f > at)
      : this.frames.filter((/** @type {number} */ f) => f < at).at(-1);
    if (next !== undefined) this.go(next);
  }

  async buildStrip() {
    const strip = byId("strip");
    const buttons = this.frames.map((/** @type {number} */ frame) =>
      h("button", { type: "button", "data-frame": frame, "aria-label": `Frame ${frame}`, onclick: () => this.go(frame) }, h("img", { alt: "" }), h("span", {}, `${frame}`)));
    strip.replaceChildren(...buttons);
    for (const [place, frame] of this.frames.entries()) {
      try {
        /** @type {HTMLImageElement} */ (buttons[place].firstChild).src = await this.picture(frame, true);
      } catch {
        continue;
      }
    }
  }

  // Decisions

  /** @param {number} place */
  toggle(place) {
    const part = this.parts[place];
    if (!part || this.sent) return;
    this.before();
    part.action = part.action === "blank" ? "keep" : "blank";
    this.select(place);
  }

  /** @param {number} place */
  select(place) {
    if (!this.parts.length) return;
    this.selected = Math.min(Math.max(place, 0), this.parts.length - 1);
    const part = this.parts[this.selected];
    const end = part.end_frame ?? this.nFrames;
    if (this.frame < part.start_frame || this.frame >= end) this.go(this.homeOf(part));
    this.render();
    byId("parts").children[this.selected]?.scrollIntoView({ block: "nearest" });
  }

  /** Decides the selected part. @param {"blank" | "keep"} action */
  decide(action) {
    const part = this.parts[this.selected];
    if (part && !this.sent && part.action !== action) this.toggle(this.selected);
  }

  /** Takes out what was added here; what was proposed is kept or blanked, never left out. */
  remove() {
    const part = this.parts[this.selected];
    if (!part || this.sent) return;
    if (part.proposal) {
      this.decide("keep");
      return this.say("What was proposed is not taken out: it is kept now, and the report says so. B blanks it.");
    }
    this.before();
    this.parts.splice(this.selected, 1);
    this.selected = Math.min(this.selected, this.parts.length - 1);
    this.render();
  }

  /** @param {Part} part */
  add(part) {
    this.before();
    const spans = this.parts.findIndex((p) => p.type === "span");
    const place = part.type === "box" && spans >= 0 ? spans : this.parts.length;
    this.parts.splice(place, 0, part);
    this.selected = place;
    this.render();
    return place;
  }

  /** S: with a span chosen that begins before this frame, its end; else a new span from here. */
  span() {
    const part = this.parts[this.selected];
    if (part?.type === "span" && part.open && this.frame >= part.start_frame) {
      this.before();
      part.end_frame = this.frame + 1;
      part.open = false;
      this.say("");
      this.render();
      return;
    }
    this.add({ type: "span", start_frame: this.frame, end_frame: Math.min(this.frame + 1, this.nFrames), action: "blank", open: true });
    this.say("Go to the span's last frame and press S again.");
  }

  /** @param {Part} part @param {"start_frame" | "end_frame"} edge @param {HTMLInputElement} field */
  setEdge(part, edge, field) {
    const value = field.valueAsNumber;
    const low = edge === "start_frame" ? 0 : part.start_frame + 1;
    const high = edge === "start_frame" ? (part.end_frame ?? this.nFrames) - 1 : this.nFrames;
    if (!Number.isInteger(value) || value < low || value > high) {
      field.setCustomValidity(`A whole frame index from ${low} to ${high}`);
      field.reportValidity();
      return;
    }
    field.setCustomValidity("");
    this.before();
    part[edge] = value;
    part.open = false;
    this.go(edge === "start_frame" ? value : value - 1);
    this.render();
  }

  async confirm() {
    if (this.sent || this.isMine) return;
    if (this.editor.active) this.editor.finish();
    this.sent = true;
    this.render();
    const clean = (/** @type {Part} */ { type, text, open, ...part }) => part;
    try {
      const now = await call(`${api}confirm/`, {
        basis: this.basis,
        boxes: this.parts.filter((p) => p.type === "box").map(clean),
        spans: this.parts.filter((p) => p.type === "span").map(clean),
      });
      if (now.state === "pixel_review") return location.reload();
      byId("working").scrollIntoView({ block: "nearest" });
      follow(now.state);
    } catch (error) {
      this.sent = false;
      problem(/** @type {Error} */ (error).message);
      this.render();
    }
  }

  /** Saves what is blanked in the whole clip for later clips of this device. */
  async saveMask() {
    const boxes = this.parts.filter((p) => p.type === "box").map(({ type, text, open, ...part }) => part);
    try {
      const saved = await call(`${api}mask/`, { boxes });
      this.say(`Saved: ${saved.boxes.length} ${saved.boxes.length === 1 ? "box" : "boxes"} for ${saved.device}.`);
    } catch (error) {
      problem(/** @type {Error} */ (error).message);
    }
  }

  /** @param {string} text */
  say(text) {
    byId("mode").textContent = text;
    byId("mode").hidden = !text;
  }

  // Showing

  render() {
    const { frame } = this;
    byId("where").textContent = `${clock(frame / this.rate)} · frame ${frame} of ${this.nFrames}`;
    const field = /** @type {HTMLInputElement} */ (byId("frame"));
    field.max = String(this.nFrames - 1);
    if (document.activeElement !== field) field.value = String(frame);
    for (const button of byId("strip").children) {
      if (Number(/** @type {HTMLElement} */ (button).dataset.frame) === frame) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    const outside = this.parts.find((p) => p.type === "span" && p.start_frame <= frame && frame < (p.end_frame ?? this.nFrames));
    byId("outside").hidden = !outside;
    byId("outside").textContent = outside ? `out of body · ${outside.action === "blank" ? "whole picture goes black" : "kept"}` : "";
    this.editor.render();
    this.renderParts();
    for (const name of ["confirm", "add-box", "add-span", "save-mask"]) {
      const button = /** @type {HTMLButtonElement | null} */ (byId(name, false));
      if (button) button.disabled = this.sent || (name === "confirm" && this.isMine);
    }
  }

  renderParts() {
    const list = byId("parts");
    const focused = /** @type {HTMLElement | null} */ (list.contains(document.activeElement) ? document.activeElement : null)?.dataset.key;
    list.replaceChildren(...this.parts.map((part, place) => this.row(part, place)));
    if (!this.parts.length) list.append(h("li", { class: "none" }, "Nothing was proposed. Look through the pictures; add a box where you see text."));
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-key="${focused}"]`))?.focus();
  }

  /** @param {Part} part @param {number} place */
  row(part, place) {
    const isBlank = part.action === "blank";
    const name = kindName(part);
    const toggle = h("button", {
      type: "button", class: `act ${isBlank ? "bad" : "look"}`, "aria-pressed": String(isBlank), disabled: this.sent,
      "data-key": `act-${place}`, "data-testid": "toggle", "aria-label": `${name}: ${isBlank ? "blank" : "keep"}`, onclick: () => this.toggle(place),
    }, isBlank ? "blank" : "keep");
    const detail = h("div", { class: "detail" },
      h("button", { type: "button", class: "pick", "data-key": `pick-${place}`, onclick: () => this.select(place) }, name),
      part.type === "span" || place === this.selected ? this.edges(part, place) : h("span", { class: "quiet" }, spanText(part, this.nFrames, this.rate)),
      part.proposal && !isBlank ? h("span", { class: "warn" }, this.keptBefore.has(`${part.type}${part.proposal}`) ? `Proposed, but kept by ${root.dataset.by}.` : "Proposed, but kept: the report says so.") : null,
      part.is_changed ? h("span", { class: "quiet" }, "Moved or resized from what was proposed.") : null,
      part.kind === "identifier" && !isBlank ? h("span", { class: "warn" }, "It reads as an identifier: the second look will send it back.") : null,
      part.kind === "clock" && isBlank ? h("span", { class: "quiet" }, "A clock or a measurement: keep it?") : null);
    return h("li", { class: "part", "aria-current": place === this.selected ? "true" : null, "data-testid": "part", "data-action": part.action },
      toggle, detail, place < 9 ? h("kbd", { "aria-hidden": "true" }, String(place + 1)) : h("span", {}));
  }

  /** @param {Part} part @param {number} place */
  edges(part, place) {
    const field = (/** @type {"start_frame" | "end_frame"} */ edge, /** @type {string} */ label) => h("input", {
      type: "number", min: 0, max: this.nFrames, value: part[edge] ?? this.nFrames, "aria-label": label, "data-key": `${edge}-${place}`,
      disabled: this.sent, onchange: (/** @type {any} */ event) => this.setEdge(part, edge, event.target),
    });
    return h("span", { class: "edges" }, "frames ", field("start_frame", "First frame"), " up to ", field("end_frame", "Frame after the last"),
      h("span", { class: "quiet" }, ` ${clock(part.start_frame / this.rate)} – ${clock((part.end_frame ?? this.nFrames) / this.rate)}`));
  }

  // Keys

  listen() {
    byId("confirm").addEventListener("click", () => this.confirm());
    byId("save-mask", false)?.addEventListener("click", () => this.saveMask());
    byId("add-box").addEventListener("click", () => { this.editor.draw(); byId("stage").focus(); });
    byId("add-span").addEventListener("click", () => { this.span(); byId("stage").focus(); });
    const field = /** @type {HTMLInputElement} */ (byId("frame"));
    field.addEventListener("change", () => Number.isInteger(field.valueAsNumber) && this.go(field.valueAsNumber));
    document.addEventListener("keydown", (event) => this.key(event));
    // Labels keep their size while the picture changes its own.
    new ResizeObserver(() => this.editor.render()).observe(byId("stage"));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.metaKey || event.altKey || (event.ctrlKey && !this.editor.active)) return;
    if (target.closest("input, textarea, select")) {
      if (event.key === "Escape" || (event.key === "Enter" && target.id === "frame")) {
        event.preventDefault();
        const field = /** @type {HTMLInputElement} */ (target);
        if (event.key === "Enter" && Number.isInteger(field.valueAsNumber)) this.go(field.valueAsNumber);
        byId("stage").focus();
      }
      return;
    }
    const isControl = Boolean(target.closest("button, a, summary"));
    if (this.sent || (isControl && ["Enter", "Space"].includes(event.code))) return;
    if (this.editor.active && this.editor.key(event)) return event.preventDefault();
    const far = event.shiftKey;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => (far ? this.go(this.wanted - 1) : this.step(-1)),
      ArrowRight: () => (far ? this.go(this.wanted + 1) : this.step(1)),
      Home: () => this.go(0),
      End: () => this.go(this.nFrames - 1),
      ArrowUp: () => this.select(this.selected - 1),
      ArrowDown: () => this.select(this.selected + 1),
      Space: () => this.toggle(this.selected),
      KeyK: () => this.decide("keep"),
      KeyB: () => this.decide("blank"),
      Delete: () => this.remove(),
      Backspace: () => this.remove(),
      KeyR: () => this.editor.draw(),
      KeyE: () => this.editor.edit(this.selected),
      KeyS: () => this.span(),
      KeyZ: () => this.undo(),
      KeyG: () => byId("frame").focus(),
      Enter: () => this.confirm(),
      NumpadEnter: () => this.confirm(),
    };
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    const run = digit && !far ? () => this.toggle(Number(digit[1]) - 1) : keys[event.code];
    if (!run) return;
    event.preventDefault();
    run();
  }
}

byId("print", false)?.addEventListener("click", () => window.print());
byId("refuse-form", false)?.addEventListener("submit", (event) => {
  event.preventDefault();
  const note = /** @type {HTMLInputElement} */ (byId("refuse-note")).value;
  call(`${api}refuse/`, { note }).then(() => location.reload(), (error) => problem(error.message));
});
const state = root.dataset.state ?? "";
if (state === "pixel_review") {
  call(api).then((now) => {
    if (now.state !== "pixel_review" || !now.proposals) return location.reload();
    const review = new Review(now.proposals);
    root.dataset.ready = "true";
    return review;
  }).catch((error) => problem(error.message));
} else if (!byId("working").hidden) follow(state);
