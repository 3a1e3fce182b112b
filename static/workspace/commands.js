/** The keys of playing, drawing and labelling; adjudication adds its own and says when drawing is open. */

import { clampRadius } from "./canvas/tools.js";
import { keyframeFrames, lastAtOrBefore } from "./interpolate.js";
import { bindControls } from "./player/controls.js";

/** @typedef {import("./keys.js").Keys} Keys */
/** @typedef {import("./types.js").ToolName} ToolName */

/** @type {{tool: ToolName, code: string, shift?: boolean, name: string, d: string}[]} */
export const TOOLS = [
  { tool: "select", code: "KeyV", name: "Select and move", d: "M6 3l12 9-6 1.5L9 19z" },
  { tool: "brush", code: "KeyB", name: "Brush", d: "M20 3L10 13M8 13c-2.5 0-3.5 2-3.5 4 0 1.500-1 2.500-1 2.500s5.500 1 7.500-1.500c1.200-1.500 1-4-3-5z" },
  { tool: "eraser", code: "KeyE", name: "Eraser", d: "M4 15l8-9c1-1 2-1 3 0l4 4c1 1 1 2 0 3l-6 6H8zM9 10l7 7M6 20h14" },
  { tool: "polygon", code: "KeyP", name: "Polygon fill", d: "M12 3l8 6-3 10H7L4 9z" },
  { tool: "smart", code: "KeyB", shift: true, name: "Smart outline: follows the edges between clicks", d: "M4 17c1-6 4-5 5-9s4-5 7-3 4 6 2 9-6 1-8 4M4 17h.01M16 5h.01" },
  { tool: "tip", code: "KeyT", name: "Tip", d: "M12 6a6 6 0 1 0 0 12 6 6 0 1 0 0-12M12 2v6M12 16v6M2 12h6M16 12h6" },
  { tool: "points", code: "KeyP", shift: true, name: "Points: outline, line, shaft, turned box, keypoints, cuboid", d: "M5 18L10 6l9 5M3 16h4v4H3zM8 4h4v4H8zM17 9h4v4h-4z" },
  { tool: "box", code: "KeyR", name: "Box", d: "M4 6h16v12H4z" },
];

/** @param {Keys} keys @param {import("./bench.js").Bench} bench */
export function bindPlaying(keys, bench) {
  const { player, store, timeline, view, tools, space } = bench;
  const free = () => !store.cursor.on;
  const group = "Play and move";
  /** @param {string} id @param {string} code @param {string} label @param {() => void} run @param {Partial<import("./keys.js").Binding>} [more] */
  const add = (id, code, label, run, more = {}) => keys.bind({ id, code, label, group, run, ...more });
  keys.bind({
    id: "play", code: "Space", cap: "Space", label: "Play or pause (hold and drag: pan)", group, when: free,
    run: () => Object.assign(space, { held: true, used: false }),
    up: () => {
      space.held = false;
      if (!space.used) player.toggle();
    },
  });
  add("back", "KeyJ", "Play backwards, again: faster", () => player.shuttle(-1));
  add("stop", "KeyK", "Pause", () => player.pause(), { when: () => player.playing });
  add("forward", "KeyL", "Play, again: faster", () => player.shuttle(1));
  for (const [code, sign] of /** @type {[string, 1 | -1][]} */ ([["ArrowLeft", -1], ["ArrowRight", 1]])) {
    const way = sign < 0 ? "back" : "on";
    const step = (/** @type {number} */ n) => () => player.step(n);
    add(`step-${way}`, code, `One frame ${way}`, step(sign), { repeat: true, when: free });
    add(`ten-${way}`, code, `Ten frames ${way}`, step(sign * 10), { shift: true, repeat: true, when: free });
    add(`second-${way}`, code, `One second ${way}`, () => player.skip(sign), { ctrl: true, repeat: true });
  }
  add("first", "Home", "First frame", () => bench.go(0));
  add("last", "End", "Last frame", () => bench.go(player.n_frames - 1));
  const goTo = () => /** @type {HTMLInputElement | null} */ (document.querySelector("[data-testid=go-to-frame]"))?.select();
  add("go-to", "KeyG", "Type a frame, clock or PTS to go to", goTo, { shift: true });
  add("go-to-backquote", "Backquote", "Type a frame, clock or PTS to go to", goTo);
  add("zoom-in", "Equal", "Zoom the picture in", () => view.zoomBy(1.25), { repeat: true });
  add("zoom-out", "Minus", "Zoom the picture out", () => view.zoomBy(0.8), { repeat: true });
  const hasZero = store.ontology.classes.some((c) => c.shortcut === "0");
  add("fit", "Digit0", "Fit the picture", () => view.fit(), { shift: hasZero });
  add("pan-left", "ArrowLeft", "Pan left", () => view.panBy(60, 0), { ctrl: true, shift: true, repeat: true });
  add("pan-right", "ArrowRight", "Pan right", () => view.panBy(-60, 0), { ctrl: true, shift: true, repeat: true });
  add("pan-up", "ArrowUp", "Pan up", () => view.panBy(0, 60), { ctrl: true, shift: true, repeat: true });
  add("pan-down", "ArrowDown", "Pan down", () => view.panBy(0, -60), { ctrl: true, shift: true, repeat: true });
  add("time-in", "Equal", "Zoom the timeline in", () => timeline.zoom(0.7), { shift: true, repeat: true });
  add("time-out", "Minus", "Zoom the timeline out", () => timeline.zoom(1 / 0.7), { shift: true, repeat: true });
  add("fold-left", "Backslash", "Fold the side panel", () => document.body.classList.toggle("folded-side"));
  add("fold-bottom", "Backslash", "Fold the timeline", () => document.body.classList.toggle("folded-bottom"), { shift: true });
  bindCursor(keys, bench);
  bindControls(keys, bench);
  add("escape", "Escape", "Let go of what is begun, then of the selection", () => {
    if (tools.cancel()) return;
    if (store.cursor.on) store.set({ cursor: { ...store.cursor, on: false } });
    else store.set({ selectedTrack: null, selectedInterval: null });
  });
}

