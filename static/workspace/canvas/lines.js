/**
 * Outlines drawn pixel by pixel into one image: a frame with hundreds of moving tracks costs a third
 * of what as many canvas strokes do. Lines have round ends, soft edges and a dark casing, as strokes have.
 */

/** @typedef {[number, number]} Point */

/** A line that spans more than this many device pixels around is cheaper as a stroke. */
const LARGEST_PX = 1 << 16;
const FAR = 1e6;
/** Casing of overlay.js: its colour, and how opaque. */
const CASING = [6, 8, 12];
const CASING_ALPHA = 0.85;

/** Distances told apart across a line. */
const STEPS = 1024;

/** @param {number} r @param {number} g @param {number} b @param {number} a each 0 to 255 */
const pack = (r, g, b, a) => (a << 24) | (b << 16) | (g << 8) | r;

/** One colour on top of another, neither premultiplied. @param {number} top @param {number} below */
function over(top, below) {
  const a = top >>> 24;
  const under = ((below >>> 24) * (255 - a)) / 255;
  const all = a + under;
  if (!all) return 0;
  /** @param {number} shift */
  const mixed = (shift) => Math.round((((top >>> shift) & 255) * a + ((below >>> shift) & 255) * under) / all);
  return pack(mixed(0), mixed(8), mixed(16), Math.round(all));
}

export class Lines {
  constructor() {
    this.image = new ImageData(1, 1);
    this.words = new Int32Array(this.image.data.buffer);
    /** Colours across a line, for each colour and width. @type {Map<string, Int32Array>} */
    this.profiles = new Map();
    /** Squared distance to the line, in device pixels; all FAR between two lines. */
    this.near = new Float32Array(LARGEST_PX).fill(FAR);
    /** Device pixels written since the last begin: first and last row, exclusive. @type {[number, number]} */
    this.rows = [0, 0];
  }

  /** @param {number} width @param {number} height device pixels */
  begin(width, height) {
    if (this.image.width !== width || this.image.height !== height) {
      this.image = new ImageData(width, height);
      this.words = new Int32Array(this.image.data.buffer);
    } else this.words.fill(0, this.rows[0] * width, this.rows[1] * width);
    this.rows = [height, 0];
  }

  /**
   * Draws what joins pairs of points.
   * @param {number[]} ends  x, y, x, y of each piece, in device pixels
   * @param {[number, number, number]} color
   * @param {number} width of the line @param {number} cased width of line and casing, device pixels
   * @returns {boolean} false: too large, nothing drawn
   */
  add(ends, color, width, cased) {
    const { image, near } = this;
    const reach = cased / 2 + 0.5;
    let [left, top, right, bottom] = [FAR, FAR, -FAR, -FAR];
    for (let i = 0; i < ends.length; i += 2) {
      left = Math.min(left, ends[i]);
      right = Math.max(right, ends[i]);
      top = Math.min(top, ends[i + 1]);
      bottom = Math.max(bottom, ends[i + 1]);
    }
    const x0 = Math.max(0, Math.floor(left - reach));
    const y0 = Math.max(0, Math.floor(top - reach));
    const x1 = Math.min(image.width, Math.ceil(right + reach));
    const y1 = Math.min(image.height, Math.ceil(bottom + reach));
    if (x0 >= x1 || y0 >= y1) return true;
    const w = x1 - x0;
    if (w * (y1 - y0) > LARGEST_PX) return false;
    for (let i = 0; i < ends.length; i += 4) {
      this.#piece(ends[i] - x0 - 0.5, ends[i + 1] - y0 - 0.5, ends[i + 2] - x0 - 0.5, ends[i + 3] - y0 - 0.5, reach, w, y1 - y0);
    }
    const words = this.words;
    const profile = this.#profile(color, width, reach);
    const furthest = reach * reach;
    const step = STEPS / furthest;
    for (let y = y0, n = 0; y < y1; y++) {
      let at = y * image.width + x0;
      for (let x = 0; x < w; x++, n++, at++) {
        const d2 = near[n];
        if (d2 === FAR) continue;
        near[n] = FAR;
        if (d2 >= furthest) continue;
        const word = profile[(d2 * step) | 0];
        words[at] = words[at] ? over(word, words[at]) : word;
      }
    }
    this.rows = [Math.min(this.rows[0], y0), Math.max(this.rows[1], y1)];
    return true;
  }

  /**
   * What a pixel shows by its squared distance to the line: the line, its casing, and the soft edge of each.
   * @param {[number, number, number]} color @param {number} width @param {number} reach
   */
  #profile([r, g, b], width, reach) {
    const key = `${r},${g},${b},${width},${reach}`;
    let profile = this.profiles.get(key);
    if (!profile) {
      profile = new Int32Array(STEPS);
      for (let i = 0; i < STEPS; i++) {
        const d = reach * Math.sqrt(i / STEPS);
        const casing = Math.min(1, reach - d) * CASING_ALPHA;
        const line = Math.max(0, Math.min(1, width / 2 + 0.5 - d));
        const dark = casing * (1 - line);
        const all = dark + line;
        /** @param {number} own @param {number} cased */
        const mixed = (own, cased) => Math.round((own * line + cased * dark) / all);
        profile[i] = pack(mixed(r, CASING[0]), mixed(g, CASING[1]), mixed(b, CASING[2]), Math.round(all * 255));
      }
      this.profiles.set(key, profile);
    }
    return profile;
  }

  /** The nearest distance of each pixel around one piece. Pixel centres are whole numbers here.
   * @param {number} ax @param {number} ay @param {number} bx @param {number} by
   * @param {number} reach @param {number} w @param {number} h */
  #piece(ax, ay, bx, by, reach, w, h) {
    const { near } = this;
    const dx = bx - ax;
    const dy = by - ay;
    const length2 = dx * dx + dy * dy;
    const scale = length2 ? 1 / length2 : 0;
    const low = Math.max(0, Math.ceil(Math.min(ax, bx) - reach));
    const high = Math.min(w - 1, Math.floor(Math.max(ax, bx) + reach));
    const last = Math.min(h - 1, Math.floor(Math.max(ay, by) + reach));
    // How far along a row the band around the line reaches to both sides.
    const side = dy ? (reach * Math.sqrt(length2)) / Math.abs(dy) : FAR;
    const slope = dy ? dx / dy : 0;
    for (let y = Math.max(0, Math.ceil(Math.min(ay, by) - reach)); y <= last; y++) {
      const middle = ax + (y - ay) * slope;
      const from = Math.max(low, Math.ceil(middle - side));
      const to = Math.min(high, Math.floor(middle + side));
      for (let x = from, n = y * w + from; x <= to; x++, n++) {
        let t = ((x - ax) * dx + (y - ay) * dy) * scale;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        const ex = x - ax - t * dx;
        const ey = y - ay - t * dy;
        const d2 = ex * ex + ey * ey;
        if (d2 < near[n]) near[n] = d2;
      }
    }
  }

  /** Puts what was drawn on an empty canvas. @param {CanvasRenderingContext2D} context */
  put(context) {
    const [from, to] = this.rows;
    if (to > from) context.putImageData(this.image, 0, 0, 0, from, this.image.width, to - from);
  }
}
