/** Frame index, PTS and clock: integers with a rational time base, never rounded seconds. */

import { lastAtOrBefore } from "../interpolate.js";

/** @typedef {import("../types.js").FrameIndex} FrameIndex */

const NARROW_SPACE = "\u202f";

export class Timebase {
  /** @param {FrameIndex} index @param {number} fps */
  constructor(index, fps) {
    this.pts = index.pts;
    this.n_frames = index.n_frames;
    this.num = index.time_base[0];
    this.den = index.time_base[1];
    this.fps = fps > 0 ? fps : 25;
    /** Monotone copy for look-ups: a jumping clock must not break the binary search. */
    this.rising = Float64Array.from(index.pts);
    for (let i = 1; i < this.rising.length; i++) {
      if (this.rising[i] < this.rising[i - 1]) this.rising[i] = this.rising[i - 1];
    }
  }

  /** Seconds since the first picture. @param {number} index */
  timeOf(index) {
    const i = Math.max(0, Math.min(this.n_frames - 1, index));
    const past = index > i ? (index - i) * this.frameDuration_s : 0;
    return ((this.pts[i] - this.pts[0]) * this.num) / this.den + past;
  }

  get frameDuration_s() {
    return 1 / this.fps;
  }

  get duration_s() {
    return this.timeOf(this.n_frames - 1) + this.frameDuration_s;
  }

  /** Frame shown at a time since the first picture. @param {number} time_s */
  indexAt(time_s) {
    // A quarter of a tick forgives the rounding of seconds to doubles.
    const ticks = this.pts[0] + (time_s * this.den) / this.num + 0.25;
    return Math.max(0, lastAtOrBefore(this.rising, ticks));
  }
}

/**
 * The frame that a typed place names: `118` a frame index, `1:02.5` or `00:01:02.500` a clock, `62.5s`
 * seconds, `pts 5120` a presentation time. Null where it names none of the clip.
 * @param {string} text @param {Timebase} time
 * @returns {number | null}
 */
export function parsePlace(text, time) {
  const plain = text.replace(/[\s\u202f]/g, "").toLowerCase();
  if (/^\d+$/.test(plain)) return Number(plain) < time.n_frames ? Number(plain) : null;
  const pts = /^(?:pts|p)(-?\d+)$/.exec(plain);
  if (pts) {
    const ticks = Number(pts[1]);
    const last = time.rising[time.n_frames - 1] + (time.frameDuration_s * time.den) / time.num;
    return ticks >= time.rising[0] && ticks < last ? Math.max(0, lastAtOrBefore(time.rising, ticks)) : null;
  }
  const clocked = /^(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)$/.exec(plain) ?? /^()()(\d+(?:[.,]\d+)?)s$/.exec(plain);
  if (!clocked) return null;
  const [hours, minutes, seconds] = clocked.slice(1).map((part) => Number((part || "0").replace(",", ".")));
  const at = hours * 3600 + minutes * 60 + seconds;
  return at < time.duration_s ? time.indexAt(at) : null;
}

/** `00:14:07.240` @param {number} time_s */
export function clock(time_s) {
  const ms = Math.max(0, Math.round(time_s * 1000));
  /** @param {number} n @param {number} width */
  const pad = (n, width) => String(n).padStart(width, "0");
  const hours = Math.floor(ms / 3600000);
  return `${pad(hours, 2)}:${pad(Math.floor(ms / 60000) % 60, 2)}:${pad(Math.floor(ms / 1000) % 60, 2)}.${pad(ms % 1000, 3)}`;
}

/** `21 181` @param {number} n */
export function spaced(n) {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, NARROW_SPACE);
}
