/**
 * The timeline: ruler, lanes, playhead and overview on one canvas. What stays as it is from frame to frame is held as a
 * picture, so that a frame costs a copy and the playhead, however many tracks there are.
 */

import { clock } from "../player/timebase.js";
import { Drag, gripAt } from "./drag.js";
import { drawAtPlayhead, drawLane } from "./draw.js";
import { OVERVIEW_PX, paintOverview, paintOverviewHead } from "./overview.js";

/** @typedef {import("./draw.js").Lane} Lane */

const RULER_PX = 18;
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
    this.#playhead(head, width, bottom);
    this.#dragged(head, bottom);
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
    this.#ruler(head, width, bottom);
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
    this.#blanked(head, width, bottom);
    context.restore();
    this.#loop(head, width);
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

  /** @param {number} head @param {number} width @param {number} bottom */
  #ruler(head, width, bottom) {
    const { stillContext: context, palette } = this;
    const from_s = this.time.timeOf(Math.floor(this.from));
    const to_s = Math.max(from_s + 0.01, this.time.timeOf(Math.ceil(this.to)));
    const wanted = ((to_s - from_s) / Math.max(1, this.plotWidth)) * 110;
    const steps = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
    const step = steps.find((s) => s >= wanted) ?? 3600;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (let t = Math.ceil(from_s / step) * step; t <= to_s; t += step) {
      const x = this.x(this.time.indexAt(t));
      if (x < head || x > width) continue;
      context.fillStyle = palette.line;
      context.fillRect(Math.round(x), RULER_PX, 1, bottom - RULER_PX);
      context.fillStyle = palette.dim;
      const text = step < 1 ? clock(t).slice(3) : clock(t).slice(t >= 3600 ? 0 : 3, 8);
      if (x + 4 + text.length * 6 < width) context.fillText(text, x + 4, RULER_PX / 2);
    }
  }

  /** @param {number} head @param {number} width @param {number} bottom */
  #blanked(head, width, bottom) {
    const { stillContext: context } = this;
    for (const [start, end] of this.blanked) {
      const x0 = Math.max(head, this.x(start));
      const x1 = Math.min(width, this.x(end));
      if (x1 <= x0) continue;
      context.fillStyle = "rgba(10, 12, 16, 0.6)";
      context.fillRect(x0, RULER_PX, x1 - x0, bottom - RULER_PX);
      context.fillStyle = this.palette.dim;
      context.font = "10px system-ui, sans-serif";
      if (x1 - x0 > 60) context.fillText("blanked", x0 + 6, bottom - 8);
    }
  }

  /** @param {number} head @param {number} width */
  #loop(head, width) {
    if (!this.loop) return;
    const x0 = Math.max(head, this.x(this.loop[0]));
    const x1 = Math.min(width, this.x(this.loop[1]));
    if (x1 <= x0) return;
    this.stillContext.fillStyle = this.palette.accent;
    this.stillContext.fillRect(x0, RULER_PX - 4, x1 - x0, 3);
  }

  /** @param {number} head @param {number} width @param {number} bottom */
  #playhead(head, width, bottom) {
    const { context, palette } = this;
    const x = this.x(this.frame + 0.5);
    if (x < head || x > width) return;
    context.fillStyle = palette.accent;
    context.fillRect(Math.round(x) - 0.75, 6, 1.5, bottom - 6);
    context.beginPath();
    context.moveTo(x - 6, 2);
    context.lineTo(x + 6, 2);
    context.lineTo(x, 10);
    context.fill();
  }

  /** The line of what is being dragged, and the frame it would go to. @param {number} head @param {number} bottom */
  #dragged(head, bottom) {
    if (!this.drag?.isMoving) return;
    const { context, palette } = this;
    const { grip, to, snapped } = this.drag;
    const x = this.x(grip.kind === "keyframe" ? to + 0.5 : to);
    context.fillStyle = snapped ? palette.accent : palette.text;
    context.fillRect(Math.round(x) - 0.5, RULER_PX, 1, bottom - RULER_PX);
    const words = `${clock(this.time.timeOf(Math.min(this.n - 1, to)))} · ${to}`;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    const wide = context.measureText(words).width + 10;
    const left = Math.max(head, Math.min(this.size.width - wide, x + 6));
    context.fillStyle = palette.background;
    context.fillRect(left, RULER_PX + 2, wide, 16);
    context.fillStyle = palette.text;
    context.fillText(words, left + 5, RULER_PX + 10);
  }

  #bind() {
    const { host } = this;
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
        this.drag = new Drag(grip, x, this.painted, this.frame, this.n);
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
      this.#letGo();
      if (drag?.isMoving) this.onDragged(drag.grip, drag.to);
      else if (drag) this.#pick(drag.grip.lane, event);
    });
    host.addEventListener("pointercancel", () => this.#letGo());
    // Escape takes a drag back.
    document.addEventListener("keydown", (event) => {
      if (event.code !== "Escape" || !this.drag) return;
      event.stopImmediatePropagation();
      this.#letGo();
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

  #letGo() {
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
    for (const frame of lane.keyframes?.map((k) => k.frame) ?? []) {
      if (Math.abs(this.x(frame + 0.5) - x) < 7) return { frame };
    }
    const at = this.frameAt(x);
    const interval = [...(lane.intervals ?? [])].reverse().find((i) => i.id && i.start <= at && at < i.end);
    if (interval?.id) return { interval: interval.id };
    return lane.kind === "track" ? {} : null;
  }
}
