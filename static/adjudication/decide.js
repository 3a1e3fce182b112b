/** Take A, take B or redraw the disagreement in hand; agreement figures and guideline beside it. */

import { cap, h, renderIfChanged } from "../workspace/dom.js";

/** @typedef {import("./types.js").Disagreement} Disagreement */
/** @typedef {import("./types.js").Labels} Labels */

/** @param {Labels} labels @param {string | null} id */
function content(labels, id) {
  if (!id) return "nothing: leaves it out";
  const track = labels.tracks[id];
  if (track) {
    const n = Object.keys(track.keyframes).length;
    return `${n} ${n === 1 ? "keyframe" : "keyframes"}`;
  }
  const span = labels.intervals[id];
  return span ? `${span.end_frame - span.start_frame} frames` : "as drawn";
}

/**
 * @param {HTMLElement} host @param {import("./state.js").AdjudicationState} state
 * @param {import("../workspace/store.js").Store} store
 * @param {{take: (side: "a" | "b") => void, redraw: (reason: string) => void, done: () => void}} act
 * @returns {{askReason: () => void}}
 */
export function decidePanel(host, state, store, act) {
  let asking = false;
  let draft = "";

  /** @param {Disagreement} d */
  const buttons = (d) => {
    /** @param {"a" | "b"} side @param {string} name */
    const take = (side, name) =>
      h("button", { type: "button", class: `choice side-${side}`, "data-testid": `take-${side}`, "aria-keyshortcuts": name,
        "aria-pressed": String(d.decision === side), disabled: state.isSigned, onclick: () => act.take(side) },
        h("span", { class: "first" }, h("strong", {}, `Take ${name}`), cap(name)),
        h("span", { class: "hint" }, d.kind === "phase" ? `${side === "a" ? "A" : "B"}'s phases here` : content(state[side], d[side])));
    return h("div", { class: "choices" }, take("a", "A"), take("b", "B"),
      h("button", { type: "button", class: "choice", "data-testid": "redraw", "aria-keyshortcuts": "R", "aria-pressed": String(d.decision === "redraw"), disabled: state.isSigned, onclick: askReason },
        h("span", { class: "first" }, h("strong", {}, "Redraw"), cap("R")),
        h("span", { class: "hint" }, d.kind === "phase" ? "starts empty" : `starts from ${d.a ? "A" : "B"}`)));
  };

  const reasonForm = () => {
    const field = h("textarea", { rows: "3", maxlength: "400", "data-testid": "redraw-reason", "aria-label": "Reason: why both are wrong", placeholder: "Why both are wrong" });
    field.value = draft;
    field.addEventListener("input", () => (draft = field.value));
    const submit = () => {
      if (!field.value.trim()) {
        store.onNotice("Say in a few words why both are wrong");
        field.focus();
        return;
      }
      asking = false;
      const reason = field.value.trim();
      draft = "";
      act.redraw(reason);
      update();
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        submit();
      } else if (event.key === "Escape") {
        asking = false;
        update();
        document.getElementById("stage")?.focus();
      }
    });
    return h("div", { class: "reason" }, h("p", { class: "hint" }, "Both annotators are overruled: give the reason."), field,
      h("button", { type: "button", class: "button primary", "data-testid": "redraw-start", onclick: submit }, "Start redrawing ", cap("Enter")));
  };

  /** @param {string} title @param {import("./types.js").Adjudication["agreement"]["summary"]} rows @param {(row: {label: string, metric: string}) => string} name */
  const figureList = (title, rows, name) => rows.length
    ? h("section", {}, h("h2", {}, title), h("dl", {}, ...rows.map((s) => h("div", { class: "line" }, h("dt", {}, name(s)), h("dd", {}, s.value === null ? "none" : String(s.value))))))
    : null;

  const figures = (/** @type {Disagreement} */ d) => {
    const all = state.agreement.summary;
    const mine = all.filter((s) => s.object !== null && (s.object === d.a || (!d.a && s.object === d.b)));
    const label = d.kind === "phase" ? "Phases" : store.classOf(d.class_id)?.name ?? "";
    const ofClass = all.filter((s) => s.object === null && s.label === label);
    const overall = mine.length || ofClass.length ? [] : all.filter((s) => s.object === null).slice(0, 8);
    return [
      figureList("Agreement on this object", mine, (s) => s.metric),
      figureList(`Agreement on ${label}`, ofClass, (s) => s.metric),
      figureList("Agreement on this clip", overall, (s) => `${s.label} ${s.metric}`),
    ];
  };

  const update = () => {
    const d = state.current;
    renderIfChanged(host, [d, state.editing, asking, state.isSigned, state.signature], () => {
      /** @type {import("../workspace/dom.js").Child[]} */
      const out = [];
      if (state.signature) {
        const s = state.signature;
        out.push(h("section", { class: "signature", "data-testid": "signature" }, h("h2", {}, "Signed"),
          h("p", {}, h("strong", {}, s.name)), h("p", {}, s.time), h("p", {}, s.meaning), h("p", { class: "digest" }, s.digest),
          s.holds === false ? h("p", { class: "problem" }, "The signature does not hold for this content") : null));
      }
      if (d) {
        const frames = d.end_frame - d.start_frame;
        out.push(h("h2", {}, `${d.label} · ${frames} ${frames === 1 ? "frame" : "frames"}`), h("p", { class: "measure-line" }, d.measure));
        if (!state.isSigned) out.push(state.editing
          ? h("div", { class: "reason" }, h("p", { class: "hint" }, "Redrawing the consensus. The tools work as in the workspace; every stroke is saved."),
              h("button", { type: "button", class: "button primary", "data-testid": "redraw-done", onclick: () => act.done() }, "Done ", cap("Esc")))
          : buttons(d));
        if (asking && !state.editing) out.push(reasonForm());
        out.push(...figures(d));
        const guide = store.classOf(d.class_id);
        if (guide?.guideline && !state.editing) out.push(h("section", { class: "guideline" }, h("h2", {}, `Guideline · ${guide.name}`), h("p", {}, guide.guideline)));
      }
      return out;
    });
  };
  function askReason() {
    if (state.isSigned || state.editing || !state.current) return;
    asking = true;
    update();
    /** @type {HTMLTextAreaElement | null} */ (host.querySelector("textarea"))?.focus();
  }
  let last = state.current?.id;
  state.listen(() => {
    if (state.current?.id !== last) asking = false;
    last = state.current?.id;
    update();
  });
  update();
  return { askReason };
}
