/**
 * A second picture beside the first, in step with it: other labels on the same picture, or another
 * clip, by frame or by time and with an offset. It follows; nothing in it is labelled.
 */

import { Overlay } from "./canvas/overlay.js";
import { outlineUrl } from "./chunks.js";
import { View } from "./canvas/view.js";
import { h } from "./dom.js";
import { readIndex } from "./load.js";
import { changeRows } from "./panels/changes.js";
import { spaced } from "./player/timebase.js";
import { Player } from "./player/player.js";
import { Store } from "./store.js";
import { Watched } from "./watched.js";
import { Windows, markMissing } from "./windows.js";

/**
 * @typedef {{id: string, name: string, is_mine: boolean, origin: string, state: string, revision: number}} SetBeside
 * @typedef {{id: string, name: string, pseudonym: string, near: "study" | "subject" | "project", label_set: string | null}} ClipBeside
 * @typedef {{label_sets: SetBeside[], clips: ClipBeside[]}} Choices
 * @typedef {{kind: "set" | "clip" | "revision", id: string}} Choice
 */

/** What stands beside now: its size, its labels, and how its picture comes. */
class Shown {
  /** @param {import("./bench.js").Bench} bench @param {import("./types.js").Clip} clip @param {import("./types.js").FrameIndex | null} index null: the first picture again */
  constructor(bench, clip, index) {
    this.bench = bench;
    this.clip = clip;
    this.picture = h("canvas", { "data-testid": "picture-beside", role: "img", "aria-label": "Picture beside" });
    const overlay = h("canvas", { class: "layer", "aria-hidden": "true" });
    this.pane = h("div", { class: "beside-picture" }, this.picture, overlay);
    this.player = index && new Player(clip, index, this.picture);
    if (!index) Object.assign(this.picture, { width: clip.width_px, height: clip.height_px });
    this.view = new View(this.pane, this.picture, overlay, clip.width_px, clip.height_px);
    this.overlay = new Overlay(overlay, this.view);
    this.overlay.live.canvas.removeAttribute("id");
    this.overlay.live.canvas.className = "layer";
    this.context = this.picture.getContext("2d", { alpha: false });
    /** @type {Store | null} */
    this.store = null;
    /** @type {Windows | null} */
    this.windows = null;
    this.watched = index && new Watched(bench.api, clip.id);
    /** @type {(classId: string) => string | undefined} */
    this.colorOf = () => undefined;
    if (this.player) this.player.onPaint = (frame) => this.paint(frame);
    this.view.onChange = () => (this.player ? this.player.invalidate() : this.paint(bench.player.index));
  }

  /** Labels read around a frame; the rest as it is come to. @param {import("./types.js").LabelSet} set @param {number} frame */
  take(set, frame) {
    const store = (this.store = this.storeOf(set.ontology, markMissing(set.labels)));
    this.windows = new Windows(this.bench.api, store, set.id, () => null, frame, "beside");
    store.listen((kind) => kind !== "frame" && (this.player ?? this.bench.player).invalidate());
  }

  /** @param {import("./types.js").Ontology} ontology @param {import("./types.js").Labels} labels */
  storeOf(ontology, labels) {
    const { id: clip, n_frames, width_px, height_px } = this.clip;
    return new Store({ labels, ontology, clip, n_frames, width_px, height_px, readOnly: true });
  }

  /** @param {number} frame */
  paint(frame) {
    if (frame < 0) return;
    if (!this.player) {
      this.context?.drawImage(this.bench.picture, 0, 0);
      this.picture.dataset.frameIndex = String(frame);
    }
    this.watched?.saw(frame);
    const { store } = this;
    /** @type {import("./canvas/overlay.js").Painted[]} */
    const items = [];
    store?.setFrame(frame);
    this.windows?.need(frame, [frame, frame + 1]);
    for (const [id, track] of store?.clipTracks() ?? []) {
      const expanded = store?.expand(track, frame);
      const own = store?.classOf(track.class_id);
      if (expanded?.shape) items.push({ id, color: this.colorOf(track.class_id) ?? own?.color ?? "#ffffff", skeleton: own?.skeleton?.edges, expanded, active: false });
    }
    this.overlay.paint(items);
  }

  close() {
    void this.watched?.close();
    this.player?.decoder?.close();
    if (this.player) Object.assign(this.player, { decoder: null, fallback: null, onPaint: () => {} });
    this.view.onChange = () => {};
    this.pane.remove();
  }
}

/** @typedef {import("./panels/changes.js").Change} Change */

/**
 * Binds the keys; builds the pane when it is first asked for.
 * @param {import("./bench.js").Bench} bench @param {import("./keys.js").Keys} keys
 * @param {{own?: {id: string, revision: number} | null, first?: string, onShown?: (labelSet: string | null) => void,
 *   colorOf?: (labelSet: string) => string | undefined}} [options] `own`: the set in the workspace, whose revisions can be
 *   seen; `first`: the label set to begin with
 * @returns {{revision: (number: number) => void}} `revision` opens one of one's own
 */
