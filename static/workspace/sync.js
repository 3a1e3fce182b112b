/**
 * Saving: every operation is on this device at once and on the server within about a second.
 * Batches stand on a base revision; the server applies each operation once, in order of `seq`.
 */

import { ApiError, Offline } from "./api.js";
import { copyOperations, relationsAgain } from "./conflicts.js";
import { applyOperation } from "./operations.js";
import { newId } from "./store.js";

/** @typedef {import("./types.js").Operation} Operation */
/** @typedef {import("./types.js").SentOperation} SentOperation */
/** @typedef {import("./types.js").LabelSet} LabelSet */
/** @typedef {import("./outbox.js").Outbox} Outbox */
/** @typedef {"saved" | "saving" | "offline"} SavedState */
/** @typedef {import("./conflicts.js").Conflict} Conflict */

const SEND_AFTER_MS = 350;
const BATCH = 200;
const BATCH_BYTES = 1_000_000;
const BACKOFF_MS = [1000, 2000, 4000, 8000, 15000, 30000];

export class Sync {
  /**
   * @param {import("./api.js").Api} api
   * @param {import("./store.js").Store} store
   * @param {string} labelSet @param {number} revision
   * @param {Outbox | null} outbox  null where the device cannot keep work
   */
  constructor(api, store, labelSet, revision, outbox) {
    this.api = api;
    this.store = store;
    this.labelSet = labelSet;
    this.revision = revision;
    this.outbox = outbox;
    this.clientId = newId();
    this.seq = 0;
    /** @type {SentOperation[]} */
    this.pending = [];
    this.stored = 0;
    /** @type {SavedState} */
    this.state = "saved";
    /** Why nothing is sent, in words; empty while all is well. */
    this.reason = "";
    this.signedOut = false;
    /** Handed in from this page: nothing heard meanwhile is another's doing. */
    this.handingIn = false;
    /** @type {Conflict | null} */
    this.conflict = null;
    this.attempt = 0;
    this.timer = 0;
    /** @type {Promise<void> | null} */
    this.sending = null;
    /** @type {() => void} */
    this.onState = () => {};
    /** @type {() => void} */
    this.onLocked = () => {};
    /** The server holds something new. @type {() => void} */
    this.onSaved = () => {};
    /** Objects that what is being drawn will change. @type {() => string[]} */
    this.inHand = () => [];
    /** Reads the label set anew. @type {() => Promise<{labels: import("./types.js").Labels, revision: number}>} */
    this.reload = async () => {
      const set = /** @type {LabelSet} */ (await api.get(`/api/v1/label-sets/${labelSet}/`));
      return { labels: set.labels, revision: set.revision };
    };
    store.onOperations = (ops) => this.add(ops);
    globalThis.addEventListener("online", () => this.kick());
  }

  get url() {
    return `/api/v1/label-sets/${this.labelSet}/operations/`;
  }

  /** True when closing the page now would lose work. */
  get wouldLose() {
    return this.pending.length > 0 && (!this.outbox || this.stored < this.seq);
  }

  /** @param {Operation[]} ops */
  add(ops) {
    const sent = ops.map((op) => ({ ...op, id: newId(), seq: ++this.seq }));
    this.pending.push(...sent);
    void this.#keep(sent);
    if (this.state === "saved") this.#setState("saving", "");
    else this.onState();
    this.#schedule(SEND_AFTER_MS);
  }

