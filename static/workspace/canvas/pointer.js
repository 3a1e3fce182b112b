/** Mouse, pen and touch on the stage, to tool calls. */

import { Fingers, placesOf } from "./fingers.js";
import { clampRadius } from "./tools.js";

/**
 * Pointer events of the stage to tool calls; middle button or Space pans, Ctrl+wheel zooms. A pen draws
 * as the mouse does: its pressure changes nothing, for the ring says what is painted.
 * @param {HTMLElement} stage @param {import("./tools.js").Tools} tools @param {import("./view.js").View} view
 * @param {{isSpaceHeld: () => boolean, usedSpace: () => void}} keys
 * @returns {Fingers}
 */
export function bindPointer(stage, tools, view, keys) {
  const fingers = new Fingers(tools, view);
  /** @type {{x: number, y: number} | null} */
  let panning = null;
  /** The pointer that draws or pans. @type {number | null} */
  let held = null;
  let drawing = false;
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "pen") fingers.seePen();
    if (event.pointerType === "touch") {
      if (!fingers.down(event)) return;
    } else if (held !== null && held !== event.pointerId) return;
    else if (event.button === 1 || (event.button === 0 && keys.isSpaceHeld())) {
      panning = { x: event.clientX, y: event.clientY };
      keys.usedSpace();
      held = event.pointerId;
    } else if (event.button === 0 || event.button === 5) {
      fingers.yield();
      held = event.pointerId;
      drawing = true;
      tools.store.cursor.on = false;
      // Button 5 is a pen's eraser end.
      tools.down(view.toPicture(event), { erase: event.button === 5 || event.altKey });
    } else return;
    stage.setPointerCapture(event.pointerId);
    event.preventDefault();
    stage.focus({ preventScroll: true });
  });
  stage.addEventListener("pointermove", (event) => {
    if (event.pointerType === "pen") fingers.seePen();
    if (event.pointerType === "touch") fingers.move(event);
    else if (held !== null && held !== event.pointerId) return;
    else if (panning) {
      view.panBy(event.clientX - panning.x, event.clientY - panning.y);
      panning = { x: event.clientX, y: event.clientY };
    } else tools.move((drawing ? placesOf(event) : [event]).map((e) => view.toPicture(e)));
  });
  /** @param {PointerEvent} event */
  const end = (event) => {
    if (event.pointerType === "touch") return fingers.end(event);
    if (event.pointerId !== held) return;
    held = null;
    panning = null;
    fingers.isPenDown = false;
    if (!drawing) return;
    drawing = false;
    if (event.type === "pointercancel") tools.cancel();
    else tools.up();
  };
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) stage.addEventListener(type, (event) => end(/** @type {PointerEvent} */ (event)));
  stage.addEventListener("pointerleave", (event) => {
    // A palm that is lifted is not the pen that draws.
    if (held !== null && held !== event.pointerId) return;
    tools.pointer = null;
    tools.onPreview();
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (event.altKey) {
        const { store } = tools;
        store.set({ brushRadius_px: clampRadius(store.brushRadius_px * (event.deltaY < 0 ? 1.12 : 1 / 1.12)) });
      } else if (event.ctrlKey || event.metaKey) view.zoomBy(Math.exp(-event.deltaY / 300), event);
      else if (view.zoom > 1) view.panBy(-event.deltaX, -event.deltaY);
    },
    { passive: false },
  );
  return fingers;
}
