// The expanded labels of a clip, and how they are drawn over a picture.

/** @typedef {{class_id: string, number: number, geometry: string, frames: Map<number, any>}} Track */
/** @typedef {{class_id: string, geometry: string, start_frame: number, end_frame: number}} Span */

/** @param {string} text the bytes of labels/<clip>.jsonl @param {string} clip its id
 * @returns {{tracks: Track[], spans: Span[]}} */
export function readLabels(text, clip) {
  /** @type {Track[]} */ const tracks = [];
  /** @type {Span[]} */ const spans = [];
  let here = "";
  for (const line of text.split("\n")) {
    if (!line) continue;
    const row = JSON.parse(line);
    if ("clip" in row) here = row.clip;
    else if (here !== clip) continue;
    else if ("interval" in row) spans.push(row);
    else if ("track" in row) tracks.push({ ...row, frames: new Map() });
    else if ("frame_index" in row) tracks[tracks.length - 1].frames.set(row.frame_index, row);
  }
  return { tracks, spans };
}

/** Runs of a mask in COCO's compressed form, down the columns, the first of background.
 * @param {string} text @returns {number[]} */
export function runsOf(text) {
  /** @type {number[]} */ const runs = [];
  for (let at = 0; at < text.length;) {
    let value = 0, shift = 0, more = true;
    while (more) {
      const bits = text.charCodeAt(at++) - 48;
      value += (bits & 31) * 2 ** shift;
      shift += 5;
      more = (bits & 32) !== 0;
      if (!more && bits & 16) value -= 2 ** shift;
    }
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
  }
  return runs;
}

/** @param {CanvasRenderingContext2D} pen @param {any} shape @param {string} colour @param {number} columns */
export function drawShape(pen, shape, colour, columns) {
  if (shape.type === "mask") { drawMask(pen, shape.rle, colour); return; }
  const scale = columns / 960;
  for (const [width, style] of /** @type {[number, string][]} */ ([[4 * scale, "#000c"], [2 * scale, colour]])) {
    pen.lineWidth = width;
    pen.strokeStyle = style;
    pen.beginPath();
    if (shape.type === "tip") {
      const [x, y] = shape.point, r = 7 * scale;
      pen.moveTo(x - r, y); pen.lineTo(x + r, y); pen.moveTo(x, y - r); pen.lineTo(x, y + r);
    } else if (shape.type === "box") {
      pen.rect(shape.box[0], shape.box[1], shape.box[2], shape.box[3]);
    } else if (shape.type === "keypoints") {
      for (const [x, y, seen] of shape.points) if (seen) { pen.moveTo(x + 4 * scale, y); pen.arc(x, y, 4 * scale, 0, 7); }
    } else {
      for (const outline of outlines(shape)) {
        for (const [n, [x, y]] of outline.entries()) n ? pen.lineTo(x, y) : pen.moveTo(x, y);
      }
    }
    pen.stroke();
  }
}

/** Lines to draw of a shape made of points; closed ones end where they begin.
 * @param {any} shape @returns {number[][][]} */
function outlines(shape) {
  if (shape.type === "rotated_box") {
    const [x, y, width, height, degrees] = shape.rotated_box;
    const c = Math.cos((degrees * Math.PI) / 180) / 2, s = Math.sin((degrees * Math.PI) / 180) / 2;
    return [[[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]].map(([u, v]) => [x + u * width * c - v * height * s, y + u * width * s + v * height * c])];
  }
  const p = shape.points;
  if (shape.type === "polygon") return [[...p, p[0]]];
  if (shape.type !== "cuboid") return [p];
  return [[p[0], p[1], p[2], p[3], p[0]], [p[4], p[5], p[6], p[7], p[4]], ...[0, 1, 2, 3].map((n) => [p[n], p[n + 4]])];
}

/** @param {CanvasRenderingContext2D} pen @param {{size: number[], counts: string}} rle @param {string} colour */
function drawMask(pen, rle, colour) {
  const [rows, columns] = rle.size;
  pen.fillStyle = colour;
  pen.globalAlpha = 0.45;
  let at = 0, inside = false;
  for (const run of runsOf(rle.counts)) {
    for (let left = inside ? run : 0, from = at; left > 0;) {
      const x = Math.floor(from / rows), y = from % rows, n = Math.min(left, rows - y);
      if (x < columns) pen.fillRect(x, y, 1, n);
      from += n; left -= n;
    }
    at += run;
    inside = !inside;
  }
  pen.globalAlpha = 1;
}
