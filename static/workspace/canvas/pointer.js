/** Mouse, pen and touch on the stage, to tool calls. */

import { clampRadius } from "./tools.js";

/**
 * Pointer events of the stage to tool calls; middle button or Space pans, Ctrl+wheel zooms.
 * @param {HTMLElement} stage @param {import("./tools.js").Tools} tools @param {import("./view.js").View} view
 * @param {{isSpaceHeld: () => boolean, usedSpace: () => void}} keys
 */
export function bindPointer(stage, tools, view, keys) {
  /** @type {{x: number, y: number} | null} */
  let panning = null;
  let drawing = false;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button === 1 || (event.button === 0 && keys.isSpaceHeld())) {
      panning = { x: event.clientX, y: event.clientY };
      keys.usedSpace();
    } else if (event.button === 0 || event.button === 5) {
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
    if (panning) {
      view.panBy(event.clientX - panning.x, event.clientY - panning.y);
      panning = { x: event.clientX, y: event.clientY };
      return;
    }
    const events = drawing && event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    tools.move((events.length ? events : [event]).map((e) => view.toPicture(e)));
  });
  /** @param {PointerEvent} event */
  const end = (event) => {
    panning = null;
    if (!drawing) return;
    drawing = false;
    if (event.type === "pointercancel") tools.cancel();
    else tools.up();
  };
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
  stage.addEventListener("pointerleave", () => {
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
}
