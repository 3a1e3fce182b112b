/** Carrying a shape on by optical flow: the worker follows it, what was found is one step of undo. */

import { ApiError } from "./api.js";
import { h } from "./dom.js";
import { keyframeFrames } from "./interpolate.js";
import { banner } from "./panels/topbar.js";
import { standing } from "./track-edits.js";

/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {import("./types.js").Shape} Shape */
/** @typedef {{frame_index: number, shape: Shape, score: number}} Carried */
/**
 * @typedef {{id: string, state: "waiting" | "done" | "failed" | "cancelled", reason: string, progress: number,
 *   frames?: Carried[], keyframes?: number[], stopped?: {frame_index: number, reason: string} | null}} Propagation
 */

const SPAN_FRAMES = 60;
const LOOK_EVERY_MS = 400;
/** Below this the drift is worth a look. */
const WEAK = 0.4;

/** @type {Record<string, string>} */
const STOPPED = { shot_change: "the shot changes", lost: "it was lost", left: "it leaves the picture" };

/**
 * The operations that take what was found into a track.
 * @param {import("./types.js").Track} track @param {string} object @param {number} from @param {Shape} shape what was carried on
 * @param {Propagation} found
 * @returns {Operation[]}
 */
export function takeOperations(track, object, from, shape, found) {
  const attributes = standing(track, from);
  /** @type {Operation[]} */
  const ops = [];
  if (!track.keyframes[String(from)]) {
    ops.push({ op: "keyframe.set", object, frame_index: from, state: "visible", shape, attributes });
  }
  const wanted = new Set(found.keyframes ?? []);
  for (const each of found.frames ?? []) {
    if (!wanted.has(each.frame_index)) continue;
    ops.push({ op: "keyframe.set", object, frame_index: each.frame_index, state: "visible", shape: each.shape, attributes });
  }
  const stopped = found.stopped;
  if (stopped?.reason === "left" && stopped.frame_index > from) {
    ops.push({ op: "keyframe.set", object, frame_index: stopped.frame_index, state: "absent", shape: null, attributes });
  }
  return ops;
}

/**
 * How far a span reaches: up to the next keyframe, which stays, and inside the clip.
 * @param {import("./types.js").Track} track @param {number} frame @param {1 | -1} way @param {number} span @param {number} n
 */
export function reach(track, frame, way, span, n) {
  const frames = keyframeFrames(track);
  const next = way > 0 ? frames.find((f) => f > frame) : [...frames].reverse().find((f) => f < frame);
  const edge = way > 0 ? Math.min(n - 1, frame + span) : Math.max(0, frame - span);
  if (next === undefined) return edge;
  return way > 0 ? Math.min(edge, next - 1) : Math.max(edge, next + 1);
}

/**
 * @param {import("./keys.js").Keys} keys @param {import("./bench.js").Bench} bench
 * @param {import("./api.js").Api} api @param {string} labelSet
 */
export function bindPropagation(keys, bench, api, labelSet) {
  const { store } = bench;
  const url = `/api/v1/label-sets/${labelSet}/propagations/`;
  let span = SPAN_FRAMES;
  let running = "";

  /** @param {1 | -1} way */
  async function start(way) {
    const object = store.selectedTrack;
    const track = store.selected;
    const from = store.frame;
    const shape = track ? store.expand(track, from)?.shape : null;
    if (store.readOnly || running) return;
    if (!object || !track || !shape) {
      store.onNotice("Select a track that has a shape on this frame to carry it on");
      return;
    }
    const to = reach(track, from, way, span, store.n_frames);
    if (to === from) {
      store.onNotice("The next keyframe is next to this one: nothing lies between");
      return;
    }
    running = "starting";
    const name = store.trackName(object);
    try {
      const body = { clip: store.clip, class_id: track.class_id, shape, from_frame: from, to_frame: to };
      let now = /** @type {Propagation} */ (await api.post(url, body));
      running = now.id;
      while (now.state === "waiting") {
        progress(name, Math.abs(to - from), now);
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
        now = await api.get(`${url}${now.id}/`);
      }
      finished(name, object, from, shape, now);
    } catch (error) {
      banner("propagation", "");
      const words = error instanceof ApiError ? [error.message, error.remedy].filter(Boolean).join(" ") : "no network";
      store.onNotice(`Not carried on: ${words}`);
    } finally {
      running = "";
    }
  }

  /** @param {string} name @param {number} frames @param {Propagation} now */
  function progress(name, frames, now) {
    banner("propagation", "busy",
      h("span", {}, `Carrying ${name} over ${frames} frames: ${Math.round(now.progress * 100)} % `),
      h("button", { type: "button", class: "button", "data-testid": "propagation-cancel", onclick: () => void api.post(`${url}${now.id}/cancel/`, {}).catch(() => {}) }, "Cancel"));
  }

  /** @param {string} name @param {string} object @param {number} from @param {Shape} shape @param {Propagation} found */
  function finished(name, object, from, shape, found) {
    banner("propagation", "");
    const track = store.labels.tracks[object];
    if (found.state === "cancelled") store.onNotice("Cancelled: nothing was changed");
    else if (found.state === "failed") store.onNotice(`Not carried on: ${found.reason || "the worker failed"}`);
    else if (!track) store.onNotice("The track is gone: nothing was changed");
    else if (!found.frames?.length) store.onNotice(`Not carried on: ${STOPPED[found.stopped?.reason ?? ""] ?? "nothing was found"}`);
    else if (store.commit(takeOperations(track, object, from, shape, found))) review(name, found);
  }

  /** What came of it, and where to look. @param {string} name @param {Propagation} found */
  function review(name, found) {
    const frames = found.frames ?? [];
    const weak = frames.filter((f) => f.score < WEAK);
    const weakest = frames.reduce((a, b) => (b.score < a.score ? b : a));
    const stopped = found.stopped ? `, up to frame ${found.stopped.frame_index}, where ${STOPPED[found.stopped.reason] ?? "it stopped"}` : "";
    const close = () => banner("propagation", "");
    const field = h("input", {
      type: "number", min: "1", max: "1500", step: "1", value: String(span), "aria-label": "Frames to carry next time", "data-testid": "propagation-span",
      onchange: (/** @type {Event} */ event) => {
        const input = /** @type {HTMLInputElement} */ (event.target);
        if (input.checkValidity() && input.value) span = Number(input.value);
      },
    });
    banner("propagation", weak.length ? "look" : "done",
      h("span", { "data-testid": "propagation-done" },
        `${name}: ${frames.length} frames${stopped}. ${weak.length ? `${weak.length} to look at` : "No drift seen"}. `),
      h("button", { type: "button", class: "button", "data-testid": "propagation-weakest", onclick: () => bench.go(weakest.frame_index) }, "Weakest frame"),
      h("button", { type: "button", class: "button", "data-testid": "propagation-undo", onclick: () => { store.undo(); close(); } }, "Undo all"),
      h("button", { type: "button", class: "button", onclick: close }, "Keep"),
      h("label", {}, " Next time ", field, " frames"));
  }

  const when = () => !store.readOnly;
  keys.bind({ id: "carry-on", code: "Period", alt: true, label: "Carry the shape on by optical flow", group: "Tracks", run: () => void start(1), when });
  keys.bind({ id: "carry-back", code: "Comma", alt: true, label: "Carry the shape back", group: "Tracks", run: () => void start(-1), when });
}
