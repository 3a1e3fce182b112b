/** Operations on labels: what they do and how each is taken back. Pure; the server has the same rules. */

/** @typedef {import("./types.js").Labels} Labels */
/** @typedef {import("./types.js").Operation} Operation */

/**
 * Applies one operation to labels in place. Containers that change are replaced down to the track's
 * keyframes, so that caches keyed by object identity see the change.
 * @param {Labels} labels
 * @param {Operation} op
 */
export function applyOperation(labels, op) {
  switch (op.op) {
    case "track.create":
      labels.tracks[op.object] = {
        clip: op.clip,
        class_id: op.class_id,
        number: nextNumber(labels, op.class_id, op.number),
        attributes: {},
        keyframes: {},
      };
      break;
    case "track.delete":
      delete labels.tracks[op.object];
      for (const id of relationsOf(labels, op.object)) drop(labels, "relations", id);
      break;
    case "track.set":
      if (labels.tracks[op.object]) labels.tracks[op.object].attributes = { ...op.attributes };
      break;
    case "keyframe.set": {
      const track = labels.tracks[op.object];
      if (!track) break;
      track.keyframes = {
        ...track.keyframes,
        [String(op.frame_index)]: { state: op.state, shape: op.shape, attributes: { ...op.attributes } },
      };
      break;
    }
    case "keyframe.delete": {
      const track = labels.tracks[op.object];
      if (!track) break;
      track.keyframes = { ...track.keyframes };
      delete track.keyframes[String(op.frame_index)];
      break;
    }
    case "interval.set":
      labels.intervals[op.object] = {
        clip: op.clip,
        class_id: op.class_id,
        start_frame: op.start_frame,
        end_frame: op.end_frame,
        attributes: { ...op.attributes },
      };
      break;
    case "interval.delete":
      delete labels.intervals[op.object];
      break;
    case "relation.set": {
      const { op: _, object, clip, relation, subject, target, start_frame, end_frame } = op;
      // A track that another client took away took its relations along.
      if (!labels.tracks[subject] || !labels.tracks[target]) break;
      labels.relations = { ...labels.relations, [object]: { clip, relation, subject, target, start_frame, end_frame } };
      break;
    }
    case "proposal.set": {
      const { op: _, object, clip, source, decision, result } = op;
      labels.proposals = { ...labels.proposals, [object]: { clip, source, decision, result } };
      break;
    }
    case "relation.delete":
      drop(labels, "relations", op.object);
      break;
    case "proposal.delete":
      drop(labels, "proposals", op.object);
      break;
  }
}

/** @param {Labels} labels @param {"relations" | "proposals"} part @param {string} id */
function drop(labels, part, id) {
  /** @type {Record<string, unknown>} */
  const held = { ...labels[part] };
  delete held[id];
  if (Object.keys(held).length) /** @type {any} */ (labels)[part] = held;
  else delete labels[part];
}

/** Ids of the relations that a track stands in: they go when it goes. @param {Labels} labels @param {string} track @returns {string[]} */
export function relationsOf(labels, track) {
  return Object.entries(labels.relations ?? {})
    .filter(([, r]) => r.subject === track || r.target === track)
    .map(([id]) => id);
}

/**
 * The operations that take `op` back, given the labels before it is applied.
 * @param {Labels} labels
 * @param {Operation} op
 * @returns {Operation[]}
 */
export function inverseOf(labels, op) {
  switch (op.op) {
    case "track.create":
      return [{ op: "track.delete", object: op.object }];
    case "track.delete":
      return [
        ...createTrackOperations(labels, op.object),
        ...relationsOf(labels, op.object).map((object) =>
          /** @type {Operation} */ ({ op: "relation.set", object, .../** @type {import("./types.js").Relation} */ (labels.relations?.[object]) })),
      ];
    case "track.set": {
      const track = labels.tracks[op.object];
      return track ? [{ op: "track.set", object: op.object, attributes: { ...track.attributes } }] : [];
    }
    case "keyframe.set":
    case "keyframe.delete": {
      const held = labels.tracks[op.object]?.keyframes[String(op.frame_index)];
      if (!held) {
        return op.op === "keyframe.set"
          ? [{ op: "keyframe.delete", object: op.object, frame_index: op.frame_index }]
          : [];
      }
      return [{ op: "keyframe.set", object: op.object, frame_index: op.frame_index, ...held }];
    }
    case "interval.set":
    case "interval.delete": {
      const held = labels.intervals[op.object];
      if (!held) return op.op === "interval.set" ? [{ op: "interval.delete", object: op.object }] : [];
      return [{ op: "interval.set", object: op.object, ...held }];
    }
    case "relation.set":
    case "relation.delete": {
      const held = labels.relations?.[op.object];
      if (!held) return op.op === "relation.set" ? [{ op: "relation.delete", object: op.object }] : [];
      return [{ op: "relation.set", object: op.object, ...held }];
    }
    case "proposal.set":
    case "proposal.delete": {
      const held = labels.proposals?.[op.object];
      if (!held) return op.op === "proposal.set" ? [{ op: "proposal.delete", object: op.object }] : [];
      return [{ op: "proposal.set", object: op.object, ...held }];
    }
  }
}

