/**
 * The timeline: ruler, lanes, playhead and overview on one canvas. What stays as it is from frame to frame is held as a
 * picture, so that a frame costs a copy and the playhead, however many tracks there are.
 */

import { bindPinch } from "./pinch.js";
import { clock } from "../player/timebase.js";
import { Drag, gripAt, nearestKeyframe } from "./drag.js";
import { drawAtPlayhead, drawLane } from "./draw.js";
import { drawBlanked, drawDragged, drawLoop, drawPlayhead, drawRuler, drawShots, RULER_PX } from "./marks.js";
import { OVERVIEW_PX, paintOverview, paintOverviewHead } from "./overview.js";

/** @typedef {import("./draw.js").Lane} Lane */

const MIN_FRAMES = 12;

export class Timeline {
  /**
   * @param {HTMLElement} host  role=slider; the canvas fills it
   * @param {import("../player/timebase.js").Timebase} time
   * @param {() => Lane[]} lanes
   * @param {() => number} headerWidth CSS pixels
   */
  constructor(host, time, lanes, headerWidth) {
    this.host = host;
    this.time = time;
    this.lanes = lanes;
    this.headerWidth = headerWidth;
    this.n = time.n_frames;
    this.from = 0;
    this.to = this.n;
    this.scroll = 0;
    this.frame = 0;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("aria-hidden", "true");
    host.append(this.canvas);
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    /** All but what goes with the playhead. */
    this.still = document.createElement("canvas");
    this.stillContext = /** @type {CanvasRenderingContext2D} */ (this.still.getContext("2d", { alpha: false }));
    this.isStale = true;
    this.isAsked = false;
    /** Measured when it is painted, not with each place that is worked out. CSS pixels, but for the ratio. */
    this.size = { width: 0, height: 0, head: 0, ratio: 1 };
    /** The lanes of `painted` that are in sight. @type {Lane[]} */
    this.inSight = [];
    /** @type {(frame: number) => void} */
    this.onSeek = () => {};
    /** @type {(lane: Lane, hit: {interval?: string, frame?: number}) => void} */
    this.onPick = () => {};
    /** A span's edge or a keyframe was dragged from a frame to another. @type {(grip: import("./drag.js").Grip, to: number) => void} */
    this.onDragged = () => {};
    /** The lanes as they were painted last: each knows where it stands. @type {Lane[]} */
    this.painted = [];
    /** @type {Drag | null} */
    this.drag = null;
    /** @type {[number, number][]} */
    this.blanked = [];
    /** First frames of shots. @type {number[]} */
    this.shots = [];
    /** @type {[number, number] | null} the span that plays over and over */
    this.loop = null;
    /** @type {Lane | undefined} */
    this.overview = undefined;
    this.scrubbing = "";
    this.hover = -1;
    const style = getComputedStyle(document.documentElement);
    /** @param {string} name */
    const token = (name) => style.getPropertyValue(name).trim() || "#888888";
    this.palette = {
      text: token("--text"),
      dim: token("--text-dim"),
      faint: token("--text-faint"),
      line: token("--line"),
      surface: token("--surface"),
      selected: token("--selected"),
      accent: token("--accent"),
      background: token("--background"),
      warn: token("--warn"),
    };
    new ResizeObserver(() => this.paint()).observe(host);
    this.#bind();
  }

  get plotWidth() {
    if (!this.size.width) this.#measure();
    return Math.max(1, this.size.width - this.size.head);
  }

  /** @param {number} frame edge of a frame */
  x(frame) {
    const { plotWidth } = this;
    return this.size.head + ((frame - this.from) / (this.to - this.from)) * plotWidth;
  }

  /** @param {number} x CSS pixels @returns {number} frame, not rounded */
  frameAt(x) {
    const { plotWidth } = this;
    return this.from + ((x - this.size.head) / plotWidth) * (this.to - this.from);
  }

  /** @param {number} factor below 1 shows less @param {number} [around] frame */
  zoom(factor, around = this.frame + 0.5) {
    const span = Math.max(Math.min(MIN_FRAMES, this.n), Math.min(this.n, (this.to - this.from) * factor));
    const part = (around - this.from) / (this.to - this.from);
    this.#show(around - part * span, span);
  }

  /** Shows a span with a little room to each side. @param {number} start @param {number} end */
  fit(start, end) {
    const room = (end - start) * 0.05;
    const span = Math.min(this.n, Math.max(Math.min(MIN_FRAMES, this.n), end - start + 2 * room));
    this.#show(start - room, span);
  }

