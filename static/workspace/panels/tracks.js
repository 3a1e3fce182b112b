/** Tracks of the clip, and what is still to do. */

import { cap, chip, h, icon } from "../dom.js";
import { isRead, keyframeFrames, ruleOf, stampOf } from "../interpolate.js";
import { unlabelledSpans } from "../operations.js";
import { bridgedChanges } from "../shots.js";

const EYE = "M2 12s3.5-6 10-6 10 6 10 6-3.5 6-10 6S2 12 2 12zM12 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 1 0 0-5";
/** Reading goes on in parts: what is still to do is counted when it rests. */
const REST_MS = 250;
const SHUT = "M3 10c2 3 5 5 9 5s7-2 9-5M5 14l-1.500 2M12 15v3M19 14l1.500 2";

/** @typedef {{text: string, go: number | null, key?: string}} Todo */
/**
 * @typedef {{row: HTMLElement, name: HTMLElement, tag: HTMLElement, eye: HTMLButtonElement, pick: HTMLButtonElement,
 *   track: import("../types.js").Track, geometry: string, said: string, state: string | null | undefined, isThere: boolean}} Row
 *   what it says, and of the frame: undefined where the track is not on it, null before anything is said
 */

/** @param {HTMLElement} host @param {import("../bench.js").Bench} bench */
export function tracksPanel(host, bench) {
  const { store, edits } = bench;
  /** @type {Map<string, Row>} */
  const rows = new Map();
  /** The rows as they stand below each other. @type {Row[]} */
  let shown = [];
  const list = h("ul", { class: "rows", "aria-label": "Tracks" });
  const empty = h("p", { class: "hint" });
  const add = h(
    "button",
    { type: "button", class: "row-button new-track", "data-testid": "new-track", "aria-keyshortcuts": "Enter", onclick: () => edits.newTrack() },
    h("span", {}, "+ New track"), cap("Enter"),
  );
  host.append(h("h2", {}, "Tracks"), list, empty, add);

  /** @param {string} id */
  const make = (id) => {
    // However long the class is called, the number that tells tracks apart stays in sight.
    const name = h("span", { class: "name numbered" }, h("span", {}), " ", h("span", {}));
    const tag = h("span", { class: "tag" });
    const color = store.classOf(store.labels.tracks[id].class_id)?.color ?? "#ffffff";
    const pick = h("button", { type: "button", class: "row-button", onclick: () => edits.selectTrack(id) }, chip(color), name, tag);
    const eye = h("button", { type: "button", class: "eye", onclick: () => {
      if (store.hidden.has(id)) store.hidden.delete(id);
      else store.hidden.add(id);
      store.changed("ui");
    } });
    const row = h("li", { class: "track-row", "data-testid": `track-${id}` }, pick, eye);
    return { row, name, tag, eye, pick, track: store.labels.tracks[id], geometry: "", said: "", state: undefined, isThere: false };
  };

  /** What a row says of the frame: most say on the next one what they said. @param {Row} held */
  const follow = (held) => {
    const here = store.expand(held.track, store.frame);
    const isThere = Boolean(here?.shape);
    if (here?.state === held.state && isThere === held.isThere) return;
    held.state = here?.state;
    held.isThere = isThere;
    const tag = isEmpty(held.track) ? "empty" : here && here.state !== "visible" ? here.state : held.geometry;
    if (held.tag.textContent !== tag) held.tag.textContent = tag;
    held.row.classList.toggle("away", !isThere);
    held.row.dataset.state = here ? here.state : "none";
  };

  const update = () => {
    const tracks = store.clipTracks();
    const ids = new Set(tracks.map(([id]) => id));
    for (const [id, held] of rows) if (!ids.has(id)) {
      held.row.remove();
      rows.delete(id);
    }
    let place = list.firstElementChild;
    shown = tracks.map(([id, track]) => {
      let held = rows.get(id);
      if (!held) rows.set(id, (held = make(id)));
      if (place === held.row) place = place.nextElementSibling;
      else list.insertBefore(held.row, place);
      const name = store.trackName(id);
      const geometry = store.classOf(track.class_id)?.geometry ?? "";
      const selected = id === store.selectedTrack;
      const hidden = store.hidden.has(id);
      const said = `${name}|${geometry}|${isEmpty(track)}|${selected}|${hidden}`;
      held.track = track;
      if (held.said === said) {
        follow(held);
        return held;
      }
      Object.assign(held, { said, geometry, state: null });
      if (held.name.textContent !== name) {
        const at = name.lastIndexOf(" ");
        const [first, last] = held.name.children;
        first.textContent = name.slice(0, at);
        last.textContent = name.slice(at + 1);
      }
      held.row.classList.toggle("selected", selected);
      follow(held);
      held.pick.setAttribute("aria-pressed", String(selected));
      held.pick.title = name;
      held.eye.setAttribute("aria-label", `${hidden ? "Show" : "Hide"} ${name}`);
      held.eye.setAttribute("aria-pressed", String(hidden));
      if (held.eye.dataset.hidden !== String(hidden)) {
        held.eye.dataset.hidden = String(hidden);
        held.eye.replaceChildren(icon(hidden ? SHUT : EYE));
      }
      return held;
    });
    const text = tracks.length ? "" : store.readOnly ? "No tracks." : "No tracks yet. Choose a class by its key and draw.";
    if (empty.textContent !== text) empty.textContent = text;
    empty.hidden = tracks.length > 0;
    add.hidden = store.readOnly;
  };
  let last = "";
  store.listen((kind) => {
    if (kind !== "frame") {
      update();
      if (store.selectedTrack && store.selectedTrack !== last) {
        rows.get(store.selectedTrack)?.row.scrollIntoView({ block: "nearest" });
      }
      last = store.selectedTrack ?? "";
    }
  });
  update();
  return () => shown.forEach(follow);
}

