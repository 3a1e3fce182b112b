/** Label classes with their keys; choosing one brings its tool to hand. */

import { chip, h } from "../dom.js";
import { TOOL_OF_GEOMETRY } from "../edits.js";
import { ariaKeys, capOf, classKeys } from "../keys.js";
import { laneOf } from "../store.js";

const KINDS = /** @type {const} */ ([["drawn", "Draw"], ["phase", "Phases"], ["event", "Events"], ["tag", "Tags"]]);

/**
 * @param {HTMLElement} host @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys
 * @param {() => boolean} open
 */
export function classesPanel(host, bench, keys, open) {
  const { store, edits } = bench;
  const placed = classKeys(store.ontology.classes, keys);
  /** @type {Map<string, HTMLButtonElement>} */
  const buttons = new Map();
  /** What starts and ends, which nobody can where nothing can be changed. @type {HTMLElement[]} */
  const acts = [];
  for (const [kind, title] of KINDS) {
    const classes = store.ontology.classes.filter((c) =>
      kind === "drawn" ? c.geometry in TOOL_OF_GEOMETRY : !(c.geometry in TOOL_OF_GEOMETRY) && laneOf(c.geometry) === kind,
    );
    if (!classes.length) continue;
    const list = h("div", { class: "classes", role: "group", "aria-label": `${title} classes` });
    for (const c of classes) {
      const key = placed.get(c.id);
      const button = h(
        "button",
        {
          type: "button", class: "class-button", "data-testid": `class-${c.id}`, "aria-pressed": "false",
          "aria-keyshortcuts": key ? ariaKeys(key) : null, title: c.name, onclick: () => edits.chooseClass(c.id),
        },
        chip(c.color, c.geometry === "phase" ? "chip bar" : c.geometry in TOOL_OF_GEOMETRY ? "chip" : "chip ring"),
        h("span", { class: "name" }, c.name),
      );
      if (key) {
        keys.bind({
          id: `class-${c.id}`, code: key.code, shift: key.shift, alt: key.alt, cap: capOf(key.code), label: c.name, group: "Classes",
          run: () => edits.chooseClass(c.id), when: open,
        });
        button.append(keys.cap(`class-${c.id}`));
      }
      buttons.set(c.id, button);
      list.append(button);
    }
    /** @type {HTMLElement | null} */
    const extra = kind === "drawn" ? null : h("span", { class: "keys" },
      keys.button("start", kind === "tag" ? "On or off" : "Start"), kind === "tag" ? null : keys.button("end", "End"));
    if (extra) acts.push(extra);
    host.append(h("h2", {}, title, extra), list);
  }
  const update = () => {
    for (const each of acts) each.hidden = !open();
    for (const [id, button] of buttons) button.setAttribute("aria-pressed", String(store.activeClass === id));
  };
  store.listen((kind) => kind === "ui" && update());
  update();
}
