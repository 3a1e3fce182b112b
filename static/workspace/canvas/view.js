/** Where the picture lies in the stage: fit, zoom and pan; picture coordinates from pointer places. */

const MAX_ZOOM = 32;

export class View {
  /**
   * @param {HTMLElement} stage
   * @param {HTMLCanvasElement} picture  native size, scaled by CSS
   * @param {HTMLCanvasElement} overlay  device pixels of the stage
   * @param {number} width_px @param {number} height_px
   */
  constructor(stage, picture, overlay, width_px, height_px) {
    this.stage = stage;
    this.picture = picture;
    this.overlay = overlay;
    this.width_px = width_px;
    this.height_px = height_px;
    this.zoom = 1;
    this.panX = 0;
    this.panY = 0;
    this.light = { brightness: 1, contrast: 1 };
    this.box = { left: 0, top: 0, width: 1, height: 1 };
    /** How often the overlay was given another size, which empties it. */
    this.resized = 0;
    /** @type {() => void} */
    this.onChange = () => {};
    new ResizeObserver(() => this.layout()).observe(stage);
    this.layout();
  }

  layout() {
    const stageWidth = this.stage.clientWidth;
    const stageHeight = this.stage.clientHeight;
    if (!stageWidth || !stageHeight) return;
    const fit = Math.min(stageWidth / this.width_px, stageHeight / this.height_px);
    const width = Math.round(this.width_px * fit * this.zoom);
    const height = Math.round(this.height_px * fit * this.zoom);
    const roomX = Math.max(0, (width - stageWidth) / 2 + (this.zoom > 1 ? 40 : 0));
    const roomY = Math.max(0, (height - stageHeight) / 2 + (this.zoom > 1 ? 40 : 0));
    this.panX = Math.max(-roomX, Math.min(roomX, this.panX));
    this.panY = Math.max(-roomY, Math.min(roomY, this.panY));
    const left = Math.round((stageWidth - width) / 2 + this.panX);
    const top = Math.round((stageHeight - height) / 2 + this.panY);
    this.box = { left, top, width, height };
    Object.assign(this.picture.style, {
      left: `${left}px`,
      top: `${top}px`,
      width: `${width}px`,
      height: `${height}px`,
    });
    this.picture.classList.toggle("pixels", this.scale >= 2);
    const ratio = globalThis.devicePixelRatio || 1;
    const deviceWidth = Math.round(stageWidth * ratio);
    const deviceHeight = Math.round(stageHeight * ratio);
    if (this.overlay.width !== deviceWidth || this.overlay.height !== deviceHeight) {
      this.overlay.width = deviceWidth;
      this.overlay.height = deviceHeight;
      this.resized++;
    }
    this.onChange();
  }

  /** CSS pixels a picture pixel. */
  get scale() {
    return this.box.width / this.width_px;
  }

  /** @param {CanvasRenderingContext2D} context set to picture coordinates */
  apply(context) {
    const ratio = globalThis.devicePixelRatio || 1;
    context.setTransform(
      (this.box.width / this.width_px) * ratio,
      0,
      0,
      (this.box.height / this.height_px) * ratio,
      this.box.left * ratio,
      this.box.top * ratio,
    );
  }

  /**
   * Picture coordinates (sub-pixel) of a pointer place; not clamped.
   * @param {{clientX: number, clientY: number}} event
   * @returns {[number, number]}
   */
  toPicture(event) {
    const stage = this.stage.getBoundingClientRect();
    return [
      ((event.clientX - stage.left - this.stage.clientLeft - this.box.left) * this.width_px) / this.box.width,
      ((event.clientY - stage.top - this.stage.clientTop - this.box.top) * this.height_px) / this.box.height,
    ];
  }

  /**
   * Zooms about a place in the stage (its middle by default).
   * @param {number} factor @param {{clientX: number, clientY: number}} [at]
   */
  zoomBy(factor, at) {
    const zoom = Math.max(1, Math.min(MAX_ZOOM, this.zoom * factor));
    if (zoom === this.zoom) return;
    const rect = this.stage.getBoundingClientRect();
    const x = at ? at.clientX - rect.left - rect.width / 2 : 0;
    const y = at ? at.clientY - rect.top - rect.height / 2 : 0;
    const ratio = zoom / this.zoom;
    this.panX = x - (x - this.panX) * ratio;
    this.panY = y - (y - this.panY) * ratio;
    this.zoom = zoom;
    this.layout();
  }

  /** @param {number} dx @param {number} dy CSS pixels */
  panBy(dx, dy) {
    this.panX += dx;
    this.panY += dy;
    this.layout();
  }

  /**
   * How the picture is shown on this screen; its samples, and so every export, stay as they are.
   * @param {number} brightness @param {number} contrast  1 is the picture's own
   */
  setLight(brightness, contrast) {
    /** @param {number} v */
    const tidy = (v) => (Math.abs(v - 1) < 0.04 ? 1 : Math.max(0.25, Math.min(4, v)));
    this.light = { brightness: tidy(brightness), contrast: tidy(contrast) };
    const { light } = this;
    const own = light.brightness === 1 && light.contrast === 1;
    this.picture.style.filter = own ? "" : `brightness(${light.brightness.toFixed(2)}) contrast(${light.contrast.toFixed(2)})`;
  }

  fit() {
    this.zoom = 1;
    this.panX = 0;
    this.panY = 0;
    this.layout();
  }
}
