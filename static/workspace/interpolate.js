/**
 * Geometry between keyframes, as "linear@1" and "shape@1" define it (the server's
 * `apps/annotation/domain/interpolate.py` says it in words and has the same vectors).
 */

import { chunkOf } from "./chunks.js";
import { morphOf } from "./morph.js";
import { pairsOf, pointsBetween } from "./outline.js";

/** @typedef {import("./types.js").Track} Track */
/** @typedef {import("./types.js").Expanded} Expanded */
/** @typedef {import("./types.js").Shape} Shape */
/** @typedef {import("./types.js").Keyframe} Keyframe */
/** @typedef {import("./types.js").LabelClass} LabelClass */
/** @typedef {{kind: string, max_gap_frames: number | null}} Rule */

/** Geometries that "linear@1" knew: without a stated interpolation they expand as they always did. */
const FIRST = new Set(["mask", "tip", "box"]);

/** @param {string} geometry @returns {Rule} */
function defaultRule(geometry) {
  if (geometry === "mask") return { kind: "none", max_gap_frames: null };
  return { kind: geometry === "polygon" || geometry === "polyline" ? "outline" : "linear", max_gap_frames: null };
}

/**
 * How tracks of a class are filled in between keyframes.
 * @param {Pick<LabelClass, "geometry" | "interpolation" | "max_keyframe_gap_frames">} labelClass
 * @returns {Rule}
 */
export function ruleOf(labelClass) {
  const own = defaultRule(labelClass.geometry);
  if (!labelClass.interpolation && FIRST.has(labelClass.geometry)) return own;
  return { kind: labelClass.interpolation ?? own.kind, max_gap_frames: labelClass.max_keyframe_gap_frames ?? null };
}

/** Whether anything stands between two keyframes, the first of which is not absent. @param {Rule} rule @param {number} i @param {number} j */
export function isBridged(rule, i, j) {
  return rule.kind !== "none" && (rule.max_gap_frames === null || j - i <= rule.max_gap_frames);
}

/** @type {WeakMap<object, object>} */
const stamps = new WeakMap();

/**
 * What is worked out from a track's keyframes is kept under this: another object after every change. The container is
 * replaced by a change, and keeps its place only where more of it was read (`grow`).
 * @param {Track["keyframes"]} keyframes @returns {object}
 */
export const stampOf = (keyframes) => stamps.get(keyframes) ?? keyframes;

/** @type {WeakMap<object, number[]>} */
const sortedFrames = new WeakMap();

/**
 * Puts keyframes that were read beside those of a track; what is there already stands.
 * @param {Pick<Track, "keyframes">} track @param {Track["keyframes"][]} read  each ascending
 */
export function grow(track, read) {
  const { keyframes } = track;
  const frames = [...keyframeFrames(track)];
  for (const part of read) {
    for (const frame of Object.keys(part)) {
      if (keyframes[frame]) continue;
      keyframes[frame] = part[frame];
      frames.push(Number(frame));
    }
  }
  const stamp = {};
  stamps.set(keyframes, stamp);
  sortedFrames.set(stamp, frames.sort((a, b) => a - b));
}

/**
 * Frame indices of a track's keyframes, ascending.
 * @param {Pick<Track, "keyframes">} track
 * @returns {number[]}
 */
export function keyframeFrames(track) {
  const stamp = stampOf(track.keyframes);
  const held = sortedFrames.get(stamp);
  if (held) return held;
  // Keys that are whole numbers come in ascending order.
  const frames = Object.keys(track.keyframes).map(Number);
  sortedFrames.set(stamp, frames);
  return frames;
}

/**
 * Largest position whose value is <= wanted, or -1.
 * @param {ArrayLike<number>} sorted
 * @param {number} wanted
 */
export function lastAtOrBefore(sorted, wanted) {
  let low = 0;
  let high = sorted.length - 1;
  let found = -1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= wanted) {
      found = middle;
      low = middle + 1;
    } else {
      high = middle - 1;
    }
  }
  return found;
}

/**
 * Whether the keyframes that say what a track shows at a frame are here (windows.js reads them).
 * @param {Pick<Track, "keyframes" | "missing">} track @param {number} frame
 */
export function isRead(track, frame) {
  const missing = track.missing;
  if (!missing?.length) return true;
  const frames = keyframeFrames(track);
  const at = lastAtOrBefore(frames, frame);
  if (at >= 0 && frames[at] === frame) return true;
  const own = lastAtOrBefore(missing, chunkOf(frame));
  if (own >= 0 && missing[own] > (at < 0 ? -1 : chunkOf(frames[at]))) return false;
  const next = missing[own + 1];
  return at < 0 || next === undefined || (at + 1 < frames.length && next > chunkOf(frames[at + 1]));
}

