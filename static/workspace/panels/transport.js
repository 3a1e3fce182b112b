/** Play, clock, frame field, phase under the playhead, how the picture came. */

import { h, icon, renderIfChanged } from "../dom.js";
import { lightWords } from "../player/controls.js";
import { clock, parsePlace, spaced } from "../player/timebase.js";

const PLAY = "M7 4l13 8-13 8z";
const PAUSE = "M7 4h4v16H7zM14 4h4v16h-4z";

/** Every write makes the page lay itself out again. @param {HTMLElement} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} host @param {import("../bench.js").Bench} bench @param {import("../keys.js").Keys} keys */
export function transport(host, bench, keys) {
  const { player, store } = bench;
  /** @param {string} name @param {string} keys @param {string} d @param {() => void} run @param {string} id */
  const button = (name, keys, d, run, id) =>
    h("button", { type: "button", class: "plain", "aria-label": name, "aria-keyshortcuts": keys, title: `${name} (${keys})`, "data-testid": id, onclick: run }, icon(d));
  const play = button("Play", "Space", PLAY, () => player.toggle(), "play");
  const clockText = h("output", { class: "clock", "data-testid": "clock", "aria-label": "Time and frame" });
  const time = h("strong");
  const frame = h("span");
  const ticks = h("span", { class: "pts", "data-testid": "pts" });
  clockText.append(time, frame);
  const field = h("input", {
    class: "go-to", "data-testid": "go-to-frame", autocomplete: "off", spellcheck: "false",
    "aria-label": `Go to frame, 0 to ${player.n_frames - 1}, clock or PTS`, "aria-keyshortcuts": "Shift+G", placeholder: "go to",
  });
  let gone = "";
  const go = () => {
    const text = field.value.trim();
    if (!text || text === gone) return;
    // As the clock beside it writes a place, and as it is copied from there.
    const named = /(?:frame|#)\s*(\d[\d\s\u202f]*)$/i.exec(text);
    const place = parsePlace(named ? named[1] : text, player.time);
    if (place === null) {
      field.setAttribute("aria-invalid", "true");
      store.onNotice(`Frames go from 0 to ${player.n_frames - 1}; a clock as 1:02.5 or pts 5120 go too`);
      return;
    }
    field.removeAttribute("aria-invalid");
    gone = text;
    bench.go(place);
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      gone = "";
      go();
      if (!field.hasAttribute("aria-invalid")) {
        bench.stage.focus({ preventScroll: true });
        field.value = "";
        gone = "";
      }
    } else if (event.key === "Escape") {
      field.value = "";
      field.removeAttribute("aria-invalid");
      bench.stage.focus({ preventScroll: true });
    }
  });
  field.addEventListener("change", go);
  field.addEventListener("focus", () => (gone = ""));
  /** @param {string} id @param {string} words @param {string} sign */
  const small = (id, words, sign) => keys.button(id, words, "plain", h("span", { "aria-hidden": "true" }, sign));
  const rate = h("span", { class: "rate", "data-testid": "speed" });
  const light = h("span", { class: "light", "data-testid": "light" });
  const phase = h("span", { class: "phase", "data-testid": "phase" });
  const source = h("span", { class: "source" });
  // As wide as they get: nothing beside them moves while it plays.
  const { pts, n_frames } = player.time;
  clockText.style.setProperty("--letters", String(spaced(n_frames).length));
  ticks.style.setProperty("--letters", String(Math.max(String(pts[0]).length, String(pts[n_frames - 1]).length)));
  host.append(
    h("div", { class: "transport-buttons" },
      button("One frame back", "ArrowLeft", "M17 5v14l-9-7zM6 5h2v14H6z", () => player.step(-1), "step-back"),
      play,
      button("One frame on", "ArrowRight", "M7 5v14l9-7zM16 5h2v14h-2z", () => player.step(1), "step-on")),
    h("div", { class: "where" }, clockText, h("div", { class: "from" }, ticks, source)), field,
    h("div", { class: "speed" }, small("slower", "Slower", "−"), rate, small("faster", "Faster", "+")),
    light, phase, h("span", { class: "grow" }),
    h("div", { class: "speed" }, small("zoom-out", "Zoom out", "−"), small("fit", "Fit the picture", "fit"), small("zoom-in", "Zoom in", "+")),
  );
  const update = () => {
    const index = store.frame;
    write(time, clock(player.time.timeOf(index)));
    write(frame, ` · frame ${spaced(index)}`);
    write(ticks, `PTS ${player.time.pts[index] ?? ""}`);
    const speed = `${player.playing && player.rate < 0 ? "−" : ""}${Math.abs(player.playing ? player.rate : player.speed)}×`;
    const loop = player.loop ? `loop ${spaced(player.loop[0])}–${spaced(player.loop[1] - 1)}` : "";
    write(rate, [speed, loop].filter(Boolean).join(" · "));
    write(light, lightWords(bench));
    const now = store.clipIntervals("phase").find(([, i]) => i.start_frame <= index && index < i.end_frame);
    const name = now ? (store.classOf(now[1].class_id)?.name ?? "") : "";
    if (store.ontology.classes.some((c) => c.geometry === "phase")) {
      renderIfChanged(phase, [name], () => [h("span", { class: "word" }, "Phase "), h("strong", {}, name || "none")]);
      phase.title = name && `Phase ${name}`;
    }
    const shown = player.source === "master" ? "master picture" : player.source === "review" ? "review copy" : "";
    write(source, shown);
  };
  let wasPlaying = false;
  const state = () => {
    if (player.playing !== wasPlaying || !play.dataset.state) {
      wasPlaying = player.playing;
      play.dataset.state = wasPlaying ? "playing" : "paused";
      play.setAttribute("aria-label", wasPlaying ? "Pause" : "Play");
      play.replaceChildren(icon(wasPlaying ? PAUSE : PLAY));
    }
    update();
  };
  state();
  return { update, state };
}
