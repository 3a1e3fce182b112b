/**
 * Decodes the review copy picture by picture. Groups of pictures (key picture to the next) are the
 * unit of work: a seek decodes one group up to the picture wanted, and the rest follows while idle.
 * Cached are VideoFrames themselves: turning each into a bitmap costs most of the decoding speed.
 */

/** @typedef {import("../types.js").FrameIndex} FrameIndex */
/** @typedef {import("../../vendor/mediabunny-1.61.0/mediabunny.min.js").EncodedPacket} EncodedPacket */
/** @typedef {import("../../vendor/mediabunny-1.61.0/mediabunny.min.js").EncodedPacketSink} EncodedPacketSink */
/** @typedef {import("../../vendor/mediabunny-1.61.0/mediabunny.min.js").Input} Input */

const RANGE_BYTES = 2 * 1024 * 1024;
const CACHE_BYTES = 320 * 1024 * 1024;
/** Key packets that are held with their bytes, the last ones used: going over an hour would else hold it. */
const KEY_PACKETS = 96;

/** A review copy that cannot be used, with the cause in words for the person. */
export class ReviewUnusable extends Error {}

/** The session ended while pictures were being fetched. */
export class SignedOut extends Error {}

/**
 * Fetch with ranges that end: the server answers at most 4 MiB a request, and open-ended ranges are
 * broken off mid-answer, which wastes what was read ahead.
 * @type {typeof fetch}
 */
const boundedFetch = async (input, init) => {
  const headers = new Headers(init?.headers);
  const open = /^bytes=(\d+)-$/.exec(headers.get("Range") ?? "");
  if (open) headers.set("Range", `bytes=${open[1]}-${Number(open[1]) + RANGE_BYTES - 1}`);
  const answer = await fetch(input, { ...init, headers });
  if (answer.status === 401) throw new SignedOut("signed out");
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
    throw new ReviewUnusable(`The review copy cannot be read (HTTP ${answer.status})`);
  }
  return answer;
};

export class ReviewDecoder {
  /**
   * @param {string} url
   * @param {FrameIndex} index
   * @param {(index: number) => void} onPicture  a picture has entered the cache
   * @param {(error: Error) => void} onError
   */
  constructor(url, index, onPicture, onError) {
    this.index = index;
    this.onPicture = onPicture;
    this.onError = onError;
    /** @type {Map<number, VideoFrame>} */
    this.cache = new Map();
    this.capacity = 96;
    this.offset_s = 0;
    /** By the first index of their group, most recently used last. @type {Map<number, EncodedPacket>} */
    this.keyPackets = new Map();
    /** Groups whose decoder output misses pictures: not asked for again ahead of need. @type {Set<number>} */
    this.short = new Set();
    /** @type {number[]} */
    this.plan = [];
    this.wanted = 0;
    this.direction = 1;
    this.speed = 0;
    this.running = false;
    this.closed = false;
    /** @type {VideoDecoder | null} */
    this.decoder = null;
    /** @type {VideoDecoderConfig | null} */
    this.config = null;
    this.url = url;
    /** @type {Input | null} */
    this.input = null;
    /** @type {EncodedPacketSink | null} */
    this.sink = null;
    this.keys = index.key.length && index.key[0] === 0 ? index.key : [0, ...index.key];
    const [num, den] = index.review_time_base ?? index.time_base;
    this.seconds = Float64Array.from(index.review_pts ?? index.pts, (p) => (p * num) / den);
  }

  /** Opens the file and checks that it is the one the frame index speaks of. */
  async open() {
    if (!("VideoDecoder" in globalThis)) {
      throw new ReviewUnusable(
        globalThis.isSecureContext
          ? "This browser has no WebCodecs"
          : "WebCodecs needs HTTPS (or the loopback)",
      );
    }
    // The first picture does not wait for so large a module.
    const { ALL_FORMATS, EncodedPacketSink, Input, UrlSource } = await import("../../vendor/mediabunny-1.61.0/mediabunny.min.js");
    if (this.closed) return;
    this.input = new Input({
      formats: ALL_FORMATS,
      source: new UrlSource(this.url, {
        requestInit: { credentials: "same-origin", cache: "no-store" },
        parallelism: 1,
        fetchFn: boundedFetch,
        getRetryDelay: (attempts, error) =>
          error instanceof SignedOut || error instanceof ReviewUnusable ? null : Math.min(8, 0.25 * 2 ** attempts),
        handleUnhandledError: (error) => this.onError(error instanceof Error ? error : new Error(String(error))),
      }),
    });
    const track = await this.input.getPrimaryVideoTrack();
    if (!track) throw new ReviewUnusable("The review copy has no video track");
    const config = await track.getDecoderConfig();
    if (!config) throw new ReviewUnusable("The review copy's codec is not known to this browser");
    this.sink = new EncodedPacketSink(track);
    await this.#calibrate();
    // Software decoders let hundreds of frames be held; hardware ones have small pools and stall.
    /** @type {VideoDecoderConfig[]} */
    const choices = [
      { ...config, hardwareAcceleration: "prefer-software" },
      { ...config, hardwareAcceleration: "no-preference" },
    ];
    for (const choice of choices) {
      const plain = { ...choice, rotation: 0, flip: false };
      if ((await VideoDecoder.isConfigSupported(plain)).supported) {
        this.config = plain;
        break;
      }
    }
    if (!this.config) throw new ReviewUnusable(`This browser cannot decode ${config.codec}`);
    const bytes = ((config.codedWidth ?? 1280) * (config.codedHeight ?? 720) * 3) / 2;
    this.capacity = Math.max(48, Math.min(160, Math.floor(CACHE_BYTES / bytes)));
  }

