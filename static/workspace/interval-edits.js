/** Phases, events and tags by key: where each begins and ends. */

import { setPhaseOperations } from "./operations.js";
import { laneOf, newId } from "./store.js";

/** @typedef {import("./types.js").Operation} Operation */

export class IntervalEdits {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
  }

  /** `[`: the phase or event in hand begins at the picture shown. */
  start() {
    const { store } = this;
    const chosen = store.classOf(store.activeClass ?? "");
    const at = store.frame;
    const selected = store.selectedInterval ? store.labels.intervals[store.selectedInterval] : undefined;
    const isTag = chosen && laneOf(chosen.geometry) === "tag";
    if (!isTag && selected && store.selectedInterval && selected.class_id === chosen?.id && at < selected.end_frame) {
      this.set(store.selectedInterval, { ...selected, start_frame: at });
      return;
    }
    if (chosen && laneOf(chosen.geometry) === "tag") {
      this.#toggleTag(chosen);
      return;
    }
    if (!chosen || (chosen.geometry !== "phase" && chosen.geometry !== "event")) {
      store.onNotice("Choose a phase, an event or a tag first, then [ starts it");
      return;
    }
    if (chosen.geometry === "phase") {
      for (const [classId, id] of [...store.open]) {
        const open = store.labels.intervals[id];
        if (!open || !store.isPhase(classId)) continue;
        if (at > open.start_frame) this.set(id, { ...open, end_frame: at });
        store.open.delete(classId);
      }
    }
    const object = newId();
    const interval = { clip: store.clip, class_id: chosen.id, start_frame: at, end_frame: at + 1, attributes: {} };
    if (store.commit(this.operations(object, interval))) {
      store.open.set(chosen.id, object);
      store.set({ selectedInterval: object, selectedTrack: null });
    }
  }

  /** A tag is on or off: of the frame shown, or of the whole clip. @param {import("./types.js").LabelClass} chosen */
  #toggleTag(chosen) {
    const { store } = this;
    const span = chosen.geometry === "clip_tag" ? [0, store.n_frames] : [store.frame, store.frame + 1];
    const held = store.clipIntervals("tag").find(([, i]) => i.class_id === chosen.id && i.start_frame === span[0]);
    const object = held ? held[0] : newId();
    const interval = { clip: store.clip, class_id: chosen.id, start_frame: span[0], end_frame: span[1], attributes: {} };
    const done = store.commit(held ? [{ op: "interval.delete", object }] : [{ op: "interval.set", object, ...interval }]);
    if (done && !held) store.set({ selectedInterval: object, selectedTrack: null });
  }

  /** `]`: it ends before the picture shown; on the last picture it takes that one in. */
  end() {
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
    if (laneOf(store.classOf(interval.class_id)?.geometry ?? "") === "tag") {
      store.onNotice("A tag has no end: [ puts it on or takes it off");
      return;
    }
    if (end <= interval.start_frame) {
      store.onNotice("The end must lie after the start: move on and press ] again");
      return;
    }
    this.set(object, { ...interval, end_frame: end });
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

  /** What sets an interval; phases of a clip stay exclusive. @param {string} object @param {import("./types.js").Interval} interval */
  operations(object, interval) {
    const { store } = this;
    return store.isPhase(interval.class_id)
      ? setPhaseOperations(store.labels, object, interval, store.isPhase, newId)
      : [/** @type {Operation} */ ({ op: "interval.set", object, ...interval })];
  }

  /** @param {string} object @param {import("./types.js").Interval} interval */
  set(object, interval) {
    this.store.commit(this.operations(object, interval));
  }
}
