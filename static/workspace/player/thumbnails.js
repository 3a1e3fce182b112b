/**
 * A small picture above the timeline while the pointer is over it: the key picture of the group that
 * holds the frame, decoded by itself, so that scrubbing over an hour fetches one picture a look.
 */

import { clock, spaced } from "./timebase.js";
import { h } from "../dom.js";

const WIDTH_PX = 176;
const HELD = 240;

export class Thumbnails {
  /** @param {import("../bench.js").Bench} bench */
  constructor(bench) {
    this.bench = bench;
    const { clip, timeline } = bench;
    this.canvas = h("canvas", { width: WIDTH_PX, height: Math.round((WIDTH_PX * clip.height_px) / clip.width_px) });
    this.words = h("span");
    this.box = h("div", { class: "thumbnail", "data-testid": "thumbnail", "aria-hidden": "true", hidden: true }, this.canvas, this.words);
    timeline.host.append(this.box);
    /** Most recently used last; by key frame index. @type {Map<number, ImageBitmap>} */
    this.held = new Map();
    this.wanted = -1;
    this.busy = false;
    timeline.host.addEventListener("pointermove", (event) => this.#over(event));
    for (const type of ["pointerleave", "pointercancel"]) timeline.host.addEventListener(type, () => this.#hide());
  }

  #hide() {
    this.wanted = -1;
    this.box.hidden = true;
  }

  /** @param {PointerEvent} event */
  #over(event) {
    const { timeline, player } = this.bench;
    const rect = timeline.host.getBoundingClientRect();
    const x = event.clientX - rect.left;
    if (x < timeline.headerWidth() || !player.decoder) {
      this.#hide();
      return;
    }
    const frame = Math.max(0, Math.min(player.n_frames - 1, Math.floor(timeline.frameAt(x))));
    // Beside the pointer: what is under it stays to be read.
    const left = x + 28 + WIDTH_PX < rect.width ? x + 24 : x - WIDTH_PX - 24;
    this.box.style.left = `${left}px`;
    this.words.textContent = `${clock(player.time.timeOf(frame))} · ${spaced(frame)}`;
    this.wanted = player.decoder.keyBefore(frame);
    void this.#show();
  }

  async #show() {
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.wanted >= 0) {
        const key = this.wanted;
        const image = this.held.get(key) ?? (await this.#make(key));
        if (image && this.wanted >= 0) {
          this.canvas.getContext("2d")?.drawImage(image, 0, 0, this.canvas.width, this.canvas.height);
          this.box.dataset.frameIndex = String(key);
          this.box.hidden = false;
        }
        if (key === this.wanted) break;
      }
    } finally {
      this.busy = false;
    }
  }

  /** @param {number} key */
  async #make(key) {
    const frame = await this.bench.player.decoder?.keyPicture(key);
    if (!frame) return null;
    const image = await createImageBitmap(frame, { resizeWidth: this.canvas.width, resizeHeight: this.canvas.height });
    frame.close();
    this.held.set(key, image);
    for (const [old, bitmap] of this.held) {
      if (this.held.size <= HELD) break;
      bitmap.close();
      this.held.delete(old);
    }
    return image;
  }
}
