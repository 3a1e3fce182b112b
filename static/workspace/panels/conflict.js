/** The banner of a conflict: what stands here and elsewhere, object by object, and what is to stay. */

import { canKeepBoth, firstFrame, inWords } from "../conflicts.js";
import { h } from "../dom.js";
import { banner } from "./topbar.js";

/** @typedef {import("../conflicts.js").Conflict} Conflict */
/** @typedef {import("../conflicts.js").Stays} Stays */

/**
 * The banner of a conflict, and on the picture what stands elsewhere, dashed.
 * @param {import("../sync.js").Sync} sync @param {import("../bench.js").Bench} bench
 * @returns {() => void} to be called when the saved state changes
 */
export function bindConflicts(sync, bench) {
  const { store } = bench;
  /** @type {Conflict | null} */
  let shown = null;
  const painted = bench.extraItems;
  bench.extraItems = (frame) => [...painted(frame), ...theirs(frame)];

  /** @param {number} frame @returns {import("../canvas/overlay.js").Painted[]} */
  function theirs(frame) {
    if (!shown) return [];
    const wanted = new Set(shown.objects);
    /** @type {Map<string, import("../types.js").Shape | null>} */
    const last = new Map();
    for (const op of shown.others) if (op.op === "keyframe.set" && op.frame_index === frame && wanted.has(op.object)) last.set(op.object, op.shape);
    return [...last].flatMap(([id, shape]) => {
      const own = store.classOf(store.labels.tracks[id]?.class_id ?? "");
      if (!shape) return [];
      return [{
        id: `elsewhere-${id}`, color: own?.color ?? "#ffffff", skeleton: own?.skeleton?.edges, dashed: true, active: false, label: "elsewhere",
        expanded: { frame_index: frame, state: /** @type {const} */ ("visible"), shape, interpolated: false },
      }];
    });
  }

  /** @param {Conflict} conflict */
  function show(conflict) {
    const rows = conflict.objects.map((object, i) => {
      const here = sync.pending.filter((op) => op.object === object);
      const there = conflict.others.filter((op) => op.object === object);
      const select = h("select", { "aria-label": `What stays of ${conflict.names[i]}` },
        h("option", { value: "mine" }, "keep mine"), h("option", { value: "theirs" }, "take theirs"),
        canKeepBoth(store, object) ? h("option", { value: "both" }, "keep both") : null);
      const frame = firstFrame(there);
      return { object, select, row: h("li", {},
        h("span", {}, h("strong", {}, conflict.names[i]), ` here: ${inWords(here)} · elsewhere: ${inWords(there)}`),
        frame < 0 ? null : h("button", { type: "button", class: "button", "data-testid": `conflict-show-${object}`, onclick: () => bench.go(frame) }, "Show"),
        select) };
    });
    const apply = () => void sync.resolve(new Map(rows.map((r) => [r.object, /** @type {Stays} */ (r.select.value)])));
    banner("conflict", "look",
      h("strong", {}, "Changed here and elsewhere."),
      h("ul", { class: "conflicts" }, ...rows.map((r) => r.row)),
      h("button", { type: "button", class: "button primary", onclick: apply }, "Go on"));
  }

  return () => {
    const conflict = sync.conflict?.objects.length ? sync.conflict : null;
    if (conflict === shown) return;
    shown = conflict;
    if (conflict) show(conflict);
    else banner("conflict", "");
    bench.player.invalidate();
  };
}
