/** Paints labels over the picture. Every line has a dark casing, to read on highlights and on smoke. */

import { Lines } from "./lines.js";
import { LiveLayer } from "./live.js";
import { Pieces, addPieces, bounds, handles, hasPoints, pathOf } from "./shapes.js";
import { isPrepared, prepareMask } from "./stored.js";

/** @typedef {import("../types.js").Expanded} Expanded */
/** @typedef {import("../types.js").Rle} Rle */
/** @typedef {import("./view.js").View} View */
/**
 * @typedef {{id: string, color: string, expanded: Expanded, active: boolean, label?: string,
 *   dashed?: boolean, faint?: boolean, live?: import("./live.js").LiveMask | null, skeleton?: [number, number][]}} Painted
 */

/** @typedef {{key: unknown[], lines: Lines, lined: boolean[]}} Outlines  drawn for items that have this key; which of them are drawn whole */

/** @param {unknown[]} a @param {unknown[]} b */
const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);
/** @param {Painted[]} items */
const inOrder = (items) => [...items].sort((a, b) => Number(a.active) - Number(b.active));

const CASING = "rgba(6, 8, 12, 0.85)";
/** By how much the casing is wider than its line, in CSS pixels. */
const CASED = 2.4;

/** Radius of a tip's ring, in CSS pixels. @param {Painted} item */
const tipRadius = (item) => (item.active ? 9 : 7);
/** The ring of a tip is so many straight pieces in the image of all outlines. */
const RING_PIECES = 28;

/** The corners of a ring of radius 1, the first one again at the end. @type {[number, number][]} */
const RING = Array.from({ length: RING_PIECES + 1 }, (_, k) => {
  const angle = ((k % RING_PIECES) / RING_PIECES) * 2 * Math.PI;
  return [Math.cos(angle), Math.sin(angle)];
});
const TICKS = [[1, 0], [-1, 0], [0, 1], [0, -1]];

/** Ring and ticks of a tip. @param {[number, number]} point @param {number} r in picture pixels @param {Pieces} into */
function addTip([x, y], r, into) {
  for (let k = 0; k < RING_PIECES; k++) into.add(x + r * RING[k][0], y + r * RING[k][1], x + r * RING[k + 1][0], y + r * RING[k + 1][1]);
  for (const [dx, dy] of TICKS) into.add(x + dx * r * 0.45, y + dy * r * 0.45, x + dx * r * 1.65, y + dy * r * 1.65);
}

/** The image of all outlines is held of so many frames: the one shown, the one before, the one likely to come. */
const HELD_OUTLINES = 3;
/** Making ready goes on in another task after so long: a key or a pointer may be waiting. */
const AT_ONCE_MS = 5;

/** CSS pixels. @param {Painted} item */
const lineWidth = (item) => (item.active ? 2 : item.expanded.interpolated ? 1.25 : 1.6);

