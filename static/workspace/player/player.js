/**
 * The clock: which picture is asked for, which is shown. Picture and labels are painted in one
 * animation frame on one thread, so that labels never stand on another picture.
 */

import { ReviewDecoder, ReviewUnusable, SignedOut } from "./decoder.js";
import { Ready } from "./ready.js";
import { Stills } from "./stills.js";
import { Timebase } from "./timebase.js";

/** @typedef {import("../types.js").Clip} Clip */
/** @typedef {import("../types.js").FrameIndex} FrameIndex */
/** @typedef {"master" | "review"} PictureSource */
/** @typedef {{painted: number, missing: number, seeks: number, last_seek_ms: number}} PlayerStatistics */

const MASTER_AFTER_MS = 140;
/** A picture that stands so long rests: those to both sides are made ready. */
const REST_MS = 120;
export const RATES = [0.1, 0.25, 0.5, 1, 2, 4, 8];

export class Player {
  /**
   * @param {Clip} clip
   * @param {FrameIndex} index
   * @param {HTMLCanvasElement} canvas  native size of the picture; bears data-frame-index
   */
  constructor(clip, index, canvas) {
    this.clip = clip;
    this.time = new Timebase(index, clip.fps);
    this.canvas = canvas;
    // A canvas that is given its size again is black until it is drawn on.
    if (canvas.width !== clip.width_px || canvas.height !== clip.height_px) {
      canvas.width = clip.width_px;
      canvas.height = clip.height_px;
    }
    const context = canvas.getContext("2d", { alpha: false });
    if (!context) throw new Error("no 2D canvas");
    this.context = context;
    this.stills = new Stills(clip);
    this.ready = new Ready(canvas.width, canvas.height);
    /** @type {ReviewDecoder | null} */
    this.decoder = null;
    this.index = -1;
    this.target = 0;
    this.direction = 1;
    this.playing = false;
    this.rate = 1;
    /** What play begins with; one of RATES. */
    this.speed = 1;
    /** Cause in words when the frame endpoint stands in for the review copy. @type {string | null} */
    this.fallback = null;
    /** @type {PictureSource | null} */
    this.source = null;
    this.settledAt = 0;
    this.base = { time_s: 0, at_ms: 0 };
    this.stepping = false;
    /** @type {PlayerStatistics} */
    this.statistics = { painted: 0, missing: 0, seeks: 0, last_seek_ms: 0 };
    this.seekStarted = 0;
    this.rests = 0;
    /** Loop between two frames. @type {[number, number] | null} */
    this.loop = null;
    this.dirty = true;
    /** @type {(index: number) => void} */
    this.onPaint = () => {};
    /** Playing came to the clip's end (rate above 0) or start. @type {(rate: number) => void} */
    this.onEnd = () => {};
    /** @type {() => void} */
    this.onState = () => {};
    /** @type {() => void} */
    this.onSignedOut = () => {};
    this.frame = index;
    requestAnimationFrame((now) => this.#tick(now));
  }

  get n_frames() {
    return this.time.n_frames;
  }

  /** Opens the review copy, or says why the frame endpoint stands in. */
  async open() {
    if (!this.clip.review_url) {
      this.#useStills("The review copy is not ready: pictures come one by one from the master");
      return;
    }
    const decoder = new ReviewDecoder(
      this.clip.review_url,
      this.frame,
      (at) => this.#came(at),
      (error) => this.#decoderFailed(error),
    );
    try {
      await decoder.open();
      this.decoder = decoder;
      this.fallback = null;
      this.#ask();
    } catch (error) {
      decoder.close();
      this.#decoderFailed(error instanceof Error ? error : new Error(String(error)));
    }
    this.onState();
  }

  /** A picture of the master that was fetched already. @param {number} index @param {ImageBitmap} bitmap */
  take(index, bitmap) {
    this.stills.hold(index, bitmap);
    this.invalidate();
  }

  /** The picture that is waited for is made ready at once, and at rest the one to either side. @param {number} index */
  #came(index) {
    const away = Math.abs(index - this.target);
    if (away === 0 ? index !== this.index : away === 1 && !this.playing && this.target === this.index) this.#makeReady(index);
    this.invalidate();
  }

