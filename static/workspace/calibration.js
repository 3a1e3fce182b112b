/**
 * Lengths and areas in millimetres where the picture is calibrated, each with how far off it may be.
 * The server's twin, `apps/annotation/domain/measures.py`, says it in words and has the same vectors.
 */

import { decodeRle } from "./canvas/rle.js";
import { corners } from "./canvas/shapes.js";

/** @typedef {import("./types.js").Shape} Shape */
/** @typedef {import("./types.js").Region} Region */
/** @typedef {{kind: "length" | "width" | "height" | "area", value: number, uncertainty: number, unit: "mm" | "mm2"}} Measure */
/** @typedef {[number, number]} Point */

/** @type {WeakMap<import("./types.js").Rle, {pixels: number, edges: number, corners: Point[]}>} */
const masks = new WeakMap();

/** Pixels of a mask, edges between one of them and one outside, and the corners of its box. @param {import("./types.js").Rle} rle */
function sizeOf(rle) {
  const held = masks.get(rle);
  if (held) return held;
  const [height, width] = rle.size;
  const mask = decodeRle(rle);
  let [pixels, edges] = [0, 0];
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let at = mask.indexOf(1); at >= 0; at = mask.indexOf(1, at + 1)) {
    const x = Math.floor(at / height);
    const y = at - x * height;
    pixels++;
    if (y === 0 || !mask[at - 1]) edges++;
    if (y === height - 1 || !mask[at + 1]) edges++;
    if (x === 0 || !mask[at - height]) edges++;
    if (x === width - 1 || !mask[at + height]) edges++;
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x + 1), Math.max(y1, y + 1)];
  }
  const found = { pixels, edges, corners: /** @type {Point[]} */ (pixels ? [[x0, y0], [x1, y1]] : []) };
  masks.set(rle, found);
  return found;
}

/** @param {Shape} shape @returns {Point[]} */
function pointsOf(shape) {
  if (shape.type === "polyline" || shape.type === "polygon") return shape.points;
  if (shape.type === "rotated_box") return corners(shape.rotated_box);
  if (shape.type === "mask") return sizeOf(shape.rle).corners;
  if (shape.type !== "box") return [];
  const [x, y, w, h] = shape.box;
  return [[x, y], [x + w, y], [x + w, y + h], [x, y + h]];
}

/** @param {Measure["kind"]} kind @param {Point[]} points @param {Region} region @returns {Measure} */
function lengthOf(kind, points, { mm_per_px_x: sx, mm_per_px_y: sy }) {
  let [value, uncertainty] = [0, 0];
  for (let i = 0; i + 1 < points.length; i++) {
    const dx = Math.abs(points[i + 1][0] - points[i][0]) * sx;
    const dy = Math.abs(points[i + 1][1] - points[i][1]) * sy;
    const far = Math.hypot(dx, dy);
    value += far;
    if (far) uncertainty += (dx * sx + dy * sy) / far;
  }
  return { kind, value, uncertainty, unit: "mm" };
}

/** @param {Point[]} points @param {Region} region @returns {Measure} */
function areaOf(points, { mm_per_px_x: sx, mm_per_px_y: sy }) {
  let [twice, error] = [0, 0];
  const n = points.length;
  points.forEach((here, i) => {
    const before = points[(i + n - 1) % n];
    const after = points[(i + 1) % n];
    twice += here[0] * after[1] - after[0] * here[1];
    error += (Math.abs(after[0] - before[0]) + Math.abs(after[1] - before[1])) / 4;
  });
  return { kind: "area", value: (Math.abs(twice) / 2) * sx * sy, uncertainty: error * sx * sy, unit: "mm2" };
}

/**
 * What can be measured of a shape: nothing where it is not in one region as a whole.
 * @param {Shape} shape @param {Region[]} regions @returns {Measure[]}
 */
export function measures(shape, regions) {
  if (!regions.length) return [];
  const points = pointsOf(shape);
  const region = points.length
    ? regions.find((r) => points.every(([x, y]) => r.x0_px <= x && x <= r.x1_px && r.y0_px <= y && y <= r.y1_px))
    : undefined;
  if (!region) return [];
  if (shape.type === "polyline") return [lengthOf("length", points, region)];
  if (shape.type === "polygon") return [areaOf(points, region)];
  if (shape.type === "mask") {
    const { pixels, edges } = sizeOf(shape.rle);
    const px = region.mm_per_px_x * region.mm_per_px_y;
    return [{ kind: "area", value: pixels * px, uncertainty: (edges / 2) * px, unit: "mm2" }];
  }
  return [lengthOf("width", points.slice(0, 2), region), lengthOf("height", points.slice(1, 3), region), areaOf(points, region)];
}

/** As many digits as the uncertainty bears: `12.3 ± 0.4 mm`. @param {Measure} measure */
export function inWords({ value, uncertainty, unit }) {
  const digits = uncertainty >= 10 ? 0 : uncertainty >= 1 ? 1 : Math.min(3, Math.ceil(-Math.log10(uncertainty || 0.01)));
  return `${value.toFixed(digits)} ± ${uncertainty.toFixed(digits)} ${unit === "mm2" ? "mm²" : "mm"}`;
}
