/** Wires the workspace together; nothing else knows all of its parts. */

import { Bench } from "./bench.js";
import { bindBeside } from "./beside.js";
import { bindDrawing, bindPlaying, bindTracks } from "./commands.js";
import { bindConflicts } from "./panels/conflict.js";
import { focusAfterClicks, h, need } from "./dom.js";
import { Hash } from "./hash.js";
import { hear } from "./hearing.js";
import { Keys } from "./keys.js";
import { explain, loadClip, pageState } from "./load.js";
import { asked } from "./opening.js";
import { Outbox } from "./outbox.js";
import { classesPanel } from "./panels/classes.js";
import { commentsPanel } from "./panels/comments.js";
import { findingsPanel } from "./panels/findings.js";
import { Examples } from "./panels/examples.js";
import { handBar } from "./panels/handbar.js";
import { bindHistory } from "./panels/history.js";
import { inspector } from "./panels/inspector.js";
import { proposalsPanel } from "./panels/proposals.js";
import { bindProcedure, playOnRate } from "./panels/procedure.js";
import { bindShortcutSheet } from "./panels/shortcuts.js";
import { banner, notices, savedState, signInBanner, submitDialog } from "./panels/topbar.js";
import { todoPanel, tracksPanel, stillToDo } from "./panels/tracks.js";
import { toolRail } from "./panels/toolrail.js";
import { transport } from "./panels/transport.js";
import { relationsPanel } from "./panels/relations.js";
import { Proposals } from "./proposals.js";
import { keepTime, slice } from "./spell.js";
import { Store, newId } from "./store.js";
import { Sync } from "./sync.js";
import { Player } from "./player/player.js";
import { bindPropagation } from "./propagate.js";
import { Windows, markMissing } from "./windows.js";
import { bindTimeline } from "./timeline/edits.js";
import { workspaceLanes } from "./timeline/lanes.js";

/** @typedef {import("./types.js").LabelSet} LabelSet */
/** @typedef {import("./types.js").Me} Me */

/** @param {LabelSet | null} set */
function readOnlyWords(set) {
  if (!set) return "View only: no label set of yours on this clip";
  if (set.state === "submitted") return "Submitted: read-only";
  if (set.state === "locked") return "Locked: read-only";
  if (set.state === "signed" || set.state === "superseded") return "Signed: read-only";
  if (!set.author_is_me) return "Read-only: another person's label set";
  return "";
}

/** @param {import("./api.js").Api} api @param {string} labelSet @param {Store} store @returns {Promise<import("./proposals.js").Source[]>} */
async function proposed(api, labelSet, store) {
  try {
    return (await api.get(`/api/v1/label-sets/${labelSet}/proposals/`)).sources ?? [];
  } catch {
    store.onNotice("Proposals could not be read: reload to see them");
    return [];
  }
}

