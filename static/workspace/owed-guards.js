/**
 * Keyframes put where their neighbours are not read yet. A stroke does not wait for them: the track is read at once, and
 * what keeps the keyframe apart over a change of shot is added to the same step of undo when the neighbours are here.
 */

import { ruleOf } from "./interpolate.js";
import { isUnreadBeside, shotGuards } from "./shots.js";

export const APART = "The shot changes in between: nothing is filled in over it";

export class OwedGuards {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
    /** Frames by track. @type {Map<string, Set<number>>} */
    this.owed = new Map();
    store.listen((kind) => kind !== "frame" && this.#settle());
  }

  /** @param {string} object @param {number} frame of a keyframe that was put */
  owe(object, frame) {
    const { store } = this;
    const track = store.labels.tracks[object];
    const own = track && store.classOf(track.class_id);
    if (!own || !store.shots.length || ruleOf(own).kind === "none" || !isUnreadBeside(track, frame)) return;
    this.owed.set(object, (this.owed.get(object) ?? new Set()).add(frame));
    store.onWanted(object);
  }

  #settle() {
    for (const [object, frames] of this.owed) for (const frame of frames) this.#guard(object, frame, frames);
  }

  /** @param {string} object @param {number} frame @param {Set<number>} frames that one's track owes */
  #guard(object, frame, frames) {
    const { store } = this;
    const track = store.labels.tracks[object];
    const own = track && store.classOf(track.class_id);
    const keyframe = track?.keyframes[String(frame)];
    // Taken back, it may come again.
    if (!own || !keyframe) return;
    if (isUnreadBeside(track, frame)) return store.onWanted(object);
    frames.delete(frame);
    const keyframes = { ...track.keyframes };
    delete keyframes[String(frame)];
    const guards = shotGuards({ ...track, keyframes }, object, frame, keyframe, store.shots, ruleOf(own));
    if (store.amend(object, frame, guards)) store.onNotice(APART);
  }
}
