/** Proposals of an import: the list, the one in hand drawn dashed, and a key for each decision. */

import { cap, chip, h, renderIfChanged } from "../dom.js";
import { withLane } from "../timeline/lanes.js";
import { spaced } from "../player/timebase.js";

/** @typedef {import("../proposals.js").Proposals} Proposals */
/** @typedef {import("../proposals.js").Proposed} Proposed */
/** @typedef {import("../types.js").Verdict} Verdict */

const SHOWN = 12;
/** @type {[Verdict, string, string, string][]} decision, key's place, its cap, what the button says */
const DECISIONS = [
  ["accepted", "Enter", "↵", "Accept"],
  ["redrawn", "KeyR", "R", "Redraw"],
  ["refused", "Delete", "Del", "Refuse"],
];
const SAID = { accepted: "Accepted", redrawn: "Draw it again", refused: "Refused" };

/**
 * Bound before drawing's keys: while a proposal is in hand these keys are its.
 * @param {HTMLElement} host @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys
 * @param {Proposals} proposals @param {() => boolean} open
 */
export function proposalsPanel(host, bench, keys, proposals, open) {
  const { store, tools } = bench;
  if (!proposals.all.length) return;
  /** What is being redrawn stays in sight. @type {Proposed | null} */
  let below = null;

  /** @param {Proposed | undefined} proposed */
  const take = (proposed) => {
    below = null;
    proposals.current = proposed?.id ?? null;
    if (proposed && (store.frame < proposed.start || store.frame >= proposed.end)) bench.go(proposed.start);
    store.set({ selectedTrack: null, selectedInterval: null });
  };
  /** @param {1 | -1} by */
  const walk = (by) => {
    const left = proposals.open;
    if (!left.length) return store.onNotice("Every proposal is decided");
    const at = left.findIndex((each) => each.id === proposals.current);
    if (at >= 0) return take(left[(at + by + left.length) % left.length]);
    take(left.find((each) => each.end > store.frame) ?? left[0]);
  };
  /** @param {Verdict} decision */
  const decide = (decision) => {
    const at = proposals.open.findIndex((each) => each.id === proposals.current);
    const done = proposals.decide(decision);
    if (!done) return;
    const left = proposals.open;
    store.onNotice(`${SAID[decision]}: ${done.name}. ${left.length ? `${left.length} left` : "None left"}`);
    if (decision !== "redrawn" && left.length) return take(left[Math.min(at, left.length - 1)]);
    proposals.current = null;
    below = decision === "redrawn" ? done : null;
    store.changed("ui");
  };

  const inHand = () => Boolean(open() && proposals.inHand && !store.cursor.on && !tools.polygon.length);
  for (const [decision, code, label, words] of DECISIONS) {
    keys.bind({ id: `proposal-${decision}`, code, cap: label, label: `${words} the proposal in hand`, group: "Proposals", when: inHand, run: () => decide(decision) });
  }
  keys.bind({ id: "proposal-next", code: "KeyN", alt: true, label: "Next proposal of the import", group: "Proposals", when: open, run: () => walk(1) });
  keys.bind({ id: "proposal-before", code: "KeyN", alt: true, shift: true, label: "Proposal before", group: "Proposals", when: open, run: () => walk(-1) });
  keys.bind({ id: "proposal-leave", code: "Escape", label: "Let go of the proposal in hand", group: "Proposals", when: () => Boolean(proposals.inHand) && !tools.polygon.length, run: () => take(undefined) });

  const painted = bench.extraItems;
  bench.extraItems = (frame) => [...painted(frame), ...items(frame)];
  /** @param {number} frame @returns {import("../canvas/overlay.js").Painted[]} */
  const items = (frame) =>
    [...proposals.open, ...(below ? [below] : [])].flatMap((each) => {
      const track = each.source.labels.tracks[each.id];
      const expanded = track ? store.expand(track, frame) : null;
      if (!expanded?.shape) return [];
      const labelClass = store.classOf(each.class_id);
      const active = each.id === proposals.current;
      return [{
        id: each.id, color: labelClass?.color ?? "#ffffff", skeleton: labelClass?.skeleton?.edges, expanded,
        active: false, dashed: true, faint: !active && proposals.current !== null, label: active ? `${each.name} · proposed` : undefined,
      }];
    });

  const lanes = bench.lanes;
  bench.lanes = () => {
    const left = proposals.open;
    if (!left.length) return lanes();
    const intervals = left.map((each) => ({
      id: each.id, start: each.start, end: each.end, name: each.name, outlined: true,
      color: store.classOf(each.class_id)?.color ?? "#8a94a3", selected: each.id === proposals.current,
    }));
    return withLane(lanes(), { id: "proposals", name: "Proposals", tag: "Alt N", kind: "intervals", height: 20, intervals });
  };
  const picked = bench.timeline.onPick;
  bench.timeline.onPick = (lane, hit) => {
    if (lane.id === "proposals") take(proposals.open.find((each) => each.id === hit.interval));
    else picked(lane, hit);
  };

  /** @param {Proposed} each */
  const row = (each) =>
    h("li", { class: `track-row${each.id === proposals.current ? " selected" : ""}` },
      h("button", { type: "button", class: "row-button", title: each.name, "aria-pressed": String(each.id === proposals.current), "data-testid": `proposal-${each.id}`, onclick: () => take(each) },
        chip(store.classOf(each.class_id)?.color ?? "#888888", each.isTrack ? "chip" : "chip ring"),
        h("span", { class: "name" }, each.name),
        h("span", { class: "tag" }, each.end - each.start > 1 ? `${spaced(each.start)}–${spaced(each.end - 1)}` : spaced(each.start))));
  const update = () => {
    const left = proposals.open;
    store.proposalsLeft = left.length;
    if (proposals.current && !proposals.inHand) proposals.current = null;
    const at = Math.max(0, Math.min(left.length - SHOWN, left.findIndex((each) => each.id === proposals.current) - 2));
    const window = left.slice(at, at + SHOWN);
    renderIfChanged(host, [window.map((each) => each.id), left.length, proposals.current, open()], () => {
      const from = new Set(proposals.all.map((each) => each.source.imported_at.slice(0, 10)));
      return [
        h("h2", {}, "Proposals", h("span", { class: "keys" }, cap("Alt"), cap("N"))),
        h("p", { class: "hint", "data-testid": "proposals-left" },
          left.length ? `${left.length} of ${proposals.all.length} to decide · imported ${[...from].join(", ")}` : `All ${proposals.all.length} decided`),
        left.length ? h("ul", { class: "rows", "aria-label": "Proposals" }, ...window.map(row)) : null,
        proposals.inHand && open()
          ? h("div", { class: "verdicts", role: "group", "aria-label": `Decide ${proposals.inHand.name}` },
              ...DECISIONS.map(([decision, code, label, words]) =>
                h("button", { type: "button", class: "button", "data-testid": `proposal-${decision}`, "aria-keyshortcuts": code.replace("Key", ""), onclick: () => decide(decision) }, words, cap(label))))
          : null,
      ];
    });
  };
  store.listen((kind) => kind !== "frame" && update());
  update();
}
