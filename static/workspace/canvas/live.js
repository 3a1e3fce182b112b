/**
 * The layer above the labels that changes with every event: the mask under the brush and what the
 * tools have under way. Of a stroke only the part that changed is written, at the size it is shown.
 */

import { union } from "./mask.js";

/** @typedef {import("./mask.js").MaskBuffer} MaskBuffer */
/** @typedef {import("./mask.js").Rect} Rect */
/** @typedef {import("./view.js").View} View */
/** @typedef {(context: CanvasRenderingContext2D, unit: number) => void} Extra */

/** How much of the picture a mask in the hand hides. */
const OPACITY = 0.3;

/** The mask being painted, and what of it has not been shown yet. */
export class LiveMask {
  /** @param {MaskBuffer} mask @param {string} color */
  constructor(mask, color) {
    this.mask = mask;
    this.color = color;
  }
}

export class LiveLayer {
  /** @param {HTMLCanvasElement} below the labels' canvas, whose size this one has @param {View} view */
  constructor(below, view) {
    this.below = below;
    this.view = view;
    this.canvas = document.createElement("canvas");
    this.canvas.id = "live";
    this.canvas.setAttribute("aria-hidden", "true");
    below.after(this.canvas);
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    /** @type {LiveMask | null} */
    this.shown = null;
    this.placed = "";
    /** Where the last preview stands, in device pixels; null: it may be anywhere. @type {Rect | null} */
    this.ring = { x0: 0, y0: 0, x1: 0, y1: 0 };
  }

  /**
   * @param {LiveMask | null} live
   * @param {Extra[]} extras  previews, in picture coordinates
   * @param {[number, number, number] | null} within  picture place and radius that hold every preview, if they do
   */
  paint(live, extras, within) {
    const { canvas, below, view, context } = this;
    const { left, top, width, height } = view.box;
    const placed = [left, top, width, height, below.width, below.height].join();
    /** @type {Rect | null} */
    let dirty = this.ring;
    if (placed !== this.placed || live !== this.shown || !dirty) {
      this.placed = placed;
      this.shown = live;
      if (canvas.width !== below.width) canvas.width = below.width;
      if (canvas.height !== below.height) canvas.height = below.height;
      live?.mask.takeDirty();
      this.#fill(null, { x0: 0, y0: 0, x1: below.width, y1: below.height });
      const box = live?.mask.bounds();
      dirty = box ? this.#toDevice(box) : null;
    } else if (live) {
      const changed = live.mask.takeDirty();
      if (changed) dirty = union(dirty.x1 > dirty.x0 ? dirty : null, this.#toDevice(changed));
    }
    const ring = within ? this.#ringRect(within) : null;
    if (dirty) this.#fill(live, dirty);
    view.apply(context);
    for (const extra of extras) extra(context, 1 / view.scale);
    this.ring = ring;
  }

  /** @param {[number, number, number]} within @returns {Rect} */
  #ringRect([x, y, radius]) {
    const r = radius + 4 / this.view.scale;
    return this.#toDevice({ x0: x - r, y0: y - r, x1: x + r, y1: y + r });
  }

  /** @param {Rect} rect in picture pixels @returns {Rect} the device pixels that show it */
  #toDevice(rect) {
    const { box, width_px, height_px } = this.view;
    const ratio = globalThis.devicePixelRatio || 1;
    const sx = (box.width / width_px) * ratio;
    const sy = (box.height / height_px) * ratio;
    return {
      x0: Math.floor(box.left * ratio + rect.x0 * sx) - 1,
      y0: Math.floor(box.top * ratio + rect.y0 * sy) - 1,
      x1: Math.ceil(box.left * ratio + rect.x1 * sx) + 1,
      y1: Math.ceil(box.top * ratio + rect.y1 * sy) + 1,
    };
  }

  /** Writes the mask into a rectangle, and nothing where it has nothing. @param {LiveMask | null} live @param {Rect} rect device pixels */
  #fill(live, rect) {
    const { context, canvas, view } = this;
    const x0 = Math.max(0, rect.x0);
    const y0 = Math.max(0, rect.y0);
    const w = Math.min(canvas.width, rect.x1) - x0;
    const h = Math.min(canvas.height, rect.y1) - y0;
    if (w <= 0 || h <= 0) return;
    if (!live) {
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(x0, y0, w, h);
      return;
    }
    const { data, width, height } = live.mask;
    const image = new ImageData(w, h);
    const words = new Uint32Array(image.data.buffer);
    const n = parseInt(live.color.slice(1), 16);
    const word = (Math.round(OPACITY * 255) << 24) | ((n & 255) << 16) | (n & 0xff00) | (n >> 16);
    const ratio = globalThis.devicePixelRatio || 1;
    /** @param {number} at @param {number} from @param {number} shown @param {number} of @param {number} device */
    const pixel = (at, from, shown, of, device) => Math.floor(((at + 0.5) / device - from) * (of / shown));
    // Which picture row each device row shows; -1 outside of the picture.
    const rows = new Int32Array(h);
    for (let y = 0; y < h; y++) {
      const row = pixel(y0 + y, view.box.top, view.box.height, height, ratio);
      rows[y] = row < 0 || row >= height ? -1 : row;
    }
    for (let x = 0; x < w; x++) {
      const column = pixel(x0 + x, view.box.left, view.box.width, width, ratio);
      if (column < 0 || column >= width) continue;
      const at = column * height;
      for (let y = 0; y < h; y++) if (rows[y] >= 0 && data[at + rows[y]]) words[y * w + x] = word;
    }
    context.putImageData(image, x0, y0);
  }
}
