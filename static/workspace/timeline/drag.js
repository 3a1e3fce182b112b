/** Dragging on the timeline: the edge of a span, a keyframe. What is dragged snaps to frames, and to edges and the playhead nearby. */

/** @typedef {import("./draw.js").Lane} Lane */
/** @typedef {{kind: "start" | "end" | "keyframe", lane: Lane, id: string, from: number}} Grip */

const EDGE_PX = 5;
const SNAP_PX = 7;
const BEGIN_PX = 4;

/**
 * The keyframe (or comment) nearest to a place: where they stand close, the pointer means the one below it.
 * @param {Lane} lane @param {number} x CSS pixels @param {(frame: number) => number} at @param {number} within CSS pixels
 * @returns {number | null} its frame
 */
export function nearestKeyframe(lane, x, at, within) {
  /** @type {number | null} */
  let best = null;
  let near = within;
  for (const { frame } of lane.keyframes ?? []) {
    const away = Math.abs(at(frame + 0.5) - x);
    if (away < near) [best, near] = [frame, away];
  }
  return best;
}

/**
 * What can be taken hold of here, if anything.
 * @param {Lane} lane @param {number} x CSS pixels @param {(frame: number) => number} at where a frame's left edge is drawn
 * @returns {Grip | null}
 */
export function gripAt(lane, x, at) {
  if (!lane.canDrag) return null;
  const keyframe = nearestKeyframe(lane, x, at, EDGE_PX + 1);
  if (keyframe !== null) return { kind: "keyframe", lane, id: lane.id, from: keyframe };
  /** @type {Grip | null} */
  let best = null;
  let near = EDGE_PX + 0.01;
  for (const interval of lane.intervals ?? []) {
    if (!interval.id || interval.fixed) continue;
    for (const kind of /** @type {const} */ (["start", "end"])) {
      // Of two spans that meet here, the one on whose side the pointer is.
      const away = Math.abs(at(interval[kind]) - x) + (kind === "start" ? Number(x < at(interval.start)) : Number(x > at(interval.end))) * 0.5;
      if (away < near) [best, near] = [{ kind, lane, id: interval.id, from: interval[kind] }, away];
    }
  }
  return best;
}

/** Edges of all spans of the lanes but the one dragged. @param {Lane[]} lanes @param {string} but */
function edges(lanes, but) {
  return lanes.flatMap((lane) => (lane.intervals ?? []).filter((i) => i.id !== but).flatMap((i) => [i.start, i.end]));
}

export class Drag {
  /** @param {Grip} grip @param {number} x where it was taken hold of @param {Lane[]} lanes @param {number} playhead @param {number} n frames of the clip @param {number[]} shots where the shot changes */
  constructor(grip, x, lanes, playhead, n, shots) {
    this.grip = grip;
    this.x = x;
    this.isMoving = false;
    this.to = grip.from;
    this.n = n;
    const half = grip.kind === "keyframe" ? [] : edges(lanes, grip.id);
    this.targets = [playhead, ...half, ...shots, 0, n];
    this.snapped = false;
  }

  /** @param {number} x CSS pixels @param {(x: number) => number} frameAt @param {(frame: number) => number} at @param {boolean} free no snapping but to frames */
  move(x, frameAt, at, free) {
    if (!this.isMoving && Math.abs(x - this.x) < BEGIN_PX) return;
    this.isMoving = true;
    const isKeyframe = this.grip.kind === "keyframe";
    const near = free ? undefined : this.targets.filter((f) => Math.abs(at(isKeyframe ? f + 0.5 : f) - x) < SNAP_PX).sort((a, b) => Math.abs(at(a) - x) - Math.abs(at(b) - x))[0];
    this.snapped = near !== undefined;
    const frame = near ?? (isKeyframe ? Math.floor(frameAt(x)) : Math.round(frameAt(x)));
    const held = (this.grip.lane.intervals ?? []).find((i) => i.id === this.grip.id);
    const [low, high] = this.grip.kind === "start" ? [0, (held?.end ?? this.n) - 1] : this.grip.kind === "end" ? [(held?.start ?? 0) + 1, this.n] : [0, this.n - 1];
    this.to = Math.max(low, Math.min(high, frame));
  }
}
