"""Which operations are taken: checked against the ontology, the clips' sizes and the labels.

A refusal names the operation by its place in the batch, the field, the kind of what was wrong and
the remedy; it never repeats free text that was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from apps.ontology.domain.geometries import INTERVALS, SHAPES

from .apply import PARTS, WHOLE, Draft, Labels, Op, inverse, touched_objects
from .content import (
    InvalidOperation,
    Refuse,
    check_attributes,
    check_shape,
    class_of,
    refuser,
)

MAX_OPERATIONS = 5000
MAX_NUMBER = 1_000_000
MAX_WHOLE = 2**53 - 1  # what the browser holds exactly

ClipSizes = Mapping[str, tuple[int, int, int]]

# As ``str(uuid.UUID(text)) == text`` says, at a tenth of the time: a batch asks it 200 times.
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ENVELOPE = frozenset(("id", "seq", "op", "object"))
_FIELDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "track.create": (frozenset(("clip", "class_id")), frozenset(("number",))),
    "track.delete": (frozenset(), frozenset()),
    "track.set": (frozenset(("attributes",)), frozenset()),
    "keyframe.set": (frozenset(("frame_index", "state", "shape", "attributes")), frozenset()),
    "keyframe.delete": (frozenset(("frame_index",)), frozenset()),
}
for _noun, (_, _fields) in WHOLE.items():
    _FIELDS[f"{_noun}.set"] = (frozenset(_fields), frozenset())
    _FIELDS[f"{_noun}.delete"] = (frozenset(), frozenset())
# Every operation that is known, by name.
OPERATIONS = tuple(_FIELDS)
DECISIONS = ("accepted", "redrawn", "refused")


def validate(op: Any, ontology: Mapping[str, Any], clips: ClipSizes, index: int = 0) -> None:
    """Check what an operation says by itself; ``validate_in_state`` checks it against the labels.

    ``clips`` maps clip id to (n_frames, width_px, height_px). Raises InvalidOperation.
    """
    refuse = refuser(index)
    if not isinstance(op, dict):
        raise refuse("operation", "is not an object", "send a JSON object for each operation")
    name = op.get("op")
    if not isinstance(name, str) or name not in _FIELDS:
        raise refuse("op", "is no known operation", f"use one of {', '.join(_FIELDS)}")
    required, optional = _FIELDS[name]
    for field in sorted(_ENVELOPE | required):
        if field not in op:
            raise refuse(field, "is missing", f"send {field} with {name}")
    if set(op) - _ENVELOPE - required - optional:
        raise refuse("operation", "has a field that is not known", f"send only {name}'s fields")
    for field in ("id", "object"):
        if not is_uuid(op[field]):
            raise refuse(field, "is not a lower-case UUID", "make it with crypto.randomUUID()")
    if type(op["seq"]) is not int or not 1 <= op["seq"] <= MAX_WHOLE:
        raise refuse("seq", "is not a whole number above 0", "count operations of a client from 1")
    if name == "track.create":
        _check_class(op, ontology, SHAPES, refuse)
        _check_clip(op, clips, refuse)
        number = op.get("number")
        if number is not None and (type(number) is not int or not 1 <= number <= MAX_NUMBER):
            raise refuse("number", "is not a whole number above 0", "count tracks from 1")
    elif name == "interval.set":
        cls = _check_class(op, ontology, INTERVALS, refuse)
        n_frames = _check_clip(op, clips, refuse)[0]
        _check_span(op, n_frames, refuse)
        _check_kind(op, cls["geometry"], n_frames, refuse)
        check_attributes(op["attributes"], cls, refuse)
    elif name == "relation.set":
        _check_relation(op, ontology, clips, refuse)
    elif name == "proposal.set":
        _check_proposal(op, clips, refuse)
    elif name in ("keyframe.set", "keyframe.delete"):
        if type(op["frame_index"]) is not int or not 0 <= op["frame_index"] <= MAX_WHOLE:
            raise refuse("frame_index", "is not a frame index", "send a whole number from 0")
        if name == "keyframe.set":
            _check_state(op, refuse)
    if "attributes" in op and not isinstance(op["attributes"], dict):
        raise refuse("attributes", "is not an object", "send {} when there is none")


def validate_batch(ops: Iterable[Any], ontology: Mapping[str, Any], clips: ClipSizes) -> None:
    """:func:`validate` for each operation of a batch. Raises InvalidOperation for the first."""
    for index, op in enumerate(ops):
        validate(op, ontology, clips, index)


def validate_in_state(
    op: Mapping[str, Any],
    labels: Labels,
    ontology: Mapping[str, Any],
    clips: ClipSizes,
    index: int = 0,
) -> None:
    """Check a valid operation against the labels it is to change. Raises InvalidOperation."""
    refuse = refuser(index)
    name, target = op["op"], op["object"]
    held_as = next((part for part in PARTS if target in labels.get(part, {})), None)
    if "clip" in op and op["clip"] not in labels["clips"]:
        raise refuse("clip", "is not in this label set", "use a clip of the label set")
    if name == "track.create":
        if held_as is not None:
            raise refuse("object", "exists already", "take a new UUID for a new track")
        return
    noun, _, does = name.partition(".")
    if noun in WHOLE:
        part = WHOLE[noun][0]
        if does == "delete" and held_as != part:
            kind = "no interval" if noun == "interval" else f"no {noun}"
            raise refuse("object", f"is {kind} here", "load the label set again")
        if does == "set":
            if held_as not in (None, part):
                raise refuse("object", "is a track or another object", "take a new UUID")
            if held_as and labels[part][target]["clip"] != op["clip"]:
                raise refuse("clip", f"differs from the {noun}'s", f"make a new {noun} there")
            if noun == "relation":
                _check_ends(op, labels, ontology, refuse)
        return
    track = labels["tracks"].get(target)
    if track is None:
        raise refuse("object", "is no track here", "create the track first, or load again")
    cls = class_of(ontology, track["class_id"])
    if name == "track.set":
        check_attributes(op["attributes"], cls, refuse)
    if name == "keyframe.delete" and str(op["frame_index"]) not in track["keyframes"]:
        raise refuse("frame_index", "has no keyframe", "load the label set again")
    if name == "keyframe.set":
        n_frames, width_px, height_px = clips[track["clip"]]
        if op["frame_index"] >= n_frames:
            raise refuse("frame_index", "is outside the clip", f"its last frame is {n_frames - 1}")
        check_attributes(op["attributes"], cls, refuse)
        if op["shape"] is not None:
            check_shape(op["shape"], cls, width_px, height_px, refuse)


def validate_and_apply(
    labels: Labels,
    ops: Sequence[Any],
    ontology: Mapping[str, Any],
    clips: ClipSizes,
    first_index: int = 0,
) -> Labels:
    """Labels after a batch, all of it or (InvalidOperation) nothing: see :func:`take`."""
    return take(labels, ops, ontology, clips, first_index)[0]


def take(
    labels: Labels,
    ops: Sequence[Any],
    ontology: Mapping[str, Any],
    clips: ClipSizes,
    first_index: int = 0,
    *,
    are_valid: bool = False,
) -> tuple[Labels, list[list[Op]]]:
    """(labels after a batch, what undoes each of its operations), or (InvalidOperation) nothing.

    ``first_index`` is the place of ``ops[0]`` in the batch as sent, for refusals. ``are_valid``:
    each has passed :func:`validate` already.

    Phases must not overlap once the whole batch is applied (code ``phase_overlap``); between two
    operations of one batch they may.
    """
    if len(ops) > MAX_OPERATIONS:
        raise InvalidOperation(
            MAX_OPERATIONS,
            "operations",
            f"has {len(ops)} operations",
            f"send at most {MAX_OPERATIONS} at a time",
            "too_many_operations",
        )
    draft, undo = Draft(labels), []
    seen: set[str] = set()
    for index, op in enumerate(ops, first_index):
        if not are_valid:
            validate(op, ontology, clips, index)
        if op["id"] in seen:
            raise InvalidOperation(
                index, "id", "is used twice in this batch", "give each operation its own UUID"
            )
        seen.add(op["id"])
        validate_in_state(op, draft.labels, ontology, clips, index)
        undo.append(inverse(draft.labels, op))
        draft.apply(op)
    check_phases(draft.labels, ontology, ops, first_index)
    return draft.labels, undo


def check_phases(
    labels: Labels,
    ontology: Mapping[str, Any],
    ops: Iterable[Mapping[str, Any]],
    first_index: int = 0,
) -> None:
    """Refuse phases that overlap within one clip, naming the last operation that touched one."""
    last = {n: index for index, op in enumerate(ops, first_index) for n in touched_objects(op)}
    phases = {c["id"] for c in ontology["classes"] if c["geometry"] == "phase"}
    spans = sorted(
        (span["clip"], span["start_frame"], span["end_frame"], name)
        for name, span in labels["intervals"].items()
        if span["class_id"] in phases
    )
    for before, after in pairwise(spans):
        if before[0] == after[0] and after[1] < before[2]:
            raise InvalidOperation(
                max(last.get(before[3], 0), last.get(after[3], 0)),
                "start_frame",
                f"two phases overlap from frame {after[1]} to {min(before[2], after[2])}",
                "shorten the neighbouring phase in the same batch",
                "phase_overlap",
            )


def is_uuid(value: Any) -> bool:
    """A UUID in its lower-case form with hyphens."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _check_class(
    op: Mapping[str, Any],
    ontology: Mapping[str, Any],
    geometries: Sequence[str],
    refuse: Refuse,
) -> dict[str, Any]:
    try:
        cls = class_of(ontology, op["class_id"])
    except KeyError:
        raise refuse(
            "class_id", "is not in this ontology version", "use a class of the label set's ontology"
        ) from None
    if cls["geometry"] not in geometries:
        wanted = "an interval" if cls["geometry"] in INTERVALS else "a track"
        raise refuse("class_id", f"is a {cls['geometry']}", f"send it as {wanted}")
    return cls


