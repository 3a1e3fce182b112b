/** `#frame=N`: a changed hash goes there; the address follows when the picture rests. */

const REST_MS = 1200;

export class Hash {
  /** @param {(frame: number) => void} go */
  constructor(go) {
    this.timer = 0;
    this.last = -1;
    /** The name that was followed last: another one waits for its event, and is not taken away before. */
    this.followed = Hash.read();
    globalThis.addEventListener("hashchange", () => {
      const frame = (this.followed = Hash.read());
      if (frame !== null) go(frame);
    });
  }

  /** @returns {number | null} */
  static read() {
    const match = /(?:^#|&)frame=(\d+)/.exec(location.hash);
    return match ? Number(match[1]) : null;
  }

  /** @param {number} frame @param {boolean} playing */
  shown(frame, playing) {
    if (frame === this.last) return;
    this.last = frame;
    clearTimeout(this.timer);
    const named = Hash.read();
    if (named === frame || (named !== null && named !== this.followed)) return;
    // A stale name is taken away at once: naming it again must count as a change.
    if (named !== null) {
      history.replaceState(history.state, "", location.pathname + location.search);
      this.followed = null;
    }
    if (playing) return;
    this.timer = globalThis.setTimeout(() => {
      history.replaceState(history.state, "", `#frame=${frame}`);
      this.followed = frame;
    }, REST_MS);
  }
}
