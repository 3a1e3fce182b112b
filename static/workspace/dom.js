/** Small helpers to build elements without markup strings (strict CSP, no injection). */

/** @typedef {Node | string | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Props */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Props} [props] `on…` are listeners, others attributes; false and null are left out
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** @param {string} d path data on a 24-unit grid @returns {SVGSVGElement} */
export function icon(d) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(ns, "path");
  path.setAttribute("d", d);
  svg.append(path);
  return svg;
}

/** A key cap. @param {string} label */
export const cap = (label) => h("kbd", { "aria-hidden": "true" }, label);

/** A colour chip; CSP allows style through the object model only. @param {string} color @param {string} [kind] */
export function chip(color, kind = "chip") {
  const element = h("span", { class: kind, "aria-hidden": "true" });
  element.style.setProperty("--chip", color);
  return element;
}

/** @template {HTMLElement} T @param {string} selector @param {new () => T} type @param {ParentNode} [root] @returns {T} */
export function need(selector, type, root = document) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`${selector} is missing in the page`);
  return element;
}

/** @type {WeakMap<Element, string>} */
const signatures = new WeakMap();

/**
 * Rebuilds a container only when what it shows has changed; focus stays on the element of the same test id.
 * @param {HTMLElement} container @param {unknown} shown @param {() => Child[]} build
 */
export function renderIfChanged(container, shown, build) {
  const signature = JSON.stringify(shown);
  if (signatures.get(container) === signature) return;
  signatures.set(container, signature);
  const active = document.activeElement;
  const focused = active && container.contains(active) ? active.getAttribute("data-testid") : null;
  // Asking for it makes the page lay itself out.
  const scroll = container.firstChild ? container.scrollTop : 0;
  container.replaceChildren(...build().filter((child) => child !== null && child !== undefined && child !== false));
  if (scroll) container.scrollTop = scroll;
  if (focused) /** @type {HTMLElement | null} */ (container.querySelector(`[data-testid="${CSS.escape(focused)}"]`))?.focus();
}

/**
 * After a click on a button the keys belong to the picture again, unless the click brought a field to write in; a button
 * that is reached by keyboard keeps its focus.
 * @param {HTMLElement} stage @param {string} kept  selector of what keeps its focus after a click
 */
export function focusAfterClicks(stage, kept) {
  document.addEventListener("click", (event) => {
    if (!event.detail || !(event.target instanceof Element)) return;
    if (!event.target.closest("button") || event.target.closest(kept)) return;
    if (!document.activeElement?.matches("input, textarea, select")) stage.focus({ preventScroll: true });
  });
}

/** Shows a modal dialog that leaves the page when closed. @param {HTMLDialogElement} dialog @returns {Promise<void>} */
export function showDialog(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      document.getElementById("stage")?.focus({ preventScroll: true });
      resolve();
    });
  });
}
