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
        when: () => open() && Boolean(attributes()[r]?.values[v]),
        run: () => {
          const attribute = attributes()[r];
          edits.setAttribute(attribute.id, attribute.values[v].id);
        },
      });
      keys.bind({
        id: `attribute-here-${r}-${v}`, code, shift: true, label: `Attribute ${r + 1}, value ${v + 1}, from this frame on`, group: "Attributes",
        when: () => open() && !store.selectedInterval && Boolean(attributes()[r]?.values[v]),
        run: () => edits.setAttribute(attributes()[r].id, attributes()[r].values[v].id, true),
      });
    });
  });
  /** Attributes as rows of values: yes and no of a boolean; a number has a field instead. */
  const attributes = () =>
    (store.classOf(holder()?.class_id ?? "")?.attributes ?? []).map((a) =>
      a.type === "boolean" ? { ...a, values: [{ id: true, name: "Yes" }, { id: false, name: "No" }] } : { ...a, values: a.values ?? [] });
  /** What holds on this frame. */
  const now = () => {
    const held = holder();
    return held && "keyframes" in held ? { ...held.attributes, ...standing(held, store.frame) } : (held?.attributes ?? {});
  };

  /** @param {import("../types.js").Attribute} attribute @param {import("../types.js").Value | undefined} value */
  const numberField = (attribute, value) =>
    h("span", {},
      h("input", {
        type: "number", step: "any", min: attribute.minimum, max: attribute.maximum, value: String(value ?? ""), disabled: !open(),
        "aria-label": attribute.name, "data-testid": `attribute-${attribute.id}`,
        onchange: (/** @type {Event} */ event) => {
          const field = /** @type {HTMLInputElement} */ (event.target);
          if (field.value !== "" && field.checkValidity()) edits.setAttribute(attribute.id, Number(field.value));
        },
      }), ` ${attribute.unit ?? ""}`);

  const attributeRows = () => {
    const held = now();
    return attributes().map((attribute, r) =>
      line(
        attribute.name,
        attribute.type === "number" ? numberField(attribute, held[attribute.id]) : h("span", { class: "pills", role: "group", "aria-label": attribute.name },
          ...attribute.values.map((value, v) =>
            h("button", {
              type: "button", class: "pill", "data-testid": `attribute-${attribute.id}-${value.id}`, disabled: !open(),
              "aria-pressed": String(held[attribute.id] === value.id), "aria-keyshortcuts": ROWS[r]?.[v] ? capOf(ROWS[r][v]) : null,
              title: "With Shift: from this frame on",
              onclick: (/** @type {MouseEvent} */ event) => edits.setAttribute(attribute.id, value.id, event.shiftKey),
            }, value.name, ROWS[r]?.[v] ? keys.cap(`attribute-${r}-${v}`) : null))),
      ),
    );
  };

  const update = () => {
    const interval = store.selectedInterval ? store.labels.intervals[store.selectedInterval] : undefined;
    const track = store.selected;
    const here = track ? store.expand(track, store.frame) : null;
    const isKeyframe = Boolean(track?.keyframes[String(store.frame)]);
    const guide = store.classOf(interval?.class_id ?? track?.class_id ?? store.activeClass ?? "");
    const shown = [store.selectedTrack, store.selectedInterval, interval, track?.attributes, JSON.stringify(now()), here && place(here.shape), here?.state, isKeyframe, guide?.id, open(), store.tool, examples?.version];
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
            line("This frame", h("span", {}, isKeyframe ? "keyframe " : here?.interpolated ? "interpolated " : "no keyframe "), keys.cap("keyframe")),
            line("State", h("span", {}, `${state} `), keys.cap("occluded"), keys.cap("absent"))),
        );
      } else if (interval) {
        const { time } = bench.player;
        out.push(
          h("h2", {}, store.classOf(interval.class_id)?.name ?? interval.class_id),
          h("dl", {},
            ...attributeRows(),
            line("From", `${clock(time.timeOf(interval.start_frame))} · ${spaced(interval.start_frame)}`),
            line("To", `${clock(time.timeOf(interval.end_frame))} · ${spaced(interval.end_frame)}`),
            line("Length", `${spaced(interval.end_frame - interval.start_frame)} frames`)),
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
        out.push(h("p", { class: "hint" }, "Press a class's key to begin. ", cap("?"), " shows every key."));
      }
      return out;
    });
  };
  store.listen((kind) => kind !== "frame" && update());
  update();
  return update;
}
