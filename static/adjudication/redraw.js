/**
 * Which consensus object a redraw works on. A decision for A or B replaces the server's object of
 * the pair; so a redraw edits that object where it exists, and else an object under the
 * disagreement's own id, which is found again after a reload and taken away when A or B is taken.
 */

import { createTrackOperations, nextNumber } from "../workspace/operations.js";

/** @typedef {import("./types.js").Disagreement} Disagreement */
/** @typedef {import("../workspace/store.js").Store} Store */

/** @param {Disagreement} d */
const ownId = (d) => d.consensus ?? d.id;

/**
 * @param {Store} store  the consensus
 * @param {import("./state.js").AdjudicationState} state @param {Disagreement} d
 * @returns {string | null} the object to redraw; null for phases, which are drawn with their keys
 */
export function redrawTarget(store, state, d) {
  if (d.kind === "phase") return null;
  if (d.kind === "relation") return relationTarget(store, state, d);
  const id = ownId(d);
  if (store.labels.tracks[id] || store.labels.intervals[id]) return id;
  for (const { side, labels } of state.sides) {
    const source = d[side];
    const same = source ? sameObject(store, labels, source) : null;
    if (same) return same;
  }
  const { side, labels } = state.firstWith(d);
  const source = d[side];
  if (!source) return null;
  const track = labels.tracks[source];
  if (track) {
    const number = nextNumber(store.labels, track.class_id);
    return store.commit(createTrackOperations(labels, source, { object: id, number })) ? id : null;
  }
  const interval = labels.intervals[source];
  return interval && store.commit([{ op: "interval.set", object: id, ...interval }]) ? id : null;
}

/**
 * The subject's track, whose relations stand in its panel: what stands between the two is changed there, else it begins
 * from one side's.
 * @param {Store} store @param {import("./state.js").AdjudicationState} state @param {Disagreement} d @returns {string | null}
 */
function relationTarget(store, state, d) {
  const { subject = "", target = "", relation = "" } = d;
  const { tracks, relations = {} } = store.labels;
  if (!tracks[subject] || !tracks[target]) {
    store.onNotice("Decide its two tracks first: a relation stands between tracks of the consensus");
    return null;
  }
  const there = Object.values(relations).some((r) => r.relation === relation && r.subject === subject && r.target === target && r.start_frame < d.end_frame && r.end_frame > d.start_frame);
  const side = state.firstWith(d);
  const from = side.labels.relations?.[d[side.side] ?? ""];
  if (!there && from) store.commit([{ op: "relation.set", object: d.id, ...from, subject, target }]);
  return subject;
}

/** A consensus object that came unchanged from one side. @param {Store} store @param {import("./types.js").Labels} labels @param {string} source */
function sameObject(store, labels, source) {
  const track = labels.tracks[source];
  if (track) {
    const wanted = JSON.stringify(track.keyframes);
    const found = Object.entries(store.labels.tracks).find(([, t]) => t.class_id === track.class_id && JSON.stringify(t.keyframes) === wanted);
    return found ? found[0] : null;
  }
  const interval = labels.intervals[source];
  if (!interval) return null;
  const found = Object.entries(store.labels.intervals).find(
    ([, i]) => i.class_id === interval.class_id && i.start_frame === interval.start_frame && i.end_frame === interval.end_frame,
  );
  return found ? found[0] : null;
}

/** Before A or B is taken: what an earlier redraw made beside the server's object goes. @param {Store} store @param {Disagreement} d */
export function withdrawRedrawn(store, d) {
  if (d.consensus) return;
  if (store.labels.tracks[d.id]) store.commit([{ op: "track.delete", object: d.id }]);
  else if (store.labels.relations?.[d.id]) store.commit([{ op: "relation.delete", object: d.id }]);
  else if (store.labels.intervals[d.id]) store.commit([{ op: "interval.delete", object: d.id }]);
}
