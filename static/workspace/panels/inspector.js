/** What is selected: class, attributes as rows of keys, position, this frame's state; and its guideline. */

import { cap, h, renderIfChanged } from "../dom.js";
import { capOf } from "../keys.js";
import { clock, spaced } from "../player/timebase.js";
import { rleArea } from "../canvas/rle.js";
import { words } from "../canvas/shapes.js";
import { standing } from "../track-edits.js";
import { inWords, measures } from "../calibration.js";

/** Attribute rows are rows of keys: the first from Q, the second from A. */
const ROWS = [
  ["KeyQ", "KeyW", "KeyY", "KeyU", "KeyI"],
  ["KeyA", "KeyS", "KeyD", "KeyF", "Semicolon"],
];

/** More values than these stand in a list instead of a row of buttons. */
const MOST_IN_A_ROW = 6;

/** @typedef {import("../types.js").Shape} Shape */

/** @param {Shape | null | undefined} shape */
function place(shape) {
  if (!shape) return "";
  if (shape.type === "tip") return `${shape.point[0].toFixed(2)}, ${shape.point[1].toFixed(2)} px`;
  if (shape.type === "box") return `${shape.box[2].toFixed(1)} × ${shape.box[3].toFixed(1)} px`;
  if (shape.type === "mask") return `${spaced(rleArea(shape.rle))} px²`;
  return words(shape);
}

const MEASURED = { length: "Length", width: "Width", height: "Height", area: "Area" };

/** @type {[string, string][]} */
const ACTS = [["keyframe", "Keyframe"], ["occluded", "Occluded"], ["absent", "Absent"], ["carry-back", "← Carry"], ["carry-on", "Carry →"]];
/** @type {[string, string][]} */
const MORE_ACTS = [["split", "Split"], ["cut", "Cut off"], ["merge", "Same object"], ["remove", "Remove keyframe"], ["remove-track", "Remove track"]];

/** @param {string} name @param {...import("../dom.js").Child} value */
const line = (name, ...value) => h("div", { class: "line" }, h("dt", {}, name), h("dd", {}, ...value));

/** @param {HTMLElement} host @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys @param {() => boolean} open
 * @param {import("./examples.js").Examples} [examples] */
