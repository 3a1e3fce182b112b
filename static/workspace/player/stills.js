/** The master's own pictures, one by one from the frame endpoint. */

import { SignedOut } from "./decoder.js";

const HELD = 24;
const AT_ONCE = 3;
const RETRY_MS = 2000;

export class Stills {
  /** @param {import("../types.js").Clip} clip  frame_url holds {index} */
  constructor(clip) {
    this.clip = clip;
    /** Most recently used last. @type {Map<number, ImageBitmap>} */
    this.held = new Map();
    /** @type {Map<number, Promise<void>>} */
    this.underWay = new Map();
    /** @type {Map<number, number>} */
    this.failedAt = new Map();
  }

  /** @param {number} index */
  get(index) {
    const bitmap = this.held.get(index);
    if (bitmap) {
      this.held.delete(index);
      this.held.set(index, bitmap);
    }
    return bitmap;
  }

  forgetFailures() {
    this.failedAt.clear();
  }

  /**
   * Resolves when the picture is held, or at once when it is on its way, just failed or must wait.
   * @param {number} index
   * @returns {Promise<void>}
   */
  fetch(index) {
    const failed = this.failedAt.get(index);
    if (this.held.has(index) || this.underWay.has(index) || this.underWay.size >= AT_ONCE) return Promise.resolve();
    if (failed !== undefined && performance.now() - failed < RETRY_MS) return Promise.resolve();
    const work = this.#load(index)
      .catch((error) => {
        this.failedAt.set(index, performance.now());
        throw error;
      })
      .finally(() => this.underWay.delete(index));
    this.underWay.set(index, work.catch(() => {}));
    return work;
  }

  /** @param {number} index */
  async #load(index) {
    const url = this.clip.frame_url.replace("{id}", this.clip.id).replace(/\{index\}|%7Bindex%7D/i, String(index));
    const answer = await fetch(url, { credentials: "same-origin", cache: "no-store" });
    if (answer.status === 401) throw new SignedOut("signed out");
    if (!answer.ok) throw new Error(`frame ${index}: HTTP ${answer.status}`);
    this.hold(index, await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" }));
  }

  /** Takes a picture in. Throws where it is none of this clip's. @param {number} index @param {ImageBitmap} bitmap */
  hold(index, bitmap) {
    if (bitmap.width !== this.clip.width_px || bitmap.height !== this.clip.height_px) {
      bitmap.close();
      throw new Error(`frame ${index} has another size than the clip`);
    }
    this.held.set(index, bitmap);
    for (const [old, image] of this.held) {
      if (this.held.size <= HELD) break;
      image.close();
      this.held.delete(old);
    }
  }
}
