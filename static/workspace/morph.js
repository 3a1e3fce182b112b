/**
 * A mask between two keyframes, by signed distance: the rule "distance" of "shape@1". The server's
 * `apps/annotation/domain/morph.py` says it in words; both give the same pixels.
 */

import { countsToText, decodeRle } from "./canvas/rle.js";

/** @typedef {import("./types.js").Rle} Rle */
/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Rect */

const KEPT_PAIRS = 24;
const KEPT_FRAMES = 32;

/** The quotient of whole numbers rounded to the nearest, halves up. @param {number} n @param {number} d */
const rounded = (n, d) => Math.floor((2 * n + d) / (2 * d));

/** As `rounded`, where the numbers may pass 2^53. @param {bigint} n @param {bigint} d above 0 */
function roundedBig(n, d) {
  const top = 2n * n + d;
  const bottom = 2n * d;
  const cut = top / bottom;
  return Number(cut * bottom > top ? cut - 1n : cut);
}

/** @param {Uint8Array} data column-major @param {number} height */
function measure(data, height) {
  let n = 0;
  let sumX = 0;
  let sumY = 0;
  const box = { x0: Infinity, y0: Infinity, x1: 0, y1: 0 };
  for (let at = data.indexOf(1); at >= 0; at = data.indexOf(1, at)) {
    let end = data.indexOf(0, at);
    if (end < 0) end = data.length;
    for (; at < end; at++) {
      const x = Math.floor(at / height);
      const y = at - x * height;
      n++;
      sumX += x;
      sumY += y;
      if (x < box.x0) box.x0 = x;
      if (x >= box.x1) box.x1 = x + 1;
      if (y < box.y0) box.y0 = y;
      if (y >= box.y1) box.y1 = y + 1;
    }
  }
  return { n, sumX, sumY, box };
}

/**
 * Squared distance of every pixel to the nearest pixel that has `value`, exact in whole numbers
 * (Meijster, Roerdink, Hesselink: "A general algorithm for computing distance transforms in linear
 * time", 2000). There is at least one such pixel.
 * @param {Uint8Array} window column-major @param {number} width @param {number} height @param {0 | 1} value
 */
export function squaredDistances(window, width, height, value) {
  const far = width + height;
  const down = new Int32Array(width * height);
  for (let x = 0; x < width; x++) {
    const column = x * height;
    let d = far;
    for (let y = 0; y < height; y++) {
      d = window[column + y] === value ? 0 : Math.min(far, d + 1);
      down[column + y] = d;
    }
    for (let y = height - 2; y >= 0; y--) {
      if (down[column + y + 1] + 1 < down[column + y]) down[column + y] = down[column + y + 1] + 1;
    }
  }
  const out = new Float64Array(width * height);
  const s = new Int32Array(width);
  const t = new Int32Array(width);
  const g2 = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) g2[x] = down[x * height + y] ** 2;
    let q = 0;
    s[0] = 0;
    t[0] = 0;
    for (let u = 1; u < width; u++) {
      while (q >= 0 && (t[q] - s[q]) ** 2 + g2[s[q]] > (t[q] - u) ** 2 + g2[u]) q--;
      if (q < 0) {
        q = 0;
        s[0] = u;
      } else {
        const i = s[q];
        const w = 1 + Math.floor((u * u - i * i + g2[u] - g2[i]) / (2 * (u - i)));
        if (w < width) {
          q++;
          s[q] = u;
          t[q] = w;
        }
      }
    }
    for (let u = width - 1; u >= 0; u--) {
      out[u * height + y] = (u - s[q]) ** 2 + g2[s[q]];
      if (u === t[q]) q--;
    }
  }
  return out;
}

/** @param {Uint8Array} window @param {number} width @param {number} height */
function signed(window, width, height) {
  const outside = squaredDistances(window, width, height, 1);
  const inside = squaredDistances(window, width, height, 0);
  for (let p = 0; p < outside.length; p++) outside[p] = Math.sqrt(outside[p]) - Math.sqrt(inside[p]);
  return outside;
}

