/** Shapes of several points, placed one after the other: which come next, and the shape once they are there. */

import { cuboidOf, rotatedBoxOf } from "./shapes.js";

/** @typedef {import("../types.js").LabelClass} LabelClass */
/** @typedef {[number, number]} Point */
/** @typedef {import("./shapes.js").PointShape} PointShape */

/** Geometries that the points tool places. */
export const POINT_GEOMETRIES = new Set(["rotated_box", "shaft", "polygon", "polyline", "keypoints", "cuboid"]);

/** How many points a shape of a class is made of; null where Enter ends it. @param {LabelClass} own */
export function wanted(own) {
  if (own.geometry === "shaft") return 2;
  if (own.geometry === "rotated_box" || own.geometry === "cuboid") return 3;
  if (own.geometry === "keypoints") return own.skeleton?.points.length ?? 1;
  return null;
}

/** What the next point is, in words. @param {LabelClass} own @param {number} placed */
export function nextPoint(own, placed) {
  if (own.geometry === "shaft") return placed ? "where the shaft leaves the view" : "the tip";
  if (own.geometry === "rotated_box") return ["one end of a side", "its other end", "the side opposite"][placed] ?? "";
  if (own.geometry === "cuboid") return ["a corner of the near face", "the corner opposite", "its top left corner on the far face"][placed] ?? "";
  if (own.geometry === "keypoints") return own.skeleton?.points[placed]?.name ?? "";
  return "a point; Enter closes";
}

/**
 * The shape that points placed so far make, or why they make none yet.
 * @param {LabelClass} own @param {Point[]} points @param {boolean[]} hidden  which keypoints are hidden
 * @returns {{shape: PointShape} | {missing: string}}
 */
export function shapeOf(own, points, hidden) {
  const { geometry } = own;
  if (geometry === "polygon") return points.length < 3 ? { missing: "An outline needs three points" } : { shape: { type: geometry, points } };
  if (geometry === "polyline") return points.length < 2 ? { missing: "A line needs two points" } : { shape: { type: geometry, points } };
  if (geometry === "keypoints") {
    const all = own.skeleton?.points ?? [];
    if (!points.length) return { missing: "No point is placed" };
    const placed = all.map((_, m) => /** @type {[number, number, number]} */ (points[m] ? [...points[m], hidden[m] ? 1 : 2] : [0, 0, 0]));
    return { shape: { type: geometry, points: placed } };
  }
  if (points.length < (wanted(own) ?? 0)) return { missing: `Still to place: ${nextPoint(own, points.length)}` };
  if (geometry === "shaft") return { shape: { type: geometry, points } };
  if (geometry === "rotated_box") return { shape: rotatedBoxOf(points) };
  return { shape: cuboidOf(points) };
}
