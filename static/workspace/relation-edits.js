/** Relations between two tracks over a span, by the kinds that the ontology defines; as operations. */

import { keyframeFrames } from "./interpolate.js";
import { relationsOf } from "./operations.js";
import { newId } from "./store.js";

/** @typedef {import("./types.js").Labels} Labels */
/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {import("./types.js").Relation} Relation */
/** @typedef {import("./types.js").RelationKind} RelationKind */

/** The frame after a track's last shape. @param {import("./types.js").Track} track */
function endOf(track) {
  const frames = keyframeFrames(track).filter((f) => track.keyframes[String(f)].shape);
  return frames.length ? frames[frames.length - 1] + 1 : 0;
}

export class RelationEdits {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
    /** @type {string | null} */
    this.chosen = null;
  }

  /** @returns {RelationKind[]} */
  get kinds() {
    return this.store.ontology.relations ?? [];
  }

  /** The relation whose ends `[` and `]` set: while one of its tracks is selected. @returns {[string, Relation] | null} */
  get inHand() {
    const { selectedTrack, labels } = this.store;
    const held = this.chosen ? labels.relations?.[this.chosen] : undefined;
    if (!this.chosen || !held || !selectedTrack || (held.subject !== selectedTrack && held.target !== selectedTrack)) return null;
    return [this.chosen, held];
  }

  /** Relations of a track, by their start. @param {string} track @returns {[string, Relation][]} */
  of(track) {
    const held = this.store.labels.relations ?? {};
    return relationsOf(this.store.labels, track)
      .map((id) => /** @type {[string, Relation]} */ ([id, held[id]]))
      .sort(([, a], [, b]) => a.start_frame - b.start_frame);
  }

  /** What the selected track can stand in: kind and target, those on this frame first. @returns {{kind: RelationKind, target: string}[]} */
  candidates() {
    const { store } = this;
    const subject = store.selected;
    if (!subject) return [];
    const others = store.clipTracks().filter(([id]) => id !== store.selectedTrack);
    const here = (/** @type {string} */ id) => Number(!store.expand(store.labels.tracks[id], store.frame)?.shape);
    return this.kinds
      .filter((kind) => kind.subjects.includes(subject.class_id))
      .flatMap((kind) => others.filter(([, t]) => kind.targets.includes(t.class_id)).map(([target]) => ({ kind, target })))
      .sort((a, b) => here(a.target) - here(b.target));
  }

  /** From this frame until one of the two is gone; `]` ends it earlier. @param {string} relation @param {string} target */
  relate(relation, target) {
    const { store } = this;
    const subject = store.selectedTrack;
    if (!subject || !store.labels.tracks[target]) return;
    const last = Math.min(endOf(store.labels.tracks[subject]), endOf(store.labels.tracks[target]));
    const start_frame = store.frame;
    const end_frame = last > start_frame ? last : Math.min(start_frame + 1, store.n_frames);
    const object = newId();
    if (store.commit([{ op: "relation.set", object, clip: store.clip, relation, subject, target, start_frame, end_frame }])) this.take(object);
  }

  /** @param {string | null} id */
  take(id) {
    this.chosen = id;
    this.store.changed("ui");
  }

  /** `[`: the one in hand begins at the picture shown. */
  start() {
    const { store, inHand } = this;
    if (!inHand) return;
    if (store.frame >= inHand[1].end_frame) return store.onNotice("The start must lie before the end");
    store.commit([{ op: "relation.set", object: inHand[0], ...inHand[1], start_frame: store.frame }]);
  }

  /** `]`: it ends before the picture shown; on the last picture it takes that one in. */
  end() {
    const { store, inHand } = this;
    if (!inHand) return;
    const end_frame = store.frame === store.n_frames - 1 ? store.n_frames : store.frame;
    if (end_frame <= inHand[1].start_frame) return store.onNotice("The end must lie after the start: move on and press ] again");
    store.commit([{ op: "relation.set", object: inHand[0], ...inHand[1], end_frame }]);
  }

  /** @param {string} id */
  remove(id) {
    this.store.commit([{ op: "relation.delete", object: id }]);
  }
}

/**
 * Two tracks become one: the later one's relations go to the earlier one. Comes before the later track is taken away.
 * @param {Labels} labels @param {string} earlier @param {string} later @returns {Operation[]}
 */
export function mergedRelations(labels, earlier, later) {
  return relationsOf(labels, later).flatMap((object) => {
    const held = /** @type {Relation} */ (labels.relations?.[object]);
    const moved = { ...held };
    for (const end of /** @type {const} */ (["subject", "target"])) if (moved[end] === later) moved[end] = earlier;
    return moved.subject === moved.target ? [] : [/** @type {Operation} */ ({ op: "relation.set", object, ...moved })];
  });
}

/**
 * A track in two at a frame: relations from there on are the second part's; one that reaches over it is cut there.
 * @param {Labels} labels @param {string} id @param {number} frame @param {string} second @returns {Operation[]}
 */
export function splitRelations(labels, id, frame, second) {
  return relationsOf(labels, id).flatMap((object) => {
    const held = /** @type {Relation} */ (labels.relations?.[object]);
    if (held.end_frame <= frame) return [];
    const moved = { ...held };
    for (const end of /** @type {const} */ (["subject", "target"])) if (moved[end] === id) moved[end] = second;
    if (held.start_frame >= frame) return [/** @type {Operation} */ ({ op: "relation.set", object, ...moved })];
    return [
      /** @type {Operation} */ ({ op: "relation.set", object, ...held, end_frame: frame }),
      /** @type {Operation} */ ({ op: "relation.set", object: newId(), ...moved, start_frame: frame }),
    ];
  });
}
