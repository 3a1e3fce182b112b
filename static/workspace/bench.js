/** The bench that workspace and adjudication share: player, picture, overlay, tools, timeline. */

import { Edits } from "./edits.js";
import { need } from "./dom.js";
import { Overlay } from "./canvas/overlay.js";
import { bindPointer } from "./canvas/pointer.js";
import { Tools } from "./canvas/tools.js";
import { View } from "./canvas/view.js";
import { Player } from "./player/player.js";
import { Timeline } from "./timeline/timeline.js";
import { Hash } from "./hash.js";
import { Watched } from "./watched.js";

/** @typedef {import("./types.js").Clip} Clip */
/** @typedef {import("./canvas/overlay.js").Painted} Painted */

/** A playhead that stays so long rests: what is to both sides of it is made ready. */
const REST_MS = 120;

/** The least that the names of lanes get, in CSS pixels. */
const NAMES_PX = 136;

export class Bench {
  /**
   * @param {Clip} clip @param {import("./types.js").FrameIndex} index
   * @param {import("./store.js").Store} store
   * @param {import("./api.js").Api} api
   * @param {Player} [player]  one that has begun already
   */
  constructor(clip, index, store, api, player) {
    this.clip = clip;
    this.store = store;
    this.api = api;
    this.stage = need("#stage", HTMLElement);
    this.picture = need("#picture", HTMLCanvasElement);
    const overlayCanvas = need("#overlay", HTMLCanvasElement);
    this.player = player ?? new Player(clip, index, this.picture);
    this.view = new View(this.stage, this.picture, overlayCanvas, clip.width_px, clip.height_px);
    this.overlay = new Overlay(overlayCanvas, this.view);
    this.edits = new Edits(store);
    this.tools = new Tools(store, this.edits, this.view);
    this.space = { held: false, used: false };
    this.fingers = bindPointer(this.stage, this.tools, this.view, {
      isSpaceHeld: () => this.space.held,
      usedSpace: () => (this.space.used = true),
    });
    const host = need("#timeline", HTMLElement);
    host.setAttribute("aria-valuemin", "0");
    host.setAttribute("aria-valuemax", String(index.n_frames - 1));
    /** @type {() => import("./timeline/draw.js").Lane[]} */
    this.lanes = () => [];
    this.timeline = new Timeline(host, this.player.time, () => this.lanes(), () => this.#headerWidth(host));
    this.timeline.blanked = clip.blanked_spans ?? [];
    this.timeline.shots = store.shots = clip.shots ?? [];
    this.timeline.onSeek = (frame) => this.go(frame);
    // What waited while it was dragged follows at its end.
    for (const end of ["pointerup", "pointercancel"]) host.addEventListener(end, () => this.player.invalidate());
    this.hash = new Hash((frame) => this.go(frame));
    /** @type {Painted[]} drawn besides the store's own tracks */
    this.others = [];
    /** @type {(frame: number) => Painted[]} */
    this.extraItems = () => [];
    /** @type {() => boolean} whether the store's own tracks are shown */
    this.showOwn = () => true;
    /** @type {(index: number) => void} */
    this.onFrame = () => {};
    /** Picture and labels of a frame are painted, anew or again. @type {(frame: number) => void} */
    this.onPainted = () => {};
    /** What is in sight or about to be: the frame, and those on the timeline. @type {(frame: number, seen: [number, number]) => void} */
    this.onSight = () => {};
    /** @type {(frame: number) => boolean} whether the labels of a frame are here */
    this.isRead = () => true;
    this.player.onPaint = (frame) => this.#paint(frame);
    this.view.onChange = () => {
      this.player.invalidate();
      this.timeline.paint();
    };
    this.tools.onPreview = () => this.player.invalidate();
    store.listen((kind) => {
      this.player.invalidate();
      if (kind !== "frame") this.timeline.paint();
    });
    this.watched = new Watched(api, clip.id);
    /** The frame last reported; the first that is painted may be the one that the store begins with. */
    this.seen = -1;
    this.rests = 0;
    this.player.invalidate();
  }

  /** The plot begins below the picture where the lanes' names have room there. @param {HTMLElement} host */
  #headerWidth(host) {
    const left = this.stage.getBoundingClientRect().left - host.getBoundingClientRect().left;
    return document.body.classList.contains("folded-side") ? Math.max(0, left) : Math.max(NAMES_PX, left);
  }