/**
 * What a person would want to know before submitting.
 * @param {import("../store.js").Store} store @returns {Todo[]}
 */
export function stillToDo(store) {
  /** @type {Todo[]} */
  const todo = [];
  if (store.ontology.classes.some((c) => c.geometry === "phase")) {
    const spans = unlabelledSpans(store.labels, store.clip, store.n_frames, store.isPhase);
    if (spans.length) todo.push({ text: `${spans.length} ${spans.length === 1 ? "span" : "spans"} unlabelled`, go: nextSpan(spans, store.frame), key: "N" });
  }
  const left = store.proposalsLeft;
  if (left) todo.push({ text: `${left} ${left === 1 ? "proposal" : "proposals"} to decide`, go: null });
  const tracks = store.clipTracks();
  const without = tracks.filter(([, t]) => isEmpty(t));
  if (without.length) todo.push({ text: `${without.length} ${without.length === 1 ? "track" : "tracks"} with nothing drawn`, go: null });
  let gaps = 0;
  let firstGap = -1;
  let widest = Infinity;
  for (const [, track] of tracks) {
    const limit = store.classOf(track.class_id)?.max_keyframe_gap_frames;
    if (!limit) continue;
    const [count, first] = gapsOf(track, limit);
    if (!count) continue;
    gaps += count;
    widest = Math.min(widest, limit);
    if (firstGap < 0) firstGap = first;
  }
  const [bridged, change] = overChanges(store, tracks);
  if (bridged) todo.push({ text: `${bridged} filled in over a change of shot`, go: change });
  if (gaps) todo.push({ text: `${gaps} keyframe ${gaps === 1 ? "gap" : "gaps"} over ${widest} frames`, go: firstGap });
  return todo;
}

/** How often tracks are filled in over a change of shot, and the first. @param {import("../store.js").Store} store @param {[string, import("../types.js").Track][]} tracks @returns {[number, number]} */
function overChanges(store, tracks) {
  let count = 0;
  let first = -1;
  for (const [, track] of store.shots.length ? tracks : []) {
    const labelClass = store.classOf(track.class_id);
    const [often, where] = labelClass ? bridgedChanges(track, store.shots, ruleOf(labelClass)) : [0, -1];
    count += often;
    if (often && (first < 0 || where < first)) first = where;
  }
  return [count, first];
}

/** @param {import("../types.js").Track} track */
const isEmpty = (track) => !keyframeFrames(track).length && !track.missing?.length;

/** @type {WeakMap<object, [number, number]>} */
const gapsHeld = new WeakMap();

/** How many gaps between a track's keyframes are over the limit, and where the first one is. @param {import("../types.js").Track} track @param {number} limit frames @returns {[number, number]} */
function gapsOf(track, limit) {
  const stamp = stampOf(track.keyframes);
  const held = gapsHeld.get(stamp);
  if (held) return held;
  const frames = keyframeFrames(track);
  /** @type {[number, number]} */
  const found = [0, -1];
  for (let i = 0; i + 1 < frames.length; i++) {
    if (frames[i + 1] - frames[i] <= limit || track.keyframes[String(frames[i])].state === "absent") continue;
    // Between chunks that are read there may be others that are not.
    if (track.missing?.length && !isRead(track, frames[i] + 1)) continue;
    if (!found[0]++) found[1] = frames[i];
  }
  gapsHeld.set(stamp, found);
  return found;
}

/** @param {[number, number][]} spans @param {number} frame */
function nextSpan(spans, frame) {
  return (spans.find(([start]) => start > frame) ?? spans[0])[0];
}

/** @param {HTMLElement} host @param {import("../bench.js").Bench} bench */
export function todoPanel(host, bench) {
  const list = h("ul", { class: "todo", "aria-label": "Still to do" });
  host.append(h("h2", {}, "Still to do"), list);
  const warnings = bench.clip.warnings ?? [];
  if (warnings.length) {
    host.append(h("ul", { class: "notes", "aria-label": "Notes on this clip" }, ...warnings.map((w) => h("li", {}, w.message))));
  }
  const update = () => {
    const todo = stillToDo(bench.store);
    const signature = JSON.stringify(todo.map((t) => t.text));
    if (list.dataset.shown === signature) return;
    list.dataset.shown = signature;
    list.replaceChildren(
      ...(todo.length
        ? todo.map((item) => h("li", {},
            item.go === null ? h("span", {}, item.text)
              : h("button", { type: "button", class: "row-button", "aria-keyshortcuts": item.key, onclick: () => {
                  const now = stillToDo(bench.store).find((t) => t.text === item.text);
                  if (now && now.go !== null) bench.go(now.go);
                } }, h("span", {}, item.text), item.key ? cap(item.key) : null)))
        : [h("li", { class: "hint" }, "Nothing left to do")]),
    );
  };
  let waits = false;
  bench.store.listen((kind) => {
    if (kind === "labels") update();
    // What was read is on the picture first.
    if (kind !== "read" || waits) return;
    waits = true;
    setTimeout(() => {
      waits = false;
      update();
    }, REST_MS);
  });
  update();
}
