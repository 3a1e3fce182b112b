/** Where the two sets differ, largest first. */

import { h } from "../workspace/dom.js";
import { clock } from "../workspace/player/timebase.js";

/** @typedef {import("./types.js").Disagreement} Disagreement */
/** @type {Record<string, string>} */
const WORDS = { a: "took A", b: "took B", c: "took C", d: "took D", e: "took E", redraw: "redrawn", union: "united", intersect: "intersected", staple: "STAPLE", mean: "averaged" };

/**
 * @param {HTMLElement} host @param {import("./state.js").AdjudicationState} state
 * @param {import("../workspace/player/timebase.js").Timebase} time @param {(at: number) => void} choose
 */
export function disagreementList(host, state, time, choose) {
  const list = h("ul", { class: "disagreements", "aria-label": "Disagreements, largest first" });
  host.append(h("h2", {}, state.isReview ? "One annotator's labels" : "Where they differ · largest first"), list);
  /** @type {Map<string, {row: HTMLElement, button: HTMLButtonElement, measure: HTMLElement, words: HTMLElement}>} */
  const rows = new Map();

  /** @param {Disagreement} d */
  const make = (d) => {
    const frames = d.end_frame - d.start_frame;
    const measure = h("span", { class: "measure" });
    const words = h("span", { class: "when" }, `${clock(time.timeOf(d.start_frame)).slice(3)} · ${frames} ${frames === 1 ? "frame" : "frames"}`);
    const bar = h("meter", { min: "0", max: "1", value: String(d.size), "aria-label": `Size of the difference: ${Math.round(d.size * 100)} %` });
    const button = h("button", { type: "button", class: "disagreement", "data-testid": "disagreement-row", "data-disagreement": d.id, title: d.label,
      onclick: () => choose(state.disagreements.findIndex((x) => x.id === d.id)) },
      h("span", { class: "first" }, h("strong", {}, d.label), measure), words, bar);
    return { row: h("li", {}, button), button, measure, words };
  };

  const update = () => {
    state.disagreements.forEach((d, at) => {
      let held = rows.get(d.id);
      if (!held) rows.set(d.id, (held = make(d)));
      if (list.children[at] !== held.row) list.insertBefore(held.row, list.children[at] ?? null);
      held.button.setAttribute("aria-current", String(at === state.at));
      held.button.dataset.decision = d.decision ?? "";
      held.measure.textContent = d.decision ? `✓ ${WORDS[d.decision] ?? d.decision}` : d.measure;
      if (at === state.at) held.row.scrollIntoView({ block: "nearest" });
    });
    if (!state.disagreements.length && !list.children.length) {
      list.append(h("li", { class: "hint" }, state.isReview
        ? "All of it stands in the result. Look through it, then sign, correct it, or return it with a remark."
        : "The sets agree everywhere within tolerance. Look once more, then sign."));
    }
  };
  state.listen(update);
  update();
}

/** @param {HTMLElement} host @param {import("./state.js").AdjudicationState} state */
export function progressBar(host, state) {
  const text = h("span", { "data-testid": "decided", role: "status" });
  const bar = h("progress", { max: "1", value: "0", "aria-label": "Decided" });
  host.append(text, bar);
  const update = () => {
    const all = state.disagreements.length;
    text.textContent = all ? `${state.decided} of ${all} decided` : state.isReview ? "Under review" : "Nothing to decide";
    bar.hidden = state.isReview;
    bar.value = all ? state.decided / all : 1;
  };
  state.listen(update);
  update();
}
