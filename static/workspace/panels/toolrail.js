/** The rail of tools beside the picture. */

import { h, icon } from "../dom.js";
import { TOOLS } from "../commands.js";
import { capOf } from "../keys.js";

/** Caps follow the person's keys. @param {HTMLElement} host @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys @param {() => boolean} open */
export function toolRail(host, bench, keys, open) {
  const { store, edits } = bench;
  const buttons = TOOLS.map(({ tool, code, shift, name, d }) => {
    const key = shift ? `Shift+${capOf(code)}` : capOf(code);
    const button = h(
      "button",
      {
        type: "button",
        class: "tool",
        "data-testid": `tool-${tool}`,
        "aria-label": name,
        "aria-keyshortcuts": key,
        "aria-pressed": "false",
        title: `${name} (${key})`,
        onclick: () => edits.chooseTool(tool),
      },
      icon(d),
      shift ? h("span", { class: "cap", "data-cap": `⇧${capOf(code)}`, "data-key": `tool-${tool}` }) : keys.cap(`tool-${tool}`),
    );
    return { tool, button };
  });
  const size = h("div", { class: "brush-size", "aria-live": "off" });
  const undo = action("undo", "Undo", "Z", "M9 7L4 12l5 5M4 12h10a5 5 0 0 1 0 10h-3", () => store.undo());
  const redo = action("redo", "Redo", "Shift+Z", "M15 7l5 5-5 5M20 12H10a5 5 0 0 0 0 10h3", () => store.redo());
  host.append(...buttons.map((b) => b.button), size, undo, redo);
  const update = () => {
    document.body.dataset.tool = store.tool;
    for (const { tool, button } of buttons) {
      button.setAttribute("aria-pressed", String(store.tool === tool));
      button.disabled = !open() && tool !== "select";
    }
    const brush = store.tool === "brush" || store.tool === "eraser";
    size.textContent = brush ? `${(store.brushRadius_px * 2).toFixed(0)} px` : "";
    undo.disabled = !store.past.length || store.readOnly || !open();
    redo.disabled = !store.future.length || store.readOnly || !open();
  };
  store.listen((kind) => kind !== "frame" && update());
  update();
  keys.apply(keys.choices);
  return update;
}

/** @param {string} id @param {string} name @param {string} keys @param {string} d @param {() => void} run */
function action(id, name, keys, d, run) {
  return h(
    "button",
    { type: "button", class: "tool", "data-testid": id, "aria-label": name, "aria-keyshortcuts": keys, title: `${name} (${keys})`, onclick: run },
    icon(d),
    h("span", { class: "cap", "data-cap": keys.replace("Shift+", "⇧"), "data-key": id }),
  );
}