  /** The file's clock may start elsewhere than the index's: find the shift, or refuse the file. */
  async #calibrate() {
    const sink = this.sink;
    if (!sink) return;
    const last = this.seconds.length - 1;
    const first = await sink.getFirstPacket({ metadataOnly: true });
    if (!first) throw new ReviewUnusable("The review copy is empty");
    for (const offset of [0, first.timestamp - this.seconds[0]]) {
      const start = await sink.getPacket(this.seconds[0] + offset + 1e-4, { metadataOnly: true });
      const end = await sink.getPacket(this.seconds[last] + offset + 1e-4, { metadataOnly: true });
      const fits = (/** @type {EncodedPacket | null} */ p, /** @type {number} */ t) =>
        p !== null && Math.abs(p.timestamp - t) < 1e-3;
      if (fits(start, this.seconds[0] + offset) && fits(end, this.seconds[last] + offset)) {
        this.offset_s = offset;
        return;
      }
    }
    throw new ReviewUnusable("The review copy's times are not the frame index's");
  }

  /** @param {number} index @returns {VideoFrame | undefined} */
  get(index) {
    return this.cache.get(index);
  }

  /**
   * Says what is looked at; decodes it first, then ahead in the direction of travel.
   * @param {number} index @param {number} direction  1 or -1 @param {number} speed  0 when paused
   */
  want(index, direction, speed = 0) {
    this.wanted = index;
    this.direction = direction;
    this.speed = speed;
    if (!this.running && !this.closed) void this.#run();
  }

  /** The key picture at or before a picture. @param {number} index */
  keyBefore(index) {
    return this.keys[this.#groupOf(index)];
  }

  /**
   * A key picture alone, by a decoder of its own; the caller closes it. Null where it cannot be had.
   * @param {number} key  one that `keyBefore` gave
   * @returns {Promise<VideoFrame | null>}
   */
  async keyPicture(key) {
    if (!this.sink || !this.config || this.closed) return null;
    try {
      const packet = await this.sink.getKeyPacket(this.seconds[key] + this.offset_s + 1e-4);
      if (!packet || this.closed || this.#indexOf(packet.timestamp, key - 1) !== key) return null;
      /** @type {VideoFrame | null} */
      let picture = null;
      const decoder = new VideoDecoder({ output: (frame) => (picture = frame), error: () => {} });
      decoder.configure({ ...this.config, optimizeForLatency: true });
      decoder.decode(new EncodedVideoChunk({ type: "key", timestamp: key, data: packet.data }));
      await decoder.flush();
      decoder.close();
      return picture;
    } catch {
      return null;
    }
  }

  /** @param {number} index position in keys of the group that holds a picture */
  #groupOf(index) {
    let low = 0;
    let high = this.keys.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.keys[middle] <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** @param {number} group @returns {[number, number]} first index, end (exclusive) */
  #bounds(group) {
    return [this.keys[group], group + 1 < this.keys.length ? this.keys[group + 1] : this.index.n_frames];
  }

  /** Groups worth holding, most wanted first: the picture's own, then ahead, then one behind. */
  #makePlan() {
    const here = this.#groupOf(this.wanted);
    const d = this.direction;
    const order = [here];
    for (let i = 1; i <= (this.speed ? 3 : 1); i++) order.push(here + d * i);
    if (!this.speed) order.push(here - d);
    let room = this.capacity;
    this.plan = order.filter((group) => {
      if (group < 0 || group >= this.keys.length) return false;
      const [start, end] = this.#bounds(group);
      if (group !== here && end - start > room) return false;
      room -= end - start;
      return true;
    });
  }

  #nextGroup() {
    this.#makePlan();
    for (const group of this.plan) {
      const [start, end] = this.#bounds(group);
      const here = this.wanted >= start && this.wanted < end;
      if (here && !this.cache.has(this.wanted)) return group;
      if (end - start > this.capacity || this.short.has(group)) continue;
      for (let i = start; i < end; i++) if (!this.cache.has(i)) return group;
    }
    return null;
  }

  async #run() {
    this.running = true;
    try {
      while (!this.closed) {
        const group = this.#nextGroup();
        if (group === null) break;
        await this.#decodeGroup(group);
      }
    } catch (error) {
      if (!this.closed) this.onError(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.running = false;
    }
  }

  #makeDecoder() {
    if (this.decoder && this.decoder.state === "configured") return this.decoder;
    const decoder = new VideoDecoder({
      output: (frame) => this.#store(frame),
      error: (error) => {
        this.lastError = error;
      },
    });
    decoder.configure(/** @type {VideoDecoderConfig} */ (this.config));
    this.decoder = decoder;
    return decoder;
  }

  /** @param {VideoFrame} frame  its timestamp is the frame index that was given to the decoder */
  #store(frame) {
    const index = frame.timestamp;
    if (this.closed || index < 0) {
      frame.close();
      return;
    }
    this.cache.get(index)?.close();
    this.cache.set(index, frame);
    if (this.cache.size > this.capacity) this.#evict();
    this.onPicture(index);
  }

  #evict() {
    this.#makePlan();
    const held = this.plan.map((group) => this.#bounds(group)).filter(([s, e]) => e - s <= this.capacity);
    /** Cost of keeping: what is planned is kept, far behind is worse than far ahead. @param {number} i */
    const cost = (i) => {
      if (held.some(([s, e]) => i >= s && i < e)) return -1;
      const away = (i - this.wanted) * this.direction;
      return away >= 0 ? away : -away * 1.6;
    };
    const order = [...this.cache.keys()].sort((a, b) => cost(b) - cost(a));
    for (const i of order.slice(0, this.cache.size - this.capacity)) {
      this.cache.get(i)?.close();
      this.cache.delete(i);
    }
  }

  /**
   * Index of a packet by its presentation time; equal times follow each other.
   * @param {number} time_s @param {number} after  index of the packet before it
   */
  #indexOf(time_s, after) {
    const t = time_s - this.offset_s;
    const next = after + 1;
    if (next < this.seconds.length && next >= 0 && Math.abs(this.seconds[next] - t) < 5e-4) return next;
    let low = 0;
    let high = this.seconds.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.seconds[middle] < t - 5e-4) low = middle + 1;
      else high = middle;
    }
    return Math.abs(this.seconds[low] - t) < 5e-4 ? low : -1;
  }

  /** @param {number} group */
  async #decodeGroup(group) {
    const sink = this.sink;
    if (!sink) return;
    const [start, end] = this.#bounds(group);
    let packet =
      this.keyPackets.get(start) ??
      (await sink.getKeyPacket(this.seconds[start] + this.offset_s + 1e-4, { verifyKeyPackets: true })) ??
      (await sink.getFirstKeyPacket());
    if (!packet) throw new ReviewUnusable("The review copy has no key picture");
    this.#holdKey(start, packet);
    const decoder = this.#makeDecoder();
    let previous = start - 1;
    let fed = 0;
    while (packet && !this.closed) {
      const index = this.#indexOf(packet.timestamp, previous);
      if (fed > 0 && packet.type === "key" && (index >= end || index < 0)) break;
      if (index >= 0) previous = index;
      decoder.decode(
        new EncodedVideoChunk({ type: packet.type, timestamp: index, data: packet.data }),
      );
      fed++;
      // A seek elsewhere does not wait for the rest of this group.
      const elsewhere = this.wanted < start || this.wanted >= end;
      if (elsewhere && !this.speed && !this.cache.has(this.wanted)) {
        const distance = Math.abs(this.#groupOf(this.wanted) - group);
        if (distance > 1) {
          decoder.close();
          return;
        }
      }
      while (decoder.decodeQueueSize > 12) {
        await new Promise((resolve) => decoder.addEventListener("dequeue", resolve, { once: true }));
      }
      packet = await sink.getNextPacket(packet);
    }
    try {
      await decoder.flush();
    } catch (error) {
      if (!this.closed) throw this.lastError ?? error;
    }
    // What the decoder left out would otherwise be asked for again and again.
    for (let i = start; i < end; i++) if (!this.cache.has(i)) this.short.add(group);
    if (!this.closed && this.wanted >= start && this.wanted < end && !this.cache.has(this.wanted)) {
      throw new ReviewUnusable(`The browser's decoder left out frame ${this.wanted}`);
    }
  }

  /** @param {number} start of its group @param {EncodedPacket} packet */
  #holdKey(start, packet) {
    this.keyPackets.delete(start);
    this.keyPackets.set(start, packet);
    for (const old of this.keyPackets.keys()) {
      if (this.keyPackets.size <= KEY_PACKETS) break;
      this.keyPackets.delete(old);
    }
  }

  close() {
    this.closed = true;
    for (const frame of this.cache.values()) frame.close();
    this.cache.clear();
    if (this.decoder && this.decoder.state !== "closed") this.decoder.close();
    this.input?.dispose();
  }
}
