/** Two fingers on the timeline zoom it and move it. */

/** @param {HTMLElement} host @param {import("./timeline.js").Timeline} timeline */
export function bindPinch(host, timeline) {
  /** Where each finger is, in CSS pixels of the host. @type {Map<number, number>} */
  const at = new Map();
  let isTwo = false;
  let before = 0;
  const two = () => {
    const [a, b] = at.values();
    return { middle: (a + b) / 2, apart: Math.abs(a - b) };
  };
  /** @param {PointerEvent} event */
  const place = (event) => event.clientX - host.getBoundingClientRect().left;
  host.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    at.set(event.pointerId, place(event));
    if (at.size === 1) before = timeline.frame;
    if (at.size < 2) return;
    event.stopImmediatePropagation();
    if (isTwo) return;
    // The first of the two did not mean to go where it came down.
    isTwo = true;
    timeline.letGo();
    timeline.onSeek(before);
  }, true);
  host.addEventListener("pointermove", (event) => {
    if (!at.has(event.pointerId)) return;
    const was = at.size > 1 ? two() : null;
    at.set(event.pointerId, place(event));
    if (!isTwo) return;
    event.stopImmediatePropagation();
    if (!was) return;
    const now = two();
    timeline.moveBy(now.middle - was.middle);
    if (was.apart > 0 && now.apart > 0) timeline.zoom(was.apart / now.apart, timeline.frameAt(now.middle));
  }, true);
  for (const type of ["pointerup", "pointercancel"]) {
    host.addEventListener(type, (event) => {
      if (!at.delete(/** @type {PointerEvent} */ (event).pointerId)) return;
      if (isTwo) event.stopImmediatePropagation();
      if (!at.size) isTwo = false;
    }, true);
  }
}
