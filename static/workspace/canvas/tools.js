/**
 * Mask brush and eraser, polygon, tip, box, select. A tool turns places into operations through
 * Edits; it paints only its own preview and never calls the server. Pointer and keyboard cursor
 * drive the same three calls: down, move, up.
 */

import { GEOMETRY_OF_TOOL } from "../edits.js";
import { MaskBuffer } from "./mask.js";
import { LiveMask } from "./live.js";
import { prepareMask } from "./stored.js";
import { follow } from "./livewire.js";
import { POINT_GEOMETRIES, shapeOf, wanted } from "./placing.js";
import { paintPreview } from "./preview.js";
import { hasPoints, hit as hitPoints, moved, reshaped, round3 } from "./shapes.js";

/** @typedef {import("../types.js").Shape} Shape */
/** @typedef {[number, number]} Point */
/** @typedef {{object: string, create: import("../types.js").Operation[], class_id: string}} Target */
/** @typedef {{target: Target, frame: number, mask: MaskBuffer, live: LiveMask, rle: import("../types.js").Rle | null}} MaskSession */

const NEAR_PX = 12;

export class Tools {
  /**
   * @param {import("../store.js").Store} store
   * @param {import("../edits.js").Edits} edits
   * @param {import("./view.js").View} view
   */
  constructor(store, edits, view) {
    this.store = store;
    this.edits = edits;
    this.view = view;
    /** @type {MaskSession | null} */
    this.session = null;
    /** @type {{last: Point, value: 0 | 1} | null} */
    this.stroke = null;
    /** Points begun: of an outline to fill, or of a shape of several points. @type {Point[]} */
    this.polygon = [];
    /** How many points there were before each click of a smart outline. @type {number[]} */
    this.clicks = [];
    /** Its way from the last click to the pointer. @type {Point[]} */
    this.wire = [];
    /** Which of them are hidden keypoints. @type {boolean[]} */
    this.concealed = [];
    /** @type {{from: Point, to: Point} | null} */
    this.boxDrag = null;
    /** @type {{target: Target, shape: Shape, from: Point, now: Shape, handle: number} | null} */
    this.drag = null;
    /** @type {Point | null} */
    this.pointer = null;
    /** @type {() => void} */
    this.onPreview = () => {};
  }

  /** True while something is begun and not yet an operation. */
  get busy() {
    return Boolean(this.stroke || this.polygon.length || this.boxDrag || this.drag);
  }

  /** Objects that what is begun will change. @returns {string[]} */
  get inHand() {
    if (!this.busy) return [];
    const { selectedTrack } = this.store;
    return [this.stroke && this.session?.target.object, this.drag?.target.object, selectedTrack].filter((id) => typeof id === "string");
  }

