/** Wires the adjudication screen: two label sets over one video, decided by key. */

import { Api, ApiError } from "../workspace/api.js";
import { Bench } from "../workspace/bench.js";
import { bindBeside } from "../workspace/beside.js";
import { bindDrawing, bindPlaying } from "../workspace/commands.js";
import { focusAfterClicks, h, need } from "../workspace/dom.js";
import { Hash } from "../workspace/hash.js";
import { Keys } from "../workspace/keys.js";
import { explain, keyChoices, loadClip, pageState, wait } from "../workspace/load.js";
import { Outbox } from "../workspace/outbox.js";
import { classesPanel } from "../workspace/panels/classes.js";
import { commentsPanel } from "../workspace/panels/comments.js";
import { findingsPanel } from "../workspace/panels/findings.js";
import { Examples } from "../workspace/panels/examples.js";
import { handBar } from "../workspace/panels/handbar.js";
import { inspector } from "../workspace/panels/inspector.js";
import { relationsPanel } from "../workspace/panels/relations.js";
import { bindShortcutSheet } from "../workspace/panels/shortcuts.js";
import { banner, notices, savedState, signInBanner } from "../workspace/panels/topbar.js";
import { toolRail } from "../workspace/panels/toolrail.js";
import { transport } from "../workspace/panels/transport.js";
import { keepTime } from "../workspace/spell.js";
import { Store, newId } from "../workspace/store.js";
import { bindConflicts } from "../workspace/panels/conflict.js";
import { Sync } from "../workspace/sync.js";
import { MERGES, decidePanel } from "./decide.js";
import { adjudicationLanes, bothSides } from "./lanes.js";
import { confirmTakeIn } from "./join.js";
import { disagreementList, progressBar } from "./list.js";
import { signDialog } from "./sign.js";
import { AdjudicationState } from "./state.js";
import { redrawTarget, withdrawRedrawn } from "./redraw.js";

/** @typedef {import("./types.js").Adjudication} Adjudication */

/** @type {Record<import("./types.js").Side, string>} */
const TAKE = { a: "KeyA", b: "KeyB", c: "KeyC", d: "KeyD", e: "KeyE" };

/** @param {Api} api @param {string} id @returns {Promise<Adjudication>} */
async function load(api, id) {
  for (;;) {
    const loaded = /** @type {Adjudication} */ (await api.get(`/api/v1/adjudications/${id}/`));
    if (loaded.is_compared !== false) return loaded;
    pageState("The label sets are being compared", "This opens by itself in a moment.");
    await wait(2000);
  }
}

