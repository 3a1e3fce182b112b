/** Labels of an imported set as proposals: each is accepted, redrawn or refused, and the decision is kept. */

import { TOOL_OF_GEOMETRY } from "./edits.js";
import { keyframeFrames } from "./interpolate.js";
import { createTrackOperations, nextNumber, setPhaseOperations } from "./operations.js";
import { newId } from "./store.js";

/** @typedef {import("./types.js").Labels} Labels */
/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {import("./types.js").Verdict} Verdict */
/** @typedef {{id: string, imported_at: string, labels: Labels}} Source */
/** @typedef {{id: string, source: Source, class_id: string, name: string, start: number, end: number, isTrack: boolean}} Proposed  end exclusive */

/** @param {Source} source @param {string} id @param {(classId: string) => string} nameOf @returns {Proposed | null} */
function proposedOf(source, id, nameOf) {
  const track = source.labels.tracks[id];
  if (!track) {
    const { class_id, start_frame: start, end_frame: end } = source.labels.intervals[id];
    return { id, source, class_id, name: nameOf(class_id), start, end, isTrack: false };
  }
  const frames = keyframeFrames(track).filter((f) => track.keyframes[String(f)].shape);
  if (!frames.length) return null;
  const name = `${nameOf(track.class_id)} ${track.number}`;
  return { id, source, class_id: track.class_id, name, start: frames[0], end: frames[frames.length - 1] + 1, isTrack: true };
}

export class Proposals {
  /** @param {import("./store.js").Store} store @param {Source[]} sources */
  constructor(store, sources) {
    this.store = store;
    /** The one in hand. @type {string | null} */
    this.current = null;
    const nameOf = (/** @type {string} */ id) => store.classOf(id)?.name ?? id;
    /** @type {Proposed[]} */
    this.all = sources
      .flatMap((source) => {
        const here = { ...source.labels.tracks, ...source.labels.intervals };
        return Object.keys(here).filter((id) => here[id].clip === store.clip).map((id) => proposedOf(source, id, nameOf));
      })
      .filter((each) => each !== null)
      .sort((a, b) => a.start - b.start || a.end - b.end);
  }

  /** Those without a decision, by their first frame. @returns {Proposed[]} */
  get open() {
    const decided = this.store.labels.proposals ?? {};
    return this.all.filter((each) => !decided[each.id]);
  }

  /** @returns {Proposed | undefined} */
  get inHand() {
    return this.open.find((each) => each.id === this.current);
  }

  /**
   * The operations of a decision, and the object of one's own that comes of it.
   * @param {Proposed} proposed @param {Verdict} decision
   * @returns {{ops: Operation[], result: string | null}}
   */
  operations(proposed, decision) {
    const { store } = this;
    const { id, source } = proposed;
    const result = decision === "refused" ? null : newId();
    /** @type {Operation[]} */
    const ops = [{ op: "proposal.set", object: id, clip: store.clip, source: source.id, decision, result }];
    if (!result) return { ops, result };
    if (!proposed.isTrack) {
      const interval = { ...source.labels.intervals[id] };
      ops.unshift(...(store.isPhase(interval.class_id)
        ? setPhaseOperations(store.labels, result, interval, store.isPhase, newId)
        : [/** @type {Operation} */ ({ op: "interval.set", object: result, ...interval })]));
      return { ops, result };
    }
    const made = createTrackOperations(source.labels, id, { object: result, number: nextNumber(store.labels, proposed.class_id) });
    // What is redrawn begins empty: its proposal stays in sight until the next is taken up.
    ops.unshift(...(decision === "redrawn" ? made.slice(0, 1) : made));
    return { ops, result };
  }

  /**
   * Decides the one in hand as one step of undo.
   * @param {Verdict} decision @returns {Proposed | null} what was decided
   */
  decide(decision) {
    const { store } = this;
    const proposed = this.inHand;
    if (!proposed) return null;
    const { ops, result } = this.operations(proposed, decision);
    if (!store.commit(ops)) return null;
    /** @type {Partial<import("./store.js").Store>} */
    const chosen = { activeClass: proposed.class_id, selectedTrack: null, selectedInterval: null };
    if (result && proposed.isTrack) chosen.selectedTrack = result;
    if (result && !proposed.isTrack) chosen.selectedInterval = result;
    if (decision === "redrawn" && proposed.isTrack) {
      const tool = TOOL_OF_GEOMETRY[store.classOf(proposed.class_id)?.geometry ?? ""];
      if (tool) chosen.tool = tool;
    }
    store.set(chosen);
    return proposed;
  }
}