  /** @param {SentOperation[]} ops */
  async #keep(ops) {
    if (!this.outbox || !ops.length) return;
    try {
      await this.outbox.put(
        ops.map((operation) => ({
          label_set: this.labelSet,
          client_id: this.clientId,
          seq: operation.seq,
          base_revision: this.revision,
          operation,
        })),
      );
      this.stored = Math.max(this.stored, ops[ops.length - 1].seq);
    } catch (error) {
      this.store.onNotice(`Unsent work is not kept on this device: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** @param {number} delay_ms */
  #schedule(delay_ms) {
    // The first change starts the clock; later ones ride along instead of putting it off.
    if (this.sending || this.conflict || this.signedOut || this.timer) return;
    this.timer = globalThis.setTimeout(() => void this.flush(), delay_ms);
  }

  /** Sends now: after a sign-in, or when the network is back. */
  kick() {
    this.signedOut = false;
    this.attempt = 0;
    if (this.pending.length) void this.flush();
    else if (this.state !== "saved") this.#setState("saved", "");
  }

  /** The server does not know who this is any more; a new sign-in calls `kick`. */
  loseSession() {
    this.signedOut = true;
    this.#setState("offline", this.outbox ? "Signed out: kept on this device" : "Signed out: keep this tab open");
  }

  /** @param {SavedState} state @param {string} reason */
  #setState(state, reason) {
    this.state = state;
    this.reason = reason;
    this.onState();
  }

  /** Sends what is pending. Resolves when nothing is left or sending has to wait. */
  async flush() {
    clearTimeout(this.timer);
    this.timer = 0;
    while (this.sending) await this.sending;
    if (!this.pending.length || this.conflict) return;
    this.sending = this.#send();
    await this.sending;
    this.sending = null;
    if (this.pending.length && this.state === "saving") this.#schedule(50);
    else if (this.pending.length && this.state === "offline") {
      this.#schedule(BACKOFF_MS[Math.min(this.attempt, BACKOFF_MS.length - 1)]);
    }
  }

  #batch() {
    /** @type {SentOperation[]} */
    const batch = [];
    let bytes = 0;
    for (const op of this.pending) {
      bytes += JSON.stringify(op).length;
      if (batch.length && (batch.length >= BATCH || bytes > BATCH_BYTES)) break;
      batch.push(op);
    }
    return batch;
  }

  async #send() {
    const batch = this.#batch();
    if (this.state !== "offline") this.#setState("saving", "");
    try {
      const answer = await this.api.post(this.url, {
        client_id: this.clientId,
        base_revision: this.revision,
        operations: batch,
      });
      this.attempt = 0;
      this.#acknowledge(answer.acknowledged_seq ?? batch[batch.length - 1].seq);
      this.#takeOthers(answer.others ?? [], answer.revision);
      this.#setState(this.pending.length ? "saving" : "saved", "");
      this.onSaved();
    } catch (error) {
      await this.#refused(error);
    }
  }

  /** @param {number} seq */
  #acknowledge(seq) {
    const gone = this.pending.filter((op) => op.seq <= seq).map((op) => op.seq);
    this.pending = this.pending.filter((op) => op.seq > seq);
    if (gone.length) void this.outbox?.remove(this.clientId, gone).catch(() => {});
  }

  /**
   * What others changed of objects that are changed or in hand here too is not taken, nor what came after it: the
   * revision stays below, so that the next save finds that conflict instead of overwriting it, and no other.
   * @param {(Operation & {revision?: number})[]} others in order @param {number} revision
   */
  #takeOthers(others, revision) {
    const mine = new Set([...this.pending.map((op) => op.object), ...this.inHand()]);
    const unseen = others.filter((op) => mine.has(op.object)).map((op) => (op.revision ?? revision) - 1);
    this.revision = Math.max(this.revision, Math.min(revision, ...unseen));
    // What is taken over lies at or below the revision held: a change to it would be called a conflict.
    const theirs = others.filter((op) => (op.revision ?? revision) <= this.revision && !mine.has(op.object));
    if (theirs.length) this.store.applyRemote(theirs);
  }

  /** Whether what others did can be taken over: nothing of one's own is on its way or undecided. */
  get canHear() {
    return !this.pending.length && !this.sending && !this.conflict && !this.signedOut && !this.handingIn && this.state === "saved";
  }

  /** @param {Operation[]} operations of others, up to a revision @param {number} revision */
  hear(operations, revision) {
    this.revision = revision;
    if (operations.length) this.store.applyRemote(operations);
    this.onState();
  }

  /**
   * Takes the server's state as it is now, unless something was begun here while it was read: on top of a newer
   * revision that would overwrite unseen what others did.
   * @param {() => boolean} isFree @returns {Promise<boolean>} whether it was taken
   */
  async readAnew(isFree) {
    const { revision } = this;
    const now = await this.reload();
    if (!isFree() || this.revision !== revision) return false;
    this.takeServerState(now.labels, now.revision);
    this.onState();
    return true;
  }

  /** @param {unknown} error */
  async #refused(error) {
    if (error instanceof Offline || (error instanceof ApiError && (error.status >= 500 || error.status === 429))) {
      this.attempt++;
      this.#setState("offline", this.outbox ? "No network: kept on this device" : "No network: keep this tab open");
      return;
    }
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) this.loseSession();
    else if (error.status === 423 || error.code === "locked") {
      this.store.set({ readOnly: true });
      this.#setState("offline", `Locked: ${this.pending.length} unsent operations are kept on this device`);
      this.conflict = { objects: [], names: [], others: [] };
      this.onLocked();
    } else if (error.status === 409) {
      await this.#conflicted(error);
    } else if (error.status === 400 && typeof error.error.index === "number") {
      await this.#dropInvalid(error);
    } else if (error.status === 404 || error.status === 403) {
      this.conflict = { objects: [], names: [], others: [] };
      this.#setState("offline", "The server no longer takes work on this label set: kept on this device");
    } else {
      this.attempt++;
      this.#setState("offline", `Not saved: ${error.message}`);
    }
  }

  /** @param {ApiError} error */
  async #conflicted(error) {
    if (error.code === "gap") {
      const expected = Number(error.error.expected_seq ?? 1);
      if (expected > this.pending[0].seq) this.#acknowledge(expected - 1);
      else await this.#renumber(newId());
    } else if (error.code === "forked") {
      await this.#renumber(newId());
    } else if (error.code === "ahead_of_server") {
      await this.#rebase();
      await this.#renumber(newId());
      this.store.onNotice("The server was set back: your unsent work was put on top of what it holds");
    } else if (error.code === "conflict") {
      const objects = /** @type {string[]} */ (error.error.objects ?? []);
      this.#acknowledge(Number(error.error.acknowledged_seq ?? 0));
      const others = /** @type {Operation[]} */ (error.error.others ?? []);
      this.conflict = { objects, names: objects.map((o) => this.#nameOf(o)), others };
      this.#setState("offline", "Changed elsewhere: choose what stays");
      return;
    }
    this.attempt++;
    this.#setState(this.attempt < 4 ? "saving" : "offline", "");
  }

  /** @param {string} object */
  #nameOf(object) {
    const { store } = this;
    return store.trackName(object) || store.classOf(store.labels.intervals[object]?.class_id ?? "")?.name || "Phase or event";
  }

  /**
   * The person's answer to a conflict.
   * @param {Map<string, import("./conflicts.js").Stays>} stays by object; `both`: one's own goes on under another UUID
   */
  async resolve(stays) {
    const conflict = this.conflict;
    if (!conflict) return;
    const shown = this.store.labels;
    try {
      const now = await this.reload();
      /** @type {Operation[]} */
      const made = [];
      /** @type {Set<string>} */
      const again = new Set();
      for (const [object, what] of stays) {
        // What others removed has to be made again before it can be changed.
        const isAgain = what !== "theirs" && !now.labels.tracks[object] && !now.labels.intervals[object];
        const isPart = isAgain && shown.tracks[object]?.missing?.length;
        const mine = isPart ? await this.#atBase(object) : shown;
        const copy = isAgain ? copyOperations(mine, now.labels, object, object) : what === "both" ? copyOperations(mine, now.labels, object) : [];
        if (what !== "mine" || copy.length) this.pending = this.pending.filter((op) => op.object !== object);
        if (isAgain && copy.length) again.add(object);
        made.push(...copy);
      }
      made.push(...relationsAgain(shown, now.labels, again, conflict.others, this.pending));
      // First, for what is unsent may name them: a relation does.
      this.pending = [...made.map((op) => ({ ...op, id: newId(), seq: 0 })), ...this.pending];
      this.revision = now.revision;
      this.store.replaceLabels(now.labels, this.pending);
      await this.#renumber(newId());
    } catch (error) {
      await this.#refused(error);
      return;
    }
    this.conflict = null;
    this.#setState(this.pending.length ? "saving" : "saved", "");
    void this.flush();
  }

  /** One's own version of an object of which not all was read, with all of it. @param {string} object @returns {Promise<import("./types.js").Labels>} */
  async #atBase(object) {
    const { labels } = /** @type {{labels: import("./types.js").Labels}} */ (await this.api.get(`/api/v1/label-sets/${this.labelSet}/revisions/${this.revision}/`));
    for (const op of this.pending) if (op.object === object) applyOperation(labels, op);
    return labels;
  }

  /** The server's present state below, what is unsent on top. */
  async #rebase() {
    const now = await this.reload();
    this.revision = now.revision;
    this.store.replaceLabels(now.labels, this.pending);
  }

  /** A refused operation can never be saved: it is taken out and the person told. @param {ApiError} error */
  async #dropInvalid(error) {
    const bad = this.pending[Number(error.error.index ?? 0)];
    this.pending = this.pending.filter((op) => op !== bad);
    this.store.onNotice(`One change could not be saved: ${error.message}${error.remedy ? ` ${error.remedy}` : ""}`);
    try {
      await this.#rebase();
      await this.#renumber(newId());
      this.#setState(this.pending.length ? "saving" : "saved", "");
    } catch (failure) {
      await this.#refused(failure);
    }
  }

  /** The same operations under another client id, numbered from 1. @param {string} clientId */
  async #renumber(clientId) {
    const old = this.clientId;
    const oldSeqs = Array.from({ length: this.seq }, (_, i) => i + 1);
    this.clientId = clientId;
    await holdClient(clientId);
    this.pending = this.pending.map((op, i) => ({ ...op, seq: i + 1 }));
    this.seq = this.pending.length;
    this.stored = 0;
    await this.#keep(this.pending);
    await this.outbox?.remove(old, oldSeqs).catch(() => {});
  }

  /**
   * Work that an earlier tab left behind: goes on under its own client id, so that what the server
   * has already is not applied twice. Tabs still alive keep theirs (Web Locks tell).
   * @returns {Promise<number>} operations taken up
   */
  async recover() {
    if (!this.outbox) return 0;
    let taken = 0;
    for (const [clientId, unsent] of await this.outbox.read()) {
      if (!(await holdClient(clientId))) continue;
      taken += unsent.length;
      if (!this.pending.length) {
        this.clientId = clientId;
        this.pending = unsent.map((item) => item.operation);
        this.seq = unsent[unsent.length - 1].seq;
        this.stored = this.seq;
        this.revision = Math.min(this.revision, ...unsent.map((item) => item.base_revision));
      } else {
        const renewed = unsent.map((item) => ({ ...item.operation, seq: ++this.seq }));
        this.pending.push(...renewed);
        await this.#keep(renewed);
        await this.outbox.remove(clientId, unsent.map((item) => item.seq));
      }
    }
    if (!taken) await holdClient(this.clientId);
    else {
      this.store.replaceLabels(this.store.labels, this.pending);
      this.#setState("saving", "");
      await this.flush();
      // What the server had of it already is not known here: its own state is the truth.
      if (!this.pending.length) await this.#rebase().catch(() => {});
      this.onState();
    }
    return taken;
  }

  /** Takes the server's state after it changed the set itself. @param {import("./types.js").Labels} labels @param {number} revision */
  takeServerState(labels, revision) {
    this.revision = revision;
    this.store.replaceLabels(labels, this.pending);
  }
}

/**
 * Marks a client id as this tab's for as long as the tab lives.
 * @param {string} clientId @returns {Promise<boolean>} false when another living tab has it
 */
function holdClient(clientId) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    void navigator.locks.request(`clinical-annot-client-${clientId}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock ? new Promise(() => {}) : undefined;
    });
  });
}