  /** @param {number} index */
  #makeReady(index) {
    this.ready.prepare(index, this.decoder?.get(index), this.index);
  }

  /** What is likely to come while the picture stands, a task each. */
  #rested() {
    if (this.playing || this.index !== this.target) return;
    const { index, direction } = this;
    this.ready.tryOut(this.decoder?.get(index));
    for (const next of [index + direction, index - direction]) {
      setTimeout(() => this.index === index && this.#makeReady(next), 0);
    }
  }

  /** @param {Error} error */
  #decoderFailed(error) {
    if (error instanceof SignedOut) {
      this.onSignedOut();
      return;
    }
    this.decoder?.close();
    this.decoder = null;
    const cause = error instanceof ReviewUnusable ? error.message : `The review copy failed: ${error.message}`;
    this.#useStills(`${cause}: pictures come one by one from the master`);
  }

  /** @param {string} cause */
  #useStills(cause) {
    this.fallback = cause;
    this.invalidate();
    this.onState();
  }

  /** Tries again after a sign-in or a lost network. */
  retry() {
    this.stills.forgetFailures();
    this.settledAt = performance.now();
    if (this.decoder) this.#ask();
    else void this.open();
    this.invalidate();
  }

  /** Something drawn over the picture has changed. */
  invalidate() {
    this.dirty = true;
  }

  /** @param {number} index exact frame index; clamped to the clip */
  seek(index) {
    const to = Math.max(0, Math.min(this.n_frames - 1, Math.round(index)));
    if (to !== this.target) this.direction = to < this.target ? -1 : 1;
    this.target = to;
    this.#restartClock();
    this.seekStarted = performance.now();
    this.statistics.seeks++;
    this.#ask();
    if (to !== this.index) this.#makeReady(to);
    this.invalidate();
  }

  /** Goes to where another player leads. @param {number} index inside the clip @param {number} rate the other's, 0 at rest */
  follow(index, rate) {
    if (index === this.target) return;
    this.direction = index < this.target ? -1 : 1;
    this.target = index;
    this.seekStarted = this.settledAt = performance.now();
    this.decoder?.want(index, this.direction, Math.abs(rate));
    this.invalidate();
  }

  /** @param {number} frames */
  step(frames) {
    if (this.playing) this.pause();
    this.seek(this.target + frames);
  }

  /** @param {number} seconds */
  skip(seconds) {
    const to = this.time.indexAt(Math.max(0, this.time.timeOf(this.target) + seconds));
    this.step(to === this.target ? Math.sign(seconds) : to - this.target);
  }

  /** @param {number} [rate] negative plays backwards */
  play(rate = this.speed) {
    if (rate > 0 && this.target >= this.n_frames - 1) this.target = 0;
    if (rate < 0 && this.target <= 0) this.target = this.n_frames - 1;
    this.rate = rate;
    this.direction = rate < 0 ? -1 : 1;
    this.playing = true;
    this.#restartClock();
    this.#ask();
    this.onState();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.rate = this.speed;
    if (this.index >= 0) this.target = this.index;
    this.settledAt = performance.now();
    this.#ask();
    this.invalidate();
    this.onState();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** J and L: each press doubles the speed, a press against the travel turns it. @param {1 | -1} direction */
  shuttle(direction) {
    if (!this.playing || Math.sign(this.rate) !== direction) {
      this.play(direction * this.speed);
      return;
    }
    const next = RATES[Math.min(RATES.length - 1, RATES.indexOf(Math.abs(this.rate)) + 1)];
    this.play(direction * next);
  }

  /** The next speed of RATES, kept for the next time. @param {1 | -1} by */
  changeSpeed(by) {
    const now = RATES.indexOf(this.playing ? Math.abs(this.rate) : this.speed);
    this.speed = RATES[Math.max(0, Math.min(RATES.length - 1, now + by))];
    if (this.playing) this.play(Math.sign(this.rate) * this.speed);
    else this.rate = this.speed;
    this.onState();
  }

  /** @param {[number, number] | null} span first index, end (exclusive) */
  setLoop(span) {
    this.loop = span && span[1] > span[0] ? [Math.max(0, span[0]), Math.min(this.n_frames, span[1])] : null;
    this.onState();
  }

  #restartClock() {
    this.base = { time_s: this.time.timeOf(this.target), at_ms: performance.now() };
    this.settledAt = performance.now();
  }

  #ask() {
    this.decoder?.want(this.target, this.direction, this.playing ? Math.abs(this.rate) : 0);
  }

  /** Moves the target along the clock while playing. @param {number} now */
  #advance(now) {
    const time_s = this.base.time_s + ((now - this.base.at_ms) / 1000) * this.rate;
    let to = time_s <= 0 ? 0 : this.time.indexAt(time_s);
    if (this.loop && this.#outside(time_s, this.loop)) {
      if (this.index !== this.target) return;
      this.target = this.rate > 0 ? this.loop[0] : this.loop[1] - 1;
      this.#restartClock();
      this.#ask();
      return;
    }
    const past = this.rate > 0 ? time_s >= this.time.duration_s : time_s <= 0;
    to = Math.max(0, Math.min(this.n_frames - 1, to));
    if (to !== this.target) {
      if (!this.#ready(this.target)) {
        // The clock waits for the picture: none is skipped because the decoder is late.
        this.base = { time_s: this.time.timeOf(this.target), at_ms: now };
        this.statistics.missing++;
        return;
      }
      this.target = to;
      this.#ask();
    }
    if (past && this.index === this.target) {
      const { rate } = this;
      this.pause();
      this.onEnd(rate);
    }
  }

  /** Whether the clock has left the loop, its last picture shown for its time.
   * @param {number} time_s @param {[number, number]} loop */
  #outside(time_s, loop) {
    const slack_s = 1e-6;
    return time_s < this.time.timeOf(loop[0]) - slack_s || time_s >= this.time.timeOf(loop[1]) - slack_s;
  }

  /** @param {number} index */
  #ready(index) {
    return this.decoder ? this.decoder.get(index) !== undefined : this.stills.get(index) !== undefined;
  }

  /** @param {number} now */
  #tick(now) {
    requestAnimationFrame((next) => this.#tick(next));
    if (this.playing) this.#advance(performance.now());
    const picture = this.#choose(now);
    if (!picture && !(this.dirty && this.index >= 0)) return;
    if (picture) {
      this.#draw(picture);
      if (this.index !== this.target) {
        this.statistics.painted++;
        this.statistics.last_seek_ms = performance.now() - this.seekStarted;
        this.settledAt = performance.now();
      }
      this.index = this.target;
      this.source = picture.source;
    }
    this.dirty = false;
    clearTimeout(this.rests);
    if (!this.playing) this.rests = setTimeout(() => this.#rested(), REST_MS);
    this.onPaint(this.index);
    if (picture) {
      this.canvas.dataset.pictureSource = picture.source;
      this.canvas.dataset.frameIndex = String(this.index);
    }
  }

  /** @param {{image: CanvasImageSource, source: PictureSource}} picture of the target */
  #draw({ image, source }) {
    const { ready, target } = this;
    const made = source === "review" ? ready.get(target) : null;
    if (made) this.context.putImageData(made, 0, 0);
    else {
      const began = performance.now();
      this.context.drawImage(image, 0, 0, this.canvas.width, this.canvas.height);
      if (source === "review") ready.drawn(performance.now() - began);
    }
    // The same way again is the likeliest; at a high speed pictures are left out.
    const ahead = Math.abs(target - this.index);
    const next = target + this.direction * (this.playing && ahead <= 8 ? Math.max(1, ahead) : 1);
    if (ready.isOn) setTimeout(() => this.#makeReady(next), 0);
  }

  /**
   * The picture to paint now, or null when the right one is already there or none has come yet.
   * @param {number} now
   * @returns {{image: CanvasImageSource, source: PictureSource} | null}
   */
  #choose(now) {
    const shown = this.index === this.target;
    if (!this.decoder) {
      if (shown && this.source === "master") return null;
      const still = this.stills.get(this.target);
      if (still) return { image: still, source: "master" };
      if (!this.fallback) return null;
      this.#fetchStill(this.target);
      for (let i = 1; i <= 3; i++) this.#fetchStill(this.target + i * this.direction);
      return null;
    }
    if (!shown) {
      const still = this.playing ? undefined : this.stills.get(this.target);
      if (still) return { image: still, source: "master" };
      const frame = this.decoder.get(this.target);
      return frame ? { image: frame, source: "review" } : null;
    }
    if (this.playing || this.source === "master") return null;
    const still = this.stills.get(this.target);
    if (still) return { image: still, source: "master" };
    if (now - this.settledAt > MASTER_AFTER_MS) this.#fetchStill(this.target);
    return null;
  }

  /** @param {number} index */
  #fetchStill(index) {
    if (index < 0 || index >= this.n_frames) return;
    this.stills.fetch(index).then(
      () => this.invalidate(),
      (error) => {
        if (error instanceof SignedOut) this.onSignedOut();
      },
    );
  }
}