export function bindBeside(bench, keys, options = {}) {
  const { api, clip, player, stage, store } = bench;
  /** @type {Choices | null} */
  let choices = null;
  /** @type {Shown | null} */
  let shown = null;
  let asked = 0;
  /** What is to be shown when the choices are here. */
  let wish = "";
  const settings = { by: "frame", offset: 0, revision: Math.max(1, (options.own?.revision ?? 1) - 1) };
  const what = h("select", { "aria-label": "Beside", "data-testid": "beside-what", onchange: () => void show() });
  const by = h("select", { "aria-label": "In step by", "data-testid": "beside-by", onchange: () => settle() },
    h("option", { value: "frame" }, "by frame"), h("option", { value: "time" }, "by time"));
  const offset = h("input", { type: "number", class: "go-to", step: "1", value: "0", "data-testid": "beside-offset", onchange: () => settle() });
  const words = h("output", { class: "hint", "data-testid": "beside-words" });
  const close = h("button", { type: "button", class: "button", "data-testid": "beside-close", onclick: () => toggle(false) }, "Close ", keys.cap("beside"));
  const pane = h("section", { class: "beside", "aria-label": "Beside", "data-testid": "beside", hidden: true },
    h("div", { class: "beside-bar" }, what, by, offset, words, h("span", { class: "grow" }), close));
  stage.after(pane);

  const group = "Side by side";
  const open = () => !pane.hidden;
  keys.bind({ id: "beside", code: "KeyV", shift: true, label: "Another clip or other labels beside, in step", group, run: () => toggle(Boolean(pane.hidden)) });
  keys.bind({ id: "beside-next", code: "KeyV", alt: true, label: "What else can stand beside", group, when: open, run: () => walk() });
  keys.bind({ id: "beside-earlier", code: "Comma", ctrl: true, label: "Beside: one frame (or a tenth of a second) earlier", group, when: open, repeat: true, run: () => nudge(-1) });
  keys.bind({ id: "beside-later", code: "Period", ctrl: true, label: "Beside: one frame (or a tenth of a second) later", group, when: open, repeat: true, run: () => nudge(1) });
  bench.onPainted = follow;

  /** @param {boolean} on */
  function toggle(on) {
    pane.hidden = !on;
    document.body.classList.toggle("side-by-side", on);
    if (on) void begin();
    else clear();
    if (!on) stage.focus({ preventScroll: true });
  }

  function clear() {
    asked++;
    shown?.close();
    shown = null;
    options.onShown?.(null);
    player.invalidate();
  }

  async function begin() {
    try {
      choices = /** @type {Choices} */ (await api.get(`/api/v1/clips/${clip.id}/beside/`));
    } catch {
      words.textContent = "What can stand beside could not be read: close and open it again";
      return;
    }
    const held = wish || what.value;
    wish = "";
    what.replaceChildren(...groups(choices));
    const wanted = [held, options.first && `set:${options.first}`].find((value) => value && [...what.options].some((o) => o.value === value));
    if (wanted) what.value = wanted;
    for (const field of [what, by, offset]) field.hidden = !what.options.length;
    if (!what.options.length) words.textContent = "Nothing that you may see can stand beside this clip";
    else await show();
  }

  /** @param {Choices} found */
  function groups(found) {
    const here = (/** @type {SetBeside} */ set) => set.id === options.own?.id;
    const sets = found.label_sets.filter((set) => !here(set)).map((set) => h("option", { value: `set:${set.id}` }, `${set.name} · ${set.state.replace("_", " ")}`));
    if (options.own && options.own.revision > 0) sets.push(h("option", { value: `revision:${options.own.id}` }, "These labels as they were"));
    const named = { study: "Clips of this operation", subject: "Clips of this subject", project: "Other clips" };
    const lists = /** @type {("study" | "subject" | "project")[]} */ (["study", "subject", "project"]).map((near) => /** @type {const} */ ([
      named[near],
      found.clips.filter((c) => c.near === near).map((c) => h("option", { value: `clip:${c.id}` }, near === "project" ? `${c.pseudonym} · ${c.name}` : c.name)),
    ]));
    return [/** @type {const} */ (["Labels on this clip", sets]), ...lists].filter(([, rows]) => rows.length).map(([label, rows]) => h("optgroup", { label }, ...rows));
  }

  /** @returns {Choice} */
  const chosen = () => {
    const [kind, id] = what.value.split(":");
    return { kind: /** @type {Choice["kind"]} */ (kind), id };
  };

  function walk() {
    if (!what.options.length) return;
    what.selectedIndex = (what.selectedIndex + 1) % what.options.length;
    void show();
  }

  /** @param {1 | -1} way */
  function nudge(way) {
    const step = Number(offset.step);
    offset.value = String(Math.round((Number(offset.value) + way * step) / step) * step);
    if (step < 1) offset.value = Number(offset.value).toFixed(1);
    settle();
  }

  /** What the fields say holds from now on. */
  function settle() {
    const { kind } = chosen();
    const number = Number(offset.value);
    if (kind === "revision") {
      const revision = Math.max(0, Math.min(options.own?.revision ?? 0, Math.round(number)));
      if (revision !== settings.revision) {
        settings.revision = revision;
        void show();
      }
      return;
    }
    if (by.value !== settings.by) offset.value = "0";
    settings.by = by.value;
    settings.offset = Number.isFinite(Number(offset.value)) ? Number(offset.value) : 0;
    label();
    player.invalidate();
  }

  function label() {
    const { kind } = chosen();
    by.hidden = kind !== "clip";
    offset.hidden = kind === "set";
    const isTime = settings.by === "time";
    offset.step = kind === "clip" && isTime ? "0.1" : "1";
    offset.setAttribute("aria-label", kind === "revision" ? "Revision" : isTime ? "Offset in seconds" : "Offset in frames");
    offset.value = String(kind === "revision" ? settings.revision : settings.offset);
  }

  async function show() {
    clear();
    const mine = asked;
    label();
    words.textContent = "Opening";
    try {
      const made = await build(chosen());
      if (mine !== asked || pane.hidden) return made.close();
      shown = made;
      pane.append(made.pane);
      words.textContent = "";
      made.view.layout();
      options.onShown?.(chosen().kind === "set" ? chosen().id : null);
      void made.player?.open();
      player.invalidate();
    } catch (error) {
      if (mine === asked) words.textContent = error instanceof Error ? error.message : "It could not be opened";
    }
  }

  /** @param {string} id of a ready clip */
  async function read(id) {
    const other = /** @type {import("./types.js").Clip} */ (await api.get(`/api/v1/clips/${id}/`));
    return { clip: other, index: await readIndex(api, other) };
  }

  /** @param {Choice} choice @returns {Promise<Shown>} */
  async function build({ kind, id }) {
    if (kind === "revision") {
      const made = new Shown(bench, clip, null);
      const at = `/api/v1/label-sets/${id}/revisions/${settings.revision}/`;
      const [{ labels }, told] = await Promise.all([api.get(at), api.get(`${at}changes/`)]);
      made.store = made.storeOf(store.ontology, labels);
      made.pane.append(changeList(/** @type {Change[]} */ (told.changes)));
      return made;
    }
    const other = kind === "clip" ? choices?.clips.find((c) => c.id === id) : null;
    const loaded = other ? await read(other.id) : { clip, index: null };
    const made = new Shown(bench, loaded.clip, loaded.index);
    if (made.player) made.player.onSignedOut = player.onSignedOut;
    const set = other ? other.label_set : id;
    if (set) {
      made.take(/** @type {import("./types.js").LabelSet} */ (await api.get(outlineUrl(set, loaded.clip.id, store.frame, "beside"))), store.frame);
      made.colorOf = () => (other ? undefined : options.colorOf?.(set));
    }
    return made;
  }

  /** @param {Change[]} rows since the revision */
  function changeList(rows) {
    const many = rows.length === 1 ? "1 difference from now" : `${rows.length || "No"} differences from now`;
    return h("details", { class: "beside-changes", "data-testid": "beside-changes" }, h("summary", {}, many),
      h("ul", {}, ...changeRows(rows, store, (frame) => void player.seek(frame))));
  }

  /** The first picture shows a frame: the second one goes with it. @param {number} frame */
  function follow(frame) {
    if (!shown || frame < 0) return;
    const { view } = bench;
    if (shown.view.zoom !== view.zoom || shown.view.panX !== view.panX || shown.view.panY !== view.panY) {
      Object.assign(shown.view, { zoom: view.zoom, panX: view.panX, panY: view.panY });
      shown.view.layout();
    }
    const second = shown.player;
    if (!second) return shown.paint(frame);
    const isTime = settings.by === "time";
    const time_s = player.time.timeOf(frame) + settings.offset;
    const to = isTime ? (time_s < 0 ? -1 : second.time.indexAt(time_s)) : frame + settings.offset;
    const before = to < 0;
    const after = isTime ? time_s >= second.time.duration_s : to >= second.n_frames;
    shown.pane.classList.toggle("outside", before || after);
    words.textContent = before ? "not begun yet" : after ? "over" : `frame ${spaced(to)}`;
    second.follow(Math.max(0, Math.min(second.n_frames - 1, to)), player.playing ? player.rate : 0);
  }

  return {
    revision: (number) => {
      settings.revision = number;
      wish = `revision:${options.own?.id}`;
      if (pane.hidden) toggle(true);
      else void begin();
    },
  };
}
