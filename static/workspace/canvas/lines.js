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
/** Points nearer than this to what joins their neighbours are left out, in device pixels. */
const FLAT_PX = 0.2;
/** No more points in a row are left out: each is looked at again with every one that follows. */
const MOST_LEFT_OUT = 12;

/** @param {number} r @param {number} g @param {number} b @param {number} a each 0 to 255 */
const pack = (r, g, b, a) => (a << 24) | (b << 16) | (g << 8) | r;

/** For each two alphas (top << 8 | below): the top colour's part of the mixture, of 256, and the mixture's alpha. */
const PARTS = new Uint16Array(1 << 16);
const ALPHAS = new Uint8Array(1 << 16);
for (let top = 0; top < 256; top++) {
  for (let below = 0; below < 256; below++) {
    const all = top + (below * (255 - top)) / 255;
    PARTS[(top << 8) | below] = all ? Math.round((256 * top) / all) : 0;
    ALPHAS[(top << 8) | below] = Math.round(all);
  }
}

/** One colour on top of another, neither premultiplied. @param {number} top @param {number} below */
function over(top, below) {
  const alphas = ((top >>> 16) & 0xff00) | (below >>> 24);
  const part = PARTS[alphas];
  const rest = 256 - part;
  // Red and blue in one go: neither reaches the other.
  const both = (((top & 0xff00ff) * part + (below & 0xff00ff) * rest) >>> 8) & 0xff00ff;
  const green = (((top >>> 8) & 0xff) * part + ((below >>> 8) & 0xff) * rest) & 0xff00;
  return (ALPHAS[alphas] << 24) | both | green;
}

/**
 * The last of the pieces, each beginning where the one before ends, that one straight piece may stand for.
 * @param {ArrayLike<number>} ends @param {number} first  where in `ends` the first of them begins @param {number} count
 * @returns {number} where the last of them begins
 */
function straight(ends, first, count) {
  const ax = ends[first];
  const ay = ends[first + 1];
  let last = first;
  for (let next = first + 4; next < count && next - first <= 4 * MOST_LEFT_OUT; next += 4) {
    if (ends[next] !== ends[next - 2] || ends[next + 1] !== ends[next - 1]) break;
    const dx = ends[next + 2] - ax;
    const dy = ends[next + 3] - ay;
    const length = Math.sqrt(dx * dx + dy * dy);
    if (!length) break;
    let fits = true;
    for (let i = first + 4; i <= next && fits; i += 4) {
      const px = ends[i] - ax;
      const py = ends[i + 1] - ay;
      const along = (px * dx + py * dy) / length;
      fits = along >= 0 && along <= length && Math.abs(px * dy - py * dx) <= FLAT_PX * length;
    }
    if (!fits) break;
    last = next;
  }
  return last;
}

/** Squared distance to the line under way, in device pixels; all FAR between two lines. */
const NEAR = new Float32Array(LARGEST_PX).fill(FAR);
/** Which of them are not FAR, in the order they were come to, and where each is in the image. */
const TOUCHED = new Int32Array(LARGEST_PX);
const PLACES = new Int32Array(LARGEST_PX);

/** Colours across a line, for each colour and width. @type {Map<string, Int32Array>} */
const profiles = new Map();

export class Lines {
  constructor() {
    this.width = 0;
    this.height = 0;
    /** Made when the first line is drawn: many clips have none. */
    this.image = new ImageData(1, 1);
    this.words = new Int32Array(this.image.data.buffer);
    this.count = 0;
    /** Device pixels written since the last begin: first and last row, exclusive. @type {[number, number]} */
    this.rows = [0, 0];
  }

  /** @param {number} width @param {number} height device pixels */
  begin(width, height) {
    const { image } = this;
    if (image.width === width && image.height === height) this.words.fill(0, this.rows[0] * width, this.rows[1] * width);
    this.width = width;
    this.height = height;
    this.rows = [height, 0];
  }

