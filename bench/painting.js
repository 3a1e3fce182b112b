// Evaluated before the page's own scripts by bench/painting.py: how long work on a frame takes.
(() => {
  const own = window.requestAnimationFrame.bind(window);
  const bench = { frames: [], moves: [], waiting: [], recording: false };
  window.bench = bench;
  // A canvas is flushed once one of its pixels has been read.
  const flush = () => {
    const layers = [...document.querySelectorAll("#overlay, #live")];
    for (const canvas of layers.length ? layers : document.querySelectorAll("canvas")) {
      canvas.getContext("2d")?.getImageData(0, 0, 1, 1);
    }
  };
  /** @returns {HTMLElement | null} */
  const picture = () => document.querySelector("#picture");
  let callbacks = [];
  const run = (now) => {
    const due = callbacks;
    callbacks = [];
    const shown = picture()?.dataset.frameIndex;
    const began = performance.now();
    for (const callback of due) callback(now);
    if (!bench.recording) return;
    flush();
    const ended = performance.now();
    // A frame that shows the picture that was there already says nothing of what one costs.
    if (picture()?.dataset.frameIndex !== shown) bench.frames.push(ended - began);
    for (const { at, handled } of bench.waiting.splice(0)) bench.moves.push([handled + ended - began, ended - at]);
  };
  window.requestAnimationFrame = (callback) => {
    callbacks.push(callback);
    if (callbacks.length === 1) own(run);
    return 0;
  };
  let started = 0;
  window.addEventListener("pointermove", () => (started = performance.now()), true);
  window.addEventListener("pointermove", (event) => {
    if (bench.recording) bench.waiting.push({ at: event.timeStamp, handled: performance.now() - started });
  });
})();
