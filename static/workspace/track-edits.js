/** What can be done to a track as a whole, as operations. Pure: labels in, operations out. */

import { CHUNK_FRAMES } from "./chunks.js";
import { keyframeFrames, lastAtOrBefore } from "./interpolate.js";

/** @typedef {import("./types.js").Labels} Labels */
/** @typedef {import("./types.js").Track} Track */
/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {import("./types.js").Expanded} Expanded */
/** @typedef {import("./types.js").Shape} Shape */
/** @typedef {import("./types.js").Value} Value */

/** What the newest keyframe up to a frame says besides the track. @param {Track} track @param {number} frame @returns {Record<string, Value>} */
export function standing(track, frame) {
  const frames = keyframeFrames(track);
  const at = lastAtOrBefore(frames, frame);
  return at < 0 ? {} : { ...track.keyframes[String(frames[at])].attributes };
}

/**
 * An attribute's value from a frame on: a keyframe here says it, and so do the later ones up to where
 * it changes. Where it is said already, it is taken back to the track's own.
 * @param {Track} track @param {string} object @param {number} frame
 * @param {string} attribute @param {Value} value
 * @param {Expanded | null} here what the track shows on the frame @param {Shape | null} shape what a new keyframe starts from
 * @returns {Operation[]}
 */
export function attributeFromHere(track, object, frame, attribute, value, here, shape) {
  const held = standing(track, frame);
  const before = held[attribute];
  /** @param {Record<string, Value>} attributes */
  const changed = (attributes) => {
    const out = { ...attributes, [attribute]: value };
    if (before === value) delete out[attribute];
    return out;
  };
  const state = here?.state ?? "visible";
  const own = track.keyframes[String(frame)];
  if (!own && state !== "absent" && !shape) return [];
  /** @type {Operation[]} */
  const ops = [
    {
      op: "keyframe.set", object, frame_index: frame, state: own?.state ?? state,
      shape: own ? own.shape : state === "absent" ? null : (here?.shape ?? shape), attributes: changed(held),
    },
  ];
  for (const later of keyframeFrames(track).filter((f) => f > frame)) {
    const keyframe = track.keyframes[String(later)];
    if (keyframe.attributes[attribute] !== before) break;
    ops.push({ op: "keyframe.set", object, frame_index: later, ...keyframe, attributes: changed(keyframe.attributes) });
  }
  return ops;
}

/**
 * A track in two at a frame: the first part ends on the frame before, the second begins here, under a new UUID.
 * @param {Labels} labels @param {string} id @param {number} frame @param {(track: Track, frame: number) => Expanded | null} expand
 * @param {{object: string, number: number}} as the second part
 * @returns {Operation[]} none where the frame is not inside the track
 */
export function splitOperations(labels, id, frame, expand, as) {
  const track = labels.tracks[id];
  const frames = track ? keyframeFrames(track) : [];
  if (!frames.length || frame <= frames[0] || frame > frames[frames.length - 1]) return [];
  /** @type {Operation[]} */
  const ops = [
    { op: "track.create", object: as.object, clip: track.clip, class_id: track.class_id, number: as.number },
  ];
  if (Object.keys(track.attributes).length) ops.push({ op: "track.set", object: as.object, attributes: { ...track.attributes } });
  const here = expand(track, frame);
  if (here && !track.keyframes[String(frame)]) {
    ops.push({ op: "keyframe.set", object: as.object, frame_index: frame, state: here.state, shape: here.shape, attributes: standing(track, frame) });
  }
  for (const f of frames.filter((v) => v >= frame)) {
    ops.push({ op: "keyframe.set", object: as.object, frame_index: f, ...track.keyframes[String(f)] });
  }
  ops.push(...cutOperations(labels, id, frame, expand));
  return ops;
}

/**
 * What a track says from a frame on is taken away; it ends on the frame before.
 * @param {Labels} labels @param {string} id @param {number} frame @param {(track: Track, frame: number) => Expanded | null} expand
 * @returns {Operation[]}
 */
export function cutOperations(labels, id, frame, expand) {
  const track = labels.tracks[id];
  const frames = track ? keyframeFrames(track) : [];
  if (!frames.length || frame <= frames[0] || frame > frames[frames.length - 1]) return [];
  /** @type {Operation[]} */
  const ops = [];
  const last = expand(track, frame - 1);
  if (last && !track.keyframes[String(frame - 1)]) {
    ops.push({ op: "keyframe.set", object: id, frame_index: frame - 1, state: last.state, shape: last.shape, attributes: standing(track, frame - 1) });
  }
  for (const f of frames.filter((v) => v >= frame)) ops.push({ op: "keyframe.delete", object: id, frame_index: f });
  return ops;
}

/**
 * The track that a later one goes on from: of the same class, ending before it begins, the nearest.
 * @param {Labels} labels @param {string} id @returns {string | null}
 */
export function earlierPart(labels, id) {
  const track = labels.tracks[id];
  const first = track ? keyframeFrames(track)[0] : undefined;
  if (first === undefined) return null;
  /** @type {string | null} */
  let best = null;
  let reached = -1;
  for (const [other, held] of Object.entries(labels.tracks)) {
    if (other === id || held.clip !== track.clip || held.class_id !== track.class_id) continue;
    // Of one that is not all read yet, where its last chunk begins: it is read then, and asked again.
    const frames = keyframeFrames(held);
    const last = Math.max(frames[frames.length - 1] ?? -1, ...(held.missing ?? []).slice(-1).map((c) => c * CHUNK_FRAMES));
    if (last >= 0 && last < first && last > reached) {
      best = other;
      reached = last;
    }
  }
  return best;
}

/**
 * Two tracks are one object: the later one's keyframes go to the earlier one, which is absent between them.
 * What the later track says of itself stands on its keyframes from then on.
 * @param {Labels} labels @param {string} earlier @param {string} later
 * @returns {Operation[]} none where they overlap or differ in class
 */
export function mergeOperations(labels, earlier, later) {
  const a = labels.tracks[earlier];
  const b = labels.tracks[later];
  if (!a || !b || a.class_id !== b.class_id || a.clip !== b.clip) return [];
  const frames = keyframeFrames(a);
  const last = frames[frames.length - 1];
  const following = keyframeFrames(b);
  if (last === undefined || !following.length || following[0] <= last) return [];
  /** @type {Operation[]} */
  const ops = [];
  if (following[0] > last + 1) {
    ops.push({ op: "keyframe.set", object: earlier, frame_index: last + 1, state: "absent", shape: null, attributes: standing(a, last) });
  }
  const own = Object.fromEntries(Object.entries(b.attributes).filter(([name, value]) => a.attributes[name] !== value));
  for (const f of following) {
    const keyframe = b.keyframes[String(f)];
    ops.push({ op: "keyframe.set", object: earlier, frame_index: f, ...keyframe, attributes: { ...own, ...keyframe.attributes } });
  }
  ops.push({ op: "track.delete", object: later });
  return ops;
}
