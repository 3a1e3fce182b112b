// Evaluated in the workspace by bench/player.py; gives the measures of one run as numbers.
async (asked) => {
  const canvas = document.querySelector("[data-testid=picture]");
  const index = await (await fetch(`/api/v1/clips/${asked.clip}/index.json`)).json();
  const n = index.n_frames;
  let painted = [];
  let waiting = null;
  new MutationObserver(() => {
    const at = Number(canvas.dataset.frameIndex);
    if (painted[painted.length - 1]?.[0] !== at) painted.push([at, performance.now()]);
    if (waiting && at === waiting.frame) waiting.done();
  }).observe(canvas, { attributes: true, attributeFilter: ["data-frame-index"] });
  const shown = (frame) =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`frame ${frame} did not come`)), 30000);
      waiting = { frame, done: () => { clearTimeout(late); waiting = null; resolve(); } };
    });
  let state = asked.seed;
  const draw = () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * n);
  };
  const frames = Array.from({ length: asked.seeks }, draw);
  const p95 = (list) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * 0.95))];

  // Bare: one input, one sink, one picture at a time, drawn.
  const { ALL_FORMATS, Input, UrlSource, VideoSampleSink } = await import("/static/vendor/mediabunny-1.61.0/mediabunny.min.js");
  const bareSeeks = async () => {
    const input = new Input({ formats: ALL_FORMATS, source: new UrlSource(`/clips/${asked.clip}/review.mp4`) });
    const sink = new VideoSampleSink(await input.getPrimaryVideoTrack());
    const target = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const context = target.getContext("2d", { alpha: false });
    const took = [];
    const [num, den] = index.review_time_base;
    const first = await sink.getSample(0);
    const offset = (first?.timestamp ?? 0) - (index.review_pts[0] * num) / den;
    first?.close();
    for (const frame of frames) {
      const began = performance.now();
      const sample = await sink.getSample((index.review_pts[frame] * num) / den + Math.max(0, offset) + 1e-4);
      await new Promise(requestAnimationFrame);
      sample.draw(context, 0, 0);
      took.push(performance.now() - began);
      sample.close();
    }
    input.dispose();
    return took;
  };
  const ourSeeks = async () => {
    const took = [];
    for (const frame of frames) {
      if (Number(canvas.dataset.frameIndex) === frame) continue;
      const began = performance.now();
      const there = shown(frame);
      location.hash = `#frame=${frame}`;
      await there;
      took.push(performance.now() - began);
    }
    return took;
  };
  const bare = p95(await bareSeeks());
  const ours = p95(await ourSeeks());

  const press = (code, repeat) =>
    document.getElementById("stage").dispatchEvent(
      new KeyboardEvent("keydown", { code, key: code, repeat, bubbles: true, cancelable: true }));
  const go = async (frame) => {
    if (Number(canvas.dataset.frameIndex) === frame) return;
    const there = shown(frame);
    location.hash = `#frame=${frame}`;
    await there;
  };
  const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  await go(Math.floor(n / 3));
  await rest(600);
  painted = [];
  // As a held key repeats: the first press, then one every 30 ms.
  const began = performance.now();
  press("ArrowRight", false);
  const key = setInterval(() => press("ArrowRight", true), 30);
  await rest(asked.hold_s * 1000);
  clearInterval(key);
  const held = painted.length / ((performance.now() - began) / 1000);

  await go(Math.floor(n / 2));
  await rest(600);
  painted = [];
  press("Space", false);
  document.dispatchEvent(new KeyboardEvent("keyup", { code: "Space", bubbles: true }));
  await rest(asked.play_s * 1000);
  press("KeyK", false);
  const first = painted[0];
  const last = painted[painted.length - 1];
  // Pictures that were due between the first and the last one painted, by the clock on the wall.
  const due = ((last[1] - first[1]) / 1000) * asked.fps;
  const dropped = Math.max(0, 1 - (painted.length - 1) / due);
  return { bare_ms: bare, ours_ms: ours, held_per_s: held, dropped, painted: painted.length };
}
