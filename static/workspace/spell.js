/** Time on task: what lies between two acts counts unless it is idle; reported as a sum, so a report twice is one. */

/** What is longer without an act or playing is idle. */
export const IDLE_MS = 60_000;
const REPORT_EVERY_MS = 60_000;
const LOOK_EVERY_MS = 5_000;

export class Spell {
  /** @param {number} now milliseconds of a steady clock */
  constructor(now) {
    this.last = now;
    this.active_ms = 0;
    this.reported_ms = 0;
  }

  /** Something was done, or played. @param {number} now */
  act(now) {
    const gap = now - this.last;
    if (gap > 0 && gap <= IDLE_MS) this.active_ms += gap;
    this.last = Math.max(this.last, now);
  }

  /** What is new to tell, in seconds; null when nothing is. @returns {number | null} */
  toReport() {
    return this.active_ms > this.reported_ms ? this.active_ms / 1000 : null;
  }
}

/**
 * @param {import("./bench.js").Bench} bench @param {string} labelSet @param {string} page UUID of this page
 */
export function keepTime(bench, labelSet, page) {
  const spell = new Spell(performance.now());
  const act = () => {
    if (!document.hidden) spell.act(performance.now());
  };
  for (const type of ["pointerdown", "pointermove", "wheel", "keydown"]) {
    globalThis.addEventListener(type, act, { passive: true, capture: true });
  }
  let told = performance.now();
  /** @param {boolean} [leaving] */
  const report = (leaving = false) => {
    const active_s = spell.toReport();
    if (active_s === null) return;
    const sum = spell.active_ms;
    told = performance.now();
    bench.api
      .post(`/api/v1/label-sets/${labelSet}/time/`, { page, active_s, frame_index: bench.store.frame }, leaving ? { keepalive: true } : {})
      .then(() => (spell.reported_ms = Math.max(spell.reported_ms, sum)))
      .catch(() => {}); // the next report has it too
  };
  globalThis.setInterval(() => {
    if (bench.player.playing) act();
    if (performance.now() - told >= REPORT_EVERY_MS) report();
  }, LOOK_EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) report(true);
    else spell.last = performance.now();
  });
  globalThis.addEventListener("pagehide", () => report(true));
}

/**
 * The minutes that the person said they have, counted down in the bar; at their end a calm word, nothing more.
 * @param {HTMLElement} host @param {number} minutes @param {(message: string) => void} say @param {() => void} save
 */
export function slice(host, minutes, say, save) {
  if (!(minutes > 0)) return;
  const end = performance.now() + minutes * 60_000;
  host.hidden = false;
  const update = () => {
    const left = Math.ceil((end - performance.now()) / 60_000);
    host.textContent = left > 0 ? `${left} min left` : "your time is over";
    if (left > 0) return;
    globalThis.clearInterval(timer);
    save();
    say(`Your ${minutes} minutes are over. All is kept: you come back to this frame`);
  };
  const timer = globalThis.setInterval(update, 10_000);
  update();
}
