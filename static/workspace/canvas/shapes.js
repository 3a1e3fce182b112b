/** Shapes made of points: how each is drawn, hit, moved and reshaped. Masks, tips and boxes have their own places. */

/** @typedef {import("../types.js").Shape} Shape */
/** @typedef {[number, number]} Point */
/** @typedef {Exclude<Shape, import("../types.js").MaskShape | import("../types.js").TipShape | import("../types.js").BoxShape>} PointShape */

/** @param {number} v */
export const round3 = (v) => Math.round(v * 1000) / 1000;

/** Edges of a cuboid: near face, far face, and what joins them. @type {[number, number][]} */
const CUBOID = [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]];

/** @param {Shape | null | undefined} shape @returns {shape is PointShape} */
export function hasPoints(shape) {
  return Boolean(shape) && shape?.type !== "mask" && shape?.type !== "tip" && shape?.type !== "box";
}

/** Corners of a rotated box, clockwise from what was its top left. @param {number[]} rotated @returns {Point[]} */
export function corners([x, y, w, h, degrees]) {
  const c = Math.cos((degrees * Math.PI) / 180);
  const s = Math.sin((degrees * Math.PI) / 180);
  return /** @type {Point[]} */ ([[-1, -1], [1, -1], [1, 1], [-1, 1]]).map(([u, v]) => [
    x + (u * w * c - v * h * s) / 2,
    y + (u * w * s + v * h * c) / 2,
  ]);
}

/** Where a shape can be taken hold of; null for a keypoint that is not placed. @param {PointShape} shape @returns {(Point | null)[]} */
export function handles(shape) {
  if (shape.type === "rotated_box") return corners(shape.rotated_box);
  if (shape.type === "keypoints") return shape.points.map(([x, y, seen]) => (seen ? [x, y] : null));
  return shape.points;
}

/** Pairs of handles that a line joins. @param {PointShape} shape @param {[number, number][]} skeleton @returns {[number, number][]} */
function edges(shape, skeleton) {
  if (shape.type === "keypoints") return skeleton;
  if (shape.type === "cuboid") return CUBOID;
  const count = handles(shape).length;
  /** @type {[number, number][]} */
  const chain = Array.from({ length: count - 1 }, (_, m) => [m, m + 1]);
  return shape.type === "polygon" || shape.type === "rotated_box" ? [...chain, [count - 1, 0]] : chain;
}

/** Straight lines: x, y, x, y of each. One of these is filled over and over: a frame has thousands of lines. */
export class Pieces {
  constructor() {
    this.ends = new Float64Array(1024);
    /** How many numbers of `ends` are in use. */
    this.count = 0;
  }

  /** @param {number} ax @param {number} ay @param {number} bx @param {number} by */
  add(ax, ay, bx, by) {
    if (this.count + 4 > this.ends.length) {
      const held = this.ends;
      this.ends = new Float64Array(2 * held.length);
      this.ends.set(held);
    }
    const { ends, count } = this;
    ends[count] = ax;
    ends[count + 1] = ay;
    ends[count + 2] = bx;
    ends[count + 3] = by;
    this.count = count + 4;
  }
}

/**
 * Adds the lines of a shape, in picture coordinates.
 * @param {PointShape} shape @param {[number, number][]} skeleton @param {Pieces} into
 */
export function addPieces(shape, skeleton, into) {
  const places = handles(shape);
  if (shape.type === "keypoints" || shape.type === "cuboid") {
    for (const [from, to] of edges(shape, skeleton)) {
      const [a, b] = [places[from], places[to]];
      if (a && b) into.add(a[0], a[1], b[0], b[1]);
    }
    return;
  }
  const points = /** @type {Point[]} */ (places);
  const closed = shape.type === "polygon" || shape.type === "rotated_box";
  let before = points[closed ? points.length - 1 : 0];
  // The line that closes an outline comes first: so each begins where the one before ends.
  for (let m = closed ? 0 : 1; m < points.length; m++) {
    const next = points[m];
    into.add(before[0], before[1], next[0], next[1]);
    before = next;
  }
}

