/** Take A, take B, merge or redraw the disagreement in hand; agreement figures and guideline beside it. */

import { cap, h, renderIfChanged } from "../workspace/dom.js";

/** @typedef {import("./types.js").Disagreement} Disagreement */
/** @typedef {import("./types.js").Labels} Labels */

/** Merges by key: what it is called, and what it makes. @type {Record<import("./types.js").Merge, [key: string, name: string, hint: string]>} */
export const MERGES = {
  union: ["M", "Unite", "what either outlined"],
  intersect: ["I", "Intersect", "what both outlined"],
  staple: ["S", "STAPLE", "what is most likely"],
  mean: ["M", "Average", "midway between both"],
};

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

/** @param {string} title @param {import("./types.js").Signature} s @param {string} testid @param {string} [reason] */
function signatureShown(title, s, testid, reason) {
  return h("section", { class: "signature", "data-testid": testid }, h("h2", {}, title),
    h("p", {}, h("strong", {}, s.name)), h("p", {}, s.time), h("p", {}, s.meaning), reason ? h("p", {}, reason) : null,
    h("p", { class: "hint" }, s.authentication ?? ""), h("p", { class: "digest" }, s.digest),
    s.holds === false ? h("p", { class: "problem" }, "The signature does not hold for this content") : null);
}

/**
 * @param {HTMLElement} host @param {import("./state.js").AdjudicationState} state
 * @param {import("../workspace/store.js").Store} store
 * @param {{take: (side: "a" | "b" | import("./types.js").Merge) => void, acceptSmall: () => void, redraw: (reason: string) => void, done: () => void}} act
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
    const merge = (/** @type {import("./types.js").Merge} */ how) => {
      const [key, name, hint] = MERGES[how];
      return h("button", { type: "button", class: "choice", "data-testid": `merge-${how}`, "aria-keyshortcuts": key,
        "aria-pressed": String(d.decision === how), disabled: state.isSigned, onclick: () => act.take(how) },
        h("span", { class: "first" }, h("strong", {}, name), cap(key)), h("span", { class: "hint" }, hint));
    };
    return h("div", { class: "choices" }, take("a", "A"), take("b", "B"), ...(d.merges ?? []).map(merge),
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
    const small = state.small.length;
    renderIfChanged(host, [d, state.editing, asking, state.isSigned, state.signature, state.endorsements, small], () => {
      /** @type {import("../workspace/dom.js").Child[]} */
      const out = [];
      if (state.signature) out.push(signatureShown("Signed", state.signature, "signature"));
      for (const e of state.endorsements) out.push(signatureShown(e.kind === "withdraw" ? "Withdrawn" : "Countersigned", e, e.kind, e.reason));
      if (state.versions.length) out.push(h("section", { class: "signature", "data-testid": "versions" }, h("h2", {}, "Earlier versions"),
        ...state.versions.map((v) => h("p", {}, h("a", { href: `/adjudications/${v.id}/` }, `${v.signed_at?.slice(0, 16).replace("T", " ") ?? ""} · ${v.state}`)))));
      if (d) {
        const frames = d.end_frame - d.start_frame;
        out.push(h("h2", {}, `${d.label} · ${frames} ${frames === 1 ? "frame" : "frames"}`), h("p", { class: "measure-line" }, d.measure));
        if (!state.isSigned) out.push(state.editing
          ? h("div", { class: "reason" }, h("p", { class: "hint" }, "Redrawing the consensus. The tools work as in the workspace; every stroke is saved."),
              h("button", { type: "button", class: "button primary", "data-testid": "redraw-done", onclick: () => act.done() }, "Done ", cap("Esc")))
          : buttons(d));
        if (asking && !state.editing) out.push(reasonForm());
        if (small && !state.isSigned && !state.editing) out.push(h("button", { type: "button", class: "button", "data-testid": "accept-small", "aria-keyshortcuts": "Shift+Enter", onclick: () => act.acceptSmall() },
          `Accept ${small} below ${Math.round(state.acceptBelow * 1000) / 10} % `, cap("⇧ Enter")));
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
