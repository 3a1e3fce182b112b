/** Watching what is finished of a review copy that is being made: segment after segment. */

import { h, need } from "../dom.js";
import { spaced } from "./timebase.js";

/** @typedef {{start_frame: number, end_frame: number, url: string}} Segment */

export class Preview {
  /** @param {import("../api.js").Api} api @param {string} clipId */
  constructor(api, clipId) {
    this.api = api;
    this.clipId = clipId;
    /** @type {Segment[]} */
    this.segments = [];
    this.at = -1;
    this.words = h("p", {});
    this.video = h("video", { controls: true, playsinline: true, muted: true, "data-testid": "preview", "aria-label": "What is finished of the clip" });
    this.button = h("button", { type: "button", class: "button", "data-testid": "preview-start", onclick: () => this.#play(0) }, "Watch what is there");
    this.box = h("div", { class: "preview" }, this.words, this.button);
    this.video.addEventListener("ended", () => this.#play(this.at + 1));
  }

  /** Asks what there is by now, and shows it below the page's state. */
  async update() {
    const answer = /** @type {{segments: Segment[]}} */ (await this.api.get(`/api/v1/clips/${this.clipId}/segments/`));
    this.segments = answer.segments;
    const end = this.segments.at(-1)?.end_frame ?? 0;
    if (!end) return;
    this.words.textContent = `${spaced(end)} pictures can be watched, not labelled yet.`;
    const host = need("#page-state", HTMLElement);
    if (!host.contains(this.box)) host.append(this.box);
    // One that waited for the next segment goes on.
    if (this.at >= 0 && this.video.ended && this.segments[this.at + 1]) this.#play(this.at + 1);
  }

  /** @param {number} number */
  #play(number) {
    const segment = this.segments[number];
    if (!segment) return;
    this.at = number;
    if (this.button.isConnected) this.button.replaceWith(this.video);
    this.video.src = segment.url;
    this.video.dataset.startFrame = String(segment.start_frame);
    this.video.play().catch(() => {});
  }

  close() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.box.remove();
  }
}