/** @param {PointShape} shape @param {[number, number][]} [skeleton] @returns {Path2D} */
export function pathOf(shape, skeleton = []) {
  const path = new Path2D();
  const pieces = new Pieces();
  addPieces(shape, skeleton, pieces);
  const { ends, count } = pieces;
  for (let i = 0; i < count; i += 4) {
    path.moveTo(ends[i], ends[i + 1]);
    path.lineTo(ends[i + 2], ends[i + 3]);
  }
  return path;
}

/** @param {Point} p @param {Point} a @param {Point} b distance to the segment */
function away(p, a, b) {
  const dx = b[0] - a[0];
  const dy = b[1] - a[1];
  const length2 = dx * dx + dy * dy;
  const t = length2 ? Math.max(0, Math.min(1, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2)) : 0;
  return Math.hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy);
}

/** @param {Point} p @param {Point[]} ring even-odd */
function within(p, ring) {
  let inside = false;
  ring.forEach(([ax, ay], m) => {
    const [bx, by] = ring[(m + 1) % ring.length];
    if (ay > p[1] !== by > p[1] && p[0] < ax + ((bx - ax) * (p[1] - ay)) / (by - ay)) inside = !inside;
  });
  return inside;
}

/**
 * Whether a place takes hold of a shape: by a handle (its number), or as a whole (-1).
 * @param {PointShape} shape @param {Point} point @param {number} near @param {[number, number][]} [skeleton]
 * @returns {{away: number, handle: number} | null}
 */
export function hit(shape, point, near, skeleton = []) {
  const places = handles(shape);
  let best = -1;
  let least = near;
  places.forEach((p, m) => {
    const d = p ? Math.hypot(point[0] - p[0], point[1] - p[1]) : Infinity;
    if (d < least) {
      least = d;
      best = m;
    }
  });
  if (best >= 0) return { away: least, handle: best };
  for (const [from, to] of edges(shape, skeleton)) {
    const a = places[from];
    const b = places[to];
    if (a && b && away(point, a, b) < near) return { away: near, handle: -1 };
  }
  const closed = shape.type === "polygon" || shape.type === "rotated_box";
  if (closed && within(point, /** @type {Point[]} */ (places))) return { away: near * 1.5, handle: -1 };
  return null;
}