/** @param {string} color @returns {[number, number, number]} */
function rgb(color) {
  const n = parseInt(color.slice(1), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}

export class Overlay {
  /** @param {HTMLCanvasElement} canvas @param {View} view */
  constructor(canvas, view) {
    this.canvas = canvas;
    this.view = view;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.live = new LiveLayer(canvas, view);
    /** The plain outlines of frames, most recently used first. @type {Outlines[]} */
    this.outlines = [];
    /** The lines of one item, on their way into the image. */
    this.pieces = new Pieces();
    /** What the labels' canvas shows now. @type {unknown[]} */
    this.shown = [];
    /** Lines that stand already where the rest of their item is to be drawn. @type {Set<Painted>} */
    this.lined = new Set();
  }

  /** Device-independent width in picture units. @param {number} css */
  #w(css) {
    return css / this.view.scale;
  }

  /**
   * @param {Painted[]} items  painted in order, the active one last
   * @param {import("./live.js").Extra[]} [extras]  tool previews
   * @param {[number, number, number] | null} [within]  picture place and radius around all of them
   */
  paint(items, extras = [], within = null) {
    const still = items.filter((item) => !item.live);
    const now = this.#key(still);
    if (!same(now, this.shown)) {
      this.shown = now;
      this.#paintStill(still, now);
    }
    this.live.paint(items.find((item) => item.live)?.live ?? null, extras, within);
  }

  /**
   * Makes the labels of a frame that is likely to come ready, while there is time.
   * @param {Painted[]} items  as `paint` will have them
   * @returns {boolean} false: there is more to do, to be asked for again
   */
  ahead(items) {
    const until = performance.now() + AT_ONCE_MS;
    const still = items.filter((item) => !item.live);
    for (const { color, expanded } of still) {
      if (expanded.shape?.type !== "mask" || isPrepared(expanded.shape.rle, color)) continue;
      if (performance.now() > until) return false;
      prepareMask(expanded.shape.rle).fill(color);
    }
    this.#outlinesOf(inOrder(still), this.#key(still));
    return true;
  }

  /** The outlines of items, drawn unless they are held. @param {Painted[]} ordered @param {unknown[]} key @returns {Outlines} */
  #outlinesOf(ordered, key) {
    const { outlines } = this;
    let found = outlines.find((each) => same(each.key, key));
    if (found) outlines.splice(outlines.indexOf(found), 1);
    else {
      found = (outlines.length < HELD_OUTLINES ? undefined : outlines.pop()) ?? { key: [], lines: new Lines(), lined: [] };
      this.#drawLines(ordered, key, found);
    }
    outlines.unshift(found);
    return found;
  }

  /** All that decides how the labels look. @param {Painted[]} items @returns {unknown[]} */
  #key(items) {
    const { left, top, width, height } = this.view.box;
    /** @type {unknown[]} */
    const key = [left, top, width, height, this.view.resized, globalThis.devicePixelRatio];
    for (const { id, color, expanded, active, label, dashed, faint, skeleton } of items) {
      key.push(id, color, expanded.shape, expanded.state, expanded.interpolated, active, active && label, dashed, faint, skeleton);
    }
    return key;
  }

  /** @param {Painted[]} items @param {unknown[]} key */
  #paintStill(items, key) {
    const { context } = this;
    const ordered = inOrder(items);
    const { lines, lined } = this.#outlinesOf(ordered, key);
    this.lined = new Set(ordered.filter((_, at) => lined[at]));
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    lines.put(context);
    this.view.apply(context);
    context.imageSmoothingEnabled = false;
    context.lineJoin = "round";
    for (const item of ordered) {
      context.globalAlpha = item.faint ? 0.45 : 1;
      const shape = item.expanded.shape;
      if (!shape) continue;
      else if (shape.type === "mask") this.#storedMask(item, shape.rle);
      else if (shape.type === "tip") this.#tip(item, shape.point);
      else if (shape.type === "box") this.#box(item, shape.box);
      else this.#points(item, shape);
      context.globalAlpha = 1;
    }
    for (const item of ordered) if (item.active && item.label) this.#label(item);
  }

  /**
   * Plain outlines, which are many and move with every frame, go into one image.
   * @param {Painted[]} items @param {unknown[]} key @param {Outlines} into
   */
  #drawLines(items, key, into) {
    const { canvas, view, pieces } = this;
    const { lines } = into;
    const ratio = globalThis.devicePixelRatio || 1;
    const sx = (view.box.width / view.width_px) * ratio;
    const sy = (view.box.height / view.height_px) * ratio;
    into.key = key;
    lines.begin(canvas.width, canvas.height);
    into.lined = items.map((item) => {
      const shape = item.expanded.shape;
      if (item.active || item.faint || this.#dash(item).length) return false;
      pieces.count = 0;
      if (hasPoints(shape)) addPieces(shape, item.skeleton ?? [], pieces);
      else if (shape?.type === "tip") addTip(shape.point, this.#w(tipRadius(item)), pieces);
      else if (shape?.type === "box") {
        const [x, y, w, h] = shape.box;
        pieces.add(x, y, x + w, y);
        pieces.add(x + w, y, x + w, y + h);
        pieces.add(x + w, y + h, x, y + h);
        pieces.add(x, y + h, x, y);
      }
      const { ends, count } = pieces;
      if (!count) return false;
      for (let i = 0; i < count; i += 2) {
        ends[i] = ends[i] * sx + view.box.left * ratio;
        ends[i + 1] = ends[i + 1] * sy + view.box.top * ratio;
      }
      const width = lineWidth(item);
      return lines.add(ends, rgb(item.color), width * ratio, (width + CASED) * ratio, count);
    });
  }

  /** @param {Painted} item */
  #dash(item) {
    if (item.expanded.state === "occluded") return [this.#w(3), this.#w(4)];
    return item.dashed ? [this.#w(9), this.#w(5)] : [];
  }

  /** @param {Painted} item @param {Path2D} path */
  #stroke(item, path) {
    if (this.lined.has(item)) return;
    const { context } = this;
    const width = lineWidth(item);
    context.setLineDash([]);
    context.strokeStyle = CASING;
    context.lineWidth = this.#w(width + CASED);
    context.stroke(path);
    context.setLineDash(this.#dash(item));
    context.strokeStyle = item.color;
    context.lineWidth = this.#w(width);
    context.stroke(path);
    context.setLineDash([]);
  }

  /** @param {Painted} item @param {Rle} rle */
  #storedMask(item, rle) {
    const held = prepareMask(rle);
    const fill = held.fill(item.color);
    if (held.box && fill) this.#mask(item, fill, held.box.x0, held.box.y0, held.path);
  }

  /** @param {Painted} item @param {OffscreenCanvas} fill @param {number} x @param {number} y @param {Path2D} path */
  #mask(item, fill, x, y, path) {
    const { context } = this;
    const alpha = context.globalAlpha;
    context.globalAlpha = alpha * (item.dashed ? 0.08 : item.active ? 0.3 : 0.16);
    context.drawImage(fill, x, y);
    context.globalAlpha = alpha;
    this.#stroke(item, path);
  }

  /** @param {Painted} item @param {[number, number]} point */
  #tip(item, [x, y]) {
    if (!this.lined.has(item)) {
      const r = this.#w(tipRadius(item));
      const path = new Path2D();
      path.moveTo(x + r, y);
      path.arc(x, y, r, 0, Math.PI * 2);
      for (const [dx, dy] of TICKS) {
        path.moveTo(x + dx * r * 0.45, y + dy * r * 0.45);
        path.lineTo(x + dx * r * 1.65, y + dy * r * 1.65);
      }
      this.#stroke(item, path);
    }
    if (!item.expanded.interpolated) {
      this.context.fillStyle = item.color;
      this.context.fillRect(x - this.#w(1), y - this.#w(1), this.#w(2), this.#w(2));
    }
  }

  /** @param {Painted} item @param {[number, number, number, number]} box */
  #box(item, [x, y, w, h]) {
    if (!this.lined.has(item)) {
      const path = new Path2D();
      path.rect(x, y, w, h);
      this.#stroke(item, path);
    }
    if (!item.active || item.dashed) return;
    this.context.fillStyle = item.color;
    const s = this.#w(3);
    for (const [cx, cy] of [[x, y], [x + w, y], [x, y + h], [x + w, y + h]]) {
      this.context.fillRect(cx - s, cy - s, s * 2, s * 2);
    }
  }

  /** @param {Painted} item @param {import("./shapes.js").PointShape} shape */
  #points(item, shape) {
    if (!this.lined.has(item)) this.#stroke(item, pathOf(shape, item.skeleton));
    const places = handles(shape);
    const tipAlone = shape.type === "shaft";
    const shown = item.active && !item.dashed ? places : shape.type === "keypoints" ? places : tipAlone ? places.slice(0, 1) : [];
    const { context } = this;
    shown.forEach((place, m) => {
      if (!place) return;
      const s = this.#w(tipAlone && m === 0 ? 4 : 3);
      context.fillStyle = CASING;
      context.fillRect(place[0] - s - this.#w(1), place[1] - s - this.#w(1), 2 * s + this.#w(2), 2 * s + this.#w(2));
      context.fillStyle = item.color;
      context.fillRect(place[0] - s, place[1] - s, 2 * s, 2 * s);
      // A hidden keypoint is hollow: colour is never alone.
      if (shape.type === "keypoints" && shape.points[m][2] === 1) {
        context.fillStyle = CASING;
        context.fillRect(place[0] - s / 2, place[1] - s / 2, s, s);
      }
    });
  }

  /** @param {Painted} item */
  #label(item) {
    const shape = item.expanded.shape;
    /** @type {[number, number] | null} */
    let at = null;
    if (shape?.type === "tip") at = [shape.point[0] + this.#w(16), shape.point[1] - this.#w(16)];
    else if (shape?.type === "box") at = [shape.box[0], shape.box[1] - this.#w(10)];
    else if (shape?.type === "mask") {
      const box = prepareMask(shape.rle).box;
      if (box) at = [box.x1 + this.#w(8), box.y0 - this.#w(2)];
    } else if (hasPoints(shape)) {
      const [, y0, x1] = bounds(shape);
      at = [x1 + this.#w(10), y0 - this.#w(4)];
    }
    if (!at || !item.label) return;
    const { context, view } = this;
    const ratio = globalThis.devicePixelRatio || 1;
    const place = new DOMPoint(at[0], at[1]).matrixTransform(context.getTransform());
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.font = `500 ${12 * ratio}px system-ui, sans-serif`;
    const width = context.measureText(item.label).width + 12 * ratio;
    const height = 20 * ratio;
    const x = Math.max(0, Math.min(this.canvas.width - width, place.x));
    const y = Math.max(height, Math.min(this.canvas.height, place.y));
    context.fillStyle = "rgba(12, 15, 20, 0.82)";
    context.beginPath();
    context.roundRect(x, y - height, width, height, 4 * ratio);
    context.fill();
    context.fillStyle = item.color;
    context.textBaseline = "middle";
    context.fillText(item.label, x + 6 * ratio, y - height / 2);
    view.apply(context);
  }
}