async function start() {
  const app = need("#app", HTMLElement);
  const { clipId = "" } = app.dataset;
  // All asked for already, waited for where they are needed.
  const { api, door, frame } = asked;
  const { clip, index } = await loadClip(api, clipId, asked);
  const player = new Player(clip, index, need("#picture", HTMLCanvasElement));
  player.seek(Hash.read() ?? frame);
  void asked.picture.then((still) => still && player.take(still.index, still.bitmap));
  const opened = player.open();
  const [set, me] = await Promise.all([asked.set, asked.me]);
  let reading = readOnlyWords(set);
  const store = new Store({
    labels: set ? markMissing(set.labels) : { tracks: {}, intervals: {} },
    ontology: set?.ontology ?? { slug: "", version: 0, title: "", classes: [] },
    clip: clip.id,
    n_frames: clip.n_frames,
    width_px: clip.width_px,
    height_px: clip.height_px,
    readOnly: Boolean(reading),
  });
  store.onNotice = notices();
  const sources = set && !reading ? proposed(api, set.id, store) : [];
  const bench = new Bench(clip, index, store, api, player);
  // Named anew before anything listened.
  const named = Hash.read();
  if (named !== null && named !== player.target) player.seek(named);
  bench.lanes = () => workspaceLanes(store);

  need("#title", HTMLElement).textContent = set?.ontology.title || clip.name;
  need("#subtitle", HTMLElement).textContent = [clip.pseudonym && `subject ${clip.pseudonym}`, clip.name].filter(Boolean).join(" · ");
  // Where the bar is narrow they are cut short.
  for (const id of ["#title", "#subtitle"]) need(id, HTMLElement).title = need(id, HTMLElement).textContent ?? "";
  document.title = `${clip.name} · ClinicalAnnot`;

  /** @type {Sync | null} */
  let sync = null;
  const windows = set && new Windows(api, store, set.id, () => sync, frame, door);
  if (windows) {
    bench.isRead = (at) => windows.has(at);
    store.onWanted = (id) => void windows.track(id);
    bench.onSight = (at, seen) => windows.need(at, seen, Boolean(bench.timeline.scrubbing));
  }
  if (set && !reading) {
    /** @type {Outbox | null} */
    let outbox = null;
    try {
      outbox = await Outbox.open(me.username, me.user_key, set.id);
    } catch (error) {
      banner("outbox", "look", error instanceof Error ? error.message : "Unsent work is not kept on this device");
    }
    sync = new Sync(api, store, set.id, set.revision, outbox);
    if (windows) sync.reload = () => windows.reload();
  }
  /** @type {() => void} */
  let showHistory = () => {};
  const saved = savedState(need("#saved", HTMLElement), sync, reading, sync ? () => showHistory() : undefined);
  const signedOut = () => signInBanner(api, me.username, () => {
    player.retry();
    sync?.kick();
  });
  player.onSignedOut = signedOut;

  const keys = new Keys(await asked.keys);
  const open = () => !store.readOnly;
  if (set && !reading) {
    const proposals = new Proposals(store, await sources);
    proposalsPanel(need("#proposals", HTMLElement), bench, keys, proposals, open);
  }
  bindPlaying(keys, bench);
  bindDrawing(keys, bench, open);
  bindTracks(keys, bench);
  bindTimeline(keys, bench, open);
  if (sync && set) bindPropagation(keys, bench, api, set.id);
  const showSheet = bindShortcutSheet(keys, async (choices) => void (await api.post("/api/v1/me/keys/", choices)));
  const nextTodo = () => {
    const item = stillToDo(store).find((t) => t.go !== null);
    if (item?.go !== null && item !== undefined) bench.go(item.go);
    else store.onNotice("Nothing left to do");
  };
  keys.bind({ id: "next", code: "KeyN", label: "Next unlabelled span or gap", group: "Tracks", run: nextTodo });

  toolRail(need("#tools", HTMLElement), bench, keys, open);
  const tracks = tracksPanel(need("#tracks", HTMLElement), bench);
  todoPanel(need("#todo", HTMLElement), bench);
  classesPanel(need("#classes", HTMLElement), bench, keys, open);
  const details = inspector(need("#inspector", HTMLElement), bench, keys, open, new Examples(bench, me.roles.includes("project_lead")));
  relationsPanel(need("#relations", HTMLElement), bench, keys, open);
  const comments = commentsPanel(need("#comments", HTMLElement), bench, keys, {
    labelSet: set && set.author_is_me ? set.id : null,
    flush: async () => void (await sync?.flush()),
  });
  const findings = findingsPanel(need("#findings", HTMLElement), bench, keys);
  // Revisions grow while one works: those made since the page was opened can stand beside as well.
  const own = set && { id: set.id, get revision() { return door === "label-sets" ? (sync?.revision ?? set.revision) : 0; } };
  const beside = bindBeside(bench, keys, { own });
  if (set && door === "label-sets") showHistory = bindHistory(bench, keys, sync, set.id, beside.revision);
  const bar = transport(need("#transport", HTMLElement), bench, keys);
  handBar(need("#transport", HTMLElement), bench, keys, open, showSheet);

  let panelsAt = 0;
  bench.onFrame = () => {
    bar.update();
    // While playing, scrubbing or in a stroke, panels follow at a reading pace; the picture's labels follow every frame.
    const now = performance.now();
    if ((player.playing || bench.tools.stroke || bench.timeline.scrubbing) && now - panelsAt < 200) return;
    panelsAt = now;
    tracks();
    details();
  };
  player.onState = () => {
    bar.state();
    if (player.fallback) banner("fallback", "look", player.fallback);
    else banner("fallback", "");
  };

  bindActions();
  /** @type {() => void} */
  let tellOthers = () => {};
  /** An answer may be lost after the server took it: what is heard of later was one's own doing. */
  let triedToHandIn = false;
  if (sync) watchSync(sync);
  if (set && sync) {
    keepTime(bench, set.id, newId());
    slice(need("#minutes", HTMLElement), Number(app.dataset.minutes), store.onNotice, () => void sync?.flush());
  }
  const rate = playOnRate();
  player.onState();
  // Without the other parts this one can be worked on all the same.
  const parts = bindProcedure(bench, keys, sync, open()).catch(() => {});
  await Promise.all([opened, parts, comments, findings]);
  if (rate) player.play(rate);
  bench.stage.focus({ preventScroll: true });
  if (sync && (await sync.recover()) > 0) store.onNotice("Unsent work of an earlier visit was found and is being sent");
  app.dataset.ready = "true";

  function bindActions() {
    const actions = need("#actions", HTMLElement);
    actions.append(
      h("button", { type: "button", class: "button", "aria-keyshortcuts": "?", "data-testid": "shortcuts", onclick: showSheet }, "Shortcuts ", h("kbd", { "aria-hidden": "true" }, "?")),
    );
    focusAfterClicks(bench.stage, "dialog");
    if (!sync) return;
    const submit = h("button", { type: "button", class: "button primary", "data-testid": "submit", "aria-keyshortcuts": "Control+Enter" }, "Submit");
    const run = () => {
      if (sync && open()) void submitDialog(bench, sync, () => submitSet(submit));
    };
    submit.addEventListener("click", run);
    keys.bind({ id: "submit", code: "Enter", ctrl: true, cap: "Enter", label: "Submit", group: "Label set", run });
    keys.bind({ id: "save", code: "KeyS", ctrl: true, label: "Send now what is unsent (all is saved by itself)", group: "Label set", run: () => sync && void sendNow(sync) });
    actions.append(submit);
  }

  /** @param {Sync} active */
  async function sendNow(active) {
    await active.flush();
    store.onNotice(active.pending.length ? "Kept on this device and on its way to the server" : `All is saved: revision ${active.revision}`);
  }

  /** @param {HTMLButtonElement} button */
  async function submitSet(button) {
    if (!sync || !set) return;
    const answer = await handIn(sync, set.id);
    // The project does not show what was handed in: nothing here could be read any more.
    if (answer.is_shown === false) return location.assign("/");
    button.remove();
    close("Submitted: read-only");
    tellOthers();
    store.onNotice("Submitted. Thank you");
  }

  /** @param {Sync} active @param {string} id */
  async function handIn(active, id) {
    active.handingIn = true;
    triedToHandIn = true;
    try {
      return await api.post(`/api/v1/label-sets/${id}/submit/`, { revision: active.revision });
    } catch (error) {
      active.handingIn = false;
      throw error;
    }
  }

  /** @param {string} words nothing can be changed here any more */
  function close(words) {
    reading = words;
    store.set({ readOnly: true, tool: "select" });
    saved.read(reading);
  }

  /** @param {Sync} active */
  function watchSync(active) {
    const conflicts = bindConflicts(active, bench);
    active.inHand = () => bench.tools.inHand;
    active.onState = () => {
      saved.update();
      conflicts();
      if (active.signedOut) signedOut();
    };
    active.onLocked = () => banner("locked", "held", "This label set was locked meanwhile. Your unsent work is kept on this device; ask the project lead to return the set.");
    tellOthers = hear(active, bench, (state) => {
      need("[data-testid=submit]", HTMLElement).remove();
      const here = triedToHandIn ? "Submitted: read-only" : "Submitted in another tab or device: read-only";
      close(state === "submitted" ? here : "Read-only: this label set is no longer open to you");
    });
    globalThis.addEventListener("beforeunload", (event) => {
      if (active.wouldLose) event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => document.hidden && void active.flush());
  }
}

const OPENING = "Opening";
if (need("#picture", HTMLCanvasElement).dataset.frameIndex === undefined) pageState(OPENING, "");
// Over the first picture it does not lie on; what was refused meanwhile does.
void asked.picture.then((still) => still && need("#page-state", HTMLElement).querySelector("h1")?.textContent === OPENING && pageState("", ""));
start().catch((error) => explain(error, "clip"));