/** @param {PointShape} shape @returns {[number, number, number, number]} x0, y0, x1, y1 around its placed points */
export function bounds(shape) {
  const placed = /** @type {Point[]} */ (handles(shape).filter(Boolean));
  const xs = placed.map((p) => p[0]);
  const ys = placed.map((p) => p[1]);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** The shape moved as a whole, kept inside the picture. @param {PointShape} shape @param {number} dx @param {number} dy @param {number} width @param {number} height @returns {PointShape} */
export function shifted(shape, dx, dy, width, height) {
  const [x0, y0, x1, y1] = bounds(shape);
  const mx = Math.max(-x0, Math.min(width - x1, dx));
  const my = Math.max(-y0, Math.min(height - y1, dy));
  if (shape.type === "rotated_box") {
    const [x, y, ...rest] = shape.rotated_box;
    return { type: shape.type, rotated_box: /** @type {any} */ ([round3(x + mx), round3(y + my), ...rest]) };
  }
  if (shape.type === "keypoints") {
    return { type: shape.type, points: shape.points.map(([x, y, seen]) => (seen ? [round3(x + mx), round3(y + my), seen] : [x, y, seen])) };
  }
  return { type: shape.type, points: shape.points.map(([x, y]) => /** @type {Point} */ ([round3(x + mx), round3(y + my)])) };
}

/**
 * The shape with one handle taken to a place. A corner of a rotated box keeps the opposite one where it is.
 * @param {PointShape} shape @param {number} handle @param {Point} to @returns {PointShape}
 */
export function reshaped(shape, handle, to) {
  if (shape.type === "rotated_box") {
    const [, , , , degrees] = shape.rotated_box;
    const fixed = corners(shape.rotated_box)[(handle + 2) % 4];
    const c = Math.cos((degrees * Math.PI) / 180);
    const s = Math.sin((degrees * Math.PI) / 180);
    const dx = to[0] - fixed[0];
    const dy = to[1] - fixed[1];
    const w = Math.max(1, Math.abs(dx * c + dy * s));
    const h = Math.max(1, Math.abs(dy * c - dx * s));
    const values = [(to[0] + fixed[0]) / 2, (to[1] + fixed[1]) / 2, w, h, degrees].map(round3);
    return { type: shape.type, rotated_box: /** @type {any} */ (values) };
  }
  if (shape.type === "keypoints") {
    return { type: shape.type, points: shape.points.map((p, m) => (m === handle ? [to[0], to[1], p[2] || 2] : p)) };
  }
  return { type: shape.type, points: shape.points.map((p, m) => (m === handle ? to : p)) };
}

/** A box turned to lie along its first side: three places give centre, size and angle. @param {Point[]} points @returns {PointShape} */
export function rotatedBoxOf([a, b, c]) {
  const angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
  const w = Math.hypot(b[0] - a[0], b[1] - a[1]);
  const off = (c[1] - a[1]) * Math.cos(angle) - (c[0] - a[0]) * Math.sin(angle);
  const mx = (a[0] + b[0]) / 2 - (Math.sin(angle) * off) / 2;
  const my = (a[1] + b[1]) / 2 + (Math.cos(angle) * off) / 2;
  const values = [mx, my, Math.max(1, w), Math.max(1, Math.abs(off)), (angle * 180) / Math.PI].map(round3);
  return { type: "rotated_box", rotated_box: /** @type {any} */ (values) };
}

/** Three places give a cuboid: two opposite corners of the near face, then where its first corner lies on the far face.
 * @param {Point[]} points @returns {PointShape} */
export function cuboidOf([a, b, far]) {
  const [x0, x1] = [Math.min(a[0], b[0]), Math.max(a[0], b[0])];
  const [y0, y1] = [Math.min(a[1], b[1]), Math.max(a[1], b[1])];
  /** @type {Point[]} */
  const near = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  const [dx, dy] = [far[0] - x0, far[1] - y0];
  return { type: "cuboid", points: [...near, ...near.map(([x, y]) => /** @type {Point} */ ([round3(x + dx), round3(y + dy)]))] };
}

/** What is said of a shape in words. @param {PointShape} shape */
export function words(shape) {
  if (shape.type === "rotated_box") {
    const [, , w, h, angle] = shape.rotated_box;
    return `${w.toFixed(1)} × ${h.toFixed(1)} px, ${angle.toFixed(1)}°`;
  }
  if (shape.type === "keypoints") return `${shape.points.filter((p) => p[2]).length} of ${shape.points.length} points`;
  if (shape.type === "shaft") {
    const [a, b] = shape.points;
    return `${Math.hypot(b[0] - a[0], b[1] - a[1]).toFixed(1)} px`;
  }
  return `${shape.points.length} points`;
}

/**
 * A shape moved (masks stay), kept inside the picture.
 * @param {Shape} shape @param {number} dx @param {number} dy @param {number} width @param {number} height
 * @returns {Shape}
 */
export function moved(shape, dx, dy, width, height) {
  /** @param {number} v @param {number} high */
  const clamp = (v, high) => Math.round(Math.max(0, Math.min(high, v)) * 1000) / 1000;
  if (shape.type === "tip") {
    return { type: "tip", point: [clamp(shape.point[0] + dx, width), clamp(shape.point[1] + dy, height)] };
  }
  if (shape.type === "box") {
    const [x, y, w, h] = shape.box;
    return { type: "box", box: [clamp(x + dx, width - w), clamp(y + dy, height - h), w, h] };
  }
  if (hasPoints(shape)) return shifted(shape, dx, dy, width, height);
  return shape;
}