/**
 * Operations that make a copy of a track as it stands, under the same or another UUID.
 * @param {Labels} labels  where the track is read
 * @param {string} from
 * @param {{object?: string, number?: number}} [as]
 * @returns {Operation[]}
 */
export function createTrackOperations(labels, from, as = {}) {
  const track = labels.tracks[from];
  if (!track) return [];
  const object = as.object ?? from;
  /** @type {Operation[]} */
  const ops = [
    {
      op: "track.create",
      object,
      clip: track.clip,
      class_id: track.class_id,
      number: as.number ?? track.number,
    },
  ];
  if (Object.keys(track.attributes).length) {
    ops.push({ op: "track.set", object, attributes: { ...track.attributes } });
  }
  for (const [frame, keyframe] of Object.entries(track.keyframes)) {
    ops.push({ op: "keyframe.set", object, frame_index: Number(frame), ...keyframe });
  }
  return ops;
}

/**
 * The number of a new track of a class ("Grasper 2"): the wished one where it is free, else the next.
 * @param {Labels} labels
 * @param {string} classId
 * @param {number} [wished]
 */
export function nextNumber(labels, classId, wished) {
  let highest = 0;
  let taken = wished === undefined;
  for (const track of Object.values(labels.tracks)) {
    if (track.class_id !== classId) continue;
    highest = Math.max(highest, track.number);
    if (track.number === wished) taken = true;
  }
  return taken ? highest + 1 : Number(wished);
}

/**
 * Operations that set a phase from start to end and keep phases of one clip exclusive: what lies
 * below it is cut back, split or removed first, so that no moment holds two phases.
 * @param {Labels} labels
 * @param {string} object
 * @param {import("./types.js").Interval} interval
 * @param {(classId: string) => boolean} isPhase
 * @param {() => string} newId
 * @returns {Operation[]}
 */
export function setPhaseOperations(labels, object, interval, isPhase, newId) {
  const { start_frame: start, end_frame: end } = interval;
  /** @type {Operation[]} */
  const ops = [];
  for (const [id, other] of Object.entries(labels.intervals)) {
    if (id === object || other.clip !== interval.clip || !isPhase(other.class_id)) continue;
    if (other.end_frame <= start || other.start_frame >= end) continue;
    const left = other.start_frame < start;
    const right = other.end_frame > end;
    if (left) ops.push({ op: "interval.set", object: id, ...other, end_frame: start });
    if (right) {
      const rightId = left ? newId() : id;
      ops.push({ op: "interval.set", object: rightId, ...other, start_frame: end });
    }
    if (!left && !right) ops.push({ op: "interval.delete", object: id });
  }
  ops.push({ op: "interval.set", object, ...interval });
  return ops;
}

/**
 * Spans of a clip that no phase covers.
 * @param {Labels} labels
 * @param {string} clip
 * @param {number} nFrames
 * @param {(classId: string) => boolean} isPhase
 * @returns {[number, number][]} start inclusive, end exclusive
 */
export function unlabelledSpans(labels, clip, nFrames, isPhase) {
  const phases = Object.values(labels.intervals)
    .filter((i) => i.clip === clip && isPhase(i.class_id))
    .sort((a, b) => a.start_frame - b.start_frame);
  /** @type {[number, number][]} */
  const spans = [];
  let at = 0;
  for (const phase of phases) {
    if (phase.start_frame > at) spans.push([at, phase.start_frame]);
    at = Math.max(at, phase.end_frame);
  }
  if (at < nFrames) spans.push([at, nFrames]);
  return spans;
}
