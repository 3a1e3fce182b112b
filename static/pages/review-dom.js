/** Small helpers of the pixel review: elements without markup strings, words, clocks. */

/**
 * @typedef {{type: "box" | "span", start_frame: number, end_frame: number | null, action: string, open?: boolean,
 *   x_px?: number, y_px?: number, width_px?: number, height_px?: number, kind?: string, origin?: string,
 *   frame_index?: number, text?: string, proposal?: number | null, is_changed?: boolean}} Part
 */

/** @param {string} id @param {boolean} [must] @returns {HTMLElement} */
export function byId(id, must = true) {
  const found = document.getElementById(id);
  if (!found && must) throw new Error(`#${id} is missing in the page`);
  return /** @type {HTMLElement} */ (found);
}

/**
 * @param {string} tag @param {Record<string, any>} props `on…` are listeners, others attributes
 * @param {...(Node | string | null)} children @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/** Seconds as 00:00:02.360. @param {number} seconds */
export function clock(seconds) {
  const ms = Math.round(seconds * 1000);
  const pad = (/** @type {number} */ value, size = 2) => String(value).padStart(size, "0");
  return `${pad(Math.floor(ms / 3600000))}:${pad(Math.floor(ms / 60000) % 60)}:${pad(Math.floor(ms / 1000) % 60)}.${pad(ms % 1000, 3)}`;
}

/** @param {Part} part */
export function kindName(part) {
  if (part.type === "span") return "Out of body";
  if (part.origin === "device_mask") return "Mask of the device or region";
  if (part.origin === "person") return "Box drawn by hand";
  const name = { identifier: "Identifier or date", clock: "Clock or measurement" }[part.kind ?? ""] ?? "Text";
  return part.origin === "check" ? `${name}, left in the result` : name;
}

/** When a box stands. @param {Part} part @param {number} nFrames @param {number} rate */
export function spanText(part, nFrames, rate) {
  const end = part.end_frame ?? nFrames;
  if (part.start_frame === 0 && end === nFrames) return "whole clip";
  return `frames ${part.start_frame} – ${end - 1} · ${clock(part.start_frame / rate)} – ${clock(end / rate)}`;
}