  /** @param {Point} p @returns {Point} */
  #inside([x, y]) {
    const { width_px, height_px } = this.store;
    return [round3(Math.max(0, Math.min(width_px, x))), round3(Math.max(0, Math.min(height_px, y)))];
  }

  /** @param {Point} point picture coordinates @param {{erase?: boolean}} [options] */
  down(point, options = {}) {
    const tool = this.store.tool;
    if (tool === "select") this.#pick(point);
    else if (this.store.readOnly) this.store.onNotice("This label set is read-only");
    else if (tool === "brush" || tool === "eraser") {
      const session = this.#openMask();
      if (!session) return;
      const value = tool === "eraser" || options.erase ? 0 : 1;
      this.stroke = { last: point, value };
      session.mask.capsule(point[0], point[1], point[0], point[1], this.store.brushRadius_px, value);
    } else if (tool === "polygon" || tool === "smart") this.#polygonPoint(point);
    else if (tool === "points") this.#placePoint(point, Boolean(options.erase));
    else if (tool === "tip") {
      const target = this.edits.target("tip");
      if (target) this.edits.setShape(target, { type: "tip", point: this.#inside(point) }, this.store.frame);
    } else if (tool === "box") this.boxDrag = { from: this.#inside(point), to: this.#inside(point) };
    this.onPreview();
  }

  /** @param {Point[]} points every coalesced place since the last call */
  move(points) {
    if (!points.length) return;
    const last = points[points.length - 1];
    this.pointer = last;
    if (this.stroke && this.session) {
      for (const [x, y] of points) {
        const [px, py] = this.stroke.last;
        this.session.mask.capsule(px, py, x, y, this.store.brushRadius_px, this.stroke.value);
        this.stroke.last = [x, y];
      }
    } else if (this.boxDrag) this.boxDrag.to = this.#inside(last);
    else if (this.drag) this.#dragTo(last);
    this.wire = this.store.tool === "smart" && this.polygon.length ? this.#followed(this.#inside(last)) : [];
    this.onPreview();
  }

  /** The stroke ends: it becomes an operation now. */
  up() {
    if (this.stroke && this.session) {
      this.stroke = null;
      this.#commitMask();
    } else if (this.boxDrag) {
      const { from, to } = this.boxDrag;
      this.boxDrag = null;
      const x = Math.min(from[0], to[0]);
      const y = Math.min(from[1], to[1]);
      const w = round3(Math.abs(from[0] - to[0]));
      const h = round3(Math.abs(from[1] - to[1]));
      const target = w >= 1 && h >= 1 ? this.edits.target("box") : null;
      if (target) this.edits.setShape(target, { type: "box", box: [x, y, w, h] }, this.store.frame);
    } else if (this.drag) {
      const { target, shape, now } = this.drag;
      this.drag = null;
      if (now !== shape) this.edits.setShape(target, now, this.store.frame);
    }
    this.onPreview();
  }

  /** Escape: what is begun and not committed is let go. @returns {boolean} whether there was something */
  cancel() {
    const was = this.busy;
    this.#letGo();
    this.concealed = [];
    this.boxDrag = null;
    this.drag = null;
    if (this.stroke) {
      this.stroke = null;
      this.session = null;
    }
    this.onPreview();
    return was;
  }

  /** Enter: closes the polygon. @returns {boolean} whether there was one */
  finish() {
    if (!this.polygon.length) return false;
    if (this.store.tool === "points") return this.#finishPoints();
    if (this.store.tool === "smart" && this.clicks.length > 1) this.polygon.push(...this.#followed(this.polygon[0]));
    const points = this.polygon;
    this.#letGo();
    if (points.length < 3) {
      this.store.onNotice("An outline needs three points");
      this.onPreview();
      return true;
    }
    const session = this.#openMask();
    if (session) {
      session.mask.polygon(points, 1);
      this.#commitMask();
    }
    this.onPreview();
    return true;
  }

  /** Takes the last point of the outline back. @returns {boolean} */
  dropPoint() {
    if (!this.polygon.length) return false;
    this.polygon.length = this.clicks.pop() ?? this.polygon.length - 1;
    this.wire = [];
    this.concealed.length = Math.min(this.concealed.length, this.polygon.length);
    this.onPreview();
    return true;
  }

  /** The class whose points are being placed. */
  get placing() {
    const { store } = this;
    const own = store.classOf(store.selected?.class_id ?? store.activeClass ?? "");
    return own && POINT_GEOMETRIES.has(own.geometry) ? own : null;
  }

  /** @param {Point} point @param {boolean} concealed */
  #placePoint(point, concealed) {
    const own = this.placing;
    if (!own) return;
    const first = this.polygon[0];
    const near = NEAR_PX / this.view.scale;
    if (own.geometry === "polygon" && this.polygon.length > 2 && Math.hypot(point[0] - first[0], point[1] - first[1]) < near) {
      this.#finishPoints();
      return;
    }
    this.polygon.push(this.#inside(point));
    this.concealed.push(concealed);
    if (this.polygon.length === wanted(own)) this.#finishPoints();
  }

  /** @returns {true} */
  #finishPoints() {
    const own = this.placing;
    const made = own ? shapeOf(own, this.polygon, this.concealed) : { missing: "Choose a class that is drawn with points" };
    if ("missing" in made) this.store.onNotice(made.missing);
    else if (own) {
      this.polygon = [];
      this.concealed = [];
      const target = this.edits.target(own.geometry);
      if (target) this.edits.setShape(target, made.shape, this.store.frame);
    }
    this.onPreview();
    return true;
  }

  /** @param {Point} point */
  #polygonPoint(point) {
    const first = this.polygon[0];
    const near = NEAR_PX / this.view.scale;
    if (first && this.polygon.length > 2 && Math.hypot(point[0] - first[0], point[1] - first[1]) < near) {
      this.finish();
      return;
    }
    const to = this.#inside(point);
    if (this.store.tool !== "smart") {
      this.polygon.push(to);
      return;
    }
    const way = this.polygon.length ? this.#followed(to) : [to];
    this.clicks.push(this.polygon.length);
    this.polygon.push(...way);
    this.wire = [];
  }

  /** From the last point along the edges of the picture shown. @param {Point} to @returns {Point[]} */
  #followed(to) {
    const context = this.view.picture.getContext("2d");
    const { width_px, height_px } = this.store;
    if (!context) return [to];
    return follow(this.polygon[this.polygon.length - 1], to, width_px, height_px, (x, y, w, h) => context.getImageData(x, y, w, h));
  }

  #letGo() {
    this.polygon = [];
    this.clicks = [];
    this.wire = [];
  }

  /** The buffer of the mask in hand on this frame. @returns {MaskSession | null} */
  #openMask() {
    const { store } = this;
    const held = this.session;
    const stored = store.selected?.keyframes[String(store.frame)]?.shape;
    const rle = stored?.type === "mask" ? stored.rle : null;
    if (held && held.frame === store.frame && held.target.object === store.selectedTrack && held.rle === rle) {
      held.target.create = [];
      return held;
    }
    const target = this.edits.target("mask");
    if (!target) return null;
    // On a frame between keyframes the brush goes on from what is shown there.
    const track = store.labels.tracks[target.object];
    const shape = track ? store.expand(track, store.frame)?.shape : null;
    const mask =
      shape?.type === "mask" ? MaskBuffer.fromRle(shape.rle) : new MaskBuffer(store.width_px, store.height_px);
    const color = store.classOf(target.class_id)?.color ?? "#ffffff";
    this.session = {
      target,
      frame: store.frame,
      mask,
      live: new LiveMask(mask, color),
      rle,
    };
    return this.session;
  }

  #commitMask() {
    const session = this.session;
    if (!session) return;
    if (session.mask.isEmpty) {
      this.session = null;
      this.edits.setShape(session.target, null, session.frame);
      return;
    }
    const rle = session.mask.toRle();
    session.rle = rle;
    this.edits.setShape(session.target, { type: "mask", rle }, session.frame);
  }

  /** The live mask that stands in for a track's stored one while its stroke lasts. @param {string} trackId */
  liveMask(trackId) {
    const session = this.session;
    if (!session || !this.stroke || session.target.object !== trackId || session.frame !== this.store.frame) return null;
    return session.live;
  }

  /** A mask whose track does not exist yet. */
  get newLive() {
    const session = this.session;
    if (!session || !this.stroke || this.store.labels.tracks[session.target.object]) return null;
    return session;
  }

  /** @param {Point} point */
  #pick(point) {
    const near = NEAR_PX / this.view.scale;
    const { store } = this;
    /** @type {{id: string, away: number, handle: number, shape: Shape}[]} */
    const hits = [];
    for (const [id, track] of store.clipTracks()) {
      if (store.hidden.has(id)) continue;
      const shape = store.expand(track, store.frame)?.shape;
      if (!shape) continue;
      if (shape.type === "tip") {
        const away = Math.hypot(point[0] - shape.point[0], point[1] - shape.point[1]);
        if (away < near) hits.push({ id, away, handle: -1, shape });
      } else if (shape.type === "box") {
        const [x, y, w, h] = shape.box;
        const corners = [[x, y], [x + w, y], [x + w, y + h], [x, y + h]];
        const reach = corners.map(([cx, cy]) => Math.hypot(point[0] - cx, point[1] - cy));
        const corner = reach.indexOf(Math.min(...reach));
        if (reach[corner] < near) hits.push({ id, away: reach[corner], handle: corner, shape });
        else if (point[0] > x && point[1] > y && point[0] < x + w && point[1] < y + h) {
          hits.push({ id, away: near + Math.sqrt(w * h) / 1000, handle: -1, shape });
        }
      } else if (hasPoints(shape)) {
        const found = hitPoints(shape, point, near, store.classOf(track.class_id)?.skeleton?.edges);
        if (found) hits.push({ id, shape, ...found });
      } else if (prepareMask(shape.rle).has(point[0], point[1])) {
        hits.push({ id, away: near * 2, handle: -1, shape });
      }
    }
    hits.sort((a, b) => a.away - b.away);
    const hit = hits[0];
    this.edits.selectTrack(hit ? hit.id : null);
    if (!hit || hit.shape.type === "mask" || store.readOnly) return;
    const track = store.labels.tracks[hit.id];
    this.drag = {
      target: { object: hit.id, create: [], class_id: track.class_id },
      shape: hit.shape,
      from: point,
      now: hit.shape,
      handle: hit.handle,
    };
  }

  /** @param {Point} to */
  #dragTo(to) {
    const drag = this.drag;
    if (!drag) return;
    const { width_px, height_px } = this.store;
    if (drag.handle >= 0 && hasPoints(drag.shape)) {
      drag.now = reshaped(drag.shape, drag.handle, this.#inside(to));
      return;
    }
    if (drag.handle < 0 || drag.shape.type !== "box") {
      drag.now = moved(drag.shape, to[0] - drag.from[0], to[1] - drag.from[1], width_px, height_px);
      return;
    }
    const [x, y, w, h] = drag.shape.box;
    const opposite = [[x + w, y + h], [x, y + h], [x, y], [x + w, y]][drag.handle];
    const [px, py] = this.#inside(to);
    drag.now = {
      type: "box",
      box: [
        Math.min(px, opposite[0]),
        Math.min(py, opposite[1]),
        Math.max(1, round3(Math.abs(px - opposite[0]))),
        Math.max(1, round3(Math.abs(py - opposite[1]))),
      ],
    };
  }

  /** What is drawn on top of the picture. @param {CanvasRenderingContext2D} context in picture coordinates @param {number} unit one CSS pixel */
  preview(context, unit) {
    paintPreview(this, context, unit);
  }

  /** The picture place and radius that hold all that preview draws; null: it may be anywhere. @returns {[number, number, number] | null} */
  get previewWithin() {
    const { store, pointer } = this;
    if (store.cursor.on || this.polygon.length || this.boxDrag) return null;
    const ring = pointer && !store.readOnly && (store.tool === "brush" || store.tool === "eraser");
    return ring ? [pointer[0], pointer[1], store.brushRadius_px] : [0, 0, 0];
  }

  /** Whether the tool in hand draws this geometry. @param {string} geometry */
  draws(geometry) {
    return GEOMETRY_OF_TOOL[this.store.tool] === geometry;
  }
}

/** @param {number} radius */
export const clampRadius = (radius) => Math.round(Math.max(0.5, Math.min(200, radius)) * 10) / 10;
