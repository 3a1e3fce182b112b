/** What a person can do to labels, as operations: used alike by tools, keys and panels. */

import { keyframeFrames, lastAtOrBefore, ruleOf } from "./interpolate.js";
import { APART, OwedGuards } from "./owed-guards.js";
import { shotGuards } from "./shots.js";
import { attributeFromHere, cutOperations, earlierPart, mergeOperations, splitOperations, standing } from "./track-edits.js";
import { IntervalEdits } from "./interval-edits.js";
import { createTrackOperations, nextNumber } from "./operations.js";
import { RelationEdits, mergedRelations, splitRelations } from "./relation-edits.js";
import { laneOf, newId } from "./store.js";
import { POINT_GEOMETRIES } from "./canvas/placing.js";
import { moved } from "./canvas/shapes.js";

/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {import("./types.js").Shape} Shape */
/** @typedef {import("./types.js").Geometry} Geometry */
/** @typedef {import("./types.js").KeyframeState} KeyframeState */
/** @typedef {import("./types.js").ToolName} ToolName */

/** @type {Record<string, ToolName>} */
export const TOOL_OF_GEOMETRY = {
  mask: "brush", tip: "tip", box: "box",
  ...Object.fromEntries([...POINT_GEOMETRIES].map((g) => [g, /** @type {ToolName} */ ("points")])),
};
/** @type {Record<ToolName, Geometry | null>} */
export const GEOMETRY_OF_TOOL = { select: null, brush: "mask", eraser: "mask", polygon: "mask", smart: "mask", tip: "tip", box: "box", points: null };

export class Edits {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
    this.intervals = new IntervalEdits(store);
    this.relations = new RelationEdits(store);
    this.owed = new OwedGuards(store);
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
      const here = store.clipIntervals(laneOf(chosen.geometry)).find(
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
    if (tool === "points" && !POINT_GEOMETRIES.has(store.classOf(store.activeClass ?? "")?.geometry ?? "")) {
      const first = store.ontology.classes.find((c) => POINT_GEOMETRIES.has(c.geometry));
      if (!first) {
        store.onNotice("This ontology has no class drawn with points");
        return;
      }
      store.set({ activeClass: first.id, selectedTrack: null });
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
    const track = store.labels.tracks[target.object];
    const held = track?.keyframes[String(frame)];
    if (!shape) {
      if (held) store.commit([{ op: "keyframe.delete", object: target.object, frame_index: frame }]);
      return;
    }
    /** @type {KeyframeState} */
    const state = held?.state === "occluded" ? "occluded" : "visible";
    const keyframe = { state, shape, attributes: track ? standing(track, frame) : {} };
    const guards = this.guards(target.object, frame, keyframe);
    const done = store.commit([
      ...target.create,
      ...guards,
      { op: "keyframe.set", object: target.object, frame_index: frame, ...keyframe },
    ]);
    if (!done) return;
    this.owed.owe(target.object, frame);
    store.set({ selectedTrack: target.object, activeClass: target.class_id, selectedInterval: null });
    if (guards.length) store.onNotice(APART);
  }

  /**
   * Nothing is filled in over a change of shot.
   * @param {string} object @param {number} frame @param {import("./types.js").Keyframe} keyframe to be put there
   * @param {import("./types.js").Track} [track]  the object's, where it is not as it stands
   */
  guards(object, frame, keyframe, track = this.store.labels.tracks[object]) {
    const { store } = this;
    const labelClass = track && store.classOf(track.class_id);
    return labelClass ? shotGuards(track, object, frame, keyframe, store.shots, ruleOf(labelClass)) : [];
  }

  /** A keyframe of a track, kept apart from those beyond a change of shot. @param {string} object @param {number} frame @param {import("./types.js").Keyframe} keyframe */
  #put(object, frame, keyframe) {
    const done = this.store.commit([...this.guards(object, frame, keyframe), { op: "keyframe.set", object, frame_index: frame, ...keyframe }]);
    if (done) this.owed.owe(object, frame);
    return done;
  }

