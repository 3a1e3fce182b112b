// Reads the number off every picture that the workspace paints, as it is painted, and goes to
// pictures as quickly as they come. Plain script: a test evaluates it, after fixtures/barcode.js.

/**
 * @param {[number, number][] | null} coded  size that each picture was coded in, where it is not
 *   the clip's
 */
function judging(coded) {
  const WITHIN_MS = 30_000;
  const canvas = document.querySelector("[data-testid=picture]");
  const field = document.querySelector("[data-testid=go-to-frame]");
  const context = canvas.getContext("2d");
  /** Every picture painted: index it was said to be, source, number that it bears. */
  const painted = [];
  /** Called with each picture that is painted. */
  let painting = () => {};
  const note = () => {
    const index = Number(canvas.dataset.frameIndex);
    const whole = context.getImageData(0, 0, canvas.width, canvas.height);
    const size = coded ? coded[index] : [canvas.width, canvas.height];
    painted.push([index, canvas.dataset.pictureSource, readBarcode(whole, ...size)]);
    painting();
  };
  // Its callback runs before the next task: what is read is what was painted.
  new MutationObserver(note).observe(canvas, { attributes: true, attributeFilter: ["data-frame-index"] });

  /** The picture that stands there once it is the one asked for. */
  const shown = (index, source) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${index} did not come: ${painted.at(-1)}`)), WITHIN_MS);
      painting = () => {
        const last = painted.at(-1);
        if (!last || last[0] !== index || (source && last[1] !== source)) return;
        clearTimeout(timer);
        painting = () => {};
        resolve(last);
      };
      painting();
    });
  /** By the address as links in comments go, and by the field as a person types. */
  const go = (index, byField) => {
    if (!byField) return void (location.hash = `#frame=${index}`);
    field.value = String(index);
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  };
  /** The picture that came for each index, every fifth awaited until it is the master's own. */
  const seeks = async (indexes) => {
    const came = [];
    for (const [n, index] of indexes.entries()) {
      go(index, n % 2 === 1);
      came.push(await shown(index, n % 5 === 0 ? "master" : ""));
    }
    return came;
  };
  /** Single steps by the arrow keys. */
  const steps = async (indexes) => {
    const came = [];
    for (const index of indexes) {
      const code = index > Number(canvas.dataset.frameIndex) ? "ArrowRight" : "ArrowLeft";
      for (const kind of ["keydown", "keyup"]) {
        document.activeElement.dispatchEvent(new KeyboardEvent(kind, { code, key: code, bubbles: true, cancelable: true }));
      }
      came.push(await shown(index, ""));
    }
    return came;
  };
  return { painted, shown, seeks, steps };
}
