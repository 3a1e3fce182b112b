/** What a person can do to labels, as operations: used alike by tools, keys and panels. */

import { expandAt, keyframeFrames, lastAtOrBefore } from "./interpolate.js";
import { createTrackOperations, nextNumber, setPhaseOperations } from "./operations.js";
import { newId } from "./store.js";

/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {import("./types.js").Shape} Shape */
/** @typedef {import("./types.js").Geometry} Geometry */
/** @typedef {import("./types.js").KeyframeState} KeyframeState */
/** @typedef {import("./types.js").ToolName} ToolName */

/** @type {Record<string, ToolName>} */
export const TOOL_OF_GEOMETRY = { mask: "brush", tip: "tip", box: "box" };
/** @type {Record<ToolName, Geometry | null>} */
export const GEOMETRY_OF_TOOL = { select: null, brush: "mask", eraser: "mask", polygon: "mask", tip: "tip", box: "box" };

export class Edits {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
  }

  /**
   * Chooses a class by key or click: its tool comes to hand, and its tracks are walked by pressing again.
   * @param {string} classId
   */
  chooseClass(classId) {
    const { store } = this;
    const chosen = store.classOf(classId);
    if (!chosen) return;
    const tool = TOOL_OF_GEOMETRY[chosen.geometry];
    if (!tool) {
      const here = store.clipIntervals(chosen.geometry === "phase" ? "phase" : "event").find(
        ([, i]) => i.class_id === classId && i.start_frame <= store.frame && store.frame < i.end_frame,
      );
      store.set({ activeClass: classId, selectedTrack: null, selectedInterval: here ? here[0] : null });
      return;
    }
    const mine = store.clipTracks().filter(([, t]) => t.class_id === classId).map(([id]) => id);
    const at = mine.indexOf(store.selectedTrack ?? "");
    const next = mine.length ? mine[(at + 1) % mine.length] : null;
    const keepTool = store.tool !== "select" && GEOMETRY_OF_TOOL[store.tool] === chosen.geometry;
    store.set({
      activeClass: classId,
      selectedTrack: next,
      selectedInterval: null,
      tool: store.readOnly ? "select" : keepTool ? store.tool : tool,
    });
  }

  /** @param {string | null} trackId */
  selectTrack(trackId) {
    const { store } = this;
    const track = trackId ? store.labels.tracks[trackId] : undefined;
    store.set({
      selectedTrack: track ? trackId : null,
      selectedInterval: null,
      activeClass: track ? track.class_id : store.activeClass,
    });
  }

  /** @param {ToolName} tool */
  chooseTool(tool) {
    const { store } = this;
    const geometry = GEOMETRY_OF_TOOL[tool];
    if (geometry && store.classOf(store.activeClass ?? "")?.geometry !== geometry) {
      const track = store.clipTracks().find(([, t]) => store.classOf(t.class_id)?.geometry === geometry);
      const first = store.ontology.classes.find((c) => c.geometry === geometry);
      if (!first) {
        store.onNotice(`This ontology has no class drawn as ${geometry}`);
        return;
      }
      store.set({ activeClass: track ? track[1].class_id : first.id, selectedTrack: track ? track[0] : null });
    }
    store.set({ tool });
  }

  /** An empty track of the class in hand, selected. */
  newTrack() {
    const { store } = this;
    const chosen = store.classOf(store.activeClass ?? "");
    if (!chosen || !TOOL_OF_GEOMETRY[chosen.geometry]) {
      store.onNotice("Choose a class that is drawn first");
      return null;
    }
    const object = newId();
    if (!store.commit([this.#create(object, chosen.id)])) return null;
    store.set({ selectedTrack: object, tool: TOOL_OF_GEOMETRY[chosen.geometry] });
    return object;
  }

  /** @param {string} object @param {string} classId @returns {Operation} */
  #create(object, classId) {
    const { store } = this;
    return {
      op: "track.create",
      object,
      clip: store.clip,
      class_id: classId,
      number: nextNumber(store.labels, classId),
    };
  }

  /**
   * The track a tool draws into: the selected one of that geometry, else one yet to be made.
   * @param {Geometry} geometry
   * @returns {{object: string, create: Operation[], class_id: string} | null}
   */
  target(geometry) {
    const { store } = this;
    if (store.readOnly) {
      store.onNotice("This label set is read-only");
      return null;
    }
    const track = store.selected;
    if (store.selectedTrack && track && store.classOf(track.class_id)?.geometry === geometry) {
      return { object: store.selectedTrack, create: [], class_id: track.class_id };
    }
    let classId = store.activeClass ?? "";
    if (store.classOf(classId)?.geometry !== geometry) {
      classId = store.ontology.classes.find((c) => c.geometry === geometry)?.id ?? "";
    }
    if (!classId) {
      store.onNotice(`This ontology has no class drawn as ${geometry}`);
      return null;
    }
    const object = newId();
    return { object, create: [this.#create(object, classId)], class_id: classId };
  }

  /**
   * Puts a shape on a frame as a keyframe, making the track when it is new.
   * @param {{object: string, create: Operation[], class_id: string}} target
   * @param {Shape | null} shape  null takes the keyframe away
   * @param {number} frame
   */
  setShape(target, shape, frame) {
    const { store } = this;
    const held = store.labels.tracks[target.object]?.keyframes[String(frame)];
    if (!shape) {
      if (held) store.commit([{ op: "keyframe.delete", object: target.object, frame_index: frame }]);
      return;
    }
    /** @type {KeyframeState} */
    const state = held?.state === "occluded" ? "occluded" : "visible";
    const done = store.commit([
      ...target.create,
      { op: "keyframe.set", object: target.object, frame_index: frame, state, shape, attributes: held?.attributes ?? {} },
    ]);
    if (done) store.set({ selectedTrack: target.object, activeClass: target.class_id, selectedInterval: null });
  }

  /** The shape a new keyframe here starts from: interpolated, or the last one drawn before. @returns {Shape | null} */
  #shapeHere() {
    const { store } = this;
    const track = store.selected;
    if (!track) return null;
    const here = expandAt(track, store.frame)?.shape;
    if (here) return here;
    const frames = keyframeFrames(track);
    for (let i = lastAtOrBefore(frames, store.frame); i >= 0; i--) {
      const shape = track.keyframes[String(frames[i])].shape;
      if (shape) return shape;
    }
    return frames.length ? track.keyframes[String(frames[0])].shape : null;
  }

  toggleKeyframe() {
    const { store } = this;
    const track = store.selected;
    if (!store.selectedTrack || !track) {
      store.onNotice("Select a track to set a keyframe");
      return;
    }
    const object = store.selectedTrack;
    if (track.keyframes[String(store.frame)]) {
      store.commit([{ op: "keyframe.delete", object, frame_index: store.frame }]);
      return;
    }
    const shape = this.#shapeHere();
    if (!shape) {
      store.onNotice("Draw on this frame first: the track has no shape yet");
      return;
    }
    store.commit([
      { op: "keyframe.set", object, frame_index: store.frame, state: "visible", shape, attributes: {} },
    ]);
  }

  toggleOccluded() {
    const { store } = this;
    const track = store.selected;
    if (!store.selectedTrack || !track) {
      store.onNotice("Select a track to mark it occluded");
      return;
    }
    const held = track.keyframes[String(store.frame)];
    const shape = held?.shape ?? this.#shapeHere();
    if (!shape) {
      store.onNotice("Draw the last seen place first, then mark it occluded");
      return;
    }
    store.commit([
      {
        op: "keyframe.set",
        object: store.selectedTrack,
        frame_index: store.frame,
        state: held?.state === "occluded" ? "visible" : "occluded",
        shape,
        attributes: held?.attributes ?? {},
      },
    ]);
  }

  toggleAbsent() {
    const { store } = this;
    const track = store.selected;
    if (!store.selectedTrack || !track) {
      store.onNotice("Select a track to mark it absent");
      return;
    }
    const object = store.selectedTrack;
    if (track.keyframes[String(store.frame)]?.state === "absent") {
      store.commit([{ op: "keyframe.delete", object, frame_index: store.frame }]);
      return;
    }
    store.commit([
      { op: "keyframe.set", object, frame_index: store.frame, state: "absent", shape: null, attributes: {} },
    ]);
  }

  /** Takes away what is selected: the keyframe here, or with `whole` the track; or the interval. @param {boolean} whole */
  remove(whole) {
    const { store } = this;
    if (store.selectedInterval) {
      store.commit([{ op: "interval.delete", object: store.selectedInterval }]);
      return;
    }
    const track = store.selected;
    if (!store.selectedTrack || !track) {
      store.onNotice("Nothing is selected");
      return;
    }
    if (whole) store.commit([{ op: "track.delete", object: store.selectedTrack }]);
    else if (track.keyframes[String(store.frame)]) {
      store.commit([{ op: "keyframe.delete", object: store.selectedTrack, frame_index: store.frame }]);
    } else store.onNotice("No keyframe on this frame; Shift+Delete removes the track");
  }

  /** @param {number} dx @param {number} dy picture pixels; moves the tip or box of the selected track here */
  nudge(dx, dy) {
    const { store } = this;
    const track = store.selected;
    const shape = track ? (expandAt(track, store.frame)?.shape ?? null) : null;
    if (!store.selectedTrack || !track || !shape || shape.type === "mask") {
      store.onNotice("Select a tip or a box that is on this frame");
      return;
    }
    this.setShape(
      { object: store.selectedTrack, create: [], class_id: track.class_id },
      moved(shape, dx, dy, store.width_px, store.height_px),
      store.frame,
    );
  }

  /** @param {string} attribute @param {string} value */
  setAttribute(attribute, value) {
    const { store } = this;
    const interval = store.selectedInterval ? store.labels.intervals[store.selectedInterval] : undefined;
    const holder = interval ?? store.selected;
    if (!holder) return;
    const attributes = { ...holder.attributes };
    if (attributes[attribute] === value) delete attributes[attribute];
    else attributes[attribute] = value;
    if (interval && store.selectedInterval) {
      store.commit([{ op: "interval.set", object: store.selectedInterval, ...interval, attributes }]);
    } else if (store.selectedTrack) {
      store.commit([{ op: "track.set", object: store.selectedTrack, attributes }]);
    }
  }

  /** `[`: the phase or event in hand begins at the picture shown. */
  startInterval() {
    const { store } = this;
    const chosen = store.classOf(store.activeClass ?? "");
    const at = store.frame;
    const selected = store.selectedInterval ? store.labels.intervals[store.selectedInterval] : undefined;
    if (selected && store.selectedInterval && selected.class_id === chosen?.id && at < selected.end_frame) {
      this.#setInterval(store.selectedInterval, { ...selected, start_frame: at });
      return;
    }
    if (!chosen || (chosen.geometry !== "phase" && chosen.geometry !== "event")) {
      store.onNotice("Choose a phase or an event first, then [ starts it");
      return;
    }
    if (chosen.geometry === "phase") {
      for (const [classId, id] of [...store.open]) {
        const open = store.labels.intervals[id];
        if (!open || !store.isPhase(classId)) continue;
        if (at > open.start_frame) this.#setInterval(id, { ...open, end_frame: at });
        store.open.delete(classId);
      }
    }
    const object = newId();
    const interval = { clip: store.clip, class_id: chosen.id, start_frame: at, end_frame: at + 1, attributes: {} };
    if (store.commit(this.#intervalOperations(object, interval))) {
      store.open.set(chosen.id, object);
      store.set({ selectedInterval: object, selectedTrack: null });
    }
  }

  /** `]`: it ends before the picture shown; on the last picture it takes that one in. */
  endInterval() {
    const { store } = this;
    const end = store.frame === store.n_frames - 1 ? store.n_frames : store.frame;
    const selected = store.selectedInterval ? store.labels.intervals[store.selectedInterval] : undefined;
    const object =
      store.open.get(store.activeClass ?? "") ??
      (selected && (!store.activeClass || selected.class_id === store.activeClass) ? store.selectedInterval : null) ??
      this.#lastStarted() ??
      [...store.open.values()].pop();
    const interval = object ? store.labels.intervals[object] : undefined;
    if (!object || !interval) {
      store.onNotice("Nothing to end: [ starts the phase or event in hand");
      return;
    }
    if (end <= interval.start_frame) {
      store.onNotice("The end must lie after the start: move on and press ] again");
      return;
    }
    this.#setInterval(object, { ...interval, end_frame: end });
    store.open.delete(interval.class_id);
    store.set({ selectedInterval: object });
  }

  #lastStarted() {
    const { store } = this;
    const kind = store.classOf(store.activeClass ?? "")?.geometry;
    if (kind !== "phase" && kind !== "event") return null;
    const before = store
      .clipIntervals(kind)
      .filter(([, i]) => i.class_id === store.activeClass && i.start_frame < store.frame);
    return before.length ? before[before.length - 1][0] : null;
  }

  /** @param {string} object @param {import("./types.js").Interval} interval */
  #intervalOperations(object, interval) {
    const { store } = this;
    return store.isPhase(interval.class_id)
      ? setPhaseOperations(store.labels, object, interval, store.isPhase, newId)
      : [/** @type {Operation} */ ({ op: "interval.set", object, ...interval })];
  }

  /** @param {string} object @param {import("./types.js").Interval} interval */
  #setInterval(object, interval) {
    this.store.commit(this.#intervalOperations(object, interval));
  }

  /**
   * A copy of a track or interval of another label set, to begin from.
   * @param {import("./types.js").Labels} from @param {string} id
   * @returns {string | null} the new object's UUID
   */
  copyFrom(from, id) {
    const { store } = this;
    const object = newId();
    if (from.tracks[id]) {
      const number = nextNumber(store.labels, from.tracks[id].class_id);
      return store.commit(createTrackOperations(from, id, { object, number })) ? object : null;
    }
    if (from.intervals[id]) return store.commit(this.#intervalOperations(object, { ...from.intervals[id] })) ? object : null;
    return null;
  }
}

/**
 * A tip or box moved, kept inside the picture.
 * @param {Shape} shape @param {number} dx @param {number} dy @param {number} width @param {number} height
 * @returns {Shape}
 */
export function moved(shape, dx, dy, width, height) {
  /** @param {number} v @param {number} high */
  const clamp = (v, high) => Math.round(Math.max(0, Math.min(high, v)) * 1000) / 1000;
  if (shape.type === "tip") {
    return { type: "tip", point: [clamp(shape.point[0] + dx, width), clamp(shape.point[1] + dy, height)] };
  }
  if (shape.type === "box") {
    const [x, y, w, h] = shape.box;
    return { type: "box", box: [clamp(x + dx, width - w), clamp(y + dy, height - h), w, h] };
  }
  return shape;
}
