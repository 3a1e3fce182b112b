/** Which disagreement is in hand, what is decided, and whether the consensus is being redrawn. */

/** @typedef {import("./types.js").Adjudication} Adjudication */
/** @typedef {import("./types.js").Disagreement} Disagreement */
/** @typedef {import("./types.js").Side} Side */

import { SIDES } from "./types.js";

export class AdjudicationState {
  /** @param {Adjudication} loaded */
  constructor(loaded) {
    this.id = loaded.id;
    this.state = loaded.state;
    /** One annotator's labels under review: accepted, corrected or returned. */
    this.isReview = loaded.is_review ?? false;
    this.joins = loaded.joins ?? false;
    /** Letter, name, colour and labels of each side. @type {{side: Side, name: string, color: string, labels: import("./types.js").Labels, labelSet: string}[]} */
    this.sides = loaded.sets.map(({ labels, label_set }, at) => ({ labelSet: label_set, side: SIDES[at][0], name: SIDES[at][1], color: SIDES[at][2], labels }));
    this.agreement = loaded.agreement;
    this.signature = loaded.signature ?? null;
    this.endorsements = loaded.endorsements ?? [];
    this.versions = loaded.versions ?? [];
    this.mayEndorse = loaded.may_endorse ?? "";
    /** Differences smaller than this (0 to 1) may be accepted together. */
    this.acceptBelow = loaded.accept_below ?? 0;
    /** @type {Disagreement[]} largest first */
    this.disagreements = [];
    this.at = 0;
    this.editing = false;
    /** Seen alone while Tab is held. @type {"" | Side} */
    this.alone = "";
    /** Seen in the second picture, so the first shows the other. @type {"" | Side} */
    this.beside = "";
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    this.take(loaded.disagreements);
    const open = this.disagreements.findIndex((d) => !d.decision);
    this.at = open < 0 ? 0 : open;
  }

  get isSigned() {
    return this.state !== "open";
  }

  /** @param {Side} side */
  labelsOf(side) {
    return this.sides.find((s) => s.side === side)?.labels ?? { clips: [], tracks: {}, intervals: {} };
  }

  /** The first side that has what the disagreement is about. @param {Disagreement} d */
  firstWith(d) {
    return this.sides.find((s) => d[s.side]) ?? this.sides[0];
  }

  /** @param {Disagreement[]} rows */
  take(rows) {
    const held = this.current?.id;
    this.disagreements = [...rows].sort((p, q) => q.size - p.size || p.start_frame - q.start_frame);
    const at = this.disagreements.findIndex((d) => d.id === held);
    if (at >= 0) this.at = at;
    this.changed();
  }

  /** @returns {Disagreement | undefined} */
  get current() {
    return this.disagreements[this.at];
  }

  get decided() {
    return this.disagreements.filter((d) => d.decision).length;
  }

  /** Undecided differences below the project's threshold: A stands for them, as for what is agreed. */
  get small() {
    return this.disagreements.filter((d) => !d.decision && d.size < this.acceptBelow && !d.kind.startsWith("only_"));
  }

  /** @param {import("./types.js").Signed} answer */
  signed(answer) {
    this.state = answer.state;
    this.signature = answer.signature;
    this.endorsements = answer.endorsements ?? [];
    this.mayEndorse = this.mayEndorse || answer.state !== "signed" ? "" : "withdraw";
    this.changed();
  }

  /** @param {() => void} listener */
  listen(listener) {
    this.listeners.add(listener);
  }

  changed() {
    for (const listener of this.listeners) listener();
  }
}
