/** Geometry between keyframes, as "linear@1" defines it (the server's Python has the same vectors). */

/** @typedef {import("./types.js").Track} Track */
/** @typedef {import("./types.js").Expanded} Expanded */
/** @typedef {import("./types.js").Shape} Shape */
/** @typedef {import("./types.js").Keyframe} Keyframe */

export const INTERPOLATOR = "linear@1";

/** Keyed by the keyframes container, which is replaced on every change. @type {WeakMap<object, number[]>} */
const sortedFrames = new WeakMap();

/**
 * Frame indices of a track's keyframes, ascending.
 * @param {Pick<Track, "keyframes">} track
 * @returns {number[]}
 */
export function keyframeFrames(track) {
  const held = sortedFrames.get(track.keyframes);
  if (held) return held;
  const frames = Object.keys(track.keyframes).map(Number).sort((a, b) => a - b);
  sortedFrames.set(track.keyframes, frames);
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
 * What a track shows at one frame, or null where it does not exist.
 * Between keyframes a mask has no shape and the result is null ("a mask stands on its keyframes only").
 * @param {Pick<Track, "keyframes">} track
 * @param {number} frameIndex
 * @returns {Expanded | null}
 */
export function expandAt(track, frameIndex) {
  const frames = keyframeFrames(track);
  const at = lastAtOrBefore(frames, frameIndex);
  if (at < 0) return null;
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
  if (before.shape?.type === "mask" || after.shape?.type === "mask") return null;
  if (!before.shape) return null;
  const shape =
    after.state === "absent" || !after.shape || after.shape.type !== before.shape.type
      ? before.shape
      : between(before.shape, after.shape, frames[at], frames[at + 1], frameIndex);
  return { frame_index: frameIndex, state: before.state, shape, interpolated: true };
}

/**
 * a + (b - a) * (f - i) / (j - i) for each coordinate.
 * @param {Shape} a @param {Shape} b @param {number} i @param {number} j @param {number} f
 * @returns {Shape}
 */
function between(a, b, i, j, f) {
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
  return a;
}

/**
 * Every frame at which a track has something to say, first to last keyframe.
 * @param {Pick<Track, "keyframes">} track
 * @returns {Expanded[]}
 */
export function expandTrack(track) {
  const frames = keyframeFrames(track);
  /** @type {Expanded[]} */
  const out = [];
  if (!frames.length) return out;
  for (let f = frames[0]; f <= frames[frames.length - 1]; f++) {
    const here = expandAt(track, f);
    if (here) out.push(here);
  }
  return out;
}
