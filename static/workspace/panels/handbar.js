/** Buttons below the picture for who has no keyboard at hand: shown where the first pointer is a finger. */

import { h, icon } from "../dom.js";

const UNDO = "M9 7L4 12l5 5M4 12h10a5 5 0 0 1 0 10h-3";
const REDO = "M15 7l5 5-5 5M20 12H10a5 5 0 0 0 0 10h3";
/** What is done most, by the id of its action; everything else is in the sheet, whose rows can be tapped. */
const MOST = [
  ["start", "Start"],
  ["end", "End"],
  ["keyframe", "Keyframe"],
  ["occluded", "Occluded"],
  ["absent", "Absent"],
  ["remove", "Delete"],
  ["close", "Close outline"],
  ["drop-point", "Point back"],
  ["next", "Next"],
  ["escape", "Let go"],
];
/** Only there while an outline is begun. */
const OUTLINE = new Set(["close", "drop-point"]);

/**
 * @param {HTMLElement} after @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys
 * @param {() => boolean} open whether drawing is open @param {() => void} showSheet
 */
export function handBar(after, bench, keys, open, showSheet) {
  const { store, tools, fingers } = bench;
  const coarse = globalThis.matchMedia("(pointer: coarse)");
  /** @param {string} id @param {import("../dom.js").Child} face @param {Record<string, string>} [more] */
  const action = (id, face, more = {}) => {
    const binding = keys.find(id);
    if (!binding) return [];
    const button = h("button", { type: "button", class: "button", "data-testid": `hand-${id}`, title: binding.label, onclick: () => void keys.run(id), ...more }, face);
    return [{ id, binding, button }];
  };
  const undo = action("undo", icon(UNDO), { "aria-label": "Undo" });
  const redo = action("redo", icon(REDO), { "aria-label": "Redo" });
  const smaller = action("brush-smaller", "−", { "aria-label": "Smaller brush" });
  const larger = action("brush-larger", "+", { "aria-label": "Larger brush" });
  const most = MOST.flatMap(([id, name]) => action(id, name));
  const finger = h("button", { type: "button", class: "button", "data-testid": "hand-fingers", title: "Whether one finger draws, or moves the picture; two always zoom and move it", onclick: () => fingers.setDraws(!fingers.draws) }, "Finger draws");
  const all = h("button", { type: "button", class: "button", "data-testid": "hand-all", onclick: showSheet }, "All actions");
  const buttons = [...undo, ...redo, ...smaller, ...larger, ...most];
  const bar = h("div", { class: "handbar", role: "toolbar", "aria-label": "Without a keyboard" }, ...buttons.map((b) => b.button), finger, all);
  after.after(bar);
  const update = () => {
    if (!coarse.matches) return;
    for (const { id, binding, button } of buttons) {
      const isDrawing = binding.group === "Draw";
      const spent = (id === "undo" && !store.past.length && !tools.polygon.length) || (id === "redo" && !store.future.length);
      button.disabled = !keys.isOpen(binding) || spent;
      button.hidden = (isDrawing && !open()) || (OUTLINE.has(id) && button.disabled);
    }
    finger.hidden = !open();
    finger.setAttribute("aria-pressed", String(fingers.draws));
  };
  const preview = tools.onPreview;
  tools.onPreview = () => {
    preview();
    if (!tools.stroke) update();
  };
  fingers.onChange = update;
  coarse.addEventListener("change", update);
  store.listen((kind) => kind !== "frame" && update());
  update();
  return update;
}
