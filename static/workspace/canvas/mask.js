/** A mask in the hand: one byte a pixel, hard-edged, with the rectangle that changed. */

import { decodeRle, encodeRle } from "./rle.js";

/** @typedef {import("../types.js").Rle} Rle */
/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Rect  whole pixels, x1 and y1 exclusive */

/** @param {Rect | null} a @param {Rect | null} b @returns {Rect | null} */
export function union(a, b) {
  if (!a || !b) return a ?? b;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}

export class MaskBuffer {
  /** @param {number} width @param {number} height @param {Uint8Array} [data] column-major, x * height + y */
  constructor(width, height, data) {
    this.width = width;
    this.height = height;
    this.data = data ?? new Uint8Array(width * height);
    /** Changed since last taken. @type {Rect | null} */
    this.dirty = null;
  }

  /** @param {Rle} rle */
  static fromRle(rle) {
    return new MaskBuffer(rle.size[1], rle.size[0], decodeRle(rle));
  }

  toRle() {
    return encodeRle(this.data, this.height, this.width);
  }

  get isEmpty() {
    return this.data.indexOf(1) < 0;
  }

  /** @param {number} x @param {number} y */
  has(x, y) {
    const px = Math.floor(x);
    const py = Math.floor(y);
    if (px < 0 || py < 0 || px >= this.width || py >= this.height) return false;
    return this.data[px * this.height + py] === 1;
  }

  takeDirty() {
    const dirty = this.dirty;
    this.dirty = null;
    return dirty;
  }

  /**
   * Sets the pixels whose centre is within `radius` of the segment, and the pixel under each end.
   * @param {number} xa @param {number} ya @param {number} xb @param {number} yb
   * @param {number} radius @param {0 | 1} value
   */
  capsule(xa, ya, xb, yb, radius, value) {
    const { width, height, data } = this;
    const x0 = Math.max(0, Math.floor(Math.min(xa, xb) - radius));
    const x1 = Math.min(width, Math.ceil(Math.max(xa, xb) + radius) + 1);
    const y0 = Math.max(0, Math.floor(Math.min(ya, yb) - radius));
    const y1 = Math.min(height, Math.ceil(Math.max(ya, yb) + radius) + 1);
    if (x0 >= x1 || y0 >= y1) return;
    const dx = xb - xa;
    const dy = yb - ya;
    const length2 = dx * dx + dy * dy;
    const r2 = radius * radius;
    for (let x = x0; x < x1; x++) {
      const cx = x + 0.5 - xa;
      const column = x * height;
      for (let y = y0; y < y1; y++) {
        const cy = y + 0.5 - ya;
        let t = length2 ? (cx * dx + cy * dy) / length2 : 0;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        const ex = cx - t * dx;
        const ey = cy - t * dy;
        if (ex * ex + ey * ey <= r2) data[column + y] = value;
      }
    }
    for (const [x, y] of [
      [Math.floor(xa), Math.floor(ya)],
      [Math.floor(xb), Math.floor(yb)],
    ]) {
      if (x >= 0 && y >= 0 && x < width && y < height) data[x * height + y] = value;
    }
    this.dirty = union(this.dirty, { x0, y0, x1, y1 });
  }

  /**
   * Sets the pixels whose centre lies inside the polygon (even-odd).
   * @param {[number, number][]} points @param {0 | 1} value
   */
  polygon(points, value) {
    if (points.length < 3) return;
    const xs = points.map((p) => p[0]);
    const x0 = Math.max(0, Math.floor(Math.min(...xs)));
    const x1 = Math.min(this.width, Math.ceil(Math.max(...xs)) + 1);
    for (let x = x0; x < x1; x++) {
      const cx = x + 0.5;
      /** @type {number[]} */
      const hits = [];
      points.forEach(([ax, ay], i) => {
        const [bx, by] = points[(i + 1) % points.length];
        if (ax <= cx === bx <= cx) return;
        hits.push(ay + ((by - ay) * (cx - ax)) / (bx - ax));
      });
      hits.sort((a, b) => a - b);
      for (let i = 0; i + 1 < hits.length; i += 2) {
        const from = Math.max(0, Math.ceil(hits[i] - 0.5));
        const to = Math.min(this.height, Math.ceil(hits[i + 1] - 0.5));
        if (to > from) this.data.fill(value, x * this.height + from, x * this.height + to);
      }
    }
    this.dirty = union(this.dirty, { x0, y0: 0, x1, y1: this.height });
  }

  /** Smallest rectangle around all set pixels. @returns {Rect | null} */
  bounds() {
    const first = this.data.indexOf(1);
    if (first < 0) return null;
    const x0 = Math.floor(first / this.height);
    const x1 = Math.floor(this.data.lastIndexOf(1) / this.height) + 1;
    let y0 = this.height;
    let y1 = 0;
    for (let x = x0; x < x1; x++) {
      const column = this.data.subarray(x * this.height, (x + 1) * this.height);
      const top = column.indexOf(1);
      if (top < 0) continue;
      y0 = Math.min(y0, top);
      y1 = Math.max(y1, column.lastIndexOf(1) + 1);
    }
    return { x0, y0, x1, y1 };
  }
}

/**
 * The outline of a mask along pixel edges, as closed rings of corners (collinear points left out).
 * @param {MaskBuffer} mask
 * @param {Rect} box  bounds to look at
 * @returns {[number, number][][]}
 */
export function outlineRings(mask, box) {
  const { data, height, width } = mask;
  /** @param {number} x @param {number} y */
  const on = (x, y) => x >= 0 && y >= 0 && x < width && y < height && data[x * height + y] === 1;
  const stride = width + 1;
  /** Directed edges, inside on the right hand: start corner -> end corners. @type {Map<number, number[]>} */
  const edges = new Map();
  /** @param {number} ax @param {number} ay @param {number} bx @param {number} by */
  const add = (ax, ay, bx, by) => {
    const from = ay * stride + ax;
    const to = by * stride + bx;
    const held = edges.get(from);
    if (held) held.push(to);
    else edges.set(from, [to]);
  };
  for (let x = box.x0; x < box.x1; x++) {
    for (let y = box.y0; y < box.y1; y++) {
      const n = x * height + y;
      if (data[n] !== 1) continue;
      // Most pixels lie inside: none of their edges is on the outline.
      const inner = x > 0 && y > 0 && x + 1 < width && y + 1 < height;
      if (inner && data[n - 1] && data[n + 1] && data[n - height] && data[n + height]) continue;
      if (!on(x, y - 1)) add(x, y, x + 1, y);
      if (!on(x + 1, y)) add(x + 1, y, x + 1, y + 1);
      if (!on(x, y + 1)) add(x + 1, y + 1, x, y + 1);
      if (!on(x - 1, y)) add(x, y + 1, x, y);
    }
  }
  /** @type {[number, number][][]} */
  const rings = [];
  for (const start of [...edges.keys()]) {
    while (edges.has(start)) {
      /** @type {[number, number][]} */
      const ring = [];
      let at = start;
      let heading = 0;
      do {
        const ends = edges.get(at);
        if (!ends) break;
        const to = /** @type {number} */ (ends.pop());
        if (!ends.length) edges.delete(at);
        const step = to - at;
        if (step !== heading) ring.push([at % stride, Math.floor(at / stride)]);
        heading = step;
        at = to;
      } while (at !== start);
      if (ring.length) rings.push(ring);
    }
  }
  return rings;
}
