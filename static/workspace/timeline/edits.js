/** What the timeline changes: spans and keyframes that are dragged, or moved by key; what a click selects. */

import { lastAtOrBefore } from "../interpolate.js";
import { setPhaseOperations } from "../operations.js";
import { newId } from "../store.js";

/** @typedef {import("../types.js").Interval} Interval */
/** @typedef {import("../types.js").Operation} Operation */

/**
 * The operations that put a span's edge elsewhere; phases stay exclusive.
 * @param {import("../store.js").Store} store @param {string} id @param {"start" | "end"} edge @param {number} to
 * @returns {Operation[]} none where nothing would be left of it
 */
export function edgeOperations(store, id, edge, to) {
  const held = store.labels.intervals[id];
  if (!held) return [];
  const next = { ...held, [edge === "start" ? "start_frame" : "end_frame"]: Math.max(0, Math.min(store.n_frames, to)) };
  if (next.start_frame >= next.end_frame) return [];
  return store.isPhase(held.class_id)
    ? setPhaseOperations(store.labels, id, next, store.isPhase, newId)
    : [{ op: "interval.set", object: id, ...next }];
}

/** @param {import("../keys.js").Keys} keys @param {import("../bench.js").Bench} bench @param {() => boolean} open */
export function bindTimeline(keys, bench, open) {
  const { store, edits, timeline } = bench;

  /** @param {string} id @param {"start" | "end"} edge @param {number} to */
  const moveEdge = (id, edge, to) => {
    const done = store.commit(edgeOperations(store, id, edge, to));
    if (done) {
      if (edge === "end") for (const [classId, begun] of store.open) if (begun === id) store.open.delete(classId);
      store.set({ selectedInterval: id, selectedTrack: null });
    }
    return done;
  };
  /** @param {string} id @param {number} from @param {number} to */
  const moveKeyframe = (id, from, to) => {
    const track = store.labels.tracks[id];
    const held = track?.keyframes[String(from)];
    if (!held || to === from || to < 0 || to >= store.n_frames) return false;
    if (track.keyframes[String(to)]) {
      store.onNotice("There is a keyframe already");
      return false;
    }
    const { [String(from)]: _, ...others } = track.keyframes;
    const done = store.commit([
      { op: "keyframe.delete", object: id, frame_index: from },
      ...edits.guards(id, to, held, { ...track, keyframes: others }),
      { op: "keyframe.set", object: id, frame_index: to, ...held },
    ]);
    if (done) edits.owed.owe(id, to);
    return done;
  };

  timeline.onPick = (lane, hit) => {
    if (hit.interval && store.labels.intervals[hit.interval]) {
      store.set({ selectedInterval: hit.interval, selectedTrack: null, activeClass: store.labels.intervals[hit.interval].class_id });
    } else if (store.labels.tracks[lane.id]) edits.selectTrack(lane.id);
  };
  timeline.onDragged = (grip, to) => {
    if (!open()) return;
    if (grip.kind === "keyframe") {
      if (moveKeyframe(grip.id, grip.from, to)) bench.go(to);
    } else moveEdge(grip.id, grip.kind, to);
  };

  /** One frame earlier or later: the selected span's edge at the playhead, else the selected track's keyframe. @param {1 | -1} by */
  const step = (by) => {
    const at = store.frame;
    const id = store.selectedInterval;
    const span = id ? store.labels.intervals[id] : undefined;
    if (id && span) {
      const edge = span.start_frame === at ? "start" : span.end_frame === at || span.end_frame - 1 === at ? "end" : null;
      if (!edge) store.onNotice("Go to where the span begins or ends first");
      else if (moveEdge(id, edge, (edge === "start" ? span.start_frame : span.end_frame) + by)) bench.go(Math.max(0, Math.min(store.n_frames - 1, at + by)));
    } else if (store.selectedTrack && store.selected?.keyframes[String(at)]) {
      if (moveKeyframe(store.selectedTrack, at, at + by)) bench.go(at + by);
    } else store.onNotice("Select a span, or a track with a keyframe on this frame");
  };
  /** The next frame at which a phase, event or tag begins or ends. @param {1 | -1} by */
  const toEdge = (by) => {
    const spans = Object.values(store.labels.intervals).filter((i) => i.clip === store.clip);
    const edges = [...new Set(spans.flatMap((i) => [i.start_frame, Math.min(i.end_frame, store.n_frames - 1)]))].sort((a, b) => a - b);
    const at = lastAtOrBefore(edges, by > 0 ? store.frame : store.frame - 1);
    const next = edges[by > 0 ? at + 1 : at];
    if (next === undefined) store.onNotice(by > 0 ? "No span begins or ends after this frame" : "No span begins or ends before this frame");
    else bench.go(next);
  };
  const look = () => {
    const span = store.selectedInterval ? store.labels.intervals[store.selectedInterval] : undefined;
    const frames = store.selectedTrack ? Object.keys(store.selected?.keyframes ?? {}).map(Number) : [];
    if (span) timeline.fit(span.start_frame, span.end_frame);
    else if (frames.length) timeline.fit(frames.reduce((a, b) => Math.min(a, b)), frames.reduce((a, b) => Math.max(a, b)) + 1);
    else store.onNotice("Select a span or a track to fill the timeline with it");
  };

  const group = "Timeline";
  keys.bind({ id: "edge-earlier", code: "BracketLeft", alt: true, label: "Span's edge, or keyframe, here one frame earlier", group, run: () => step(-1), when: open, repeat: true });
  keys.bind({ id: "edge-later", code: "BracketRight", alt: true, label: "Span's edge, or keyframe, here one frame later", group, run: () => step(1), when: open, repeat: true });
  keys.bind({ id: "edge-before", code: "PageUp", cap: "PgUp", shift: true, label: "Where a span begins or ends before", group, run: () => toEdge(-1), repeat: true });
  keys.bind({ id: "edge-after", code: "PageDown", cap: "PgDn", shift: true, label: "Where a span begins or ends after", group, run: () => toEdge(1), repeat: true });
  keys.bind({ id: "timeline-all", code: "Home", cap: "Home", shift: true, label: "The whole clip on the timeline", group, run: () => timeline.fit(0, store.n_frames) });
  keys.bind({ id: "timeline-selected", code: "End", cap: "End", shift: true, label: "The selected span or track fills the timeline", group, run: look });
}