/** The keyboard cursor draws as the pointer does. @param {Keys} keys @param {import("./bench.js").Bench} bench */
function bindCursor(keys, bench) {
  const { store, tools } = bench;
  const group = "Draw by keyboard";
  const on = () => store.cursor.on;
  /** @returns {[number, number]} */
  const at = () => [store.cursor.x, store.cursor.y];
  keys.bind({
    id: "cursor", code: "KeyC", label: "Cursor on the picture: arrows move it", group, run: () => {
      if (store.cursor.on && tools.stroke) tools.up();
      store.set({ cursor: { ...store.cursor, on: !store.cursor.on } });
    },
  });
  for (const [code, dx, dy] of /** @type {[string, number, number][]} */ ([["ArrowLeft", -1, 0], ["ArrowRight", 1, 0], ["ArrowUp", 0, -1], ["ArrowDown", 0, 1]])) {
    for (const shift of [false, true]) {
      const by = shift ? 10 : 1;
      keys.bind({
        id: `cursor-${code}-${by}`, code, shift, repeat: true, when: on, group,
        label: `Move the cursor ${by} px`,
        run: () => {
          const { cursor } = store;
          cursor.x = Math.max(0, Math.min(store.width_px, cursor.x + dx * by));
          cursor.y = Math.max(0, Math.min(store.height_px, cursor.y + dy * by));
          if (tools.stroke || tools.boxDrag || tools.drag) tools.move([at()]);
          store.changed("ui");
        },
      });
    }
  }
  const twoPoints = () => store.tool === "box" || store.tool === "select";
  const press = () => {
    if (twoPoints() && (tools.boxDrag || tools.drag)) tools.up();
    else tools.down(at());
    if (!twoPoints() && !tools.stroke) tools.up();
  };
  keys.bind({
    id: "cursor-paint", code: "Space", cap: "Space", when: on, group,
    label: "Paint while held, place a point, begin or end a box",
    run: press, up: () => tools.stroke && tools.up(),
  });
  keys.bind({
    id: "cursor-pen", code: "Enter", cap: "Enter", when: () => on() && !tools.polygon.length, group,
    label: "Put the brush down or lift it; place a point",
    run: () => (tools.stroke ? tools.up() : press()),
  });
}

