"""Every proposal is decided on: nothing that was proposed is kept by leaving it out.

A proposal is called by its number from 1, its place in the list that was shown: boxes and spans
have lists of their own. A decision's part names it as ``proposal`` (None: added by a person), and
``is_changed`` says that it stands in another place than was proposed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from .decision import InvalidDecision

_BOX_PLACE = ("x_px", "y_px", "width_px", "height_px", "start_frame", "end_frame")
_SPAN_PLACE = ("start_frame", "end_frame")
_OWN = ("kind", "origin", "frame_index")
Part = dict[str, Any]


def numbered(proposed: Mapping[str, Any]) -> dict[str, Any]:
    """Proposals with their numbers, as they are shown for a first decision."""
    return {
        **proposed,
        **{
            kind: [
                {**part, "proposal": number, "is_changed": False}
                for number, part in enumerate(proposed[kind], 1)
            ]
            for kind in ("boxes", "spans")
        },
    }


def basis_of(proposed: Mapping[str, Any], decision: Mapping[str, Any] | None) -> str:
    """What a person decides on, as 16 hexadecimal digits: other proposals, or a decision that
    another person made meanwhile, have another one. No text that was read is in it."""
    shown = [{k: v for k, v in box.items() if k != "text"} for box in proposed["boxes"]]
    said = json.dumps([shown, proposed["spans"], decision], sort_keys=True)
    return sha256(said.encode()).hexdigest()[:16]


def accounted(
    proposed: Mapping[str, Any], decision: Mapping[str, Any], *, by_rule: bool = False
) -> dict[str, Any]:
    """A checked decision whose parts name their proposals. What a proposal is (kind, origin) is
    taken from it; what a person added is a person's, unless a rule made the decision (``by_rule``).

    A part without a number stands for the proposal in the same place; a proposal that lies whole in
    what is blanked is decided by that. Raises InvalidDecision when any other proposal is left out,
    or named twice.
    """
    n_frames = proposed["n_frames"]
    boxes = _named(decision["boxes"], proposed["boxes"], _BOX_PLACE, n_frames, "boxes")
    spans = _named(decision["spans"], proposed["spans"], _SPAN_PLACE, n_frames, "spans")
    for box in boxes:
        if box["proposal"] is not None:
            own = proposed["boxes"][box["proposal"] - 1]
            box.update({name: own[name] for name in _OWN if name in own})
        elif not by_rule:
            box.update({"kind": "unknown", "origin": "person"})
    blanked = [p for p in (*boxes, *spans) if p["action"] == "blank"]
    for kind, parts in (("boxes", boxes), ("spans", spans)):
        named = {part["proposal"] for part in parts}
        missing = [
            str(number)
            for number, one in enumerate(proposed[kind], 1)
            if number not in named and not any(_covers(p, one, n_frames) for p in blanked)
        ]
        if missing:
            raise InvalidDecision(
                kind,
                f"leave out what was proposed as {', '.join(missing[:20])}",
                "Blank or keep each of them: nothing is kept by leaving it out.",
            )
    return {"boxes": boxes, "spans": spans}


def _named(
    parts: Sequence[Part],
    proposals: Sequence[Mapping[str, Any]],
    names: tuple[str, ...],
    n_frames: int,
    kind: str,
) -> list[Part]:
    left = dict(enumerate(proposals, 1))
    for part in parts:
        number = part["proposal"]
        if number is not None and left.pop(number, None) is None:
            raise InvalidDecision(
                kind, f"name proposal {number} twice, or there is none", "Reload, then decide."
            )
    made = []
    for part in parts:
        number, place = part["proposal"], _place(part, names, n_frames)
        if number is None:
            same = (n for n, one in left.items() if _place(one, names, n_frames) == place)
            number = next(same, None)
            left.pop(number or 0, None)
        is_changed = number is not None and _place(proposals[number - 1], names, n_frames) != place
        made.append({**part, "proposal": number, "is_changed": is_changed})
    return made


def _place(part: Mapping[str, Any], names: tuple[str, ...], n_frames: int) -> tuple[int, ...]:
    return tuple(n_frames if part[name] is None else part[name] for name in names)


def _covers(part: Mapping[str, Any], one: Mapping[str, Any], n_frames: int) -> bool:
    """Whether ``part`` (a span covers the whole picture) holds all of a proposal."""
    ends = [n_frames if each["end_frame"] is None else each["end_frame"] for each in (part, one)]
    if part["start_frame"] > one["start_frame"] or ends[0] < ends[1]:
        return False
    if "x_px" not in part:
        return True
    return "x_px" in one and bool(
        part["x_px"] <= one["x_px"]
        and part["y_px"] <= one["y_px"]
        and part["x_px"] + part["width_px"] >= one["x_px"] + one["width_px"]
        and part["y_px"] + part["height_px"] >= one["y_px"] + one["height_px"]
    )


def decision_counts(decision: Mapping[str, Any]) -> dict[str, Any]:
    """What a decision made of the proposals, for the trail: {"boxes_blanked", "boxes_kept",
    "boxes_added", "boxes_changed", "spans_blanked", "spans_kept", "kept": {"boxes": [number],
    "spans": [number]}}."""
    boxes, spans = decision["boxes"], decision["spans"]

    def kept(parts: Sequence[Part]) -> list[Part]:
        return [part for part in parts if part["action"] == "keep"]

    def numbers(parts: Sequence[Part]) -> list[int]:
        found = [part.get("proposal") for part in kept(parts)]
        return [number for number in found if number is not None]

    return {
        "boxes_blanked": len(boxes) - len(kept(boxes)),
        "boxes_kept": len(kept(boxes)),
        "boxes_added": sum(box.get("proposal") is None for box in boxes),
        "boxes_changed": sum(bool(part.get("is_changed")) for part in (*boxes, *spans)),
        "spans_blanked": len(spans) - len(kept(spans)),
        "spans_kept": len(kept(spans)),
        "kept": {"boxes": numbers(boxes), "spans": numbers(spans)},
    }
