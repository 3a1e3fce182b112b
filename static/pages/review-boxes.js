/** Boxes over the picture: shown, drawn, moved and resized by pointer or key; whole pixels. */

import { byId, h } from "./review-dom.js";

/** @typedef {import("./review-dom.js").Part} Part */

const STEP_PX = 8;

export class BoxEditor {
  /** @param {any} review */
  constructor(review) {
    this.review = review;
    /** @type {Part | null} the box being moved by keys */
    this.active = null;
    this.isNew = false;
    this.wantsDrawing = false;
    /** @type {{part: Part, kind: string, x: number, y: number, from: Part} | null} */
    this.drag = null;
    const stage = byId("stage");
    stage.style.aspectRatio = `${review.size.width} / ${review.size.height}`;
    stage.style.setProperty("--ratio", String(review.size.width / review.size.height));
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, () => this.up());
  }

  /** Begins a new box in the middle; the arrows move it, a drag draws it elsewhere. */
  draw() {
    if (this.active) this.finish();
    const { width, height } = this.review.size;
    const w = Math.min(width, Math.max(16, Math.round(width / 5)));
    const t = Math.min(height, Math.max(16, Math.round(height / 10)));
    this.review.add({
      type: "box", x_px: Math.floor((width - w) / 2), y_px: Math.floor((height - t) / 2), width_px: w, height_px: t,
      start_frame: 0, end_frame: null, frame_index: this.review.frame, kind: "unknown", origin: "person", action: "blank", text: "",
    });
    this.wantsDrawing = true;
    this.begin(this.review.parts[this.review.selected], true);
  }

  /** @param {number} place */
  edit(place) {
    const part = this.review.parts[place];
    if (part?.type !== "box") return;
    this.review.before();
    this.begin(part, false);
  }

  /** @param {Part} part @param {boolean} isNew */
  begin(part, isNew) {
    this.active = part;
    this.isNew = isNew;
    this.review.say(`${isNew ? "Drag over the picture, or use" : "Use"} the arrows to move, Shift + arrows to resize (Ctrl: one pixel). Enter keeps it, Esc takes it back.`);
    this.review.render();
  }

  finish() {
    this.active = null;
    this.wantsDrawing = false;
    this.review.say("");
    this.review.render();
  }

  /** True when the key was for the box. @param {KeyboardEvent} event */
  key(event) {
    const part = this.active;
    if (!part) return false;
    if (event.key === "Enter") return this.finish(), true;
    if (event.key === "Escape") {
      this.finish();
      this.review.undo();
      return true;
    }
    /** @type {Record<string, [number, number]>} */
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (!way) return false;
    const by = event.ctrlKey ? 1 : STEP_PX;
    if (event.shiftKey) this.set(part, { width_px: (part.width_px ?? 0) + way[0] * by, height_px: (part.height_px ?? 0) + way[1] * by });
    else this.set(part, { x_px: (part.x_px ?? 0) + way[0] * by, y_px: (part.y_px ?? 0) + way[1] * by });
    this.review.render();
    return true;
  }

  /** Sets geometry within the picture. @param {Part} part @param {Partial<Part>} change */
  set(part, change) {
    const { width, height } = this.review.size;
    const keep = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) => Math.min(Math.max(Math.round(value), low), high);
    Object.assign(part, change);
    part.width_px = keep(part.width_px ?? 1, 1, width);
    part.height_px = keep(part.height_px ?? 1, 1, height);
    if (change.x_px === undefined) part.width_px = keep(part.width_px, 1, width - (part.x_px ?? 0));
    if (change.y_px === undefined) part.height_px = keep(part.height_px, 1, height - (part.y_px ?? 0));
    part.x_px = keep(part.x_px ?? 0, 0, width - part.width_px);
    part.y_px = keep(part.y_px ?? 0, 0, height - part.height_px);
  }

  /** Picture coordinates of a pointer. @param {PointerEvent} event */
  at(event) {
    const box = byId("stage").getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * this.review.size.width,
      y: ((event.clientY - box.top) / box.height) * this.review.size.height,
    };
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0 || this.review.sent) return;
    const { x, y } = this.at(event);
    const hit = /** @type {HTMLElement} */ (event.target).closest("[data-place]");
    const place = hit ? Number(/** @type {HTMLElement} */ (hit).dataset.place) : -1;
    if (this.wantsDrawing && this.active) this.drag = { part: this.active, kind: "draw", x, y, from: { ...this.active } };
    else if (place >= 0) {
      const part = this.review.parts[place];
      this.review.selected = place;
      this.review.before();
      const corner = /** @type {HTMLElement} */ (event.target).classList.contains("corner");
      this.drag = { part, kind: corner ? "size" : "move", x, y, from: { ...part } };
      this.review.render();
    } else return;
    event.preventDefault();
    byId("stage").setPointerCapture(event.pointerId);
    byId("stage").focus({ preventScroll: true });
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.drag) return;
    const { x, y } = this.at(event);
    const { part, kind, from } = this.drag;
    const dx = x - this.drag.x, dy = y - this.drag.y;
    if (kind === "move") this.set(part, { x_px: (from.x_px ?? 0) + dx, y_px: (from.y_px ?? 0) + dy });
    else if (kind === "size") this.set(part, { width_px: (from.width_px ?? 0) + dx, height_px: (from.height_px ?? 0) + dy });
    else if (Math.abs(dx) + Math.abs(dy) > 4) {
      const { width, height } = this.review.size;
      const left = Math.max(0, Math.floor(Math.min(x, this.drag.x))), top = Math.max(0, Math.floor(Math.min(y, this.drag.y)));
      const right = Math.min(width, Math.ceil(Math.max(x, this.drag.x))), bottom = Math.min(height, Math.ceil(Math.max(y, this.drag.y)));
      this.set(part, { x_px: left, y_px: top, width_px: right - left, height_px: bottom - top });
    }
    this.render();
  }

  up() {
    if (!this.drag) return;
    const { part, kind, from } = this.drag;
    this.drag = null;
    if (kind === "draw") return this.finish();
    const same = ["x_px", "y_px", "width_px", "height_px"].every((key) => /** @type {any} */ (part)[key] === /** @type {any} */ (from)[key]);
    if (same) this.review.undos.pop();
    this.review.render();
  }

  render() {
    const { width, height } = this.review.size;
    const shown = this.review.parts
      .map((/** @type {Part} */ part, /** @type {number} */ place) => ({ part, place }))
      .filter((/** @type {{part: Part}} */ { part }) => part.type === "box" && part.start_frame <= this.review.frame
        && (part.end_frame === null || part.end_frame === undefined || this.review.frame < part.end_frame));
    byId("boxes").replaceChildren(...shown.map((/** @type {{part: Part, place: number}} */ { part, place }) => {
      const isBlank = part.action === "blank";
      const words = part.kind === "clock" ? (isBlank ? "clock · keep?" : "clock · kept") : `${part.kind === "identifier" ? "identifier" : "text"} · ${isBlank ? (part.origin === "person" ? "drawn" : "found") : "kept"}`;
      const element = h("div", {
        class: `box${isBlank ? "" : " kept"}${part.kind === "clock" ? " clock" : ""}${place === this.review.selected ? " selected" : ""}${part === this.active ? " active" : ""}`,
        "data-place": place, "data-testid": "box",
      }, h("span", { class: "tag" }, `${place + 1} · ${words}`), place === this.review.selected ? h("i", { class: "corner" }) : null);
      element.style.left = `${(100 * (part.x_px ?? 0)) / width}%`;
      element.style.top = `${(100 * (part.y_px ?? 0)) / height}%`;
      element.style.width = `${(100 * (part.width_px ?? 0)) / width}%`;
      element.style.height = `${(100 * (part.height_px ?? 0)) / height}%`;
      return element;
    }));
    this.placeTags();
  }

  /** Gives each label the first place where it hides no box and no other label: above, below, to either end. Where there is none it is the number alone, within its own box; the selected one comes first. */
  placeTags() {
    const stage = byId("stage").getBoundingClientRect();
    const elements = /** @type {HTMLElement[]} */ ([...byId("boxes").children]);
    const boxes = elements.map((element) => element.getBoundingClientRect());
    /** @type {{left: number, top: number, right: number, bottom: number}[]} */
    const taken = [];
    const order = elements.map((_, at) => at).sort((a, b) => Number(elements[b].classList.contains("selected")) - Number(elements[a].classList.contains("selected")));
    for (const at of order) {
      const tag = /** @type {HTMLElement} */ (elements[at].querySelector(".tag"));
      const { width, height } = tag.getBoundingClientRect();
      const own = boxes[at];
      const places = [["", own.left, own.top - height], ["low", own.left, own.bottom], ["right", own.right - width, own.top - height], ["low right", own.right - width, own.bottom]];
      const found = places.find(([, left, top]) => {
        const rect = { left: Number(left), top: Number(top), right: Number(left) + width, bottom: Number(top) + height };
        const isInside = rect.left >= stage.left - 3 && rect.right <= stage.right + 3 && rect.top >= stage.top - 1 && rect.bottom <= stage.bottom + 1;
        const isFree = [...boxes.filter((_, other) => other !== at), ...taken].every((r) => rect.right <= r.left || rect.left >= r.right || rect.bottom <= r.top || rect.top >= r.bottom);
        if (isInside && isFree) taken.push(rect);
        return isInside && isFree;
      });
      if (found) elements[at].classList.add(...String(found[0]).split(" ").filter(Boolean));
      else {
        elements[at].classList.add("within");
        tag.textContent = String(Number(elements[at].dataset.place) + 1);
      }
    }
  }
}
