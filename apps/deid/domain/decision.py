"""What is to be blanked: proposals and decisions as JSON, for storing and for the screen.

A box: ``{"x_px", "y_px", "width_px", "height_px", "start_frame", "end_frame" (null: to the last),
"kind", "origin", "frame_index", "action"}``; a span: ``{"start_frame", "end_frame", "action"}``;
``action`` is ``blank`` or ``keep``. A proposal's box also holds ``text``, which may name a person
and never leaves what is encrypted. ``proposal`` and ``is_changed``: see ``accounting``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .boxes import Box, Span
from .propose import Proposals

ACTIONS = ("blank", "keep")
MAX_BOXES = 500
MAX_SPANS = 200


class InvalidDecision(ValueError):
    """A decision that cannot be carried out; names the field and the remedy."""

    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__(f"{field}: {message}; {remedy}")
        self.field, self.message, self.remedy = field, message, remedy


def proposals_json(
    proposals: Proposals, width_px: int, height_px: int, rate_fps: float
) -> dict[str, Any]:
    """What the review shows and what is stored sealed. Everything is proposed to be blanked; what
    reads as a clock is of kind ``clock``, so that the screen can ask. ``rate_fps`` is the mean."""
    return {
        "width_px": width_px,
        "height_px": height_px,
        "n_frames": proposals.n_frames,
        "rate_fps": round(rate_fps, 4),
        "boxes": [
            {
                **box_json(p.box),
                "kind": p.kind,
                "origin": p.origin,
                "frame_index": p.frame_index,
                "text": p.text,
                "action": "blank",
            }
            for p in proposals.boxes
        ],
        "spans": [
            {"start_frame": s.start_frame, "end_frame": s.end_frame, "action": "blank"}
            for s in proposals.spans
        ],
        "representative_frames": list(proposals.representative_frames),
        "warnings": list(proposals.warnings),
    }


def box_json(box: Box) -> dict[str, Any]:
    return {
        "x_px": box.x_px,
        "y_px": box.y_px,
        "width_px": box.width_px,
        "height_px": box.height_px,
        "start_frame": box.start_frame,
        "end_frame": box.end_frame,
    }


def decision_from(proposed: Mapping[str, Any]) -> dict[str, Any]:
    """The decision that takes everything as proposed (without any text)."""
    own = {"is_changed": False}
    return {
        "boxes": [
            {**{k: v for k, v in box.items() if k != "text"}, "proposal": number, **own}
            for number, box in enumerate(proposed["boxes"], 1)
        ],
        "spans": [
            {**span, "proposal": number, **own} for number, span in enumerate(proposed["spans"], 1)
        ],
    }


def looked_at_again(
    proposed: Mapping[str, Any], decision: Mapping[str, Any], texts: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Proposals for another review after text was found in the result: the decision as it was
    made, with the text found before, and ``texts`` (proposal boxes) beside it."""
    seen = {_place(box): str(box.get("text", "")) for box in proposed["boxes"]}
    return {
        **proposed,
        "boxes": [
            *({**box, "text": seen.get(_place(box), "")} for box in decision["boxes"]),
            *(dict(box) for box in texts),
        ],
        "spans": [dict(span) for span in decision["spans"]],
    }


