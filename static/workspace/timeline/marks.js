/** What stands on the timeline beside its lanes: ruler, blanked spans, the loop, the playhead, what is dragged. */

import { lastAtOrBefore } from "../interpolate.js";
import { clock } from "../player/timebase.js";

/** @typedef {import("./timeline.js").Timeline} Timeline */

export const RULER_PX = 18;

/** Times and their lines. @param {CanvasRenderingContext2D} context @param {Timeline} line @param {number} bottom CSS pixels */
export function drawRuler(context, line, bottom) {
  const { head, width } = line.size;
  const { palette } = line;
  const from_s = line.time.timeOf(Math.floor(line.from));
  const to_s = Math.max(from_s + 0.01, line.time.timeOf(Math.ceil(line.to)));
  const wanted = ((to_s - from_s) / Math.max(1, line.plotWidth)) * 110;
  const steps = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
  const step = steps.find((s) => s >= wanted) ?? 3600;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  let free = -Infinity;
  for (let t = Math.ceil(from_s / step) * step; t <= to_s; t += step) {
    const x = line.x(line.time.indexAt(t));
    if (x < head || x > width) continue;
    context.fillStyle = palette.line;
    context.fillRect(Math.round(x), RULER_PX, 1, bottom - RULER_PX);
    context.fillStyle = palette.dim;
    const text = step < 1 ? clock(t).slice(3) : clock(t).slice(t >= 3600 ? 0 : 3, 8);
    if (x < free || x + 4 + text.length * 6 >= width) continue;
    context.fillText(text, x + 4, RULER_PX / 2);
    free = x + 4 + text.length * 6;
  }
}

/** Spans whose pictures are blanked. @param {CanvasRenderingContext2D} context @param {Timeline} line @param {number} bottom CSS pixels */
export function drawBlanked(context, line, bottom) {
  const { head, width } = line.size;
  for (const [start, end] of line.blanked) {
    const x0 = Math.max(head, line.x(start));
    const x1 = Math.min(width, line.x(end));
    if (x1 <= x0) continue;
    context.fillStyle = "rgba(10, 12, 16, 0.6)";
    context.fillRect(x0, RULER_PX, x1 - x0, bottom - RULER_PX);
    context.fillStyle = line.palette.dim;
    context.font = "10px system-ui, sans-serif";
    if (x1 - x0 > 60) context.fillText("blanked", x0 + 6, bottom - 8);
  }
}

const SHOT_PX = 6;

/** Where the shot changes: a dotted line through the lanes; where many lie close, none. @param {CanvasRenderingContext2D} context @param {Timeline} line @param {number} bottom CSS pixels */
export function drawShots(context, line, bottom) {
  const { shots, from, to } = line;
  const first = lastAtOrBefore(shots, from - 1) + 1;
  const last = lastAtOrBefore(shots, to);
  if (last < first || (last - first + 1) * SHOT_PX > line.plotWidth) return;
  context.strokeStyle = line.palette.dim;
  context.lineWidth = 1;
  context.setLineDash([2, 3]);
  context.beginPath();
  for (let i = first; i <= last; i++) {
    const x = Math.round(line.x(shots[i])) + 0.5;
    if (x < line.size.head) continue;
    context.moveTo(x, RULER_PX);
    context.lineTo(x, bottom);
  }
  context.stroke();
  context.setLineDash([]);
}

/** The span that plays over and over. @param {CanvasRenderingContext2D} context @param {Timeline} line */
export function drawLoop(context, line) {
  const { head, width } = line.size;
  if (!line.loop) return;
  const x0 = Math.max(head, line.x(line.loop[0]));
  const x1 = Math.min(width, line.x(line.loop[1]));
  if (x1 <= x0) return;
  context.fillStyle = line.palette.accent;
  context.fillRect(x0, RULER_PX - 4, x1 - x0, 3);
}

/** @param {CanvasRenderingContext2D} context @param {Timeline} line @param {number} bottom CSS pixels */
export function drawPlayhead(context, line, bottom) {
  const { head, width } = line.size;
  const { palette } = line;
  const x = line.x(line.frame + 0.5);
  if (x < head || x > width) return;
  context.fillStyle = palette.accent;
  context.fillRect(Math.round(x) - 0.75, 6, 1.5, bottom - 6);
  context.beginPath();
  context.moveTo(x - 6, 2);
  context.lineTo(x + 6, 2);
  context.lineTo(x, 10);
  context.fill();
}

/** The line of what is being dragged, and the frame it would go to. @param {CanvasRenderingContext2D} context @param {Timeline} line @param {number} bottom CSS pixels */
export function drawDragged(context, line, bottom) {
  if (!line.drag?.isMoving) return;
  const { palette } = line;
  const { grip, to, snapped } = line.drag;
  const x = line.x(grip.kind === "keyframe" ? to + 0.5 : to);
  context.fillStyle = snapped ? palette.accent : palette.text;
  context.fillRect(Math.round(x) - 0.5, RULER_PX, 1, bottom - RULER_PX);
  const words = `${clock(line.time.timeOf(Math.min(line.n - 1, to)))} · ${to}`;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  const wide = context.measureText(words).width + 10;
  const left = Math.max(line.size.head, Math.min(line.size.width - wide, x + 6));
  context.fillStyle = palette.background;
  context.fillRect(left, RULER_PX + 2, wide, 16);
  context.fillStyle = palette.text;
  context.fillText(words, left + 5, RULER_PX + 10);
}