def _check_clip(op: Mapping[str, Any], clips: ClipSizes, refuse: Refuse) -> tuple[int, int, int]:
    if not isinstance(op["clip"], str) or op["clip"] not in clips:
        raise refuse("clip", "is not in this label set", "use a clip of the label set")
    return clips[op["clip"]]


def _check_span(op: Mapping[str, Any], n_frames: int, refuse: Refuse) -> None:
    for field in ("start_frame", "end_frame"):
        if type(op[field]) is not int:
            raise refuse(field, "is not a frame index", "send a whole number")
    if op["start_frame"] < 0:
        raise refuse("start_frame", "is outside the clip", "start at frame 0 or later")
    if op["end_frame"] > n_frames:
        raise refuse("end_frame", "is outside the clip", f"end at {n_frames} at the latest")
    if op["start_frame"] >= op["end_frame"]:
        raise refuse("end_frame", "is not past start_frame", "the end is exclusive: at least +1")


def relation_of(ontology: Mapping[str, Any], relation_id: str) -> dict[str, Any]:
    """The relation of an id that the ontology defines. Raises KeyError."""
    for each in ontology.get("relations", ()):
        if each["id"] == relation_id:
            return dict(each)
    raise KeyError(relation_id)


def _check_relation(
    op: Mapping[str, Any], ontology: Mapping[str, Any], clips: ClipSizes, refuse: Refuse
) -> None:
    try:
        relation_of(ontology, op["relation"])
    except KeyError:
        raise refuse(
            "relation", "is not in this ontology version", "use a relation that it defines"
        ) from None
    for field in ("subject", "target"):
        if not is_uuid(op[field]):
            raise refuse(field, "is not a lower-case UUID", "name a track of the label set")
    if op["subject"] == op["target"]:
        raise refuse("target", "is the subject too", "relate two tracks")
    _check_span(op, _check_clip(op, clips, refuse)[0], refuse)