def _place(box: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(box[key] for key in ("x_px", "y_px", "width_px", "height_px", "start_frame"))


def check_whole(decision: Any) -> None:
    """Raises InvalidDecision unless boxes and spans are both named, be they empty: what was
    forgotten is not taken for a confirmation that nothing has to be blanked."""
    if not isinstance(decision, dict) or not {"boxes", "spans"} <= decision.keys():
        raise InvalidDecision("decision", "does not name boxes and spans", "send both, as lists")


def checked(
    decision: Any, width_px: int, height_px: int, n_frames: int, n_proposed: int = 0
) -> dict[str, Any]:
    """A decision as it came from a person, cleaned of anything else; ``n_proposed``: parts that it
    has to hold anyway. Raises InvalidDecision."""
    if not isinstance(decision, dict):
        raise InvalidDecision("decision", "is not an object", "send boxes and spans")
    boxes, spans = decision.get("boxes", []), decision.get("spans", [])
    if not isinstance(boxes, list) or not isinstance(spans, list):
        raise InvalidDecision("decision", "boxes or spans is not a list", "send lists")
    if len(boxes) > MAX_BOXES + n_proposed or len(spans) > MAX_SPANS + n_proposed:
        raise InvalidDecision("decision", "has too many parts", "unite boxes and spans")
    return {
        "boxes": [_checked_box(box, width_px, height_px, n_frames) for box in boxes],
        "spans": [_checked_span(span, n_frames) for span in spans],
    }


def _whole(value: Any, field: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise InvalidDecision(field, "is not a whole number in range", f"{low} to {high}")
    return value


def _action(part: Mapping[str, Any]) -> str:
    action = part.get("action", "blank")
    if action not in ACTIONS:
        raise InvalidDecision("action", "is neither blank nor keep", "choose one")
    return str(action)


def _proposal(part: Mapping[str, Any], field: str) -> int | None:
    number = part.get("proposal")
    return None if number is None else _whole(number, field, 1, 1 << 31)


def _checked_box(box: Any, width_px: int, height_px: int, n_frames: int) -> dict[str, Any]:
    if not isinstance(box, dict):
        raise InvalidDecision("boxes", "holds something that is no box", "send objects")
    x = _whole(box.get("x_px"), "x_px", 0, width_px - 1)
    y = _whole(box.get("y_px"), "y_px", 0, height_px - 1)
    start = _whole(box.get("start_frame", 0), "start_frame", 0, n_frames - 1)
    end = box.get("end_frame")
    return {
        "x_px": x,
        "y_px": y,
        "width_px": _whole(box.get("width_px"), "width_px", 1, width_px - x),
        "height_px": _whole(box.get("height_px"), "height_px", 1, height_px - y),
        "start_frame": start,
        "end_frame": None if end is None else _whole(end, "end_frame", start + 1, n_frames),
        "frame_index": _whole(box.get("frame_index", start), "frame_index", 0, n_frames - 1),
        "kind": box["kind"] if box.get("kind") in ("identifier", "clock", "unknown") else "unknown",
        "origin": box["origin"]
        if box.get("origin") in ("static", "transient", "device_mask", "check")
        else "person",
        "action": _action(box),
        "proposal": _proposal(box, "boxes"),
    }


def _checked_span(span: Any, n_frames: int) -> dict[str, Any]:
    if not isinstance(span, dict):
        raise InvalidDecision("spans", "holds something that is no span", "send objects")
    start = _whole(span.get("start_frame"), "start_frame", 0, n_frames - 1)
    return {
        "start_frame": start,
        "end_frame": _whole(span.get("end_frame"), "end_frame", start + 1, n_frames),
        "action": _action(span),
        "proposal": _proposal(span, "spans"),
    }


def to_blank(decision: Mapping[str, Any] | None) -> tuple[list[Box], list[Span]]:
    """The boxes and spans that a decision blanks."""
    if decision is None:
        return [], []
    return (
        _boxes(box for box in decision["boxes"] if box["action"] == "blank"),
        [
            Span(span["start_frame"], span["end_frame"])
            for span in decision["spans"]
            if span["action"] == "blank"
        ],
    )


def to_keep(decision: Mapping[str, Any] | None) -> list[Box]:
    """The boxes that a person decided to keep."""
    if decision is None:
        return []
    return _boxes(box for box in decision["boxes"] if box["action"] == "keep")


def _boxes(boxes: Iterable[Mapping[str, Any]]) -> list[Box]:
    return [
        Box(
            box["x_px"],
            box["y_px"],
            box["width_px"],
            box["height_px"],
            start_frame=box["start_frame"],
            end_frame=box["end_frame"],
        )
        for box in boxes
    ]
