/**
 * COCO run lengths, byte for byte as pycocotools writes them: column-major runs beginning with
 * zeros, compressed to text (cocoapi, common/maskApi.c: rleEncode, rleToString, rleFrString).
 */

/** @typedef {import("../types.js").Rle} Rle */

/**
 * @param {Uint8Array} mask  column-major (x * height + y), 0 or 1
 * @param {number} height_px
 * @param {number} width_px
 * @returns {Rle}
 */
export function encodeRle(mask, height_px, width_px) {
  if (mask.length !== height_px * width_px) {
    throw new RangeError(`mask has ${mask.length} bytes, the picture ${height_px * width_px} pixels`);
  }
  return { size: [height_px, width_px], counts: countsToText(runs(mask)) };
}

/**
 * @param {Uint8Array} mask
 * @returns {number[]} run lengths, the first of zeros (may be 0)
 */
export function runs(mask) {
  /** @type {number[]} */
  const counts = [];
  let value = 0;
  let at = 0;
  while (at < mask.length) {
    const next = mask.indexOf(1 - value, at);
    const end = next < 0 ? mask.length : next;
    counts.push(end - at);
    at = end;
    value = 1 - value;
  }
  return counts.length ? counts : [0];
}

/**
 * @param {Rle} rle
 * @returns {Uint8Array} column-major (x * height + y), 0 or 1
 */
export function decodeRle(rle) {
  const [height, width] = rle.size;
  const mask = new Uint8Array(height * width);
  let at = 0;
  let value = 0;
  for (const count of textToCounts(rle.counts)) {
    if (value) mask.fill(1, at, at + count);
    at += count;
    value = 1 - value;
  }
  if (at !== mask.length) throw new RangeError(`run lengths cover ${at} of ${mask.length} pixels`);
  return mask;
}

/**
 * Only the rectangle around what is set.
 * @param {Rle} rle
 * @returns {{box: import("./mask.js").Rect, data: Uint8Array} | null} data column-major; null: nothing is set
 */
export function decodeBox(rle) {
  const [height, width] = rle.size;
  const counts = textToCounts(rle.counts);
  const box = { x0: width, y0: height, x1: 0, y1: 0 };
  let at = 0;
  counts.forEach((count, i) => {
    const end = at + count;
    if (i % 2 && count) {
      const first = Math.floor(at / height);
      const last = Math.floor((end - 1) / height);
      box.x0 = Math.min(box.x0, first);
      box.x1 = last + 1;
      // A run that goes over into the next column has the last row and the first one.
      box.y0 = first === last ? Math.min(box.y0, at - first * height) : 0;
      box.y1 = first === last ? Math.max(box.y1, end - first * height) : height;
    }
    at = end;
  });
  if (at !== height * width) throw new RangeError(`run lengths cover ${at} of ${height * width} pixels`);
  if (box.x1 <= box.x0) return null;
  const high = box.y1 - box.y0;
  const data = new Uint8Array((box.x1 - box.x0) * high);
  at = 0;
  counts.forEach((count, i) => {
    for (let from = at; i % 2 && from < at + count; ) {
      const x = Math.floor(from / height);
      const end = Math.min(at + count, (x + 1) * height);
      const own = (x - box.x0) * high - x * height - box.y0;
      data.fill(1, own + from, own + end);
      from = end;
    }
    at += count;
  });
  return { box, data };
}

/** @param {number[]} counts */
export function countsToText(counts) {
  let text = "";
  for (let i = 0; i < counts.length; i++) {
    let x = counts[i];
    if (i > 2) x -= counts[i - 2];
    let more = true;
    while (more) {
      let c = x & 0x1f;
      x >>= 5;
      more = c & 0x10 ? x !== -1 : x !== 0;
      if (more) c |= 0x20;
      text += String.fromCharCode(c + 48);
    }
  }
  return text;
}

/** @param {string} text @returns {number[]} */
export function textToCounts(text) {
  /** @type {number[]} */
  const counts = [];
  let p = 0;
  while (p < text.length) {
    let x = 0;
    let k = 0;
    let more = true;
    while (more) {
      const c = text.charCodeAt(p) - 48;
      if (Number.isNaN(c) || c < 0 || c > 63) throw new RangeError("not a COCO run-length text");
      x |= (c & 0x1f) << (5 * k);
      more = (c & 0x20) !== 0;
      p++;
      k++;
      if (!more && c & 0x10) x |= -1 << (5 * k);
    }
    if (counts.length > 2) x += counts[counts.length - 2];
    counts.push(x);
  }
  return counts;
}

/** Asked for on every frame. @type {WeakMap<Rle, number>} */
const areas = new WeakMap();

/**
 * Number of pixels in a mask.
 * @param {Rle} rle
 */
export function rleArea(rle) {
  const held = areas.get(rle);
  if (held !== undefined) return held;
  let area = 0;
  textToCounts(rle.counts).forEach((count, i) => {
    if (i % 2) area += count;
  });
  areas.set(rle, area);
  return area;
}