  /** @param {number} frame */
  go(frame) {
    if (this.tools.stroke || this.tools.boxDrag) this.tools.up();
    if (this.player.playing) this.player.pause();
    this.player.seek(frame);
    this.onSight(this.player.target, [this.timeline.from, this.timeline.to]);
  }

  /** One animation frame: the picture is on its canvas, the labels of the same index follow. @param {number} frame */
  #paint(frame) {
    const by = frame - this.store.frame;
    const moved = by !== 0;
    if (moved) {
      if (this.tools.stroke) this.tools.up();
      this.store.setFrame(frame);
    }
    if (frame !== this.seen) this.watched.saw((this.seen = frame));
    this.overlay.paint(this.#items(frame), [(context, unit) => this.tools.preview(context, unit)], this.tools.previewWithin);
    const labels = this.isRead(frame) ? "here" : "reading";
    const { dataset } = this.overlay.canvas;
    if (dataset.labels !== labels) dataset.labels = labels;
    if (moved || this.timeline.frame !== frame) this.timeline.setFrame(frame);
    this.hash.shown(frame, this.player.playing);
    this.onSight(this.player.target, [this.timeline.from, this.timeline.to]);
    this.onFrame(frame);
    this.onPainted(frame);
    // One frame after the other: the next one's labels are made ready once this one stands.
    if (Math.abs(by) === 1) setTimeout(() => this.#ahead(frame, [frame + by]), 0);
    clearTimeout(this.rests);
    this.rests = globalThis.setTimeout(() => this.#ahead(frame, [frame + 1, frame - 1]), REST_MS);
  }

  /** Makes the labels of frames ready, in a task each. @param {number} shown @param {number[]} frames */
  #ahead(shown, frames) {
    const [next, ...others] = frames;
    if (next === undefined || this.store.frame !== shown || this.tools.busy) return;
    const isDone = next < 0 || next >= this.store.n_frames || this.overlay.ahead(this.#items(next));
    setTimeout(() => this.#ahead(shown, isDone ? others : frames), 0);
  }

  /** @param {number} frame @returns {Painted[]} */
  #items(frame) {
    const items = this.showOwn() ? this.#ownItems(frame) : [];
    items.push(...this.extraItems(frame));
    return items;
  }

  /** @param {number} frame @returns {Painted[]} */
  #ownItems(frame) {
    const { store, tools } = this;
    /** @type {Painted[]} */
    const items = [];
    for (const [id, track] of store.clipTracks()) {
      if (store.hidden.has(id)) continue;
      let expanded = store.expand(track, frame);
      const live = tools.liveMask(id);
      const dragged = tools.drag?.target.object === id ? tools.drag.now : null;
      if (dragged) expanded = { frame_index: frame, state: expanded?.state ?? "visible", shape: dragged, interpolated: false };
      if (live) expanded = { frame_index: frame, state: "visible", shape: null, interpolated: false };
      if (!expanded) continue;
      const active = id === store.selectedTrack;
      // Only the track in hand bears its name.
      const words = active ? Object.entries(track.attributes).map(([a, v]) => this.#valueName(track.class_id, a, v)) : [];
      items.push({
        id,
        color: store.classOf(track.class_id)?.color ?? "#ffffff",
        skeleton: store.classOf(track.class_id)?.skeleton?.edges,
        expanded,
        active,
        label: active ? [store.trackName(id), ...words].join(" · ") : undefined,
        live,
      });
    }
    const fresh = tools.newLive;
    if (fresh) {
      items.push({
        id: fresh.target.object,
        color: fresh.live.color,
        expanded: { frame_index: frame, state: "visible", shape: null, interpolated: false },
        active: true,
        live: fresh.live,
      });
    }
    return items;
  }

  /** @param {string} classId @param {string} attribute @param {import("./types.js").Value} value */
  #valueName(classId, attribute, value) {
    const found = this.store.classOf(classId)?.attributes?.find((a) => a.id === attribute);
    if (found?.type === "boolean") return `${value ? "" : "not "}${found.name.toLowerCase()}`;
    const words = found?.values?.find((v) => v.id === value)?.name ?? String(value);
    return (found?.type === "number" ? `${words} ${found.unit ?? ""}` : words).toLowerCase().trim();
  }

  /** Which pictures were shown is told now. */
  async tellWatched() {
    await this.watched.tell();
  }
}
