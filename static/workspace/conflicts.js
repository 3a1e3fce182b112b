/**
 * What was changed here and elsewhere at the same time: in words object by object, and kept so that nothing that
 * somebody drew is lost unseen.
 */

import { applyOperation, createTrackOperations, nextNumber } from "./operations.js";
import { spaced } from "./player/timebase.js";
import { newId } from "./store.js";

/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {import("./types.js").Labels} Labels */
/** @typedef {"mine" | "theirs" | "both"} Stays */
/** @typedef {{objects: string[], names: string[], others: Operation[]}} Conflict */

/** @param {number[]} frames */
function framesInWords(frames) {
  const sorted = [...new Set(frames)].sort((a, b) => a - b);
  if (sorted.length === 1) return `frame ${spaced(sorted[0])}`;
  return `${sorted.length} frames, ${spaced(sorted[0])} to ${spaced(sorted[sorted.length - 1])}`;
}

/** What operations on one object come to, in a few words. @param {Operation[]} ops */
export function inWords(ops) {
  const last = ops[ops.length - 1];
  if (!last) return "nothing";
  if (last.op.endsWith(".delete") && last.op !== "keyframe.delete") return "removed";
  const drawn = ops.flatMap((op) => (op.op === "keyframe.set" ? [op.frame_index] : []));
  const taken = ops.flatMap((op) => (op.op === "keyframe.delete" ? [op.frame_index] : []));
  const span = [...ops].reverse().find((op) => op.op === "interval.set" || op.op === "relation.set");
  return [
    drawn.length && `drawn on ${framesInWords(drawn)}`,
    taken.length && `keyframe taken off ${framesInWords(taken)}`,
    span && "start_frame" in span && `frames ${spaced(span.start_frame)} to ${spaced(span.end_frame - 1)}`,
    ops.some((op) => op.op === "track.set") && "attributes",
  ].filter(Boolean).join(", ") || "made";
}

/** Where operations on one object begin; -1 where they name no frame. @param {Operation[]} ops */
export function firstFrame(ops) {
  const frames = ops.flatMap((op) => ("frame_index" in op ? [op.frame_index] : "start_frame" in op ? [op.start_frame] : []));
  return frames.length ? Math.min(...frames) : -1;
}

/**
 * Operations that make one's own version again under another UUID; none where there is nothing to make.
 * @param {Labels} mine @param {Labels} now  the server's, for the next free number
 * @param {string} id @param {string} object
 * @returns {Operation[]}
 */
export function copyOperations(mine, now, id, object = newId()) {
  const track = mine.tracks[id];
  if (track) return createTrackOperations(mine, id, { object, number: object === id ? track.number : nextNumber(now, track.class_id) });
  const interval = mine.intervals[id];
  return interval ? [{ op: "interval.set", object, ...interval }] : [];
}

/**
 * Operations that make the relations again which went with tracks that are made again, as they stood last. One that
 * was removed by itself stays removed, and so does one whose other track is gone.
 * @param {Labels} mine @param {Labels} now  the server's @param {Set<string>} again  tracks made again
 * @param {Operation[]} others  what was done elsewhere @param {Operation[]} pending  what says itself what becomes of a relation
 * @returns {Operation[]}
 */
export function relationsAgain(mine, now, again, others, pending) {
  const stood = { ...mine };
  for (const op of others) if (op.op.startsWith("relation.")) applyOperation(stood, op);
  const own = new Set(pending.map((op) => op.object));
  const isHere = (/** @type {string} */ track) => again.has(track) || Boolean(now.tracks[track]);
  return Object.entries(stood.relations ?? {}).flatMap(([object, relation]) => {
    const { subject, target } = relation;
    const isGone = !now.relations?.[object] && !own.has(object) && (again.has(subject) || again.has(target));
    return isGone && isHere(subject) && isHere(target) ? [/** @type {Operation} */ ({ op: "relation.set", object, ...relation })] : [];
  });
}

/**
 * Whether both versions of an object can stand beside each other: phases exclude each other, and a track whose
 * keyframes are not all read cannot be copied yet.
 * @param {import("./store.js").Store} store @param {string} id
 */
export function canKeepBoth(store, id) {
  const track = store.labels.tracks[id];
  if (track) return !track.missing?.length;
  const interval = store.labels.intervals[id];
  return Boolean(interval) && store.classOf(interval.class_id)?.geometry === "event";
}
