/** The workspace's lanes: phases, events, one a track. */

import { keyframeFrames, ruleOf } from "../interpolate.js";
import { unlabelledSpans } from "../operations.js";
import { laneKeyframes } from "./draw.js";

/** @typedef {import("./draw.js").Lane} Lane */

/** @param {import("../store.js").Store} store @returns {Lane[]} */
export function workspaceLanes(store) {
  /** @type {Lane[]} */
  const lanes = [];
  for (const kind of /** @type {const} */ (["phase", "event", "tag"])) {
    const some = store.ontology.classes.some((c) => (kind === "tag" ? c.geometry.endsWith("_tag") : c.geometry === kind));
    if (!some) continue;
    const intervals = store.clipIntervals(kind).map(([id, i]) => ({
      id,
      start: i.start_frame,
      end: i.end_frame,
      color: store.classOf(i.class_id)?.color ?? "#8a94a3",
      name: store.classOf(i.class_id)?.name ?? i.class_id,
      selected: id === store.selectedInterval,
      open: [...store.open.values()].includes(id),
      outlined: kind !== "phase",
      fixed: kind === "tag",
    }));
    lanes.push({
      id: kind,
      name: { phase: "Phases", event: "Events", tag: "Tags" }[kind],
      tag: kind === "tag" ? "[" : "[ ]",
      kind: "intervals",
      height: kind === "phase" ? 22 : 20,
      intervals,
      gaps: kind === "phase" && intervals.length ? unlabelledSpans(store.labels, store.clip, store.n_frames, store.isPhase) : [],
      canDrag: !store.readOnly,
    });
  }
  for (const kind of store.ontology.relations ?? []) {
    const held = Object.entries(store.labels.relations ?? {}).filter(([, r]) => r.clip === store.clip && r.relation === kind.id);
    if (!held.length) continue;
    const intervals = held.map(([id, r]) => ({
      id, start: r.start_frame, end: r.end_frame, outlined: true,
      color: store.classOf(store.labels.tracks[r.subject]?.class_id ?? "")?.color ?? "#8a94a3",
      name: `${store.trackName(r.subject)} ${kind.name} ${store.trackName(r.target)}`,
      selected: r.subject === store.selectedTrack || r.target === store.selectedTrack,
    }));
    lanes.push({ id: `relation-${kind.id}`, name: kind.name, kind: "intervals", height: 20, intervals });
  }
  for (const [id, track] of store.clipTracks()) {
    const labelClass = store.classOf(track.class_id);
    lanes.push({
      id,
      name: store.trackName(id),
      kind: "track",
      height: 20,
      color: labelClass?.color ?? "#ffffff",
      selected: id === store.selectedTrack,
      rule: labelClass && ruleOf(labelClass),
      frames: keyframeFrames(track),
      // Only lanes in sight are asked for them.
      get keyframes() {
        return laneKeyframes(track);
      },
      missing: track.missing,
      canDrag: !store.readOnly,
    });
  }
  return lanes;
}

/** One more lane, between phases and events above and tracks below. @param {Lane[]} lanes @param {Lane} lane @returns {Lane[]} */
export function withLane(lanes, lane) {
  const at = lanes.findIndex((each) => each.kind === "track");
  return at < 0 ? [...lanes, lane] : [...lanes.slice(0, at), lane, ...lanes.slice(at)];
}
