/**
 * Fingers on the picture: one draws (or moves the picture, where a pen draws), two zoom and pan. While a
 * pen draws no finger does anything, nor does a palm that came to lie there meanwhile, until it is lifted.
 */

/** @typedef {{clientX: number, clientY: number}} Place */

/** A finger that rests moves by some pixels; nothing is drawn before it is clear what it is to be. */
const STILL_PX = 6;
/**
 * The fingers of a pinch come down within a fifth of a second of each other and hardly move before. What was drawn for
 * longer than this or over more was meant: it is finished, and one undo takes it back, where a stroke thrown away is work
 * lost. (Excalidraw as well discards only lines of few points when a second finger comes.)
 */
const MEANT_MS = 300;
const MEANT_PX = 40;
/** What these draw stands where the finger is lifted: until then it can be moved to the right place. */
const PLACING = new Set(["polygon", "smart", "points", "tip"]);

export class Fingers {
  /** @param {import("./tools.js").Tools} tools @param {import("./view.js").View} view */
  constructor(tools, view) {
    this.tools = tools;
    this.view = view;
    /** Whether one finger draws; a pen that is seen takes that away, the person gives it back. */
    this.draws = true;
    this.isPenKnown = false;
    this.isPenDown = false;
    /** Those that count, in the order they came: where each is now. @type {Map<number, Place>} */
    this.at = new Map();
    /** @type {"" | "waiting" | "drawing" | "moving" | "two" | "over"} */
    this.doing = "";
    /** Where the first came down. @type {Place} */
    this.from = { clientX: 0, clientY: 0 };
    /** When what is drawn was begun, and how far it has gone in CSS pixels. */
    this.begunAt_ms = 0;
    this.way_px = 0;
    /** @type {() => void} */
    this.onChange = () => {};
  }

  /** @param {boolean} draws */
  setDraws(draws) {
    this.draws = draws;
    this.onChange();
  }

  /** A pen is about: from now on fingers move the picture, unless the person says otherwise. */
  seePen() {
    if (this.isPenKnown) return;
    this.isPenKnown = true;
    this.setDraws(false);
  }

  /** A pen comes down: what fingers have begun is let go of, those that lie there do nothing more. */
  yield() {
    if (this.doing === "drawing") this.tools.cancel();
    this.at.clear();
    this.doing = "";
    this.isPenDown = true;
  }

  /** @param {PointerEvent} event @returns {boolean} whether it counts */
  down(event) {
    if (this.isPenDown) return false;
    this.at.set(event.pointerId, placeOf(event));
    if (this.at.size === 1) {
      this.from = placeOf(event);
      this.doing = this.draws ? "waiting" : "moving";
    } else {
      if (this.doing === "drawing") this.#leave(event);
      if (this.doing !== "over") this.doing = "two";
    }
    return true;
  }

  /** @param {PointerEvent} event */
  move(event) {
    const was = this.at.get(event.pointerId);
    if (!was) return;
    const { tools, view } = this;
    const now = placeOf(event);
    const before = this.doing === "two" ? this.#two() : null;
    this.at.set(event.pointerId, now);
    if (this.doing === "waiting" && this.#isPlacing) tools.move([view.toPicture(now)]);
    else if (this.doing === "waiting" && away(this.from, now) >= STILL_PX) {
      this.#begin(this.from);
      // With nothing under it to be dragged, the finger drags the picture.
      this.doing = tools.store.tool === "select" && !tools.drag ? "moving" : "drawing";
      this.begunAt_ms = event.timeStamp;
      this.way_px = away(this.from, now);
      if (this.doing === "drawing") tools.move([view.toPicture(now)]);
    } else if (this.doing === "drawing") {
      this.way_px += away(was, now);
      tools.move(placesOf(event).map((e) => view.toPicture(e)));
    } else if (this.doing === "moving") view.panBy(now.clientX - was.clientX, now.clientY - was.clientY);
    else if (before) {
      const after = this.#two();
      // Zoomed first: the whole picture has no room to be moved in.
      if (before.apart > 0 && after.apart > 0) view.zoomBy(after.apart / before.apart, before);
      view.panBy(after.clientX - before.clientX, after.clientY - before.clientY);
    }
  }

  /** @param {PointerEvent} event lifted, or taken away by the system */
  end(event) {
    const at = this.at.get(event.pointerId);
    if (!at) return;
    this.at.delete(event.pointerId);
    const { tools } = this;
    if (event.type === "pointercancel") {
      if (this.doing === "drawing") this.#leave(event);
    } else if (this.doing === "drawing") tools.up();
    else if (this.#isTap(at)) {
      this.#begin(this.#isPlacing ? at : this.from);
      tools.up();
    }
    // Of two fingers one is seldom lifted first on purpose: the other draws nothing.
    this.doing = this.at.size ? "over" : "";
  }

  /** A second finger came, or the system took the first away: what was hardly begun was not meant. @param {PointerEvent} event */
  #leave(event) {
    if (event.timeStamp - this.begunAt_ms >= MEANT_MS || this.way_px >= MEANT_PX) this.tools.up();
    else this.tools.cancel();
  }

  get #isPlacing() {
    return PLACING.has(this.tools.store.tool);
  }

  /** @param {Place} at */
  #isTap(at) {
    if (this.doing === "waiting") return true;
    // Where fingers do not draw, they still select what they tap.
    return this.doing === "moving" && this.tools.store.tool === "select" && away(this.from, at) < STILL_PX;
  }

  /** @param {Place} at */
  #begin(at) {
    this.tools.store.cursor.on = false;
    this.tools.down(this.view.toPicture(at));
  }

  /** The middle of the first two, and how far they are apart in CSS pixels. */
  #two() {
    const [a, b] = this.at.values();
    return { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2, apart: away(a, b) };
  }
}

/** @param {PointerEvent} event @returns {Place} */
const placeOf = ({ clientX, clientY }) => ({ clientX, clientY });

/** @param {Place} a @param {Place} b */
const away = (a, b) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);

/** Every place since the last event. @param {PointerEvent} event @returns {PointerEvent[]} */
export function placesOf(event) {
  const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  return events.length ? events : [event];
}
