/** Draws one lane of the timeline. */

import { CHUNK_FRAMES } from "../chunks.js";
import { isBridged, keyframeFrames, lastAtOrBefore, stampOf } from "../interpolate.js";

/**
 * @typedef {{id?: string, start: number, end: number, color: string, name?: string, selected?: boolean,
 *   open?: boolean, outlined?: boolean, fixed?: boolean}} LaneInterval  fixed: its edges are not dragged
 * @typedef {{frame: number, state: import("../types.js").KeyframeState}} LaneKeyframe
 * @typedef {{id: string, name: string, tag?: string, kind: "intervals" | "track" | "curve" | "marks", height: number,
 *   color?: string, selected?: boolean, dashed?: boolean, rule?: import("../interpolate.js").Rule, intervals?: LaneInterval[],
 *   keyframes?: LaneKeyframe[], frames?: number[], missing?: number[], gaps?: [number, number][], canDrag?: boolean, values?: [number, number | null][], range?: [number, number], mark?: [number, number],
 *   y?: number}} Lane
 * @typedef {{text: string, dim: string, faint: string, line: string, surface: string, selected: string,
 *   accent: string, background: string, warn: string}} Palette
 * @typedef {{head: number, width: number, from: number, x: (frame: number) => number, palette: Palette, frame: number}} Plot
 */

/** @type {WeakMap<object, LaneKeyframe[]>} */
const held = new WeakMap();

/** @param {import("../types.js").Track} track @returns {LaneKeyframe[]} */
export function laneKeyframes(track) {
  const stamp = stampOf(track.keyframes);
  let found = held.get(stamp);
  if (!found) {
    found = keyframeFrames(track).map((frame) => ({ frame, state: track.keyframes[String(frame)].state }));
    held.set(stamp, found);
  }
  return found;
}

