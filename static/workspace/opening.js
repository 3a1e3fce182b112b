/**
 * What the workspace asks for before its other modules are here, all at once, and the first picture: the master's own,
 * drawn as soon as it comes. It imports next to nothing, and brings `main.js` after it.
 */

import { Api } from "./api.js";
import { outlineUrl } from "./chunks.js";
import { Hash } from "./hash.js";

/** @typedef {import("./types.js").LabelSet} LabelSet */
/** @typedef {import("./types.js").Me} Me */
/** @typedef {import("./types.js").Clip} Clip */
/** @typedef {{index: number, bitmap: ImageBitmap}} Still */

/** On a slow link megabytes of a lossless picture would be in the way of all else: it is given up then. */
const LONGEST_MS = 2500;
/** The other modules wait so long for it at most. */
const AHEAD_MS = 800;

/** @param {string} url @param {number} index @returns {Promise<Still | null>} */
async function firstPicture(url, index) {
  const link = /** @type {{effectiveType?: string, saveData?: boolean} | undefined} */ (/** @type {any} */ (navigator).connection);
  if (link?.saveData || (link?.effectiveType ?? "4g") !== "4g") return null;
  const answer = await fetch(url, { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(LONGEST_MS) });
  if (!answer.ok) return null;
  const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
  draw(bitmap, index);
  return { index, bitmap };
}

/** Draws it unless the player was faster. @param {ImageBitmap} bitmap @param {number} index */
function draw(bitmap, index) {
  const canvas = document.getElementById("picture");
  if (!(canvas instanceof HTMLCanvasElement) || canvas.dataset.frameIndex !== undefined) return;
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d", { alpha: false })?.drawImage(bitmap, 0, 0);
  canvas.dataset.pictureSource = "master";
  canvas.dataset.frameIndex = String(index);
}

/** @param {HTMLElement} app */
function ask(app) {
  const { clipId = "", labelSetId = "", csrf = "", clipState, reads } = app.dataset;
  const api = new Api(csrf);
  const door = reads === "beside" ? "beside" : "label-sets";
  const frame = Hash.read() ?? Number(app.dataset.frame || 0);
  const at = `/api/v1/clips/${clipId}/`;
  const isReady = clipState === "ready";
  return {
    api,
    door: /** @type {"beside" | "label-sets"} */ (door),
    frame,
    /** The picture to go on at; null where it did not come: the player brings it then. */
    picture: isReady ? firstPicture(`${at}frames/${frame}.png`, frame).catch(() => null) : Promise.resolve(null),
    clip: /** @type {Promise<Clip>} */ (api.get(at)),
    index: isReady ? api.get(`${at}index.json?form=runs`).catch(() => null) : Promise.resolve(null),
    set: /** @type {Promise<LabelSet | null>} */ (labelSetId ? api.get(outlineUrl(labelSetId, clipId, frame, door)) : Promise.resolve(null)),
    me: /** @type {Promise<Me>} */ (api.get("/api/v1/me/")),
    /** The keys that the person has changed; without them the standard ones hold. */
    keys: /** @type {Promise<import("./keys.js").KeyChoices | undefined>} */ (api.get("/api/v1/me/keys/").catch(() => undefined)),
  };
}

const app = document.getElementById("app");
if (!app) throw new Error("the page is not the workspace");
export const asked = ask(app);
// Whoever waits for them says what went wrong.
for (const answer of [asked.clip, asked.set, asked.me]) answer.catch(() => {});

// Dozens of modules, which would else stand before what was asked for.
const drawn = Promise.race([asked.picture, new Promise((resolve) => setTimeout(resolve, AHEAD_MS))]);
void drawn.then(() => {
  const later = document.getElementById("later");
  if (later instanceof HTMLTemplateElement) document.head.append(later.content);
  return import("./main.js");
}).catch(unreached);

/** Without the other modules nothing here takes a key: it is said, over the first picture too. */
function unreached() {
  const host = document.getElementById("page-state");
  if (!host) return;
  const [title, words, again] = ["h1", "p", "button"].map((name) => document.createElement(name));
  title.textContent = "Part of this page did not come";
  words.textContent = "Nothing of your work is lost. Check the network, then open the page again.";
  again.textContent = "Open again";
  again.className = "button primary";
  again.addEventListener("click", () => location.reload());
  host.replaceChildren(title, words, again);
  host.hidden = false;
  again.focus();
}