  /** The shape a new keyframe here starts from: interpolated, or the last one drawn before. @returns {Shape | null} */
  #shapeHere() {
    const { store } = this;
    const track = store.selected;
    if (!track) return null;
    const here = store.expand(track, store.frame)?.shape;
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
    this.#put(object, store.frame, { state: "visible", shape, attributes: standing(track, store.frame) });
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
    const state = held?.state === "occluded" ? "visible" : "occluded";
    this.#put(store.selectedTrack, store.frame, { state, shape, attributes: standing(track, store.frame) });
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
    this.#put(object, store.frame, { state: "absent", shape: null, attributes: standing(track, store.frame) });
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
    if (whole && store.isWhole(store.selectedTrack)) store.commit([{ op: "track.delete", object: store.selectedTrack }]);
    else if (!whole && track.keyframes[String(store.frame)]) {
      store.commit([{ op: "keyframe.delete", object: store.selectedTrack, frame_index: store.frame }]);
    } else if (!whole) store.onNotice("No keyframe on this frame; Shift+Delete removes the track");
  }

  /** @type {(track: import("./types.js").Track, frame: number) => import("./types.js").Expanded | null} */
  #expand = (track, frame) => this.store.expand(track, frame);

  splitTrack() {
    const { store } = this;
    if (!store.isWhole(store.selectedTrack)) return;
    const object = newId();
    const number = nextNumber(store.labels, store.selected?.class_id ?? "");
    const id = store.selectedTrack ?? "";
    const ops = splitOperations(store.labels, id, store.frame, this.#expand, { object, number });
    if (ops.length) ops.push(...splitRelations(store.labels, id, store.frame, object));
    if (store.commit(ops)) this.selectTrack(object);
    else if (!ops.length) store.onNotice("Select a track that goes on over this frame to split it");
  }

  cutTrack() {
    const { store } = this;
    if (!store.isWhole(store.selectedTrack)) return;
    const ops = cutOperations(store.labels, store.selectedTrack ?? "", store.frame, this.#expand);
    if (!store.commit(ops) && !ops.length) store.onNotice("Select a track that goes on over this frame to cut it off");
  }

  mergeTrack() {
    const { store } = this;
    const later = store.selectedTrack ?? "";
    const earlier = earlierPart(store.labels, later);
    const name = store.trackName(later);
    if (!store.isWhole(later) || !store.isWhole(earlier)) return;
    if (!earlier) store.onNotice("No track of this class ended before the selected one begins");
    else if (store.commit(this.#merged(earlier, later))) {
      this.selectTrack(earlier);
      store.onNotice(`${name} is ${store.trackName(earlier)} now`);
    }
  }

  /** @param {string} earlier @param {string} later */
  #merged(earlier, later) {
    const { labels } = this.store;
    const ops = mergeOperations(labels, earlier, later);
    // The track that goes takes the relations along that still name it.
    return ops.length ? [...ops.slice(0, -1), ...mergedRelations(labels, earlier, later), ops[ops.length - 1]] : ops;
  }

  /** @param {number} dx @param {number} dy picture pixels; moves the tip or box of the selected track here */
  nudge(dx, dy) {
    const { store } = this;
    const track = store.selected;
    const shape = track ? (store.expand(track, store.frame)?.shape ?? null) : null;
    if (!store.selectedTrack || !track || !shape || shape.type === "mask") {
      store.onNotice("Select a tip, a box or a shape of points that is on this frame");
      return;
    }
    this.setShape(
      { object: store.selectedTrack, create: [], class_id: track.class_id },
      moved(shape, dx, dy, store.width_px, store.height_px),
      store.frame,
    );
  }

  /**
   * Sets an attribute of what is selected; on a track with `fromHere` from this frame on, until it changes again.
   * @param {string} attribute @param {string | boolean | number} value @param {boolean} [fromHere]
   */
  setAttribute(attribute, value, fromHere = false) {
    const { store } = this;
    if (fromHere && store.selectedTrack && store.selected && !store.selectedInterval) {
      if (!store.isWhole(store.selectedTrack)) return;
      const shape = this.#shapeHere();
      const here = store.expand(store.selected, store.frame);
      const ops = attributeFromHere(store.selected, store.selectedTrack, store.frame, attribute, value, here, shape);
      const guards = ops.slice(0, 1).flatMap((op) => (op.op === "keyframe.set" ? this.guards(op.object, op.frame_index, op) : []));
      store.commit([...guards, ...ops]);
      return;
    }
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
    if (from.intervals[id]) return store.commit(this.intervals.operations(object, { ...from.intervals[id] })) ? object : null;
    return null;
  }
}
