/**
 * Keyframes are read as the playhead comes to them: a clip of three hours opens as fast as a short
 * one. A track says in `missing` which of its chunks (256 frames) are not here yet; what depends on
 * them is not shown and not changed until they are.
 */

import { ApiError, Offline } from "./api.js";
import { CHUNK_FRAMES, chunkOf, outlineUrl } from "./chunks.js";
import { grow } from "./interpolate.js";
import { applyOperation } from "./operations.js";

/** @typedef {import("./types.js").Labels} Labels */
/** @typedef {import("./types.js").LabelSet} LabelSet */
/** @typedef {{revision: number, tracks: Record<string, Record<string, Record<string, import("./types.js").Keyframe>>>}} Read */

const BEHIND_CHUNKS = 1;
const AHEAD_CHUNKS = 2;
/** A stretch this long is read for the timeline; where more is in sight, bars say enough. */
const SEEN_CHUNKS = 8;
const AGAIN_MS = 700;
/** A playhead that stays so long rests. */
const REST_MS = 120;
/** In a hand that scrubs it must stay longer; once the hand lets go, the labels are read at once. */
const HELD_MS = 300;

/** Says of each track which chunks are not read yet. @param {Labels} labels with `chunk_runs` (or `chunks`) as the outline has them */
export function markMissing(labels) {
  for (const track of Object.values(labels.tracks)) {
    const chunks = track.chunks ?? track.chunk_runs?.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
    if (!chunks) continue;
    const here = new Set(Object.keys(track.keyframes).map((frame) => chunkOf(Number(frame))));
    const missing = chunks.filter((chunk) => !here.has(chunk));
    delete track.chunks;
    delete track.chunk_runs;
    if (missing.length) track.missing = missing;
  }
  return labels;
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
    this.covered.add(chunkOf(frame));
    this.last = chunkOf(store.n_frames - 1);
    this.labels = store.labels;
    /** @type {{first: number, last: number, stop: AbortController} | null} */
    this.reading = null;
    /** Where the playhead is, and what is seen on the timeline. @type {{at: number, seen: [number, number]}} */
    this.wanted = { at: chunkOf(frame), seen: [0, 0] };
    /** @type {Set<string>} tracks being read whole */
    this.whole = new Set();
    this.timer = 0;
    /** The chunk on which the playhead is waited for to rest; -1: none. */
    this.restsOn = -1;
    /** What was asked for did not come: it is asked for again in a while. */
    this.isFailed = false;
    let selected = "";
    store.listen((kind) => {
      if (kind === "frame" || store.selectedTrack === selected) return;
      selected = store.selectedTrack ?? "";
      void this.track(selected);
    });
  }

  /** The label set anew, as it is opened. @returns {Promise<{labels: Labels, revision: number}>} */
  async reload() {
    const set = /** @type {LabelSet} */ (await this.api.get(outlineUrl(this.labelSet, this.store.clip, this.store.frame, this.door)));
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

  /** Whether all that the tracks show at a frame is here. @param {number} frame */
  has(frame) {
    return !this.isPartial || this.covered.has(chunkOf(frame));
  }

  /**
   * The playhead stands here or is on its way here, and these frames are seen on the timeline. The chunk of the frame is
   * read at once, those around it when the playhead rests on it; a scrubbing hand must rest for either.
   * @param {number} frame @param {[number, number]} seen @param {boolean} [isScrubbing]
   */
  need(frame, seen, isScrubbing = false) {
    if (!this.isPartial) return;
    const at = chunkOf(frame);
    this.wanted = { at, seen };
    if (!this.covered.has(at) && !isScrubbing) {
      if (this.timer && this.isFailed) return;
      this.#rest(-1);
      this.#begin(at, at);
    } else if (this.restsOn !== at && !this.isFailed) this.#rest(at, isScrubbing ? HELD_MS : REST_MS);
  }

  /** Goes on once the playhead has rested. @param {number} at  on this chunk; -1: nothing is waited for @param {number} [rest_ms] */
  #rest(at, rest_ms = REST_MS) {
    clearTimeout(this.timer);
    this.restsOn = at;
    this.timer = at < 0 ? 0 : globalThis.setTimeout(() => this.#rested(), rest_ms);
  }

  #rested() {
    this.#rest(-1);
    if (this.reading || !this.isPartial) return;
    const { at, seen } = this.wanted;
    const [from, to] = [chunkOf(Math.max(0, seen[0])), chunkOf(Math.max(0, seen[1] - 1))];
    const spans = [[at, at], [at + 1, at + AHEAD_CHUNKS], [at - BEHIND_CHUNKS, at - 1], ...(to - from < SEEN_CHUNKS ? [[from, to]] : [])];
    for (const [first, last] of spans) {
      for (let c = Math.max(0, first); c <= last; c++) if (!this.covered.has(c) && c <= this.last) return this.#begin(c, Math.min(last, this.last));
    }
  }

  /** Reads chunks, and lets go of what is being read for another place. @param {number} first @param {number} last */
  #begin(first, last) {
    if (this.reading) {
      if (this.reading.first <= first && last <= this.reading.last) return;
      this.reading.stop.abort();
    }
    const own = { first, last, stop: new AbortController() };
    this.reading = own;
    const query = `clip=${this.store.clip}&from=${first * CHUNK_FRAMES}&to=${(last + 1) * CHUNK_FRAMES}`;
    void this.#read(query, own.stop.signal).then((isRead) => {
      if (isRead) this.#cover(first, last);
      if (this.reading === own) this.reading = null;
      if (isRead) this.store.changed("read");
      if (isRead || own.stop.signal.aborted) return;
      this.isFailed = true;
      clearTimeout(this.timer);
      this.timer = globalThis.setTimeout(() => this.#again(), AGAIN_MS);
    });
  }

  #again() {
    this.isFailed = false;
    this.#rest(-1);
    this.store.changed("ui");
  }

  /** Reads all of a track: what is done to it as a whole needs it. @param {string} id */
  async track(id) {
    if (!this.store.labels.tracks[id]?.missing?.length || this.whole.has(id)) return;
    this.whole.add(id);
    const isRead = await this.#read(`track=${id}`);
    this.whole.delete(id);
    if (isRead) this.store.changed("read");
    // Whoever wants it still says so again.
    else globalThis.setTimeout(() => this.store.changed("ui"), AGAIN_MS);
  }

  /** @param {string} query @param {AbortSignal} [signal] @returns {Promise<boolean>} whether it was read and taken over */
  async #read(query, signal) {
    const labels = this.store.labels;
    try {
      const found = /** @type {Read} */ (await this.api.get(`${this.url}keyframes/?${query}`, { signal }));
      if (signal?.aborted || !found.tracks) return false;
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
      const numbers = Object.keys(chunks);
      // Most tracks have nothing in a window, and a long list of what is missing.
      if (!track?.missing?.length || !numbers.length) continue;
      const missing = new Set(track.missing);
      const fresh = numbers.filter((chunk) => missing.delete(Number(chunk)));
      if (!fresh.length) continue;
      // What came by an operation since stands above what is read.
      grow(track, fresh.map((chunk) => chunks[chunk]));
      track.missing = [...missing];
      for (const op of waiting) {
        if (op.object === id && op.op.startsWith("keyframe.")) applyOperation(this.store.labels, op);
      }
    }
  }
}
