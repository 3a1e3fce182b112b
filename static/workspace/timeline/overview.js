/** The strip below the lanes: the whole clip at a glance, with the part in sight and the playhead. */

import { CHUNK_FRAMES } from "../chunks.js";

/** @typedef {import("./draw.js").Lane} Lane */

export const OVERVIEW_PX = 20;
const TOP_PX = 9;

/** Where a track has keyframes, those not read yet by their chunk. @param {Lane} lane @returns {[number, number] | null} */
function reachOf(lane) {
  const { missing = [] } = lane;
  const frames = lane.frames ?? lane.keyframes?.map((each) => each.frame) ?? [];
  if (!frames.length && !missing.length) return null;
  const first = Math.min(frames[0] ?? Infinity, missing.length ? missing[0] * CHUNK_FRAMES : Infinity);
  const last = Math.max(frames.length ? frames[frames.length - 1] + 1 : 0, missing.length ? (missing[missing.length - 1] + 1) * CHUNK_FRAMES : 0);
  return [first, last];
}

/**
 * Above, what is labelled of phases and what is not; below, where tracks and events are, the denser the brighter.
 * @param {CanvasRenderingContext2D} c @param {Lane[]} lanes @param {Lane | undefined} source  intervals shown above
 * @param {{head: number, width: number, top: number, n: number, from: number, to: number,
 *   palette: import("./draw.js").Palette}} plot
 */
export function paintOverview(c, lanes, source, { head, width, top, n, from, to, palette }) {
  const scale = (width - head) / n;
  c.fillStyle = palette.background;
  c.fillRect(head, top, width - head, OVERVIEW_PX);
  c.globalAlpha = 0.8;
  for (const interval of source?.intervals ?? []) {
    c.fillStyle = interval.color;
    c.fillRect(head + interval.start * scale, top + 2, Math.max(1, (interval.end - interval.start) * scale), TOP_PX - 3);
  }
  c.fillStyle = palette.warn;
  for (const [start, end] of source?.gaps ?? []) c.fillRect(head + start * scale, top + TOP_PX - 3, Math.max(1, (end - start) * scale), 2);
  for (const lane of lanes) {
    if (lane === source) continue;
    c.fillStyle = lane.color ?? palette.text;
    c.globalAlpha = lane.selected ? 0.9 : 0.22;
    const reach = lane.kind === "track" ? reachOf(lane) : null;
    if (reach) c.fillRect(head + reach[0] * scale, top + TOP_PX + 1, Math.max(1, (reach[1] - reach[0]) * scale), 4);
    if (lane.kind !== "intervals") continue;
    c.globalAlpha = 0.8;
    for (const interval of lane.intervals ?? []) {
      c.fillStyle = interval.color;
      c.fillRect(head + interval.start * scale, top + TOP_PX + 6, Math.max(1.5, (interval.end - interval.start) * scale), 3);
    }
  }
  c.globalAlpha = 1;
  c.strokeStyle = palette.accent;
  c.lineWidth = 1;
  c.strokeRect(head + from * scale + 0.5, top + 0.5, Math.max(4, (to - from) * scale) - 1, OVERVIEW_PX - 1);
}

/** @param {CanvasRenderingContext2D} c @param {{head: number, width: number, top: number, n: number, frame: number, palette: import("./draw.js").Palette}} plot */
export function paintOverviewHead(c, { head, width, top, n, frame, palette }) {
  const scale = (width - head) / n;
  c.fillStyle = palette.accent;
  c.fillRect(head + (frame + 0.5) * scale - 0.5, top, 1, OVERVIEW_PX);
}