async function start() {
  const app = need("#app", HTMLElement);
  const { adjudicationId = "", csrf = "" } = app.dataset;
  const api = new Api(csrf);
  const loaded = await load(api, adjudicationId);
  const [{ clip, index }, me] = await Promise.all([
    loadClip(api, loaded.clip.id),
    /** @type {Promise<import("../workspace/types.js").Me>} */ (api.get("/api/v1/me/")),
  ]);
  const state = new AdjudicationState(loaded);
  const store = new Store({
    labels: loaded.consensus.labels, ontology: loaded.ontology, clip: clip.id, n_frames: clip.n_frames,
    width_px: clip.width_px, height_px: clip.height_px, readOnly: state.isSigned,
  });
  store.onNotice = notices();
  const bench = new Bench(clip, index, store, api);
  const { player } = bench;
  bench.lanes = () => adjudicationLanes(state, store);
  bench.timeline.overview = adjudicationLanes(state, store).find((lane) => lane.id === (state.isReview ? "phase" : "phase-a"));
  bench.extraItems = (frame) => (state.isSigned ? [] : bothSides(state, store, frame));
  bench.showOwn = () => state.editing || state.isSigned;
  need("#subtitle", HTMLElement).textContent = [loaded.ontology.title, clip.pseudonym && `subject ${clip.pseudonym}`, clip.name].filter(Boolean).join(" · ");

  /** @type {Outbox | null} */
  let outbox = null;
  try {
    outbox = await Outbox.open(me.username, me.user_key, loaded.consensus.label_set);
  } catch (error) {
    banner("outbox", "look", error instanceof Error ? error.message : "Unsent work is not kept on this device");
  }
  const sync = new Sync(api, store, loaded.consensus.label_set, loaded.consensus.revision, outbox);
  const signedOut = () => signInBanner(api, me.username, () => {
    player.retry();
    sync.kick();
  });
  player.onSignedOut = signedOut;
  const saved = savedState(need("#saved", HTMLElement), sync, state.state === "returned" ? "Returned: read-only" : state.state === "ended" ? "Ended: read-only" : state.isSigned ? "Signed: read-only" : "");
  const conflicts = bindConflicts(sync, bench);
  sync.inHand = () => bench.tools.inHand;
  sync.onState = () => {
    saved.update();
    conflicts();
    if (sync.signedOut) signedOut();
  };

  if (!state.isSigned) keepTime(bench, loaded.consensus.label_set, newId());
  let isDeciding = false;
  const keys = new Keys(await keyChoices(api));
  const editing = () => state.editing && !store.readOnly;
  const group = "Decide";
  const idle = () => !state.editing && !state.isSigned;
  for (const { side, name } of state.sides) {
    if (!state.isReview) keys.bind({ id: `take-${side}`, code: TAKE[side], label: `Take ${name}`, group, when: idle, run: () => void decide(side) });
  }
  keys.bind({ id: "redraw", code: "KeyR", label: state.isReview ? "Correct the labels, with a reason" : "Redraw the consensus, with a reason", group, when: idle, run: () => panel.askReason() });
  if (state.isReview) keys.bind({ id: "return", code: "KeyW", label: "Return the labels with a remark", group, when: idle, run: () => panel.askRemark() });
  const merge = (/** @type {string} */ key) => {
    const how = state.current?.merges?.find((m) => MERGES[m][0] === key);
    if (how) void decide(how);
    else store.onNotice(key === "M" ? "This is not merged: take a side or redraw" : key === "H" ? "Only three sides and more are merged so" : "Only masks are merged so");
  };
  keys.bind({ id: "merge", code: "KeyM", label: "Merge: unite masks, average places", group, when: idle, run: () => merge("M") });
  keys.bind({ id: "merge-intersect", code: "KeyI", label: "Merge: intersect masks", group, when: idle, run: () => merge("I") });
  keys.bind({ id: "merge-half", code: "KeyH", label: "Merge three and more: majority of masks, median of places", group, when: idle, run: () => merge("H") });
  keys.bind({ id: "merge-staple", code: "KeyS", label: "Merge: estimate the mask (STAPLE)", group, when: idle, run: () => merge("S") });
  if (state.joins) keys.bind({ id: "take-in", code: "KeyF", shift: true, label: "Take the further reader in", group, when: idle, run: () => void takeIn() });
  keys.bind({ id: "accept-small", code: "Enter", shift: true, cap: "Enter", label: "Accept all below the project's threshold", group, when: idle, run: () => void acceptSmall() });
  keys.bind({ id: "next", code: "KeyN", label: "Next disagreement", group, run: () => choose(state.at + 1) });
  keys.bind({ id: "previous", code: "KeyP", label: "Previous disagreement", group, when: () => !state.editing, run: () => choose(state.at - 1) });
  keys.bind({ id: "list-down", code: "ArrowDown", label: "Next disagreement", group, when: idle, run: () => choose(state.at + 1), repeat: true });
  keys.bind({ id: "list-up", code: "ArrowUp", label: "Previous disagreement", group, when: idle, run: () => choose(state.at - 1), repeat: true });
  keys.bind({ id: "done", code: "Escape", label: "End redrawing", group, when: () => state.editing && !bench.tools.busy && !store.cursor.on, run: () => endRedraw() });
  bindPlaying(keys, bench);
  bindDrawing(keys, bench, editing);
  const showSheet = bindShortcutSheet(keys, async (choices) => void (await api.post("/api/v1/me/keys/", choices)));
  bindAlone();

  const updateTools = toolRail(need("#tools", HTMLElement), bench, keys, editing);
  disagreementList(need("#disagreements", HTMLElement), state, player.time, choose);
  progressBar(need("#progress", HTMLElement), state);
  const panel = decidePanel(need("#decide", HTMLElement), state, store, {
    take: (side) => void decide(side),
    acceptSmall: () => void acceptSmall(),
    takeIn: () => void takeIn(),
    redraw: (reason) => void (state.isReview ? correct(reason) : decide("redraw", reason)),
    giveBack: (remark) => void giveBack(remark),
    done: () => endRedraw(),
  });
  classesPanel(need("#classes", HTMLElement), bench, keys, editing);
  const details = inspector(need("#inspector", HTMLElement), bench, keys, editing, new Examples(bench, false));
  relationsPanel(need("#relations", HTMLElement), bench, keys, editing);
  void commentsPanel(need("#comments", HTMLElement), bench, keys, {
    labelSet: loaded.consensus.label_set, flush: () => sync.flush(),
  });
  void findingsPanel(need("#findings", HTMLElement), bench, keys);
  bindBeside(bench, keys, {
    own: { id: loaded.consensus.label_set, revision: state.mayEndorse === "countersign" ? 0 : loaded.consensus.revision },
    first: state.sides[1]?.labelSet ?? state.sides[0].labelSet,
    colorOf: (set) => state.sides.find((side) => side.labelSet === set)?.color,
    onShown: (set) => {
      state.beside = state.sides.find((side) => side.labelSet === set)?.side ?? "";
    },
  });
  const bar = transport(need("#transport", HTMLElement), bench, keys);
  const updateHand = handBar(need("#transport", HTMLElement), bench, keys, editing, showSheet);
  const sign = h("button", { type: "button", class: "button primary", "data-testid": "sign", "aria-keyshortcuts": "Control+Enter", onclick: () => void openSign() }, "Sign");
  const endorse = h("button", { type: "button", class: "button", "data-testid": "endorse", onclick: () => void openEndorse() });
  need("#actions", HTMLElement).append(
    h("button", { type: "button", class: "button", "aria-keyshortcuts": "?", "data-testid": "shortcuts", onclick: showSheet }, "Shortcuts ", h("kbd", { "aria-hidden": "true" }, "?")),
    endorse,
    sign,
  );
  keys.bind({ id: "sign", code: "Enter", ctrl: true, cap: "Enter", label: "Sign, when all is decided", group, run: () => void openSign() });

  const update = () => {
    sign.disabled = state.isSigned || state.decided < state.disagreements.length;
    sign.hidden = state.isSigned;
    endorse.hidden = state.state !== "signed" || !state.mayEndorse;
    endorse.textContent = state.mayEndorse === "countersign" ? "Countersign" : "Withdraw…";
    document.body.classList.toggle("editing", state.editing);
    updateTools();
    updateHand();
    details();
    player.invalidate();
    bench.timeline.paint();
  };
  state.listen(update);
  bench.onFrame = () => {
    bar.update();
    if (state.editing && !player.playing) details();
  };
  player.onState = () => {
    bar.state();
    banner("fallback", "look", ...(player.fallback ? [player.fallback] : []));
  };
  focusAfterClicks(bench.stage, "dialog, .reason, .choice");
  globalThis.addEventListener("beforeunload", (event) => sync.wouldLose && event.preventDefault());

  update();
  player.seek(Hash.read() ?? state.current?.start_frame ?? 0);
  await player.open();
  bench.stage.focus({ preventScroll: true });
  if (!state.isSigned) await sync.recover();
  app.dataset.ready = "true";

  /** @param {number} at */
  function choose(at) {
    const n = state.disagreements.length;
    if (!n) return;
    if (state.editing) endRedraw();
    state.at = (at + n) % n;
    state.changed();
    const d = state.current;
    if (d) bench.go(d.start_frame);
  }

  function nextUndecided() {
    const n = state.disagreements.length;
    for (let i = 1; i <= n; i++) if (!state.disagreements[(state.at + i) % n].decision) return choose(state.at + i);
    store.onNotice("Everything is decided. Sign when you are ready");
  }

  /** @param {import("./types.js").Decided} decision @param {string} [reason] */
  async function decide(decision, reason) {
    const d = state.current;
    if (!d || state.isSigned || state.editing) return;
    await deciding(async () => {
      if (decision !== "redraw") withdrawRedrawn(store, d);
      const done = await answered("decide", { disagreement: d.id, decision, ...(reason ? { reason } : {}) });
      if (done && decision === "redraw") beginRedraw();
      else if (done) nextUndecided();
    });
  }

  /** The page begins anew: there are more sides. Decisions fall with it, so who made some is asked. */
  async function takeIn() {
    if (state.decided && !(await confirmTakeIn(state.decided))) return;
    await deciding(async () => {
      await sync.flush();
      await api.post(`/api/v1/adjudications/${state.id}/take-in/`, {});
      location.reload();
    });
  }

  /** @param {string} reason */
  async function correct(reason) {
    await deciding(async () => {
      await api.post(`/api/v1/adjudications/${state.id}/correct/`, { reason });
      state.editing = true;
      state.changed();
      bench.stage.focus({ preventScroll: true });
    });
  }

  /** @param {string} remark */
  async function giveBack(remark) {
    await deciding(async () => {
      await sync.flush();
      const answer = await api.post(`/api/v1/adjudications/${state.id}/return/`, { remark });
      store.set({ readOnly: true, tool: "select" });
      saved.read("Returned: read-only");
      state.state = answer.state;
      state.changed();
    });
  }

  async function acceptSmall() {
    const n = state.small.length;
    if (!n) return store.onNotice("Nothing undecided is below the project's threshold");
    await deciding(async () => {
      if (!(await answered("accept-small", {}))) return;
      store.onNotice(`${n} small ${n === 1 ? "difference" : "differences"} accepted`);
      nextUndecided();
    });
  }

  /** One decision at a time: a key pressed before the next difference shows is not meant for it. @param {() => Promise<void>} act */
  async function deciding(act) {
    if (isDeciding) return;
    isDeciding = true;
    try {
      await act();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) signedOut();
      store.onNotice(error instanceof ApiError ? [error.message, error.remedy].filter(Boolean).join(" ") : "The server does not answer: not decided");
    } finally {
      isDeciding = false;
    }
  }

  /** Whether the server took it. @param {string} verb @param {object} body */
  async function answered(verb, body) {
    await sync.flush();
    if (sync.pending.length) {
      store.onNotice("Earlier changes are not on the server yet: decide again in a moment");
      return false;
    }
    const answer = await api.post(`/api/v1/adjudications/${state.id}/${verb}/`, body);
    sync.takeServerState(answer.consensus.labels, answer.consensus.revision);
    saved.update();
    state.take(answer.disagreements);
    return true;
  }

  function beginRedraw() {
    const d = state.current;
    if (!d) return;
    state.editing = true;
    const object = redrawTarget(store, state, d);
    if (object && store.labels.tracks[object]) bench.edits.selectTrack(object);
    else if (object && store.labels.intervals[object]) store.set({ selectedInterval: object, activeClass: d.class_id });
    bench.edits.chooseClass(d.class_id);
    if (object && store.labels.tracks[object]) bench.edits.selectTrack(object);
    state.changed();
    bench.stage.focus({ preventScroll: true });
  }

  function endRedraw() {
    bench.tools.up();
    bench.tools.cancel();
    state.editing = false;
    store.set({ tool: "select", selectedTrack: null, selectedInterval: null });
    void sync.flush();
    state.changed();
  }

  /** Hold Tab on the picture to see one side alone; a short press moves the focus as ever. */
  function bindAlone() {
    let turn = state.sides.length - 1;
    let since = 0;
    bench.stage.addEventListener("keydown", (event) => {
      if (event.code !== "Tab" || event.shiftKey || event.ctrlKey || event.altKey) return;
      event.preventDefault();
      if (event.repeat) return;
      since = performance.now();
      turn = (turn + 1) % state.sides.length;
      state.alone = state.sides[turn].side;
      state.changed();
    });
    globalThis.addEventListener("keyup", (event) => {
      if (event.code !== "Tab" || !state.alone) return;
      state.alone = "";
      state.changed();
      if (performance.now() - since < 220 && document.activeElement === bench.stage) {
        const choices = need("#decide", HTMLElement);
        /** @type {HTMLElement | null} */ (choices.querySelector("[data-testid=take-a]") ?? choices.querySelector("button"))?.focus();
      }
    });
    keys.bind({ id: "alone", code: "F24", cap: "Tab", label: "Hold on the picture: see A alone, next time the next", group, run: () => {} });
  }

  async function openSign() {
    if (sign.disabled) {
      store.onNotice(state.isSigned ? "This consensus is signed" : `${state.disagreements.length - state.decided} disagreements are not decided yet`);
      return;
    }
    if (state.editing) endRedraw();
    await sync.flush();
    if (sync.pending.length) {
      store.onNotice("Changes are not on the server yet: sign in a moment");
      return;
    }
    await bench.tellWatched();
    try {
      const now = await load(api, state.id);
      await signDialog(api, now, "sign", (answer) => {
        store.replaceLabels(now.consensus.labels, []);
        store.set({ readOnly: true, tool: "select" });
        saved.read("Signed: read-only");
        state.signed(answer);
      });
    } catch (error) {
      store.onNotice(error instanceof ApiError ? error.message : "The server does not answer: nothing was signed");
    }
  }

  /** Countersign another's consensus, or withdraw one's own. */
  async function openEndorse() {
    const kind = state.mayEndorse;
    if (!kind) return;
    await bench.tellWatched();
    try {
      await signDialog(api, await load(api, state.id), kind, (answer) => {
        if (answer.state === "withdrawn") saved.read("Withdrawn: read-only");
        state.signed(answer);
      });
    } catch (error) {
      store.onNotice(error instanceof ApiError ? error.message : "The server does not answer: nothing was signed");
    }
  }
}

pageState("Opening", "");
start().catch((error) => explain(error, "adjudication"));
