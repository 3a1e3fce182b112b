/**
 * The smart outline: between two places the path that follows the picture's edges (live-wire: Mortensen and
 * Barrett, Interactive segmentation with intelligent scissors, 1998): the cheapest way over pixels, cheap where
 * the brightness changes most. Pure but for the pixels that it is given.
 */

/** @typedef {[number, number]} Point */
/** @typedef {{data: Uint8ClampedArray | number[], width: number, height: number}} Pixels  RGBA, row by row */

/** Beyond this the way is straight: nobody means an edge across the whole picture. */
export const REACH_PX = 320;
const MARGIN_PX = 24;
/** What a step costs on the strongest edge; on none it costs 1 more. */
const FLOOR = 0.04;

/**
 * How strong the edge is at each pixel: Sobel's gradient of the strongest channel, 0 to 1 of the window's own largest.
 * @param {Pixels} pixels @returns {Float32Array}
 */
export function edges({ data, width, height }) {
  const out = new Float32Array(width * height);
  let most = 1e-6;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      let best = 0;
      for (let c = 0; c < 3; c++) {
        /** @param {number} dx @param {number} dy */
        const at = (dx, dy) => data[((y + dy) * width + x + dx) * 4 + c];
        const gx = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1);
        const gy = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1);
        best = Math.max(best, gx * gx + gy * gy);
      }
      out[y * width + x] = Math.sqrt(best);
      most = Math.max(most, out[y * width + x]);
    }
  }
  for (let i = 0; i < out.length; i++) out[i] /= most;
  return out;
}

/** A heap of pixel numbers by what it costs to come there. */
class Heap {
  /** @param {Float64Array} costs */
  constructor(costs) {
    this.costs = costs;
    /** @type {{at: number, cost: number}[]} */
    this.items = [];
  }

  /** @param {number} at */
  push(at) {
    const { items } = this;
    const item = { at, cost: this.costs[at] };
    let i = items.push(item) - 1;
    while (i) {
      const up = (i - 1) >> 1;
      if (items[up].cost <= item.cost) break;
      items[i] = items[up];
      i = up;
    }
    items[i] = item;
  }

  /** @returns {{at: number, cost: number} | undefined} */
  pop() {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (!top || !last || !items.length) return top;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      if (down >= items.length) break;
      if (down + 1 < items.length && items[down + 1].cost < items[down].cost) down++;
      if (items[down].cost >= last.cost) break;
      items[i] = items[down];
      i = down;
    }
    items[i] = last;
    return top;
  }
}

/**
 * The cheapest way between two pixels of a window.
 * @param {Float32Array} strength of `edges` @param {number} width @param {number} height
 * @param {Point} from whole pixels @param {Point} to
 * @returns {Point[]} whole pixels, both ends included
 */
export function cheapest(strength, width, height, from, to) {
  const n = width * height;
  const costs = new Float64Array(n).fill(Infinity);
  const before = new Int32Array(n).fill(-1);
  const start = from[1] * width + from[0];
  const goal = to[1] * width + to[0];
  const heap = new Heap(costs);
  costs[start] = 0;
  heap.push(start);
  for (let top = heap.pop(); top; top = heap.pop()) {
    const { at } = top;
    if (at === goal) break;
    if (top.cost > costs[at]) continue;
    const x = at % width;
    const y = (at - x) / width;
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const nx = x + dx;
        const ny = y + dy;
        if ((!dx && !dy) || nx < 0 || ny < 0 || nx >= width || ny >= height) continue;
        const next = ny * width + nx;
        const flat = 1 - strength[next];
        const cost = costs[at] + (FLOOR + flat * flat) * (dx && dy ? Math.SQRT2 : 1);
        if (cost >= costs[next]) continue;
        costs[next] = cost;
        before[next] = at;
        heap.push(next);
      }
    }
  }
  /** @type {Point[]} */
  const path = [];
  for (let at = goal; at >= 0; at = before[at]) path.push([at % width, Math.floor(at / width)]);
  return path.reverse();
}

/**
 * From one place to another along the edges, in picture coordinates; straight where they lie too far apart.
 * @param {Point} from @param {Point} to
 * @param {number} width_px @param {number} height_px of the picture
 * @param {(x: number, y: number, width: number, height: number) => Pixels} read pixels of a window
 * @returns {Point[]} without `from`, ending in `to`
 */
export function follow(from, to, width_px, height_px, read) {
  if (Math.abs(from[0] - to[0]) > REACH_PX || Math.abs(from[1] - to[1]) > REACH_PX) return [to];
  /** @param {Point} p @returns {Point} */
  const pixel = ([x, y]) => [Math.min(width_px - 1, Math.max(0, Math.floor(x))), Math.min(height_px - 1, Math.max(0, Math.floor(y)))];
  const a = pixel(from);
  const b = pixel(to);
  const x0 = Math.max(0, Math.min(a[0], b[0]) - MARGIN_PX);
  const y0 = Math.max(0, Math.min(a[1], b[1]) - MARGIN_PX);
  const width = Math.min(width_px, Math.max(a[0], b[0]) + MARGIN_PX + 1) - x0;
  const height = Math.min(height_px, Math.max(a[1], b[1]) + MARGIN_PX + 1) - y0;
  const strength = edges(read(x0, y0, width, height));
  const path = cheapest(strength, width, height, [a[0] - x0, a[1] - y0], [b[0] - x0, b[1] - y0]);
  return [...path.slice(1, -1).map(([x, y]) => /** @type {Point} */ ([x + x0 + 0.5, y + y0 + 0.5])), to];
}