  /** An empty image of the size that was given. */
  #make() {
    this.image = new ImageData(this.width, this.height);
    this.words = new Int32Array(this.image.data.buffer);
  }

  /**
   * Draws what joins pairs of points.
   * @param {ArrayLike<number>} ends  x, y, x, y of each piece, in device pixels
   * @param {[number, number, number]} color
   * @param {number} width of the line @param {number} cased width of line and casing, device pixels
   * @param {number} [length]  how many numbers of `ends` count
   * @returns {boolean} false: too large, nothing drawn
   */
  add(ends, color, width, cased, length = ends.length) {
    const reach = cased / 2 + 0.5;
    let [left, top, right, bottom] = [FAR, FAR, -FAR, -FAR];
    for (let i = 0; i < length; i += 2) {
      const x = ends[i];
      const y = ends[i + 1];
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
    }
    const x0 = Math.max(0, Math.floor(left - reach));
    const y0 = Math.max(0, Math.floor(top - reach));
    const x1 = Math.min(this.width, Math.ceil(right + reach));
    const y1 = Math.min(this.height, Math.ceil(bottom + reach));
    if (x0 >= x1 || y0 >= y1) return true;
    const w = x1 - x0;
    if (w * (y1 - y0) > LARGEST_PX) return false;
    if (this.image.width !== this.width || this.image.height !== this.height) this.#make();
    this.count = 0;
    const origin = y0 * this.width + x0;
    for (let i = 0; i < length; i += 4) {
      const j = straight(ends, i, length);
      this.#piece(ends[i] - x0 - 0.5, ends[i + 1] - y0 - 0.5, ends[j + 2] - x0 - 0.5, ends[j + 3] - y0 - 0.5, reach, w, y1 - y0, origin);
      i = j;
    }
    const { words, count } = this;
    const profile = this.#profile(color, width, reach);
    const step = STEPS / (reach * reach);
    for (let i = 0; i < count; i++) {
      const n = TOUCHED[i];
      const at = PLACES[i];
      const word = profile[(NEAR[n] * step) | 0];
      NEAR[n] = FAR;
      const below = words[at];
      words[at] = below ? over(word, below) : word;
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
    let profile = profiles.get(key);
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
      profiles.set(key, profile);
    }
    return profile;
  }

  /** The nearest distance of each pixel around one piece. Pixel centres are whole numbers here.
   * @param {number} ax @param {number} ay @param {number} bx @param {number} by
   * @param {number} reach @param {number} w @param {number} h @param {number} origin  of the window in the image */
  #piece(ax, ay, bx, by, reach, w, h, origin) {
    let { count } = this;
    const furthest = reach * reach;
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
    const along = dx * scale;
    const skip = this.width;
    for (let y = Math.max(0, Math.ceil(Math.min(ay, by) - reach)); y <= last; y++) {
      const middle = ax + (y - ay) * slope;
      const from = Math.max(low, Math.ceil(middle - side));
      const to = Math.min(high, Math.floor(middle + side));
      const py = y - ay;
      let px = from - ax;
      let t = px * along + py * dy * scale;
      const base = origin + y * skip - y * w;
      for (let n = y * w + from, end = y * w + to; n <= end; n++) {
        const c = t < 0 ? 0 : t > 1 ? 1 : t;
        const ex = px - c * dx;
        const ey = py - c * dy;
        const d2 = ex * ex + ey * ey;
        px++;
        t += along;
        if (d2 >= furthest) continue;
        const held = NEAR[n];
        if (d2 >= held) continue;
        if (held === FAR) {
          TOUCHED[count] = n;
          PLACES[count++] = base + n;
        }
        NEAR[n] = d2;
      }
    }
    this.count = count;
  }

  /** Puts what was drawn on an empty canvas. @param {CanvasRenderingContext2D} context */
  put(context) {
    const [from, to] = this.rows;
    if (to > from) context.putImageData(this.image, 0, 0, 0, from, this.image.width, to - from);
  }
}
