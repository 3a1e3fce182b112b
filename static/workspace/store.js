/** State, operations, undo and redo. Whatever changes labels goes through `commit`, and no other way. */

import { chunkOf } from "./chunks.js";
import { expandAt, isRead, keyframeFrames, ruleOf, stampOf } from "./interpolate.js";
import { applyOperation, inverseOf } from "./operations.js";

/** @typedef {import("./types.js").Labels} Labels */
/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {import("./types.js").Ontology} Ontology */
/** @typedef {import("./types.js").LabelClass} LabelClass */
/** @typedef {import("./types.js").ToolName} ToolName */
/** @typedef {"labels" | "read" | "ui" | "frame"} ChangeKind  read: more of the labels is here, none was changed */

/** @typedef {{from: number, to: number, missing: number[] | undefined, class_id: string, expanded: import("./types.js").Expanded | null}} Held */

/** What a track shows is held of so many frames: the one shown, those to both sides, and the one after next. */
const HELD_FRAMES = 4;

export const newId = () =>
  globalThis.crypto.randomUUID
    ? globalThis.crypto.randomUUID()
    : "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) =>
        (Number(c) ^ (globalThis.crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (Number(c) / 4)))).toString(16),
      );

/** The lane on which spans of a geometry lie. @param {string} geometry @returns {"phase" | "event" | "tag"} */
export function laneOf(geometry) {
  if (geometry === "phase" || geometry === "event") return geometry;
  return "tag";
}

export class Store {
  /**
   * @param {{labels: Labels, ontology: Ontology, clip: string, n_frames: number, width_px: number,
   *   height_px: number, readOnly: boolean}} initial
   */
  constructor(initial) {
    this.labels = initial.labels;
    this.ontology = initial.ontology;
    this.clip = initial.clip;
    this.n_frames = initial.n_frames;
    this.width_px = initial.width_px;
    this.height_px = initial.height_px;
    this.readOnly = initial.readOnly;
    this.frame = 0;
    /** @type {ToolName} */
    this.tool = "select";
    this.brushRadius_px = 12;
    /** @type {string | null} */
    this.selectedTrack = null;
    /** @type {string | null} */
    this.selectedInterval = null;
    /** @type {string | null} */
    this.activeClass = null;
    /** Phases and events begun with [ and not yet ended: class -> interval. @type {Map<string, string>} */
    this.open = new Map();
    /** @type {Set<string>} */
    this.hidden = new Set();
    /** First frames of the clip's shots but the first, ascending. @type {number[]} */
    this.shots = [];
    /** Proposals of an import that are not decided. */
    this.proposalsLeft = 0;
    /** Keyboard cursor in picture coordinates. */
    this.cursor = { on: false, x: initial.width_px / 2, y: initial.height_px / 2 };
    /** @type {Map<string, LabelClass>} */
    this.classes = new Map(initial.ontology.classes.map((c) => [c.id, c]));
    /** @type {{undo: Operation[], redo: Operation[]}[]} */
    this.past = [];
    /** @type {{undo: Operation[], redo: Operation[]}[]} */
    this.future = [];
    /** @type {Set<(kind: ChangeKind) => void>} */
    this.listeners = new Set();
    /** Receives every operation as it is applied. @type {(ops: Operation[]) => void} */
    this.onOperations = () => {};
    /** A track that is wanted whole. @type {(id: string) => void} */
    this.onWanted = () => {};
    /** Said to the person, in words. @type {(message: string) => void} */
    this.onNotice = () => {};
  }

  /** @param {(kind: ChangeKind) => void} listener */
  listen(listener) {
    this.listeners.add(listener);
  }

  /** @param {ChangeKind} kind */
  changed(kind) {
    if (kind === "labels") this.#tracks = null;
    for (const listener of this.listeners) listener(kind);
  }

  /** @param {Partial<Store>} values */
  set(values) {
    Object.assign(this, values);
    this.changed("ui");
  }

  /** @param {number} index */
  setFrame(index) {
    if (index === this.frame) return;
    this.frame = index;
    this.changed("frame");
  }

