/** Relations of the selected track: which there are, from when to when; Shift+R begins one. */

import { cap, h, renderIfChanged } from "../dom.js";
import { spaced } from "../player/timebase.js";

/**
 * @param {HTMLElement} host @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys @param {() => boolean} open
 */
export function relationsPanel(host, bench, keys, open) {
  const { store, edits } = bench;
  const { relations } = edits;
  if (!relations.kinds.length) return;
  let choosing = false;
  const kindName = (/** @type {string} */ id) => relations.kinds.find((k) => k.id === id)?.name ?? id;

  const choose = () => {
    if (!relations.candidates().length) {
      store.onNotice(store.selectedTrack ? "No track here that the selected one can be related to" : "Select the track that holds or touches first");
      return;
    }
    choosing = !choosing;
    update();
    /** @type {HTMLElement | null} */ (host.querySelector("[data-testid=relate-choices] button"))?.focus();
  };
  keys.bind({ id: "relate", code: "KeyR", shift: true, label: "Relate the selected track to another (touches, holds)", group: "Tracks", when: open, run: choose });

  /** @param {{kind: import("../types.js").RelationKind, target: string}} each */
  const choice = ({ kind, target }) =>
    h("button", { type: "button", class: "pill", "data-testid": `relate-${kind.id}-${target}`, onclick: () => {
      choosing = false;
      relations.relate(kind.id, target);
      bench.stage.focus({ preventScroll: true });
    } }, `${kind.name} ${store.trackName(target)}`);
  /** @param {[string, import("../types.js").Relation]} each @param {string} own */
  const row = ([id, r], own) => {
    const words = r.subject === own ? `${kindName(r.relation)} ${store.trackName(r.target)}` : `${store.trackName(r.subject)} ${kindName(r.relation)} this`;
    const chosen = relations.inHand?.[0] === id;
    return h("li", { class: `track-row${chosen ? " selected" : ""}`, "data-testid": `relation-${id}` },
      h("button", { type: "button", class: "row-button", title: words, "aria-pressed": String(chosen), onclick: () => {
        relations.take(id);
        if (store.frame < r.start_frame || store.frame >= r.end_frame) bench.go(r.start_frame);
      } }, h("span", { class: "name" }, words), h("span", { class: "tag" }, `${spaced(r.start_frame)}–${spaced(r.end_frame - 1)}`)),
      open() ? h("button", { type: "button", class: "eye shown", "aria-label": `Remove: ${words}`, onclick: () => relations.remove(id) }, "×") : null);
  };
  const update = () => {
    const own = store.selectedTrack ?? "";
    if (!own) choosing = false;
    const held = own ? relations.of(own) : [];
    const offered = choosing ? relations.candidates() : [];
    const possible = Boolean(own) && relations.candidates().length > 0;
    renderIfChanged(host, [own, held, offered, possible, relations.inHand?.[0], open()], () =>
      !held.length && !possible ? [] : [
        h("h2", {}, "Relations", h("span", { class: "keys" }, cap("⇧"), cap("R"))),
        held.length ? h("ul", { class: "rows", "aria-label": "Relations of the selected track" }, ...held.map((each) => row(each, own))) : null,
        relations.inHand && open() ? h("p", { class: "hint" }, cap("["), " ", cap("]"), " set where it begins and ends") : null,
        offered.length
          ? h("div", { class: "pills choices-open", role: "group", "aria-label": "Begins on this frame", "data-testid": "relate-choices" }, ...offered.slice(0, 40).map(choice))
          : null,
        possible && !offered.length && open()
          ? h("button", { type: "button", class: "row-button new-track", "data-testid": "relate", "aria-keyshortcuts": "Shift+R", onclick: choose }, "+ Relate to another track")
          : null,
      ]);
  };
  store.listen((kind) => kind !== "frame" && update());
  update();
}