/**
 * What a track shows at one frame, or null where it does not exist or is not read yet.
 * @param {Pick<Track, "keyframes" | "missing">} track
 * @param {number} frameIndex
 * @param {Rule} [rule] that of the track's class; left out: the geometry's own
 * @returns {Expanded | null}
 */
export function expandAt(track, frameIndex, rule) {
  const frames = keyframeFrames(track);
  const at = lastAtOrBefore(frames, frameIndex);
  if (at < 0 || (track.missing?.length && !isRead(track, frameIndex))) return null;
  const before = track.keyframes[String(frames[at])];
  if (frames[at] === frameIndex) {
    return {
      frame_index: frameIndex,
      state: before.state,
      shape: before.state === "absent" ? null : before.shape,
      interpolated: false,
    };
  }
  if (at === frames.length - 1) return null;
  if (before.state === "absent") {
    return { frame_index: frameIndex, state: "absent", shape: null, interpolated: true };
  }
  const after = track.keyframes[String(frames[at + 1])];
  if (!before.shape) return null;
  const held = rule ?? defaultRule(before.shape.type);
  if (!isBridged(held, frames[at], frames[at + 1])) return null;
  const shape =
    after.state === "absent" || !after.shape || after.shape.type !== before.shape.type
      ? before.shape
      : between(before.shape, after.shape, frames[at], frames[at + 1], frameIndex, held.kind);
  return { frame_index: frameIndex, state: before.state, shape, interpolated: true };
}

/**
 * @param {Shape} a @param {Shape} b @param {number} i @param {number} j @param {number} f
 * @param {string} kind
 * @returns {Shape}
 */
function between(a, b, i, j, f, kind) {
  /** @param {number} p @param {number} q */
  const mix = (p, q) => p + ((q - p) * (f - i)) / (j - i);
  if (a.type === "tip" && b.type === "tip") {
    return { type: "tip", point: [mix(a.point[0], b.point[0]), mix(a.point[1], b.point[1])] };
  }
  if (a.type === "box" && b.type === "box") {
    const [x, y, w, h] = a.box;
    const [x2, y2, w2, h2] = b.box;
    return { type: "box", box: [mix(x, x2), mix(y, y2), mix(w, w2), mix(h, h2)] };
  }
  if (a.type === "mask" && b.type === "mask") return { type: "mask", rle: morphOf(a.rle, b.rle).at(i, f, j) };
  if (a.type === "rotated_box" && b.type === "rotated_box") {
    const [x, y, w, h, angle] = a.rotated_box;
    const [x2, y2, w2, h2, angle2] = b.rotated_box;
    let turn = angle2 - angle;
    turn -= 180 * Math.floor(turn / 180 + 0.5);
    const now = angle + (turn * (f - i)) / (j - i);
    return { type: "rotated_box", rotated_box: [mix(x, x2), mix(y, y2), mix(w, w2), mix(h, h2), now] };
  }
  if (a.type === "keypoints" && b.type === "keypoints") {
    const points = a.points.map(([x, y, seen], m) => {
      const [x2, y2, seen2] = b.points[m];
      return /** @type {[number, number, number]} */ (seen && seen2 ? [mix(x, x2), mix(y, y2), seen] : [x, y, seen]);
    });
    return { type: "keypoints", points };
  }
  if ((a.type === "polygon" || a.type === "polyline") && b.type === a.type && kind === "outline") {
    return { type: a.type, points: pointsBetween(pairsOf(a.points, b.points, a.type === "polygon"), i, f, j) };
  }
  if ((a.type === "shaft" || a.type === "cuboid") && b.type === a.type) {
    const points = a.points.map(([x, y], m) => /** @type {[number, number]} */ ([mix(x, b.points[m][0]), mix(y, b.points[m][1])]));
    return { type: a.type, points };
  }
  return a;
}

/**
 * Every frame at which a track has something to say, first to last keyframe.
 * @param {Pick<Track, "keyframes">} track
 * @param {Rule} [rule]
 * @returns {Expanded[]}
 */
export function expandTrack(track, rule) {
  const frames = keyframeFrames(track);
  /** @type {Expanded[]} */
  const out = [];
  if (!frames.length) return out;
  for (let f = frames[0]; f <= frames[frames.length - 1]; f++) {
    const here = expandAt(track, f, rule);
    if (here) out.push(here);
  }
  return out;
}
