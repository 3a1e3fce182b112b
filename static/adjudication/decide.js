/** Take A, take B, merge or redraw the disagreement in hand; agreement figures and guideline beside it. */

import { cap, h, renderIfChanged } from "../workspace/dom.js";

/** @typedef {import("./types.js").Disagreement} Disagreement */
/** @typedef {import("./types.js").Labels} Labels */

/** Merges by key: what it is called, and what it makes. @type {Record<import("./types.js").Merge, [key: string, name: string, hint: string]>} */
export const MERGES = {
  union: ["M", "Unite", "what any outlined"],
  intersect: ["I", "Intersect", "what all outlined"],
  majority: ["H", "Majority", "what more than half outlined"],
  staple: ["S", "STAPLE", "what is most likely"],
  mean: ["M", "Average", "the mean place"],
  median: ["H", "Median", "the middle place"],
};

/** @param {Labels} labels @param {string | null} id */
function content(labels, id) {
  if (!id) return "nothing: leaves it out";
  const track = labels.tracks[id];
  if (track) {
    const n = Object.keys(track.keyframes).length;
    return `${n} ${n === 1 ? "keyframe" : "keyframes"}`;
  }
  const span = labels.intervals[id] ?? labels.relations?.[id];
  return span ? `${span.end_frame - span.start_frame} frames` : "as drawn";
}

/** A moment as a person reads it, in their own time. @param {string} at ISO */
const when = (at) => (Number.isNaN(Date.parse(at)) ? at : new Date(at).toLocaleString("sv-SE", { dateStyle: "short", timeStyle: "medium" }));

/** @param {string} title @param {import("./types.js").Signature} s @param {string} testid @param {string} [reason] */
function signatureShown(title, s, testid, reason) {
  return h("section", { class: "signature", "data-testid": testid }, h("h2", {}, title),
    h("p", {}, h("strong", {}, s.name)), h("p", {}, h("time", { datetime: s.time, title: s.time }, when(s.time))), h("p", {}, s.meaning), reason ? h("p", {}, reason) : null,
    h("p", { class: "hint" }, s.authentication ?? ""), h("p", { class: "digest" }, s.digest),
    s.holds === false ? h("p", { class: "problem" }, "The signature does not hold for this content") : null);
}

/**
 * @param {HTMLElement} host @param {import("./state.js").AdjudicationState} state
 * @param {import("../workspace/store.js").Store} store
 * @param {{take: (side: import("./types.js").Side | import("./types.js").Merge) => void, acceptSmall: () => void, redraw: (reason: string) => void, takeIn: () => void, giveBack: (remark: string) => void, done: () => void}} act
 * @returns {{askReason: () => void, askRemark: () => void}}
 */
