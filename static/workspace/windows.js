/**
 * Keyframes are read as the playhead comes to them: a clip of three hours opens as fast as a short
 * one. A track says in `missing` which of its chunks (256 frames) are not here yet; what depends on
 * them is not shown and not changed until they are.
 */

import { ApiError, Offline } from "./api.js";
import { CHUNK_FRAMES, chunkOf } from "./interpolate.js";
import { applyOperation } from "./operations.js";

/** @typedef {import("./types.js").Labels} Labels */
/** @typedef {import("./types.js").LabelSet} LabelSet */
/** @typedef {{revision: number, tracks: Record<string, Record<string, Record<string, import("./types.js").Keyframe>>>}} Read */

const BEHIND_CHUNKS = 1;
const AHEAD_CHUNKS = 3;
/** A stretch this long is read for the timeline; where more is in sight, bars say enough. */
const SEEN_CHUNKS = 8;
const AGAIN_MS = 700;

/** Says of each track which chunks are not read yet. @param {Labels} labels with `chunks` as the outline has them */
export function markMissing(labels) {
  for (const track of Object.values(labels.tracks)) {
    if (!track.chunks) continue;
    const here = new Set(Object.keys(track.keyframes).map((frame) => chunkOf(Number(frame))));
    const missing = track.chunks.filter((chunk) => !here.has(chunk));
    delete track.chunks;
    if (missing.length) track.missing = missing;
  }
  return labels;
}

/** The first and the last chunk that are read for a frame. @param {number} frame @returns {[number, number]} */
function around(frame) {
  return [Math.max(0, chunkOf(frame) - BEHIND_CHUNKS), chunkOf(frame) + AHEAD_CHUNKS - 1];
}

export class Windows {
  /**
   * @param {import("./api.js").Api} api @param {import("./store.js").Store} store @param {string} labelSet
   * @param {() => {revision: number, pending: import("./types.js").Operation[]} | null} saving
   * @param {number} frame around which it was opened
   * @param {"label-sets" | "beside"} [door] one's own, or one that is only read
   */
  constructor(api, store, labelSet, saving, frame, door = "label-sets") {
    this.api = api;
    this.store = store;
    this.saving = saving;
    this.labelSet = labelSet;
    this.door = door;
    this.url = `/api/v1/${door}/${labelSet}/`;
    /** @type {Set<number>} chunks of which everything is here */
    this.covered = new Set();
    this.#cover(...around(frame));
    this.labels = store.labels;
    /** @type {Promise<void> | null} */
    this.reading = null;
    /** @type {Set<string>} tracks being read whole */
    this.whole = new Set();
    this.timer = 0;
    let selected = "";
    store.listen((kind) => {
      if (kind === "frame" || store.selectedTrack === selected) return;
      selected = store.selectedTrack ?? "";
      void this.track(selected);
    });
  }

  /** The address of the outline around a frame. @param {string} labelSet @param {string} clip @param {number} frame @param {"label-sets" | "beside"} [door] */
  static outline(labelSet, clip, frame, door = "label-sets") {
    const [first, last] = around(frame);
    return `/api/v1/${door}/${labelSet}/outline/?clip=${clip}&from=${first * CHUNK_FRAMES}&to=${(last + 1) * CHUNK_FRAMES}`;
  }

  /** The label set anew, as it is opened. @returns {Promise<{labels: Labels, revision: number}>} */
  async reload() {
    const set = /** @type {LabelSet} */ (await this.api.get(Windows.outline(this.labelSet, this.store.clip, this.store.frame, this.door)));
    return { labels: markMissing(set.labels), revision: set.revision };
  }

  /** @param {number} first @param {number} last chunks */
  #cover(first, last) {
    for (let chunk = first; chunk <= last; chunk++) this.covered.add(chunk);
  }

  /** Whether any track of the clip is not all here. */
  get isPartial() {
    if (this.store.labels !== this.labels) {
      this.labels = this.store.labels;
      this.covered.clear();
    }
    return this.store.clipTracks().some(([, track]) => track.missing?.length);
  }

  /** The playhead stands here, and these frames are seen on the timeline. @param {number} frame @param {[number, number]} seen */
  need(frame, seen) {
    if (this.reading || this.timer || !this.isPartial) return;
    const at = chunkOf(frame);
    let first = -1;
    let last = -1;
    if (![at, at + 1].every((chunk) => this.covered.has(chunk))) {
      [first, last] = around(frame);
    } else {
      const [from, to] = [chunkOf(Math.max(0, seen[0])), chunkOf(Math.max(0, seen[1] - 1))];
      if (to - from < SEEN_CHUNKS) for (let c = from; c <= to && first < 0; c++) if (!this.covered.has(c)) [first, last] = [c, to];
    }
    if (first < 0) return;
    const query = `clip=${this.store.clip}&from=${first * CHUNK_FRAMES}&to=${(last + 1) * CHUNK_FRAMES}`;
    this.reading = this.#read(query).then((isRead) => {
      this.reading = null;
      if (isRead) this.#cover(first, last);
      else this.timer = globalThis.setTimeout(() => this.#again(), AGAIN_MS);
      this.store.changed(isRead ? "labels" : "ui");
    });
  }

  #again() {
    this.timer = 0;
    this.store.changed("ui");
  }

  /** Reads all of a track: what is done to it as a whole needs it. @param {string} id */
  async track(id) {
    if (!this.store.labels.tracks[id]?.missing?.length || this.whole.has(id)) return;
    this.whole.add(id);
    const isRead = await this.#read(`track=${id}`);
    this.whole.delete(id);
    if (isRead) this.store.changed("labels");
  }

  /** @param {string} query @returns {Promise<boolean>} whether it was read and taken over */
  async #read(query) {
    const labels = this.store.labels;
    try {
      const found = /** @type {Read} */ (await this.api.get(`${this.url}keyframes/?${query}`));
      // Read before something that is here already: it would be lost.
      if (found.revision < (this.saving()?.revision ?? 0) || labels !== this.store.labels) return false;
      this.#take(found);
      return true;
    } catch (error) {
      if (error instanceof Offline || error instanceof ApiError) return false;
      throw error;
    }
  }

  /** @param {Read} found */
  #take(found) {
    const waiting = this.saving()?.pending ?? [];
    for (const [id, chunks] of Object.entries(found.tracks)) {
      const track = this.store.labels.tracks[id];
      const missing = new Set(track?.missing ?? []);
      const fresh = Object.keys(chunks).filter((chunk) => missing.delete(Number(chunk)));
      if (!track || !fresh.length) continue;
      // What came by an operation since stands above what is read.
      track.keyframes = Object.assign({}, ...fresh.map((chunk) => chunks[chunk]), track.keyframes);
      track.missing = [...missing];
      for (const op of waiting) {
        if (op.object === id && op.op.startsWith("keyframe.")) applyOperation(this.store.labels, op);
      }
    }
  }
}
