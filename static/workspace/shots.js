/**
 * Changes of shot: nothing is filled in over one. Where a keyframe is put beyond a change, the track is absent from the
 * change to there, or, right at the change, stays as it was up to it. Pure: tracks in, operations out.
 */

import { chunkOf } from "./chunks.js";
import { isBridged, keyframeFrames, lastAtOrBefore, stampOf } from "./interpolate.js";

/** @typedef {import("./types.js").Track} Track */
/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {import("./types.js").Keyframe} Keyframe */
/** @typedef {import("./interpolate.js").Rule} Rule */

/** The first change in (from, to], or undefined. @param {number[]} shots ascending @param {number} from @param {number} to frames */
export function changeBetween(shots, from, to) {
  const first = shots[lastAtOrBefore(shots, from) + 1];
  return first !== undefined && first <= to ? first : undefined;
}

/**
 * What keeps a new keyframe from being joined to its neighbours over a change of shot.
 * @param {Track} track @param {string} object @param {number} frame of the keyframe to come
 * @param {Keyframe} keyframe that one @param {number[]} shots @param {Rule} rule of the track's class
 * @returns {Operation[]} none where nothing is bridged
 */
export function shotGuards(track, object, frame, keyframe, shots, rule) {
  const frames = keyframeFrames(track);
  if (!shots.length || track.keyframes[String(frame)]) return [];
  const at = lastAtOrBefore(frames, frame);
  const before = frames[at];
  const after = frames[at + 1];
  /** @type {Operation[]} */
  const ops = [];
  if (before !== undefined && isNext(track, before, frame)) {
    ops.push(...guard(object, [before, frame], [track.keyframes[String(before)], keyframe], shots, rule));
  }
  if (after !== undefined && isNext(track, frame, after)) {
    ops.push(...guard(object, [frame, after], [keyframe, track.keyframes[String(after)]], shots, rule));
  }
  return ops;
}

/** @param {string} object @param {[number, number]} span two keyframes @param {[Keyframe, Keyframe]} keyframes these @param {number[]} shots @param {Rule} rule @returns {Operation[]} */
function guard(object, [from, to], [first, second], shots, rule) {
  const { state, shape, attributes } = first;
  if (state === "absent" || !shape || !isBridged(rule, from, to)) return [];
  const change = changeBetween(shots, from, to);
  if (change === undefined) return [];
  if (change < to) return [{ op: "keyframe.set", object, frame_index: change, state: "absent", shape: null, attributes: { ...attributes } }];
  // Up to an absence it stays as it was without more.
  if (change - 1 === from || second.state === "absent") return [];
  return [{ op: "keyframe.set", object, frame_index: change - 1, state, shape, attributes: { ...attributes } }];
}

/** Whether no keyframes that are not read lie between two frames. @param {Track} track @param {number} from @param {number} to */
function isNext(track, from, to) {
  const { missing } = track;
  if (!missing?.length) return true;
  const chunk = missing[lastAtOrBefore(missing, chunkOf(from) - 1) + 1];
  return chunk === undefined || chunk > chunkOf(to);
}

/**
 * Whether the keyframe before or after a frame may be one that is not read. @param {Track} track
 * @param {number} frame at which there may be one
 */
export function isUnreadBeside(track, frame) {
  const { missing } = track;
  if (!missing?.length) return false;
  const frames = keyframeFrames(track);
  const at = lastAtOrBefore(frames, frame - 1);
  const after = frames[at + (frames[at + 1] === frame ? 2 : 1)];
  const own = lastAtOrBefore(missing, chunkOf(frame));
  if (own >= 0 && (at < 0 || missing[own] >= chunkOf(frames[at]))) return true;
  const next = missing[own + 1];
  return next !== undefined && (after === undefined || next <= chunkOf(after));
}

/** @type {WeakMap<object, [number, number]>} */
const held = new WeakMap();

/**
 * How often a track is filled in over a change of shot, and the first such change (-1 where none is).
 * @param {Track} track @param {number[]} shots @param {Rule} rule @returns {[number, number]}
 */
export function bridgedChanges(track, shots, rule) {
  const stamp = stampOf(track.keyframes);
  const known = held.get(stamp);
  if (known) return known;
  const frames = keyframeFrames(track);
  /** @type {[number, number]} */
  const found = [0, -1];
  for (const change of frames.length > 1 ? shots : []) {
    const at = lastAtOrBefore(frames, change - 1);
    const [from, to] = [frames[at], frames[at + 1]];
    if (at < 0 || to === undefined || (from === change - 1 && to === change) || !isBridged(rule, from, to) || !isNext(track, from, to)) continue;
    const [one, two] = [track.keyframes[String(from)], track.keyframes[String(to)]];
    // Up to an absence a shape stays as it is: that is no bridge where the absence begins with the shot.
    if (one.state === "absent" || (two.state === "absent" && to === change)) continue;
    if (!found[0]++) found[1] = change;
  }
  held.set(stamp, found);
  return found;
}
