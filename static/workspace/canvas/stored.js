/**
 * Masks that are stored, made ready to be painted. Only the rectangle around each is worked out, and only those used
 * last are held: a clip may have a mask on every frame, and is played from end to end.
 */

import { MaskBuffer, outlineRings } from "./mask.js";
import { decodeBox } from "./rle.js";

/** @typedef {import("../types.js").Rle} Rle */
/** @typedef {import("./mask.js").Rect} Rect */

/** What is held at most, about; a mask that is larger is held until the next one comes. */
const HELD_BYTES = 96 * 1024 * 1024;
/** What a mask takes besides its pixels, about. */
const OWN_BYTES = 4096;
/** One for the mask, four for its fill. */
const PIXEL_BYTES = 5;
const CORNER_BYTES = 32;

class Stored {
  /** @param {Rle} rle */
  constructor(rle) {
    const found = decodeBox(rle);
    /** Around all that is set, in picture pixels; null: nothing is. @type {Rect | null} */
    this.box = found?.box ?? null;
    const width = found ? found.box.x1 - found.box.x0 : 0;
    const height = found ? found.box.y1 - found.box.y0 : 0;
    this.mask = new MaskBuffer(width, height, found?.data);
    const rings = found ? outlineRings(this.mask, { x0: 0, y0: 0, x1: width, y1: height }) : [];
    /** Its outline, in picture coordinates. */
    this.path = ringsPath(rings, this.box);
    this.bytes = OWN_BYTES + PIXEL_BYTES * width * height + CORNER_BYTES * rings.reduce((sum, ring) => sum + ring.length, 0);
    /** @type {Map<string, OffscreenCanvas>} */
    this.fills = new Map();
  }

  /** @param {number} x @param {number} y picture place */
  has(x, y) {
    return Boolean(this.box) && this.mask.has(x - (this.box?.x0 ?? 0), y - (this.box?.y0 ?? 0));
  }

  /** The mask in one colour, as large as its box. @param {string} color @returns {OffscreenCanvas | null} */
  fill(color) {
    if (!this.box) return null;
    let fill = this.fills.get(color);
    if (!fill) {
      fill = new OffscreenCanvas(this.mask.width, this.mask.height);
      fill.getContext("2d")?.putImageData(maskImage(this.mask, color), 0, 0);
      // A track's class may change its colour, while its mask is the same.
      this.fills.clear();
      this.fills.set(color, fill);
    }
    return fill;
  }
}

/** @param {[number, number][][]} rings @param {Rect | null} box  where they stand */
function ringsPath(rings, box) {
  const path = new Path2D();
  const [left, top] = [box?.x0 ?? 0, box?.y0 ?? 0];
  for (const ring of rings) {
    ring.forEach(([x, y], i) => (i ? path.lineTo(x + left, y + top) : path.moveTo(x + left, y + top)));
    path.closePath();
  }
  return path;
}

/** @param {MaskBuffer} mask @param {string} color @returns {ImageData} */
function maskImage(mask, color) {
  const { width, height, data } = mask;
  const n = parseInt(color.slice(1), 16);
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  const word = (255 << 24) | ((n & 255) << 16) | (n & 0xff00) | (n >> 16);
  for (let x = 0; x < width; x++) {
    const cells = data.subarray(x * height, (x + 1) * height);
    for (let y = cells.indexOf(1); y >= 0; ) {
      const end = cells.indexOf(0, y);
      for (const below = end < 0 ? height : end; y < below; y++) words[y * width + x] = word;
      y = cells.indexOf(1, y);
    }
  }
  return image;
}

/** Most recently used last. @type {Map<Rle, Stored>} */
const held = new Map();
let bytes = 0;

/** How many masks are held, and about how much they take. */
export const heldMasks = () => ({ count: held.size, bytes });

/** @param {Rle} rle */
export function prepareMask(rle) {
  const found = held.get(rle);
  if (found) {
    held.delete(rle);
    held.set(rle, found);
    return found;
  }
  const fresh = new Stored(rle);
  held.set(rle, fresh);
  bytes += fresh.bytes;
  for (const [old, stored] of held) {
    if (bytes <= HELD_BYTES || held.size <= 1) break;
    held.delete(old);
    bytes -= stored.bytes;
  }
  return fresh;
}

/** Whether a mask can be painted at once. @param {Rle} rle @param {string} color */
export const isPrepared = (rle, color) => {
  const found = held.get(rle);
  return Boolean(found) && (!found?.box || Boolean(found?.fills.has(color)));
};
