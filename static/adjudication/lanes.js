/** Timeline lanes of an adjudication, and what A, B and the consensus show on a frame. */

import { laneOf } from "../workspace/store.js";
import { ruleOf } from "../workspace/interpolate.js";
import { laneKeyframes } from "../workspace/timeline/draw.js";
import { workspaceLanes } from "../workspace/timeline/lanes.js";

/** @typedef {import("../workspace/timeline/draw.js").Lane} Lane */
/** @typedef {import("../workspace/store.js").Store} Store */
/** @typedef {import("./state.js").AdjudicationState} State */

/** @param {State} state @param {Store} store @returns {Lane[]} */
export function adjudicationLanes(state, store) {
  const d = state.current;
  /** @type {[number, number] | undefined} */
  const mark = d ? [d.start_frame, d.end_frame] : undefined;
  /** @type {Lane[]} */
  const lanes = state.agreement.lanes.map((lane) => ({
    id: `agreement-${lane.kind}`, name: lane.name, tag: "agree", kind: "curve", height: 24, color: "#8fd3a5",
    values: lane.values, range: [0, 1],
  }));
  if (state.isReview) return [...lanes, ...workspaceLanes(store)];
  if (state.editing) {
    for (const lane of workspaceLanes(store)) {
      if (lane.kind === "intervals" || lane.id === store.selectedTrack) lanes.push({ ...lane, name: `${lane.name}`, tag: "new" });
    }
  }
  for (const kind of /** @type {const} */ (["phase", "event", "tag"])) {
    for (const { side, name, labels } of state.sides) {
      const intervals = Object.values(labels.intervals).filter(
        (i) => i.clip === store.clip && laneOf(store.classOf(i.class_id)?.geometry ?? "") === kind,
      );
      if (!intervals.length && kind !== "phase") continue;
      lanes.push({
        id: `${kind}-${side}`, name: side === "a" || kind !== "phase" ? { phase: "Phases", event: "Events", tag: "Tags" }[kind] : "", tag: name,
        kind: "intervals", height: 18, mark: d && store.classOf(d.class_id) && laneOf(store.classOf(d.class_id)?.geometry ?? "") === kind ? mark : undefined,
        intervals: intervals.map((i) => ({
          start: i.start_frame, end: i.end_frame, color: store.classOf(i.class_id)?.color ?? "#8a94a3",
          name: store.classOf(i.class_id)?.name ?? i.class_id, outlined: kind !== "phase",
        })),
      });
    }
  }
  for (const row of state.disagreements) {
    for (const { side, name, color, labels } of state.sides) {
      const id = row[side];
      const track = id ? labels.tracks[id] : undefined;
      if (!track || !id) continue;
      lanes.push({
        id: `${row.id}/${side}`, name: side === state.firstWith(row).side ? row.label : "", tag: name, kind: "track", height: 18, color,
        dashed: side !== "a", selected: row.id === d?.id, mark: row.id === d?.id ? mark : undefined,
        rule: ruleOfClass(store, track.class_id), keyframes: laneKeyframes(track),
      });
    }
  }
  return lanes;
}

/** @param {Store} store @param {string} classId */
function ruleOfClass(store, classId) {
  const own = store.classOf(classId);
  return own && ruleOf(own);
}

/**
 * @param {State} state @param {Store} store @param {number} frame
 * @returns {import("../workspace/canvas/overlay.js").Painted[]}
 */
export function bothSides(state, store, frame) {
  /** @type {import("../workspace/canvas/overlay.js").Painted[]} */
  const items = [];
  const d = state.current;
  for (const { side, name, color, labels } of state.sides) {
    const related = d?.relation ? labels.relations?.[d[side] ?? ""] : undefined;
    if (state.alone ? state.alone !== side : state.beside === side) continue;
    for (const [id, track] of Object.entries(labels.tracks)) {
      if (track.clip !== store.clip) continue;
      const expanded = store.expand(track, frame);
      if (!expanded?.shape) continue;
      const inHand = d !== undefined && (d[side] === id || related?.subject === id || related?.target === id);
      items.push({
        id: `${side}/${id}`, color, expanded, dashed: side !== "a", active: inHand && !state.editing,
        faint: state.editing || (d !== undefined && !inHand),
        label: `${name} · ${store.classOf(track.class_id)?.name ?? track.class_id} ${track.number}`,
      });
    }
  }
  return items;
}