  /** @param {number} from @param {number} span */
  #show(from, span) {
    this.from = Math.max(0, Math.min(this.n - span, from));
    this.to = this.from + span;
    this.paint();
  }

  /** The playhead stays in sight. @param {number} frame */
  setFrame(frame) {
    this.frame = frame;
    const span = this.to - this.from;
    if (!this.scrubbing && (frame < this.from || frame >= this.to)) {
      this.from = Math.max(0, Math.min(this.n - span, frame - span * (frame < this.from ? 0.85 : 0.15)));
      this.to = this.from + span;
      this.isStale = true;
    }
    // A span that was begun and not ended reaches to the playhead.
    if (this.inSight.some((lane) => lane.intervals?.some((interval) => interval.open))) this.isStale = true;
    this.host.setAttribute("aria-valuenow", String(frame));
    this.host.setAttribute("aria-valuetext", `${clock(this.time.timeOf(frame))}, frame ${frame}`);
    this.#draw();
  }

  /** Paints all anew with the next animation frame, once for everyone who asks. */
  paint() {
    this.isStale = true;
    this.#ask();
  }

  #ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      // A frame may have been painted meanwhile, and all with it.
      if (this.isAsked) this.#draw();
    });
  }

  #measure() {
    const { host } = this;
    this.size = { width: host.clientWidth, height: host.clientHeight, head: this.headerWidth(), ratio: globalThis.devicePixelRatio || 1 };
  }

  #draw() {
    const { canvas, still, context } = this;
    this.isAsked = false;
    if (this.isStale) {
      this.#measure();
      const { width, height, ratio } = this.size;
      if (!width || !height) return;
      for (const each of [canvas, still]) {
        if (each.width !== Math.round(width * ratio)) each.width = Math.round(width * ratio);
        if (each.height !== Math.round(height * ratio)) each.height = Math.round(height * ratio);
      }
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
      this.isStale = false;
      this.#drawStill();
    }
    const { width, height, head, ratio } = this.size;
    const bottom = height - OVERVIEW_PX - 6;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(still, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.save();
    context.beginPath();
    context.rect(head, RULER_PX, width - head, bottom - RULER_PX);
    context.clip();
    const plot = this.#plot();
    for (const lane of this.inSight) drawAtPlayhead(context, lane, plot);
    context.restore();
    drawPlayhead(context, this, bottom);
    drawDragged(context, this, bottom);
    const { n, frame, palette } = this;
    paintOverviewHead(context, { head, width, top: height - OVERVIEW_PX - 2, n, frame, palette });
  }

  /** @returns {import("./draw.js").Plot} */
  #plot() {
    const { from, palette, frame } = this;
    return { head: this.size.head, width: this.size.width, from, x: (f) => this.x(f), palette, frame };
  }

  #drawStill() {
    const { stillContext: context, palette } = this;
    const { width, height, head, ratio } = this.size;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = palette.surface;
    context.fillRect(0, 0, width, height);
    const bottom = height - OVERVIEW_PX - 6;
    drawRuler(context, this, bottom);
    const lanes = this.lanes();
    this.painted = lanes;
    this.#clampScroll(lanes, bottom);
    context.save();
    context.beginPath();
    context.rect(0, RULER_PX, width, bottom - RULER_PX);
    context.clip();
    let y = RULER_PX - this.scroll;
    const plot = this.#plot();
    this.inSight = [];
    for (const lane of lanes) {
      lane.y = y;
      if (y + lane.height > RULER_PX && y < bottom) {
        this.inSight.push(lane);
        drawLane(context, lane, plot);
      }
      y += lane.height;
    }
    drawBlanked(context, this, bottom);
    drawShots(context, this, bottom);
    context.restore();
    drawLoop(context, this);
    const source = this.overview ?? lanes.find((lane) => lane.kind === "intervals");
    const { n, from, to } = this;
    paintOverview(context, lanes, source, { head, width, top: height - OVERVIEW_PX - 2, n, from, to, palette });
    context.fillStyle = palette.line;
    context.fillRect(head - 0.5, 0, 1, height);
  }

  /** @param {Lane[]} lanes @param {number} bottom */
  #clampScroll(lanes, bottom) {
    const all = lanes.reduce((sum, lane) => sum + lane.height, 0);
    this.scroll = Math.max(0, Math.min(this.scroll, all - (bottom - RULER_PX)));
  }

  /** Brings a lane into sight. @param {string} id */
  reveal(id) {
    const lanes = this.lanes();
    let y = 0;
    for (const lane of lanes) {
      if (lane.id === id) {
        const room = this.host.clientHeight - OVERVIEW_PX - 6 - RULER_PX;
        if (y < this.scroll) this.scroll = y;
        else if (y + lane.height > this.scroll + room) this.scroll = y + lane.height - room;
      }
      y += lane.height;
    }
    this.paint();
  }

  /** Moves what is shown along with a finger. @param {number} dx CSS pixels */
  moveBy(dx) {
    const span = this.to - this.from;
    this.#show(this.from - (dx / this.plotWidth) * span, span);
  }

  #bind() {
    const { host } = this;
    bindPinch(host, this);
    /** @param {PointerEvent} event */
    const scrub = (event) => {
      const x = event.clientX - host.getBoundingClientRect().left;
      if (this.scrubbing === "overview") {
        const span = this.to - this.from;
        const at = ((x - this.headerWidth()) / this.plotWidth) * this.n;
        this.#show(at - span / 2, span);
        this.onSeek(Math.max(0, Math.min(this.n - 1, Math.floor(at))));
      } else this.onSeek(Math.max(0, Math.min(this.n - 1, Math.floor(this.frameAt(x)))));
    };
    host.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const rect = host.getBoundingClientRect();
      const x = event.clientX - rect.left;
      const y = event.clientY - rect.top;
      const overview = y > host.clientHeight - OVERVIEW_PX - 4;
      const lane = overview ? undefined : this.painted.find((l) => this.#inLane(l, y));
      if (x < this.headerWidth()) {
        if (lane) this.onPick(lane, {});
        return;
      }
      host.setPointerCapture(event.pointerId);
      const grip = lane && y > RULER_PX ? gripAt(lane, x, (f) => this.x(f)) : null;
      if (grip) {
        this.drag = new Drag(grip, x, this.painted, this.frame, this.n, this.shots);
        return;
      }
      this.scrubbing = overview ? "overview" : "plot";
      if (!lane || y <= RULER_PX || !this.#pick(lane, event)) scrub(event);
    });
    host.addEventListener("pointermove", (event) => {
      const x = event.clientX - host.getBoundingClientRect().left;
      if (this.drag) {
        this.drag.move(x, (at) => this.frameAt(at), (f) => this.x(f), event.altKey);
        this.#ask();
      } else if (this.scrubbing && Math.abs(event.movementX) > 0) scrub(event);
      else if (!this.scrubbing) {
        const lane = this.painted.find((l) => this.#inLane(l, event.clientY - host.getBoundingClientRect().top));
        host.style.cursor = lane && x > this.headerWidth() && gripAt(lane, x, (f) => this.x(f)) ? "ew-resize" : "";
      }
    });
    host.addEventListener("pointerup", (event) => {
      const { drag } = this;
      this.letGo();
      if (drag?.isMoving) this.onDragged(drag.grip, drag.to);
      else if (drag) this.#pick(drag.grip.lane, event);
    });
    host.addEventListener("pointercancel", () => this.letGo());
    // Escape takes a drag back.
    document.addEventListener("keydown", (event) => {
      if (event.code !== "Escape" || !this.drag) return;
      event.stopImmediatePropagation();
      this.letGo();
    }, true);
    host.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const x = event.clientX - host.getBoundingClientRect().left;
        const span = this.to - this.from;
        if (event.ctrlKey || event.metaKey) this.zoom(Math.exp(event.deltaY / 300), this.frameAt(x));
        else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          this.#show(this.from + ((event.deltaX || event.deltaY) / this.plotWidth) * span, span);
        } else {
          this.scroll += event.deltaY;
          this.paint();
        }
      },
      { passive: false },
    );
  }

  /** What is dragged is left as it was. */
  letGo() {
    this.drag = null;
    this.scrubbing = "";
    this.#ask();
  }

  /** A click: selects what is there, and goes to a keyframe. @param {Lane} lane @param {PointerEvent} event @returns {boolean} whether it went somewhere */
  #pick(lane, event) {
    const x = event.clientX - this.host.getBoundingClientRect().left;
    const hit = this.#hit(lane, x);
    if (hit) this.onPick(lane, hit);
    if (hit?.frame !== undefined) this.onSeek(hit.frame);
    else if (event.type === "pointerup") this.onSeek(Math.max(0, Math.min(this.n - 1, Math.floor(this.frameAt(x)))));
    return hit?.frame !== undefined;
  }

  /** @param {Lane} lane @param {number} y */
  #inLane(lane, y) {
    return lane.y !== undefined && y >= lane.y && y < lane.y + lane.height;
  }

  /** @param {Lane} lane @param {number} x @returns {{interval?: string, frame?: number} | null} */
  #hit(lane, x) {
    const frame = nearestKeyframe(lane, x, (f) => this.x(f), 7);
    if (frame !== null) return { frame };
    const at = this.frameAt(x);
    const interval = [...(lane.intervals ?? [])].reverse().find((i) => i.id && i.start <= at && at < i.end);
    if (interval?.id) return { interval: interval.id };
    return lane.kind === "track" ? {} : null;
  }
}