def _check_ends(
    op: Mapping[str, Any], labels: Labels, ontology: Mapping[str, Any], refuse: Refuse
) -> None:
    """Both ends of a relation stand on its clip and are of classes that it takes."""
    relation = relation_of(ontology, op["relation"])
    for field, classes in (("subject", relation["subjects"]), ("target", relation["targets"])):
        track = labels["tracks"].get(op[field])
        if track is None or track["clip"] != op["clip"]:
            raise refuse(field, "is no track of this clip", "create the track first")
        if track["class_id"] not in classes:
            raise refuse(field, "is of a class that it does not take", "see the ontology")


def _check_proposal(op: Mapping[str, Any], clips: ClipSizes, refuse: Refuse) -> None:
    _check_clip(op, clips, refuse)
    if not is_uuid(op["source"]):
        raise refuse("source", "is not a lower-case UUID", "name the imported label set")
    if op["decision"] not in DECISIONS:
        raise refuse("decision", "is none known", f"send one of {', '.join(DECISIONS)}")
    if op["decision"] == "refused" and op["result"] is not None:
        raise refuse("result", "is given for what was refused", "send null")
    if op["decision"] != "refused" and not is_uuid(op["result"]):
        raise refuse("result", "is not a lower-case UUID", "name your own object")


def _check_kind(op: Mapping[str, Any], geometry: str, n_frames: int, refuse: Refuse) -> None:
    """What an interval's geometry asks of its span."""
    if geometry == "frame_tag" and op["end_frame"] != op["start_frame"] + 1:
        raise refuse("end_frame", "is not the frame after", "a frame tag covers one frame")
    if geometry == "clip_tag" and (op["start_frame"], op["end_frame"]) != (0, n_frames):
        raise refuse("end_frame", "is not the clip's", "a clip tag covers its whole clip")


def _check_state(op: Mapping[str, Any], refuse: Refuse) -> None:
    if op["state"] not in ("visible", "occluded", "absent"):
        raise refuse("state", "is no known state", "send visible, occluded or absent")
    if op["state"] == "absent" and op["shape"] is not None:
        raise refuse("shape", "is given for an absent object", "send null with absent")
    if op["state"] != "absent" and op["shape"] is None:
        raise refuse("shape", "is missing", "send a shape, or state absent")
