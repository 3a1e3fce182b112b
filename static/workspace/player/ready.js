/**
 * The next picture, turned into RGB before the animation frame that shows it. Where no GPU helps, drawing a decoded
 * 1080p picture takes 10 ms; turning it beforehand takes 4 ms and putting it 1 ms, and the samples are the same.
 */

/** Drawing slower than this means that no GPU helps, in ms a megapixel. */
const SLOW_MS = 1.5;
/** The fastest of so many drawings decides. */
const TRIED = 3;
const FAILURES = 3;
/** The picture shown and those to both sides of it. */
const SLOTS = 3;

/** @typedef {{index: number, image: ImageData, isBusy: boolean}} Slot */

export class Ready {
  /** @param {number} width @param {number} height of the picture, px */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** @type {Slot[]} */
    this.slots = [];
    this.tried = 0;
    this.fastest_ms = Infinity;
    this.failed = 0;
  }

  /**
   * Finds out at once whether a GPU helps, on a canvas that nobody sees: else the first pictures that are gone to would.
   * @param {VideoFrame | undefined} frame
   */
  tryOut(frame) {
    if (!frame || this.tried >= TRIED) return;
    const canvas = document.createElement("canvas");
    canvas.width = this.width;
    canvas.height = this.height;
    const context = canvas.getContext("2d", { alpha: false });
    while (context && this.tried < TRIED) {
      const began = performance.now();
      context.drawImage(frame, 0, 0, this.width, this.height);
      this.drawn(performance.now() - began);
    }
  }

  /** Whether pictures are worth turning beforehand. */
  get isOn() {
    return this.tried >= TRIED && this.fastest_ms > (SLOW_MS * this.width * this.height) / 1e6 && this.failed < FAILURES;
  }

  /** How long a picture took that was drawn as it came. @param {number} took_ms */
  drawn(took_ms) {
    this.tried++;
    this.fastest_ms = Math.min(this.fastest_ms, took_ms);
  }

  /**
   * Begins to turn a picture unless that was done; nothing where its size is another than the canvas's.
   * @param {number} index @param {VideoFrame | undefined} frame @param {number} kept  index whose picture is not given up for it
   */
  prepare(index, frame, kept) {
    if (!this.isOn || !frame || this.slots.some((slot) => slot.index === index)) return;
    const rect = frame.visibleRect;
    if (rect?.width !== this.width || rect.height !== this.height) return;
    if (this.slots.length < SLOTS) this.slots.push({ index: -1, image: new ImageData(this.width, this.height), isBusy: false });
    /** What is furthest from the one shown gives way. @param {Slot} each */
    const away = (each) => (each.index < 0 ? Infinity : Math.abs(each.index - kept));
    const [slot] = this.slots.filter((each) => !each.isBusy && (each.index < 0 || each.index !== kept)).sort((a, b) => away(b) - away(a));
    if (!slot) return;
    slot.index = index;
    slot.isBusy = true;
    // The type of the options is older than the formats.
    const options = /** @type {VideoFrameCopyToOptions} */ ({ format: "RGBX" });
    frame.copyTo(slot.image.data, options).then(
      () => (slot.isBusy = false),
      () => {
        slot.index = -1;
        slot.isBusy = false;
        this.failed++;
      },
    );
  }

  /** @param {number} index @returns {ImageData | null} its picture, to be put at once */
  get(index) {
    return this.slots.find((slot) => slot.index === index && !slot.isBusy)?.image ?? null;
  }
}
