"""What an operation does to the labels, and what undoes it.

Labels are plain JSON values: ``{"clips": [...], "tracks": {uuid: ...}, "intervals": {uuid: ...}}``,
and ``"relations"`` and ``"proposals"`` where there is one: a part of these two that is empty is
left out, so that labels without them are what they always were.
Nothing here changes its arguments; results share what an operation left alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Labels = dict[str, Any]
Op = dict[str, Any]

# What is set and deleted whole: the operation's noun, the part of the labels, its fields.
WHOLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "interval": ("intervals", ("clip", "class_id", "start_frame", "end_frame", "attributes")),
    # Between two tracks over a span; the ontology says which (``relations``).
    "relation": (
        "relations",
        ("clip", "relation", "subject", "target", "start_frame", "end_frame"),
    ),
    # What was decided on an object of an imported label set (``source``), under that object's
    # UUID: accepted, redrawn, refused; ``result`` is one's own object that came of it.
    "proposal": ("proposals", ("clip", "source", "decision", "result")),
}
LEFT_OUT_WHEN_EMPTY = ("relations", "proposals")
# Made once: composing an encoder costs as much as what it encodes.
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
PARTS = ("tracks", *(part for part, _ in WHOLE.values()))


def empty_labels(clips: Iterable[str]) -> Labels:
    """Labels of a new label set over an ordered list of clip ids."""
    return {"clips": list(clips), "tracks": {}, "intervals": {}}


def canonical_bytes(op: Mapping[str, Any]) -> bytes:
    """The operation as UTF-8 JSON with sorted keys: equal operations are equal bytes.

    Raises ValueError for NaN and infinity.
    """
    return _CANONICAL.encode(op).encode()


def touched_objects(op: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the objects that the operation changes."""
    return frozenset((op["object"],))


def next_number(labels: Labels, class_id: str, wished: int | None = None) -> int:
    """Number of a new track within its class: the wished one if free, else one past the highest."""
    taken = {t["number"] for t in labels["tracks"].values() if t["class_id"] == class_id}
    if wished is not None and wished not in taken:
        return wished
    return max(taken, default=0) + 1


def apply(labels: Labels, op: Mapping[str, Any]) -> Labels:
    """Labels after one valid operation."""
    return apply_batch(labels, [op])


def apply_batch(labels: Labels, ops: Iterable[Mapping[str, Any]]) -> Labels:
    """Labels after valid operations in order. Raises KeyError for an object that is not there."""
    draft = Draft(labels)
    for op in ops:
        draft.apply(op)
    return draft.labels


class Draft:
    """Labels being changed: copies an object the first time that it is written to."""

    def __init__(self, labels: Labels) -> None:
        self.labels: Labels = {
            **labels,
            **{part: dict(labels[part]) for part in PARTS if part in labels},
        }
        self._own: set[str] = set()

    def apply(self, op: Mapping[str, Any]) -> None:
        """Change the draft by one operation."""
        tracks, name = self.labels["tracks"], op["object"]
        noun, _, does = str(op["op"]).partition(".")
        if noun in WHOLE:
            self._whole(noun, does, op)
            return
        match op["op"]:
            case "track.create":
                tracks[name] = {
                    "clip": op["clip"],
                    "class_id": op["class_id"],
                    "number": next_number(self.labels, op["class_id"], op.get("number")),
                    "attributes": {},
                    "keyframes": {},
                }
                self._own.add(name)
            case "track.delete":
                del tracks[name]
                self._own.discard(name)
                for relation in relations_of(self.labels, name):
                    self._whole("relation", "delete", {"object": relation})
            case "track.set":
                self._track(name)["attributes"] = dict(op["attributes"])
            case "keyframe.set":
                self._track(name)["keyframes"][str(op["frame_index"])] = {
                    "state": op["state"],
                    "shape": op["shape"],
                    "attributes": dict(op["attributes"]),
                }
            case "keyframe.delete":
                del self._track(name)["keyframes"][str(op["frame_index"])]
            case other:
                raise ValueError(f"no operation {other!r}")

    def _whole(self, noun: str, does: str, op: Mapping[str, Any]) -> None:
        part, fields = WHOLE[noun]
        if does == "set":
            self.labels.setdefault(part, {})[op["object"]] = {key: op[key] for key in fields}
        elif does == "delete":
            del self.labels[part][op["object"]]
            if not self.labels[part] and part in LEFT_OUT_WHEN_EMPTY:
                del self.labels[part]
        else:
            raise ValueError(f"no operation {noun}.{does}")

    def _track(self, name: str) -> dict[str, Any]:
        track: dict[str, Any] = self.labels["tracks"][name]
        if name not in self._own:
            track = {**track, "keyframes": dict(track["keyframes"])}
            self.labels["tracks"][name] = track
            self._own.add(name)
        return track


def inverse(labels: Labels, op: Mapping[str, Any]) -> list[Op]:
    """Operations (without id and seq) that lead from after ``op`` back to ``labels``.

    ``labels`` is the state before the operation. Undoing a log from its newest state gives every
    older revision.
    """
    name = op["object"]
    noun = str(op["op"]).partition(".")[0]
    if noun in WHOLE:
        held = labels.get(WHOLE[noun][0], {}).get(name)
        if held is None:
            return [{"op": f"{noun}.delete", "object": name}]
        return [{"op": f"{noun}.set", "object": name, **held}]
    track = labels["tracks"].get(name)
    match op["op"]:
        case "track.create":
            return [{"op": "track.delete", "object": name}]
        case "track.delete":
            return _restore(name, track) + [
                {"op": "relation.set", "object": relation, **labels["relations"][relation]}
                for relation in relations_of(labels, name)
            ]
        case "track.set":
            return [{"op": "track.set", "object": name, "attributes": dict(track["attributes"])}]
        case "keyframe.set" | "keyframe.delete":
            index = op["frame_index"]
            before = track["keyframes"].get(str(index))
            if before is None:
                return [{"op": "keyframe.delete", "object": name, "frame_index": index}]
            return [{"op": "keyframe.set", "object": name, "frame_index": index, **before}]
    raise ValueError(f"no operation {op['op']!r}")


def inverse_batch(labels: Labels, ops: Iterable[Mapping[str, Any]]) -> list[Op]:
    """Operations that lead from after all of ``ops`` back to ``labels``."""
    draft, steps = Draft(labels), []
    for op in ops:
        steps.append(inverse(draft.labels, op))
        draft.apply(op)
    return [undo for step in reversed(steps) for undo in step]


def relations_of(labels: Labels, track: str) -> list[str]:
    """Ids of the relations that a track stands in: they go when it goes."""
    return [
        name
        for name, held in labels.get("relations", {}).items()
        if track in (held["subject"], held["target"])
    ]


def _restore(name: str, track: dict[str, Any]) -> list[Op]:
    ops: list[Op] = [
        {
            "op": "track.create",
            "object": name,
            "clip": track["clip"],
            "class_id": track["class_id"],
            "number": track["number"],
        }
    ]
    if track["attributes"]:
        ops.append({"op": "track.set", "object": name, "attributes": dict(track["attributes"])})
    for index in sorted(track["keyframes"], key=int):
        ops.append(
            {
                "op": "keyframe.set",
                "object": name,
                "frame_index": int(index),
                **track["keyframes"][index],
            }
        )
    return ops
