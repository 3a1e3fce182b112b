/** A table wider than its page is a stop for the Tab key, so that the arrow keys can move it; others are none. */

const HEADINGS = "h1, h2, h3, summary";

/** What stands above the table. @param {HTMLElement} room */
function nameOf(room) {
  const before = [...document.querySelectorAll(HEADINGS)].filter((one) => one.compareDocumentPosition(room) & Node.DOCUMENT_POSITION_FOLLOWING);
  return before.at(-1)?.textContent?.trim() || document.title;
}

function mark() {
  for (const room of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".scroll"))) {
    const isWide = room.scrollWidth > room.clientWidth || room.scrollHeight > room.clientHeight;
    if (isWide === room.hasAttribute("tabindex")) continue;
    if (isWide) {
      room.setAttribute("role", "group");
      room.setAttribute("aria-label", nameOf(room));
      room.setAttribute("tabindex", "0");
    } else for (const name of ["role", "aria-label", "tabindex"]) room.removeAttribute(name);
  }
}

// Parts that are asked for anew come without the mark: it is set before the focus would be lost.
new MutationObserver(mark).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["tabindex", "hidden"] });
globalThis.addEventListener("resize", mark);
document.addEventListener("toggle", mark, true);
mark();
