/**
 * What one's other tabs and devices do to the same label set is heard at once: tabs of this browser tell each
 * other, and the server is asked every few seconds while somebody works on the page. An idle page asks nothing: it
 * would keep its session awake.
 */

import { ApiError, Offline } from "./api.js";
import { IDLE_MS } from "./spell.js";

/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {{revision: number, state: string, operations: Operation[] | null}} Heard  null: too much, read the set anew */

const ASK_EVERY_MS = 3000;
const AGAIN_MS = 400;
/** Doubled with each answer that did not come, up to this. */
const SELDOM_MS = 60_000;
const OPEN = new Set(["assigned", "in_progress", "returned", "open"]);

/**
 * @param {import("./sync.js").Sync} sync @param {import("./bench.js").Bench} bench
 * @param {(state: string) => void} onClosed  handed in or taken away elsewhere; once
 * @returns {() => void} tells the other tabs that something changed
 */
export function hear(sync, bench, onClosed) {
  const { store, tools } = bench;
  const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(`clinical-annot-labels-${sync.labelSet}`) : null;
  let isAsking = false;
  let isOver = false;
  let timer = 0;
  let misses = 0;
  let actedAt = performance.now();
  const isIdle = () => document.hidden || performance.now() - actedAt > IDLE_MS;

  /** What is waiting here is sent first: its answer brings what others did. */
  const isFree = () => sync.canHear && !tools.busy;

  const later = (/** @type {number} */ ms) => {
    clearTimeout(timer);
    timer = globalThis.setTimeout(() => void ask(), ms);
  };

  async function ask() {
    if (isAsking || isOver) return;
    if (store.readOnly) return;
    if (!isFree()) return later(AGAIN_MS);
    isAsking = true;
    const after = sync.revision;
    let wait_ms = ASK_EVERY_MS;
    try {
      const told = /** @type {Heard} */ (await sync.api.get(`${sync.url}?after=${after}&client=${sync.clientId}`));
      if (!isFree() || sync.revision !== after) wait_ms = AGAIN_MS;
      else if (!(await take(told))) wait_ms = AGAIN_MS;
      misses = 0;
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof Offline)) throw error;
      if (error instanceof ApiError && [403, 404, 409].includes(error.status)) {
        // Handed in from here: the answer to that says what became of it.
        if (sync.handingIn) wait_ms = AGAIN_MS;
        else closed(error.code === "handed_in" ? "submitted" : "gone");
      } else if (error instanceof ApiError && error.status === 401) sync.loseSession();
      else wait_ms = Math.min(SELDOM_MS, ASK_EVERY_MS * 2 ** ++misses);
    } finally {
      isAsking = false;
      if (!isIdle() || wait_ms === AGAIN_MS) later(wait_ms);
    }
  }

  /** @param {Heard} told @returns {Promise<boolean>} false where it has to be asked for again */
  async function take(told) {
    if (!OPEN.has(told.state)) closed(told.state);
    // A server that was set back says so when something is saved.
    if (told.revision <= sync.revision) return true;
    const names = namesOf(told.operations ?? []);
    if (told.operations) sync.hear(told.operations, told.revision);
    else if (!(await sync.readAnew(isFree))) return false;
    store.onNotice(`Changed in another tab or device: ${[...new Set([...names, ...namesOf(told.operations ?? [])])].slice(0, 3).join(", ") || "many labels"}`);
    return true;
  }

  /** Names of what operations touch, as far as it is here. @param {Operation[]} ops */
  function namesOf(ops) {
    const objects = [...new Set(ops.map((op) => op.object))];
    return objects.map((id) => store.trackName(id) || store.classOf(store.labels.intervals[id]?.class_id ?? "")?.name || "").filter(Boolean);
  }

  /** @param {string} state */
  function closed(state) {
    isOver = true;
    onClosed(state);
  }

  channel?.addEventListener("message", () => later(0));
  const act = () => {
    const wasIdle = isIdle();
    actedAt = performance.now();
    if (wasIdle) later(0);
  };
  for (const type of ["pointerdown", "pointermove", "keydown"]) globalThis.addEventListener(type, act, { passive: true, capture: true });
  document.addEventListener("visibilitychange", () => !document.hidden && later(0));
  const tell = () => channel?.postMessage(sync.revision);
  sync.onSaved = tell;
  later(ASK_EVERY_MS);
  return tell;
}
