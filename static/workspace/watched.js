/** Which pictures of a clip were shown goes to the server every ten seconds, for the access record. */

const EVERY_MS = 10000;
/** A request tells so many at most. At a high speed pictures are left out, and each one shown is a span. */
const AT_ONCE = 500;

export class Watched {
  /** @param {import("./api.js").Api} api @param {string} clipId */
  constructor(api, clipId) {
    this.api = api;
    this.clipId = clipId;
    /** @type {[number, number][]} first frame, end (exclusive) */
    this.spans = [];
    this.timer = globalThis.setInterval(() => void this.tell(), EVERY_MS);
    globalThis.addEventListener("pagehide", () => void this.tell());
  }

  /** @param {number} frame */
  saw(frame) {
    const last = this.spans[this.spans.length - 1];
    if (last && frame === last[1]) last[1] = frame + 1;
    else if (last && frame >= last[0] && frame < last[1]) return;
    else this.spans.push([frame, frame + 1]);
  }

  /** Tell now; what the server does not take is told later. */
  async tell() {
    // What is shown meanwhile is for the next time.
    for (let left = this.spans.length; left > 0; left -= AT_ONCE) {
      const spans = this.spans.splice(0, AT_ONCE);
      if (!spans.length) return;
      try {
        await this.api.post(`/api/v1/clips/${this.clipId}/watched/`, { spans }, { keepalive: true });
      } catch {
        this.spans.unshift(...spans);
        return;
      }
    }
  }

  /** Tell what is left, and no more. */
  async close() {
    globalThis.clearInterval(this.timer);
    await this.tell();
  }
}