  /**
   * Applies operations as one step of undo and hands them on to be saved.
   * @param {Operation[]} ops
   * @returns {boolean} false when the set is read-only or there is nothing to do
   */
  commit(ops) {
    if (!ops.length) return false;
    if (this.readOnly) {
      this.onNotice("This label set is read-only");
      return false;
    }
    if (!ops.every((op) => this.#isHere(op))) {
      this.onNotice("The labels of this place are still being read: once more in a moment");
      return false;
    }
    this.past.push({ undo: this.#apply(ops), redo: ops });
    if (this.past.length > 500) this.past.shift();
    this.future = [];
    return true;
  }

  /**
   * What belongs to a keyframe that was put, known only now: what takes that one back takes it back too.
   * @param {string} object @param {number} frame @param {Operation[]} ops @returns {boolean}
   */
  amend(object, frame, ops) {
    if (!ops.length || this.readOnly) return false;
    const step = [...this.past].reverse().find(({ redo }) => redo.some((op) => op.op === "keyframe.set" && op.object === object && op.frame_index === frame));
    const undo = this.#apply(ops);
    if (step) Object.assign(step, { undo: [...undo, ...step.undo], redo: [...step.redo, ...ops] });
    else this.past.push({ undo, redo: ops });
    return true;
  }

  /** Whether all that an operation would change is read. @param {Operation} op */
  #isHere(op) {
    const track = this.labels.tracks[op.object];
    if (!track?.missing?.length || op.op === "track.set") return true;
    return "frame_index" in op ? !track.missing.includes(chunkOf(op.frame_index)) : op.op !== "track.delete";
  }

  /** Whether all of a track is read; else it is asked for, and said. @param {string | null} id */
  isWhole(id) {
    if (!id || !this.labels.tracks[id]?.missing?.length) return true;
    this.onWanted(id);
    this.onNotice("All of this track is still being read: once more in a moment");
    return false;
  }

  /** Whether what the tracks of the clip show at a frame is read. @param {number} frame */
  isReadAt(frame) {
    return this.clipTracks().every(([, track]) => isRead(track, frame));
  }

  /** @param {Operation[]} ops @returns {Operation[]} what takes them back, in order */
  #apply(ops) {
    /** @type {Operation[]} */
    const back = [];
    for (const op of ops) {
      back.unshift(...inverseOf(this.labels, op));
      applyOperation(this.labels, op);
    }
    this.#tracks = null;
    this.#dropDeadSelection();
    this.onOperations(ops);
    this.changed("labels");
    return back;
  }

  undo() {
    const step = this.past.pop();
    if (!step || this.readOnly) return false;
    this.#apply(step.undo);
    this.future.push(step);
    this.changed("ui");
    return true;
  }

  redo() {
    const step = this.future.pop();
    if (!step || this.readOnly) return false;
    step.undo = this.#apply(step.redo);
    this.past.push(step);
    this.changed("ui");
    return true;
  }

  /**
   * Takes over operations of another client; no undo, not sent again. One's own steps on the same objects can be
   * undone no more: that would take back what the other did.
   * @param {Operation[]} ops
   */
  applyRemote(ops) {
    for (const op of ops) applyOperation(this.labels, op);
    const theirs = new Set(ops.map((op) => op.object));
    const isMine = (/** @type {{undo: Operation[], redo: Operation[]}} */ step) => ![...step.undo, ...step.redo].some((op) => theirs.has(op.object));
    this.past = this.past.filter(isMine);
    this.future = this.future.filter(isMine);
    this.#tracks = null;
    this.#dropDeadSelection();
    this.changed("labels");
  }

  /** The server's state with what is still unsent on top. @param {Labels} labels @param {Operation[]} pending */
  replaceLabels(labels, pending) {
    this.labels = labels;
    for (const op of pending) applyOperation(labels, op);
    this.past = [];
    this.future = [];
    this.#tracks = null;
    this.#dropDeadSelection();
    this.changed("labels");
  }

  #dropDeadSelection() {
    const { tracks, intervals } = this.labels;
    if (this.selectedTrack && !tracks[this.selectedTrack]) this.selectedTrack = null;
    if (this.selectedInterval && !intervals[this.selectedInterval]) this.selectedInterval = null;
    for (const [classId, id] of this.open) if (!intervals[id]) this.open.delete(classId);
  }

  get selected() {
    return this.selectedTrack ? this.labels.tracks[this.selectedTrack] : undefined;
  }

  /** @param {string} classId */
  classOf(classId) {
    return this.classes.get(classId);
  }

  /** @param {string} classId */
  isPhase = (classId) => this.classes.get(classId)?.geometry === "phase";

  /** What a track shows at a frame, by its class's interpolation. @param {import("./types.js").Track} track @param {number} frame */
  expand(track, frame) {
    const { keyframes, missing, class_id } = track;
    const stamp = stampOf(keyframes);
    let kept = this.#expanded.get(stamp);
    if (!kept) this.#expanded.set(stamp, (kept = []));
    for (let i = 0; i < kept.length; i++) {
      const held = kept[i];
      if (held.from > frame || frame > held.to || held.missing !== missing || held.class_id !== class_id) continue;
      for (; i > 0; i--) kept[i] = kept[i - 1];
      kept[0] = held;
      return held.expanded;
    }
    const own = this.classes.get(class_id);
    const expanded = expandAt(track, frame, own && ruleOf(own));
    const frames = keyframeFrames(track);
    const last = frames[frames.length - 1];
    // Before its first and after its last keyframe a track shows nothing: most tracks, on most frames.
    let [from, to] = [frame, frame];
    if (!frames.length || frame < frames[0]) [from, to] = [-Infinity, (frames[0] ?? Infinity) - 1];
    else if (frame > last) [from, to] = [last + 1, Infinity];
    if (kept.length >= HELD_FRAMES) kept.pop();
    kept.unshift({ from, to, missing, class_id, expanded });
    return expanded;
  }

  /** Most recently used first: the frame shown is asked for again and again. @type {WeakMap<object, Held[]>} */
  #expanded = new WeakMap();

  /** @param {string} trackId */
  trackName(trackId) {
    const track = this.labels.tracks[trackId];
    if (!track) return "";
    return `${this.classes.get(track.class_id)?.name ?? track.class_id} ${track.number}`;
  }

  /** Tracks of the clip in sight, in the ontology's order of classes. @returns {[string, import("./types.js").Track][]} */
  clipTracks() {
    if (this.#tracks) return this.#tracks;
    const order = new Map([...this.classes.keys()].map((id, at) => [id, at]));
    /** @param {import("./types.js").Track} track */
    const at = (track) => order.get(track.class_id) ?? -1;
    this.#tracks = Object.entries(this.labels.tracks)
      .filter(([, track]) => track.clip === this.clip)
      .sort(([, a], [, b]) => at(a) - at(b) || a.number - b.number);
    return this.#tracks;
  }

  /** Held until labels change: it is asked for on every frame. @type {[string, import("./types.js").Track][] | null} */
  #tracks = null;

  /** @param {"phase" | "event" | "tag"} kind @returns {[string, import("./types.js").Interval][]} */
  clipIntervals(kind) {
    return Object.entries(this.labels.intervals)
      .filter(([, i]) => i.clip === this.clip && laneOf(this.classes.get(i.class_id)?.geometry ?? "") === kind)
      .sort(([, a], [, b]) => a.start_frame - b.start_frame);
  }
}