export function decidePanel(host, state, store, act) {
  /** @type {"" | "reason" | "remark"} */
  let asking = "";
  let draft = "";

  /** @param {Disagreement} d */
  const buttons = (d) => {
    /** @param {import("./state.js").AdjudicationState["sides"][number]} one */
    const take = ({ side, name, labels }) =>
      h("button", { type: "button", class: `choice side-${side}`, "data-testid": `take-${side}`, "aria-keyshortcuts": name,
        "aria-pressed": String(d.decision === side), disabled: state.isSigned, onclick: () => act.take(side) },
        h("span", { class: "first" }, h("strong", {}, `Take ${name}`), cap(name)),
        h("span", { class: "hint" }, d.kind === "phase" ? `${name}'s phases here` : content(labels, d[side] ?? null)));
    const merge = (/** @type {import("./types.js").Merge} */ how) => {
      const [key, name, hint] = MERGES[how];
      return h("button", { type: "button", class: "choice", "data-testid": `merge-${how}`, "aria-keyshortcuts": key,
        "aria-pressed": String(d.decision === how), disabled: state.isSigned, onclick: () => act.take(how) },
        h("span", { class: "first" }, h("strong", {}, name), cap(key)), h("span", { class: "hint" }, hint));
    };
    return h("div", { class: "choices" }, ...state.sides.map(take), ...(d.merges ?? []).map(merge),
      h("button", { type: "button", class: "choice", "data-testid": "redraw", "aria-keyshortcuts": "R", "aria-pressed": String(d.decision === "redraw"), disabled: state.isSigned, onclick: askReason },
        h("span", { class: "first" }, h("strong", {}, "Redraw"), cap("R")),
        h("span", { class: "hint" }, d.kind === "phase" ? "starts empty" : `starts from ${state.firstWith(d).name}`)));
  };

  /** What is asked: why the annotators are overruled, or what is to be mended. */
  const words = () => asking === "remark"
    ? { hint: "It goes back to the annotator with your remark.", label: "What is to be mended", missing: "Say in a few words what is to be mended", act: "Return ", testid: "return" }
    : state.isReview
      ? { hint: "The annotator is overruled: give the reason.", label: "What is wrong", missing: "Say in a few words what is wrong", act: "Start correcting ", testid: "redraw" }
      : { hint: `${state.sides.length > 2 ? "All" : "Both"} annotators are overruled: give the reason.`, label: `Why ${state.sides.length > 2 ? "all" : "both"} are wrong`,
          missing: `Say in a few words why ${state.sides.length > 2 ? "all" : "both"} are wrong`, act: "Start redrawing ", testid: "redraw" };

  const reasonForm = () => {
    const said = words();
    const field = h("textarea", { rows: "3", maxlength: "400", "data-testid": `${said.testid}-reason`, "aria-label": said.label, placeholder: said.label });
    field.value = draft;
    field.addEventListener("input", () => (draft = field.value));
    const submit = () => {
      if (!field.value.trim()) {
        store.onNotice(said.missing);
        field.focus();
        return;
      }
      const run = asking === "remark" ? act.giveBack : act.redraw;
      asking = "";
      const reason = field.value.trim();
      draft = "";
      run(reason);
      update();
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        submit();
      } else if (event.key === "Escape") {
        asking = "";
        update();
        document.getElementById("stage")?.focus();
      }
    });
    return h("div", { class: "reason" }, h("p", { class: "hint" }, said.hint), field,
      h("button", { type: "button", class: "button primary", "data-testid": `${said.testid}-start`, onclick: submit }, said.act, cap("Enter")));
  };

  /** @param {string} title @param {import("./types.js").Adjudication["agreement"]["summary"]} rows @param {(row: {label: string, metric: string}) => string} name */
  const figureList = (title, rows, name) => rows.length
    ? h("section", {}, h("h2", {}, title), h("dl", {}, ...rows.map((s) => h("div", { class: "line" }, h("dt", {}, name(s)), h("dd", {}, s.value === null ? "none" : String(s.value))))))
    : null;

  const figures = (/** @type {Disagreement} */ d) => {
    const all = state.agreement.summary;
    const mine = all.filter((s) => s.object !== null && s.object === d[state.firstWith(d).side]);
    const label = d.kind === "phase" ? "Phases" : store.classOf(d.class_id)?.name ?? "";
    const ofClass = all.filter((s) => s.object === null && s.label === label);
    const overall = mine.length || ofClass.length ? [] : all.filter((s) => s.object === null).slice(0, 8);
    return [
      figureList("Agreement on this object", mine, (s) => s.metric),
      figureList(`Agreement on ${label}`, ofClass, (s) => s.metric),
      figureList("Agreement on this clip", overall, (s) => `${s.label} ${s.metric}`),
    ];
  };

  const editing = () => h("div", { class: "reason" }, h("p", { class: "hint" }, "Redrawing the consensus. The tools work as in the workspace; every stroke is saved."),
    h("button", { type: "button", class: "button primary", "data-testid": "redraw-done", onclick: () => act.done() }, "Done ", cap("Esc")));

  /** A review has no differences: the whole is accepted (by signing), corrected or returned. */
  const review = () => h("div", { class: "choices" },
    h("button", { type: "button", class: "choice", "data-testid": "correct", "aria-keyshortcuts": "R", onclick: askReason },
      h("span", { class: "first" }, h("strong", {}, "Correct"), cap("R")), h("span", { class: "hint" }, "redraw it yourself")),
    h("button", { type: "button", class: "choice", "data-testid": "return", "aria-keyshortcuts": "W", onclick: askRemark },
      h("span", { class: "first" }, h("strong", {}, "Return"), cap("W")), h("span", { class: "hint" }, "with a remark")));

  /** A further reader handed in after the deciding began. */
  const joining = () => h("section", { class: "choices", "data-testid": "joins" },
    h("button", { type: "button", class: "choice", "data-testid": "take-in", "aria-keyshortcuts": "Shift+F", onclick: () => act.takeIn() },
      h("span", { class: "first" }, h("strong", {}, "Take reader in"), cap("⇧F")),
      h("span", { class: "hint" }, "a further reader handed in: all is compared, and decided, anew")));

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
      if (state.joins && !state.isSigned && !state.editing) out.push(joining());
      if (state.isReview && state.state === "returned") out.push(h("p", { class: "hint" }, "Returned to the annotator. It is under My work again when it is handed in."));
      if (state.isReview && state.state === "ended") out.push(h("p", { class: "hint" }, "Ended: what was returned was given up. The clip is labelled anew."));
      if (state.isReview && !state.isSigned && !state.editing) out.push(review());
      if (state.isReview && state.editing) out.push(editing());
      if (state.isReview && asking && !state.editing) out.push(reasonForm());
      if (d) {
        const frames = d.end_frame - d.start_frame;
        out.push(h("h2", {}, `${d.label} · ${frames} ${frames === 1 ? "frame" : "frames"}`), h("p", { class: "measure-line" }, d.measure));
        if (!state.isSigned) out.push(state.editing
          ? editing()
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
  /** @param {"reason" | "remark"} what */
  function ask(what) {
    if (state.isSigned || state.editing || !(state.current || state.isReview)) return;
    asking = what;
    update();
    /** @type {HTMLTextAreaElement | null} */ (host.querySelector("textarea"))?.focus();
  }
  function askReason() {
    ask("reason");
  }
  function askRemark() {
    if (state.isReview) ask("remark");
  }
  let last = state.current?.id;
  state.listen(() => {
    if (state.current?.id !== last) asking = "";
    last = state.current?.id;
    update();
  });
  update();
  return { askReason, askRemark };
}