export class Morph {
  /** @param {Rle} first @param {Rle} second  of one size, neither empty */
  constructor(first, second) {
    const [height, width] = first.size;
    this.first = first;
    this.size = first.size;
    const a = decodeRle(first);
    const b = decodeRle(second);
    const of = measure(a, height);
    const to = measure(b, height);
    this.empty = !of.n || !to.n;
    /** @type {Map<string, Rle>} */
    this.made = new Map();
    this.dx = 0;
    this.dy = 0;
    this.x0 = this.y0 = this.width = this.height = 0;
    this.a = this.b = new Float64Array(0);
    if (this.empty) return;
    const both = BigInt(of.n) * BigInt(to.n);
    /** @param {number} u @param {number} v */
    const shift = (u, v) => roundedBig(BigInt(v) * BigInt(of.n) - BigInt(u) * BigInt(to.n), both);
    this.dx = shift(of.sumX, to.sumX);
    this.dy = shift(of.sumY, to.sumY);
    this.x0 = Math.min(of.box.x0, to.box.x0 - this.dx) - 1;
    this.y0 = Math.min(of.box.y0, to.box.y0 - this.dy) - 1;
    this.width = Math.max(of.box.x1, to.box.x1 - this.dx) + 1 - this.x0;
    this.height = Math.max(of.box.y1, to.box.y1 - this.dy) + 1 - this.y0;
    this.a = signed(this.#cut(a, width, height, 0, 0), this.width, this.height);
    this.b = signed(this.#cut(b, width, height, this.dx, this.dy), this.width, this.height);
  }

  /** @param {Uint8Array} data @param {number} width @param {number} height @param {number} dx @param {number} dy */
  #cut(data, width, height, dx, dy) {
    const out = new Uint8Array(this.width * this.height);
    const top = Math.max(0, -(this.y0 + dy));
    const bottom = Math.min(this.height, height - (this.y0 + dy));
    for (let x = 0; x < this.width; x++) {
      const from = this.x0 + dx + x;
      if (from < 0 || from >= width || bottom <= top) continue;
      const column = from * height + this.y0 + dy;
      out.set(data.subarray(column + top, column + bottom), x * this.height + top);
    }
    return out;
  }

  /**
   * The mask of frame `f` between keyframes `i` and `j`; never empty.
   * @param {number} i @param {number} f @param {number} j @returns {Rle}
   */
  at(i, f, j) {
    if (this.empty) return this.first;
    const key = `${f - i}/${j - i}`;
    const held = this.made.get(key);
    if (held) return held;
    const ox = this.x0 + rounded(this.dx * (f - i), j - i);
    const oy = this.y0 + rounded(this.dy * (f - i), j - i);
    const { a, b } = this;
    const near = 2 * (f - i) <= j - i ? a : b;
    const made =
      this.#placed(ox, oy, (p) => a[p] * (j - f) + b[p] * (f - i) < 0) ??
      this.#placed(ox, oy, (p) => near[p] < 0) ??
      this.first;
    this.made.set(key, made);
    if (this.made.size > KEPT_FRAMES) this.made.delete(/** @type {string} */ (this.made.keys().next().value));
    return made;
  }

  /**
   * Run lengths of the window's pixels at (x0, y0), what falls outside the picture cut off.
   * @param {number} x0 @param {number} y0 @param {(place: number) => boolean} inside
   * @returns {Rle | null} null when nothing is left
   */
  #placed(x0, y0, inside) {
    const [height, width] = this.size;
    const top = Math.max(0, -y0);
    const bottom = Math.min(this.height, height - y0);
    /** @type {number[]} */
    const edges = [];
    for (let x = Math.max(0, -x0); x < this.width && x + x0 < width; x++) {
      const base = (x + x0) * height + y0;
      let on = false;
      for (let y = top; y <= bottom; y++) {
        const now = y < bottom && inside(x * this.height + y);
        if (now === on) continue;
        on = now;
        // A run that reaches the bottom goes on where the next column begins at the top.
        if (now && edges.length && edges[edges.length - 1] === base + y) edges.pop();
        else edges.push(base + y);
      }
    }
    if (!edges.length) return null;
    const whole = height * width;
    if (edges[edges.length - 1] !== whole) edges.push(whole);
    let before = 0;
    const counts = edges.map((edge) => {
      const run = edge - before;
      before = edge;
      return run;
    });
    return { size: this.size, counts: countsToText(counts) };
  }
}

/** Pairs looked at last; a mask's object is its key, for it is replaced on every change. @type {Map<Rle, {second: Rle, morph: Morph}>} */
const pairs = new Map();

/** @param {Rle} first @param {Rle} second @returns {Morph} */
export function morphOf(first, second) {
  const held = pairs.get(first);
  if (held?.second === second) return held.morph;
  const morph = new Morph(first, second);
  pairs.delete(first);
  pairs.set(first, { second, morph });
  if (pairs.size > KEPT_PAIRS) pairs.delete(/** @type {Rle} */ (pairs.keys().next().value));
  return morph;
}