export function inspector(host, bench, keys, open, examples) {
  const { store, edits } = bench;

  const holder = () =>
    store.selectedInterval ? store.labels.intervals[store.selectedInterval] : store.selected;
  ROWS.forEach((row, r) => {
    row.forEach((code, v) => {
      keys.bind({
        id: `attribute-${r}-${v}`, code, label: `Attribute ${r + 1}, value ${v + 1}`, group: "Attributes",
        when: () => open() && Boolean(keyed()[r]?.values[v]),
        run: () => {
          const attribute = keyed()[r];
          edits.setAttribute(attribute.id, attribute.values[v].id);
        },
      });
      keys.bind({
        id: `attribute-here-${r}-${v}`, code, shift: true, label: `Attribute ${r + 1}, value ${v + 1}, from this frame on`, group: "Attributes",
        when: () => open() && !store.selectedInterval && Boolean(keyed()[r]?.values[v]),
        run: () => edits.setAttribute(keyed()[r].id, keyed()[r].values[v].id, true),
      });
    });
  });
  /** Attributes as rows of values: yes and no of a boolean; a number has a field instead. */
  const attributes = () =>
    (store.classOf(holder()?.class_id ?? "")?.attributes ?? []).map((a) =>
      a.type === "boolean" ? { ...a, values: [{ id: true, name: "Yes" }, { id: false, name: "No" }] } : { ...a, values: a.values ?? [] });
  /** Those with few values: they have rows of keys, in order. */
  const keyed = () => attributes().filter((a) => a.values.length && a.values.length <= MOST_IN_A_ROW);
  /** What holds on this frame. */
  const now = () => {
    const held = holder();
    return held && "keyframes" in held ? { ...held.attributes, ...standing(held, store.frame) } : (held?.attributes ?? {});
  };

  /** Whether what is set holds from this frame on, without Shift held: for a pen, a finger, a field. */
  let isFromHere = false;
  /** @param {string} id @param {import("../types.js").Value} value @param {boolean} [shift] */
  const setTo = (id, value, shift = false) => edits.setAttribute(id, value, !store.selectedInterval && (shift || isFromHere));

  const spanToggle = () =>
    h("span", { class: "pills", role: "group", "aria-label": "What is set holds" },
      ...[false, true].map((from) => h("button", {
        type: "button", class: "pill", "aria-pressed": String(isFromHere === from), "data-testid": from ? "attributes-from-here" : "attributes-whole",
        onclick: () => {
          isFromHere = from;
          update();
        },
      }, from ? "from here" : "all of it")));

  /** @param {import("../types.js").Attribute} attribute @param {import("../types.js").Value | undefined} value */
  const numberField = (attribute, value) =>
    h("span", {},
      h("input", {
        type: "number", step: "any", min: attribute.minimum, max: attribute.maximum, value: String(value ?? ""), disabled: !open(),
        "aria-label": attribute.name, "data-testid": `attribute-${attribute.id}`,
        onchange: (/** @type {Event} */ event) => {
          const field = /** @type {HTMLInputElement} */ (event.target);
          if (field.value !== "" && field.checkValidity() && now()[attribute.id] !== Number(field.value)) setTo(attribute.id, Number(field.value));
        },
      }), ` ${attribute.unit ?? ""}`);

  /** More values than a row of keys has room for. @param {ReturnType<typeof attributes>[number]} attribute @param {import("../types.js").Value | undefined} value */
  const list = (attribute, value) =>
    h("select", {
      disabled: !open(), "aria-label": attribute.name, "data-testid": `attribute-${attribute.id}`,
      onchange: (/** @type {Event} */ event) => {
        const chosen = attribute.values.find((v) => String(v.id) === /** @type {HTMLSelectElement} */ (event.target).value);
        // The value that stands there, once more, takes it away.
        if (chosen) setTo(attribute.id, chosen.id);
        else if (value !== undefined) setTo(attribute.id, value);
      },
    }, h("option", { value: "" }, "not said"),
    ...attribute.values.map((v) => h("option", { value: String(v.id), selected: v.id === value }, v.name)));

  /** What can be done to the track, for those without a keyboard at hand; each button wears its key. */
  const acts = () => h("div", { class: "acts", role: "group", "aria-label": "Do to the track" },
    ...ACTS.map(([id, words]) => (keys.find(id) ? keys.button(id, words) : null)),
    h("details", {}, h("summary", {}, "More"), ...MORE_ACTS.map(([id, words]) => keys.button(id, words))));

  const attributeRows = () => {
    const held = now();
    const rows = keyed();
    const all = attributes();
    const lines = all.map((attribute) => {
      const r = rows.findIndex((each) => each.id === attribute.id);
      if (attribute.type === "number") return line(attribute.name, numberField(attribute, held[attribute.id]));
      if (r < 0) return line(attribute.name, list(attribute, held[attribute.id]));
      return line(attribute.name, h("span", { class: "pills", role: "group", "aria-label": attribute.name },
        ...attribute.values.map((value, v) =>
          h("button", {
            type: "button", class: "pill", "data-testid": `attribute-${attribute.id}-${value.id}`, disabled: !open(),
            "aria-pressed": String(held[attribute.id] === value.id), "aria-keyshortcuts": ROWS[r]?.[v] ? capOf(ROWS[r][v]) : null,
            title: "With Shift: from this frame on",
            onclick: (/** @type {MouseEvent} */ event) => setTo(attribute.id, value.id, event.shiftKey),
          }, value.name, ROWS[r]?.[v] ? keys.cap(`attribute-${r}-${v}`) : null))));
    });
    return all.length && open() && !store.selectedInterval ? [...lines, line("Holds for", spanToggle())] : lines;
  };

  const update = () => {
    const interval = store.selectedInterval ? store.labels.intervals[store.selectedInterval] : undefined;
    const track = store.selected;
    const here = track ? store.expand(track, store.frame) : null;
    const isKeyframe = Boolean(track?.keyframes[String(store.frame)]);
    const guide = store.classOf(interval?.class_id ?? track?.class_id ?? store.activeClass ?? "");
    const shown = [store.selectedTrack, store.selectedInterval, interval, track?.attributes, JSON.stringify(now()), here && place(here.shape), here?.state, isKeyframe, guide?.id, open(), store.tool, isFromHere, examples?.version];
    renderIfChanged(host, shown, () => {
      /** @type {import("../dom.js").Child[]} */
      const out = [];
      if (track && store.selectedTrack) {
        const state = here ? here.state : "not on this frame";
        out.push(
          h("h2", {}, store.trackName(store.selectedTrack)),
          h("dl", {},
            ...attributeRows(),
            here?.shape ? line(here.shape.type === "tip" ? "Position" : here.shape.type === "mask" ? "Area" : "Size", place(here.shape)) : null,
            ...(here?.shape ? measures(here.shape, bench.clip.regions ?? []) : []).map((m) =>
              line(MEASURED[m.kind], h("span", { "data-testid": `measure-${m.kind}` }, inWords(m)))),
            line("This frame", h("span", {}, isKeyframe ? "keyframe " : here?.interpolated ? "interpolated " : "no keyframe ")),
            line("State", h("span", {}, `${state} `))),
          open() ? acts() : null,
        );
      } else if (interval) {
        const { time } = bench.player;
        out.push(
          h("h2", {}, store.classOf(interval.class_id)?.name ?? interval.class_id),
          h("dl", {},
            ...attributeRows(),
            line("From", `${clock(time.timeOf(interval.start_frame))} · ${spaced(interval.start_frame)}`),
            line("To", `${clock(time.timeOf(interval.end_frame - 1))} · ${spaced(interval.end_frame - 1)}`),
            line("Length", interval.end_frame - interval.start_frame === 1 ? "1 frame" : `${spaced(interval.end_frame - interval.start_frame)} frames`)),
          open() ? h("div", { class: "acts" }, ...(["loop", "remove"].map((id, i) => keys.button(id, ["Loop", "Remove"][i])))) : null,
        );
      }
      if (guide) {
        out.push(
          h("section", { class: "guideline", id: "guideline", tabindex: "-1", "data-testid": "guideline", "aria-label": `Guideline for ${guide.name}` },
            h("h2", {}, `Guideline · ${guide.name}`, keys.cap("guideline")),
            h("p", {}, guide.guideline || "The ontology has no text for this class."),
            guide.guideline_link ? h("p", {}, h("a", { href: guide.guideline_link, target: "_blank", rel: "noopener noreferrer", "data-testid": "guideline-link" }, "Read more")) : null,
            examples?.below(guide)),
        );
      } else if (!out.length) {
        out.push(open()
          ? h("p", { class: "hint" }, "Press a class's key to begin. ", cap("?"), " shows every key.")
          : h("p", { class: "hint" }, "Nothing can be changed here. Click a track, a phase or an event to read what was said of it."));
      }
      return out;
    });
  };
  store.listen((kind) => kind !== "frame" && update());
  update();
  return update;
}