/** The place in the list of the first keyframe at a frame or after it. @param {LaneKeyframe[]} keyframes @param {number} from frame */
function atOrAfter(keyframes, from) {
  let low = 0;
  let high = keyframes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyframes[middle].frame < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {CanvasRenderingContext2D} c @param {Lane} lane @param {Plot} plot */
export function drawLane(c, lane, plot) {
  const y = lane.y ?? 0;
  const { head, width, palette } = plot;
  if (lane.selected) {
    c.fillStyle = palette.selected;
    c.fillRect(0, y, width, lane.height);
  }
  drawHead(c, lane, plot, y);
  c.save();
  c.beginPath();
  c.rect(head, y, width - head, lane.height);
  c.clip();
  if (lane.mark) {
    c.fillStyle = "rgba(255, 216, 74, 0.14)";
    c.fillRect(plot.x(lane.mark[0]), y, Math.max(2, plot.x(lane.mark[1]) - plot.x(lane.mark[0])), lane.height);
  }
  if (lane.kind === "intervals") drawIntervals(c, lane, plot, y);
  else if (lane.kind === "track") drawTrack(c, lane, plot, y);
  else if (lane.kind === "marks") drawMarks(c, lane, plot, y);
  else drawCurve(c, lane, plot, y);
  c.restore();
}

/** @param {CanvasRenderingContext2D} c @param {Lane} lane @param {Plot} plot @param {number} y */
function drawHead(c, lane, plot, y) {
  const { palette, head } = plot;
  const middle = y + lane.height / 2;
  let x = 14;
  if (lane.color) {
    c.fillStyle = lane.color;
    c.beginPath();
    c.roundRect(x, middle - 4.5, 9, 9, 2.5);
    c.fill();
    x += 18;
  }
  c.textBaseline = "middle";
  c.font = "12.5px system-ui, sans-serif";
  c.fillStyle = lane.selected ? palette.text : palette.dim;
  const room = head - (lane.tag ? 40 : 8) - x;
  // Beside folded panels there is room for the colour alone.
  if (room < LEAST_PX) return;
  c.fillText(elided(c, lane.name, room), x, middle);
  if (lane.tag) {
    c.font = "11px system-ui, sans-serif";
    c.fillStyle = palette.dim;
    c.textAlign = "right";
    c.fillText(lane.tag, head - 12, middle);
    c.textAlign = "left";
  }
}

/** Less than this is no name any more. CSS pixels. */
const LEAST_PX = 30;
/** @type {Map<string, string>} */
const elisions = new Map();

/** A name in the room there is; what stands after its last space, a track's number, stays. @param {CanvasRenderingContext2D} c @param {string} text @param {number} room CSS pixels */
export function elided(c, text, room) {
  const key = `${Math.round(room)} ${text}`;
  const held = elisions.get(key);
  if (held !== undefined) return held;
  const at = text.lastIndexOf(" ");
  const number = /^\d+$/.test(text.slice(at + 1)) ? text.slice(at) : "";
  const name = text.slice(0, text.length - number.length);
  let said = text;
  for (let letters = name.length - 1; letters > 0 && c.measureText(said).width > room; letters--) said = `${name.slice(0, letters).trimEnd()}…${number}`;
  if (elisions.size > 5000) elisions.clear();
  elisions.set(key, said);
  return said;
}

/** How opaque a span is filled that is not selected. */
export const FILLED = 0.72;
/** Where a dark and a light ink have the same contrast: relative luminance. */
const MIDDLE = 0.18;

/** Ink that reads on a fill over the dark ground. @param {string} color @param {number} [opacity] */
export function inkOn(color, opacity = 1) {
  const n = parseInt(color.slice(1), 16);
  const luminance = [16, 8, 0].map((bits) => ((((n >> bits) & 255) * opacity) / 255) ** 2.2);
  return 0.2126 * luminance[0] + 0.7152 * luminance[1] + 0.0722 * luminance[2] > MIDDLE ? "#0c0f14" : "#f2f5f9";
}

/** @param {CanvasRenderingContext2D} c @param {Lane} lane @param {Plot} plot @param {number} y */
function drawIntervals(c, lane, plot, y) {
  for (const [start, end] of lane.gaps ?? []) {
    // Nothing is said of this span yet: amber means look here.
    const x0 = Math.max(plot.head, plot.x(start));
    const x1 = Math.min(plot.width, plot.x(end));
    if (x1 <= x0) continue;
    c.fillStyle = plot.palette.warn;
    c.globalAlpha = 0.09;
    c.fillRect(x0, y + 2.5, x1 - x0, lane.height - 5);
    c.globalAlpha = 0.75;
    c.fillRect(x0, y + lane.height - 4, x1 - x0, 1.5);
    c.globalAlpha = 1;
    if (x1 - x0 > 76) {
      c.font = "11px system-ui, sans-serif";
      c.textBaseline = "middle";
      c.fillStyle = plot.palette.dim;
      c.fillText("unlabelled", x0 + 7, y + lane.height / 2 - 0.5);
    }
  }
  for (const interval of lane.intervals ?? []) {
    const x0 = plot.x(interval.start);
    let x1 = plot.x(interval.end);
    const top = y + 2.5;
    const height = lane.height - 5;
    if (interval.open && plot.frame >= interval.end) {
      // Begun and not ended: a ghost reaches the playhead, the label itself does not.
      const ghost = plot.x(plot.frame + 0.5);
      c.globalAlpha = 0.3;
      c.fillStyle = interval.color;
      c.fillRect(x1, top, ghost - x1, height);
      c.globalAlpha = 1;
    }
    if (x1 < plot.head || x0 > plot.width) continue;
    x1 = Math.max(x1, x0 + 3);
    c.beginPath();
    c.roundRect(x0, top, Math.max(2, x1 - x0 - 1), height, 3);
    if (interval.outlined) {
      c.fillStyle = "rgba(0, 0, 0, 0.25)";
      c.fill();
      c.strokeStyle = interval.color;
      c.lineWidth = interval.selected ? 2 : 1.2;
      c.stroke();
    } else {
      c.fillStyle = interval.color;
      c.globalAlpha = interval.selected ? 1 : FILLED;
      c.fill();
      c.globalAlpha = 1;
      if (interval.selected) {
        c.strokeStyle = "#ffffff";
        c.lineWidth = 1.5;
        c.stroke();
      }
    }
    const left = Math.max(x0, plot.head);
    if (interval.name && x1 - left > 34) {
      c.save();
      c.beginPath();
      c.rect(left, top, x1 - left - 4, height);
      c.clip();
      c.font = "500 11px system-ui, sans-serif";
      c.textBaseline = "middle";
      c.fillStyle = interval.outlined ? interval.color : inkOn(interval.color, interval.selected ? 1 : FILLED);
      c.fillText(interval.name, left + 7, top + height / 2 + 0.5);
      c.restore();
    }
  }
}

/** Nearer than this, keyframes and spans of one kind are drawn as one. */
const NEAR_PX = 3;

/** @param {CanvasRenderingContext2D} c @param {Lane} lane @param {Plot} plot @param {number} y */
function drawTrack(c, lane, plot, y) {
  const color = lane.color ?? "#ffffff";
  const keyframes = lane.keyframes ?? [];
  const middle = y + lane.height / 2;
  drawUnread(c, lane, plot, middle);
  // A span may reach into sight.
  const first = Math.max(0, atOrAfter(keyframes, plot.from) - 1);
  for (let i = first; i + 1 < keyframes.length; i++) {
    const x0 = plot.x(keyframes[i].frame + 0.5);
    if (x0 > plot.width) break;
    const kind = spanKind(lane, keyframes, i);
    let end = i + 1;
    // Spans of one kind that are too short to be told apart are one.
    while (end + 1 < keyframes.length && plot.x(keyframes[end].frame + 0.5) - plot.x(keyframes[end - 1].frame + 0.5) < NEAR_PX && spanKind(lane, keyframes, end) === kind) end++;
    drawSpan(c, lane, plot, kind, x0, plot.x(keyframes[end].frame + 0.5), middle);
    i = end - 1;
  }
  let last = -Infinity;
  for (let i = first; i < keyframes.length; i++) {
    const { frame, state } = keyframes[i];
    const x = plot.x(frame + 0.5);
    if (x > plot.width + 8) break;
    if (x < plot.head - 8 || x - last < NEAR_PX) continue;
    last = x;
    diamond(c, x, middle, 5, state, color, plot);
  }
}

/** @param {CanvasRenderingContext2D} c @param {number} x @param {number} y @param {number} r @param {import("../types.js").KeyframeState} state @param {string} color @param {Plot} plot */
function diamond(c, x, y, r, state, color, plot) {
  c.beginPath();
  c.moveTo(x, y - r);
  c.lineTo(x + r, y);
  c.lineTo(x, y + r);
  c.lineTo(x - r, y);
  c.closePath();
  c.lineWidth = 1.5;
  c.strokeStyle = state === "visible" ? plot.palette.surface : color;
  c.fillStyle = state === "visible" ? color : plot.palette.surface;
  c.fill();
  c.stroke();
}

/** What of a lane goes with the playhead: the keyframe on this frame is larger. @param {CanvasRenderingContext2D} c @param {Lane} lane @param {Plot} plot */
export function drawAtPlayhead(c, lane, plot) {
  if (lane.kind !== "track") return;
  const keyframes = lane.keyframes ?? [];
  const at = keyframes[atOrAfter(keyframes, plot.frame)];
  if (at?.frame !== plot.frame) return;
  diamond(c, plot.x(at.frame + 0.5), (lane.y ?? 0) + lane.height / 2, 6.5, at.state, lane.color ?? "#ffffff", plot);
}

/** Comments: a ring each, empty where it is settled. @param {CanvasRenderingContext2D} c @param {Lane} lane @param {Plot} plot @param {number} y */
function drawMarks(c, lane, plot, y) {
  for (const { frame, state } of lane.keyframes ?? []) {
    const x = plot.x(frame + 0.5);
    if (x < plot.head - 6 || x > plot.width + 6) continue;
    c.beginPath();
    c.arc(x, y + lane.height / 2, 4.5, 0, 2 * Math.PI);
    c.fillStyle = state === "visible" ? plot.palette.accent : plot.palette.surface;
    c.strokeStyle = state === "visible" ? plot.palette.surface : plot.palette.dim;
    c.lineWidth = 1.5;
    c.fill();
    c.stroke();
  }
}

/** @param {Lane} lane @param {LaneKeyframe[]} keyframes @param {number} i @returns {"absent" | "occluded" | "open" | "unread" | "bridged"} what stands after a keyframe */
function spanKind(lane, keyframes, i) {
  const here = keyframes[i];
  const next = keyframes[i + 1].frame;
  if (lane.missing?.length && next - here.frame > 1) {
    const after = lane.missing[lastAtOrBefore(lane.missing, Math.floor(here.frame / CHUNK_FRAMES)) + 1];
    if (after !== undefined && after * CHUNK_FRAMES < next) return "unread";
  }
  if (here.state === "absent") return "absent";
  if (lane.rule && !isBridged(lane.rule, here.frame, next)) return "open";
  return here.state === "occluded" ? "occluded" : "bridged";
}

/** @param {CanvasRenderingContext2D} c @param {Lane} lane @param {Plot} plot @param {ReturnType<typeof spanKind>} kind @param {number} x0 @param {number} x1 @param {number} middle */
function drawSpan(c, lane, plot, kind, x0, x1, middle) {
  const color = lane.color ?? "#ffffff";
  if (x1 < plot.head || kind === "unread") return;
  if (kind === "absent") {
    c.fillStyle = plot.palette.dim;
    c.font = "11px system-ui, sans-serif";
    c.textBaseline = "middle";
    if (x1 - x0 > 52) c.fillText("absent", Math.max(x0, plot.head) + 10, middle);
    return;
  }
  c.globalAlpha = lane.selected ? 0.85 : 0.6;
  if (kind === "occluded") {
    c.setLineDash([4, 3]);
    c.strokeStyle = color;
    c.lineWidth = 1.2;
    c.strokeRect(x0, middle - 2.5, x1 - x0, 5);
    c.setLineDash([]);
  } else if (kind === "open") {
    // Nothing stands between these keyframes: a hair line, not a span.
    c.globalAlpha = 0.35;
    c.fillStyle = color;
    c.fillRect(x0, middle - 0.5, x1 - x0, 1);
  } else {
    c.fillStyle = color;
    c.fillRect(x0, middle - (lane.dashed ? 1 : 2.5), x1 - x0, lane.dashed ? 2 : 5);
  }
  c.globalAlpha = 1;
}

/** Where the track has keyframes that are not read yet. @param {CanvasRenderingContext2D} c @param {Lane} lane @param {Plot} plot @param {number} middle */
function drawUnread(c, lane, plot, middle) {
  const missing = lane.missing ?? [];
  c.fillStyle = lane.color ?? "#ffffff";
  c.globalAlpha = 0.4;
  for (let i = Math.max(0, lastAtOrBefore(missing, Math.floor(plot.from / CHUNK_FRAMES))); i < missing.length; i++) {
    const start = i;
    while (i + 1 < missing.length && missing[i + 1] === missing[i] + 1) i++;
    const x0 = plot.x(missing[start] * CHUNK_FRAMES);
    if (x0 > plot.width) break;
    c.fillRect(x0, middle - 2.5, plot.x((missing[i] + 1) * CHUNK_FRAMES) - x0, 5);
  }
  c.globalAlpha = 1;
}

/**
 * Agreement from worst (bottom) to best (top); a value holds until the next entry, null is a gap.
 * @param {CanvasRenderingContext2D} c @param {Lane} lane @param {Plot} plot @param {number} y
 */
function drawCurve(c, lane, plot, y) {
  const [low, high] = lane.range ?? [0, 1];
  const height = lane.height - 7;
  const bottom = y + 3.5 + height;
  const color = lane.color ?? plot.palette.accent;
  const values = lane.values ?? [];
  values.forEach(([frame, value], i) => {
    if (value === null || !Number.isFinite(value)) return;
    const x0 = plot.x(frame);
    const x1 = i + 1 < values.length ? plot.x(values[i + 1][0]) : plot.width;
    if (x1 < plot.head || x0 > plot.width) return;
    const top = y + 3.5 + height * (1 - (value - low) / (high - low || 1));
    const width = Math.max(1.5, x1 - x0);
    c.globalAlpha = value < high ? 0.35 : 0.14;
    c.fillStyle = value < high ? plot.palette.warn : color;
    c.fillRect(x0, top, width, bottom - top);
    c.globalAlpha = 1;
    c.fillStyle = value < high ? plot.palette.warn : color;
    c.fillRect(x0, top - 0.75, width, 1.5);
  });
  c.globalAlpha = 1;
}
