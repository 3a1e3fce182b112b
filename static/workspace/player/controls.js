/** Speed, loop and light of the picture: keys, the pointer's right button, thumbnails while scrubbing. */

import { Thumbnails } from "./thumbnails.js";

const LIGHT_STEP = 0.1;
// A drag over this many CSS pixels doubles or halves.
const LIGHT_DRAG_PX = 300;

/** @param {import("../keys.js").Keys} keys @param {import("../bench.js").Bench} bench */
export function bindControls(keys, bench) {
  const { player, store, view, timeline } = bench;
  const group = "Play and move";
  /** @param {string} id @param {string} code @param {string} label @param {() => void} run @param {Partial<import("../keys.js").Binding>} [more] */
  const add = (id, code, label, run, more = {}) => keys.bind({ id, code, label, group, run, ...more });
  add("slower", "Comma", "Slower (down to 0.1×)", () => player.changeSpeed(-1), { shift: true, repeat: true });
  add("faster", "Period", "Faster (up to 8×)", () => player.changeSpeed(1), { shift: true, repeat: true });
  const loop = (/** @type {[number, number] | null} */ span) => {
    player.setLoop(span);
    timeline.loop = player.loop;
    timeline.paint();
  };
  add("loop-start", "BracketLeft", "Loop from this frame", () => loop([store.frame, Math.max(store.frame + 1, player.loop?.[1] ?? player.n_frames)]), { shift: true });
  add("loop-end", "BracketRight", "Loop to this frame", () => loop([Math.min(store.frame, player.loop?.[0] ?? 0), store.frame + 1]), { shift: true });
  add("loop", "KeyL", "Loop the selected phase or event, or stop looping", () => {
    const chosen = store.selectedInterval ? store.labels.intervals[store.selectedInterval] : undefined;
    if (player.loop || !chosen) loop(null);
    else loop([chosen.start_frame, chosen.end_frame ?? player.n_frames]);
  }, { shift: true });
  /** @param {number} brightness @param {number} contrast */
  const light = (brightness, contrast) => () => {
    view.setLight(view.light.brightness * (1 + brightness), view.light.contrast * (1 + contrast));
    player.onState();
  };
  const alt = { alt: true, repeat: true };
  add("contrast-more", "Equal", "More contrast on screen (or drag with the right button)", light(0, LIGHT_STEP), alt);
  add("contrast-less", "Minus", "Less contrast on screen", light(0, -LIGHT_STEP), alt);
  add("brighter", "Equal", "Brighter on screen (or drag with the right button)", light(LIGHT_STEP, 0), { ...alt, shift: true });
  add("darker", "Minus", "Darker on screen", light(-LIGHT_STEP, 0), { ...alt, shift: true });
  add("light-reset", "Digit0", "The picture's own light again", () => {
    view.setLight(1, 1);
    player.onState();
  }, { alt: true });
  dragLight(bench);
  new Thumbnails(bench);
}

/** Right button: up and down brightness, left and right contrast. @param {import("../bench.js").Bench} bench */
function dragLight({ stage, view, player }) {
  /** @type {{x: number, y: number, brightness: number, contrast: number} | null} */
  let from = null;
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 2) return;
    from = { x: event.clientX, y: event.clientY, ...view.light };
    stage.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    if (!from || !(event.buttons & 2)) return;
    view.setLight(
      from.brightness * 2 ** ((from.y - event.clientY) / LIGHT_DRAG_PX),
      from.contrast * 2 ** ((event.clientX - from.x) / LIGHT_DRAG_PX),
    );
    player.onState();
  });
  for (const type of ["pointerup", "pointercancel"]) stage.addEventListener(type, () => (from = null));
}

/** What is set other than usual, in words for the transport. @param {import("../bench.js").Bench} bench */
export function lightWords({ view }) {
  const { brightness, contrast } = view.light;
  const percent = (/** @type {number} */ v) => `${Math.round(v * 100)} %`;
  return [
    brightness !== 1 && `brightness ${percent(brightness)}`,
    contrast !== 1 && `contrast ${percent(contrast)}`,
  ].filter(Boolean).join(" · ");
}