/** @param {Keys} keys @param {import("./bench.js").Bench} bench @param {() => boolean} open */
export function bindDrawing(keys, bench, open) {
  const { store, edits, tools, player } = bench;
  const group = "Draw";
  /** @param {string} id @param {string} code @param {string} label @param {() => void} run @param {Partial<import("./keys.js").Binding>} [more] */
  const add = (id, code, label, run, more = {}) =>
    keys.bind({ id, code, label, group, run, ...more, when: () => open() && (!more.when || more.when()) });
  for (const { tool, code, shift, name } of TOOLS) add(`tool-${tool}`, code, name, () => edits.chooseTool(tool), { shift });
  add("brush-smaller", "Comma", "Smaller brush", () => store.set({ brushRadius_px: clampRadius(store.brushRadius_px / 1.15) }), { repeat: true });
  add("brush-larger", "Period", "Larger brush", () => store.set({ brushRadius_px: clampRadius(store.brushRadius_px * 1.15) }), { repeat: true });
  add("close", "Enter", "Close the outline", () => void tools.finish(), { cap: "Enter", when: () => tools.polygon.length > 0 });
  add("drop-point", "Backspace", "Take the last point back", () => void tools.dropPoint(), { cap: "⌫", when: () => tools.polygon.length > 0 });
  add("new-track", "Enter", "New track of the class in hand", () => void edits.newTrack(), { cap: "Enter", when: () => !store.cursor.on });
  for (const [code, dx, dy] of /** @type {[string, number, number][]} */ ([["ArrowLeft", -1, 0], ["ArrowRight", 1, 0], ["ArrowUp", 0, -1], ["ArrowDown", 0, 1]])) {
    add(`nudge-${code}`, code, "Move the tip or box 1 px", () => edits.nudge(dx, dy), { alt: true, repeat: true });
    add(`nudge10-${code}`, code, "Move the tip or box 10 px", () => edits.nudge(dx * 10, dy * 10), { alt: true, shift: true, repeat: true });
  }
  add("keyframe", "KeyK", "Set or remove a keyframe (while paused)", () => edits.toggleKeyframe(), { when: () => !player.playing });
  add("occluded", "KeyO", "Occluded from here, or visible again", () => edits.toggleOccluded());
  add("absent", "KeyX", "Absent from here", () => edits.toggleAbsent());
  add("remove", "Delete", "Remove the keyframe here, or the selected span", () => edits.remove(false));
  add("remove-track", "Delete", "Remove the whole track", () => edits.remove(true), { shift: true });
  add("split", "KeyK", "Split the track: a new one begins at this frame", () => edits.splitTrack(), { shift: true });
  add("cut", "KeyX", "Cut the track off: it ends before this frame", () => edits.cutTrack(), { shift: true });
  add("merge", "KeyJ", "Same object: go on from the track of its class that ended before", () => edits.mergeTrack(), { shift: true });
  add("start", "BracketLeft", "Phase or event starts at this frame; a tag is put on or taken off", () => (edits.relations.inHand ? edits.relations : edits.intervals).start());
  add("end", "BracketRight", "It ends here, this frame not included", () => (edits.relations.inHand ? edits.relations : edits.intervals).end());
  add("undo", "KeyZ", "Undo", () => void (tools.dropPoint() || store.undo()), { repeat: true });
  add("redo", "KeyZ", "Redo", () => void store.redo(), { shift: true, repeat: true });
  add("undo-ctrl", "KeyZ", "Undo", () => void (tools.dropPoint() || store.undo()), { ctrl: true, repeat: true });
  add("redo-ctrl", "KeyZ", "Redo", () => void store.redo(), { ctrl: true, shift: true, repeat: true });
}

/** Tracks above and below the selected one. @param {Keys} keys @param {import("./bench.js").Bench} bench */
export function bindTracks(keys, bench) {
  const { store, edits, timeline } = bench;
  const walk = (/** @type {1 | -1} */ by) => {
    const ids = store.clipTracks().map(([id]) => id);
    if (!ids.length) return;
    const at = ids.indexOf(store.selectedTrack ?? "");
    const next = ids[at < 0 ? (by > 0 ? 0 : ids.length - 1) : (at + by + ids.length) % ids.length];
    edits.selectTrack(next);
    timeline.reveal(next);
  };
  const free = () => !store.cursor.on;
  keys.bind({ id: "track-up", code: "ArrowUp", label: "Select the track above", group: "Tracks", run: () => walk(-1), when: free, repeat: true });
  keys.bind({ id: "track-down", code: "ArrowDown", label: "Select the track below", group: "Tracks", run: () => walk(1), when: free, repeat: true });
  /** @param {1 | -1} by */
  const keyframe = (by) => {
    const frames = store.selected ? keyframeFrames(store.selected) : [];
    const at = lastAtOrBefore(frames, by > 0 ? store.frame : store.frame - 1);
    const next = frames[by > 0 ? at + 1 : at];
    if (next !== undefined) bench.go(next);
  };
  keys.bind({ id: "keyframe-before", code: "PageUp", cap: "PgUp", label: "Keyframe before", group: "Tracks", run: () => keyframe(-1), repeat: true });
  keys.bind({ id: "keyframe-after", code: "PageDown", cap: "PgDn", label: "Keyframe after", group: "Tracks", run: () => keyframe(1), repeat: true });
  /** @param {1 | -1} by */
  const shot = (by) => {
    const at = lastAtOrBefore(store.shots, by > 0 ? store.frame : store.frame - 1);
    const next = by > 0 ? store.shots[at + 1] : (store.shots[at] ?? 0);
    if (next !== undefined && next !== store.frame) bench.go(next);
    else store.onNotice(store.shots.length ? "No change of shot further on" : "The shot does not change in this clip");
  };
  keys.bind({ id: "shot-before", code: "ArrowUp", ctrl: true, label: "Change of shot before", group: "Play and move", run: () => shot(-1), when: free, repeat: true });
  keys.bind({ id: "shot-after", code: "ArrowDown", ctrl: true, label: "Change of shot after", group: "Play and move", run: () => shot(1), when: free, repeat: true });
  keys.bind({
    id: "hide", code: "KeyH", label: "Hide or show the selected track", group: "Tracks", run: () => {
      if (!store.selectedTrack) return;
      if (store.hidden.has(store.selectedTrack)) store.hidden.delete(store.selectedTrack);
      else store.hidden.add(store.selectedTrack);
      store.changed("ui");
    },
  });
}
