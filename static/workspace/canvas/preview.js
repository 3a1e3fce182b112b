/** What the tools have under way, over the picture: outline, box, brush ring, keyboard cursor. */

import { nextPoint } from "./placing.js";

/** @typedef {[number, number]} Point */

/**
 * @param {import("./tools.js").Tools} tools
 * @param {CanvasRenderingContext2D} context in picture coordinates @param {number} unit one CSS pixel
 */
export function paintPreview(tools, context, unit) {
  const { store } = tools;
  const color = store.classOf(store.activeClass ?? "")?.color ?? "#ffffff";
  /** @param {Path2D} path @param {number} [width] @param {number[]} [dash] */
  const stroke = (path, width = 1.5, dash = []) => {
    context.setLineDash([]);
    context.strokeStyle = "rgba(6, 8, 12, 0.85)";
    context.lineWidth = (width + 2) * unit;
    context.stroke(path);
    context.setLineDash(dash.map((d) => d * unit));
    context.strokeStyle = color;
    context.lineWidth = width * unit;
    context.stroke(path);
    context.setLineDash([]);
  };
  if (tools.polygon.length) {
    const path = new Path2D();
    tools.polygon.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
    const to = store.cursor.on ? /** @type {Point} */ ([store.cursor.x, store.cursor.y]) : tools.pointer;
    if (tools.wire.length && !store.cursor.on) for (const [x, y] of tools.wire) path.lineTo(x, y);
    else if (to) path.lineTo(to[0], to[1]);
    stroke(path);
    context.fillStyle = color;
    const own = store.tool === "points" ? tools.placing : null;
    if (own && to) {
      context.font = `${12 * unit}px system-ui, sans-serif`;
      context.fillStyle = color;
      context.fillText(nextPoint(own, tools.polygon.length), to[0] + 12 * unit, to[1] - 10 * unit);
    }
    const marked = tools.clicks.length ? tools.clicks.map((at, i) => tools.polygon[(tools.clicks[i + 1] ?? tools.polygon.length) - 1]) : tools.polygon;
    for (const [x, y] of marked) context.fillRect(x - 2.5 * unit, y - 2.5 * unit, 5 * unit, 5 * unit);
  }
  if (tools.boxDrag) {
    const { from, to } = tools.boxDrag;
    const path = new Path2D();
    path.rect(Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.abs(from[0] - to[0]), Math.abs(from[1] - to[1]));
    stroke(path, 1.5, [5, 4]);
  }
  const at = store.cursor.on ? /** @type {Point} */ ([store.cursor.x, store.cursor.y]) : tools.pointer;
  if (at && (store.tool === "brush" || store.tool === "eraser") && !store.readOnly) {
    const ring = new Path2D();
    ring.arc(at[0], at[1], store.brushRadius_px, 0, Math.PI * 2);
    stroke(ring, 1, store.tool === "eraser" ? [3, 3] : []);
  }
  if (store.cursor.on) {
    const cross = new Path2D();
    const { x, y } = store.cursor;
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      cross.moveTo(x + dx * 4 * unit, y + dy * 4 * unit);
      cross.lineTo(x + dx * 16 * unit, y + dy * 16 * unit);
    }
    stroke(cross, 1.5);
  }
}
