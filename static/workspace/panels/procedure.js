/**
 * The parts that a recorder chopped one operation into: where this clip stands among them, one's own
 * phases over all of them, and playing on from part to part.
 */

import { h, need } from "../dom.js";
import { setPhaseOperations } from "../operations.js";
import { newId } from "../store.js";
import { clock, spaced } from "../player/timebase.js";
import { RATES } from "../player/player.js";
import { banner } from "./topbar.js";

/**
 * @typedef {{class_id: string, name: string, color: string, start_frame: number, end_frame: number, start_s: number, end_s: number}} PartPhase
 * @typedef {{id: string, name: string, n_frames: number, duration_s: number, start_s: number, phases: PartPhase[]}} Part
 * @typedef {{position: number, duration_s: number, parts: Part[]}} Procedure
 */

/** The speed that the address asks to play on with, or 0. */
export function playOnRate() {
  const asked = Number(/(?:^#|&)play=(-?[\d.]+)/.exec(location.hash)?.[1] ?? 0);
  return RATES.includes(Math.abs(asked)) ? asked : 0;
}

/**
 * Shows the strip where the operation has more than one part; binds its keys.
 * @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys
 * @param {import("../sync.js").Sync | null} sync @param {boolean} canLabel
 */
export async function bindProcedure(bench, keys, sync, canLabel) {
  const { player, store, api, clip } = bench;
  const procedure = /** @type {Procedure} */ (await api.get(`/api/v1/clips/${clip.id}/procedure/`));
  const { position, parts } = procedure;
  if (parts.length < 2) return;
  const here = parts[position];

  /** @param {number} number @param {number} frame @param {number} rate */
  const go = async (number, frame = 0, rate = 0) => {
    const part = parts[number];
    if (!part || number === position) return;
    if (player.playing) player.pause();
    // What is not there yet stays on this device and is sent from the next page.
    await sync?.flush().catch(() => {});
    location.assign(`/clips/${part.id}/work/#frame=${frame}${rate ? `&play=${rate}` : ""}`);
  };
  player.onEnd = (rate) => {
    const next = position + Math.sign(rate);
    if (parts[next]) void go(next, rate > 0 ? 0 : parts[next].n_frames - 1, rate);
  };
  const group = "Play and move";
  keys.bind({ id: "part-before", code: "PageUp", cap: "PgUp", alt: true, label: "Part of the operation before", group, run: () => void go(position - 1) });
  keys.bind({ id: "part-after", code: "PageDown", cap: "PgDn", alt: true, label: "Part of the operation after", group, run: () => void go(position + 1) });

  const place = h("span", { class: "place", "data-testid": "procedure-place" });
  const head = h("i", { class: "head", "aria-hidden": "true" });
  const strip = h("div", { class: "strip", role: "group", "aria-label": "Parts of the operation" });
  const blocks = parts.map((part, number) => {
    const name = `Part ${number + 1}: ${part.name}, ${clock(part.duration_s).slice(0, 8)}`;
    const block = h("button", {
      type: "button", class: "part", "data-testid": `part-${number + 1}`, "aria-label": name, title: name,
      "aria-current": number === position ? "true" : null, onclick: () => void go(number),
    });
    block.style.flexGrow = String(Math.max(part.duration_s, procedure.duration_s / 200));
    return block;
  });
  strip.append(...blocks);
  blocks[position].append(head);
  need("#procedure", HTMLElement).append(place, strip);

  /** @param {HTMLElement} block @param {Part} part @param {{start_s: number, end_s: number, color: string}[]} phases */
  const paint = (block, part, phases) => {
    for (const old of block.querySelectorAll(".span")) old.remove();
    for (const phase of phases) {
      const span = h("i", { class: "span", "aria-hidden": "true" });
      span.style.left = `${(100 * phase.start_s) / part.duration_s}%`;
      span.style.width = `${(100 * (phase.end_s - phase.start_s)) / part.duration_s}%`;
      span.style.background = phase.color;
      block.prepend(span);
    }
  };
  parts.forEach((part, number) => number !== position && paint(blocks[number], part, part.phases));
  const own = () =>
    store.clipIntervals("phase").map(([, i]) => ({
      start_s: player.time.timeOf(i.start_frame),
      end_s: player.time.timeOf(i.end_frame),
      color: store.classOf(i.class_id)?.color ?? "",
    }));
  const labelled = () => paint(blocks[position], here, own());
  const moved = () => {
    const at = player.time.timeOf(store.frame);
    head.style.left = `${(100 * at) / here.duration_s}%`;
    place.textContent = `Part ${position + 1} of ${parts.length} · ${clock(here.start_s + at).slice(0, 8)} of ${clock(procedure.duration_s).slice(0, 8)}`;
  };
  store.listen((kind) => (kind === "frame" ? moved() : labelled()));
  labelled();
  moved();
  if (canLabel) offerToCarryOn(bench, parts[position - 1]);
}

/**
 * A phase that ran when the recorder began a new file goes on in it, if the person says so.
 * @param {import("../bench.js").Bench} bench @param {Part | undefined} before
 */
function offerToCarryOn({ store }, before) {
  const running = before?.phases.find((phase) => phase.end_frame >= (before?.n_frames ?? 0));
  const begun = store.clipIntervals("phase").some(([, i]) => i.start_frame === 0);
  if (!before || !running || begun || !store.classOf(running.class_id)) return;
  const done = () => banner("carry-on", "");
  const carryOn = () => {
    const object = newId();
    const interval = { clip: store.clip, class_id: running.class_id, start_frame: 0, end_frame: Math.max(1, store.frame), attributes: {} };
    if (store.commit(setPhaseOperations(store.labels, object, interval, store.isPhase, newId))) {
      store.open.set(running.class_id, object);
      store.set({ activeClass: running.class_id, selectedInterval: object, selectedTrack: null });
    }
    done();
  };
  banner("carry-on", "quiet",
    h("span", {}, `${running.name} ran to the end of the part before (${spaced(before.n_frames)} frames).`),
    h("button", { type: "button", class: "button", "data-testid": "carry-on", onclick: carryOn }, "It goes on here"),
    h("button", { type: "button", class: "button", onclick: done }, "It does not"));
}
