"""Up to where two people count as agreed: numbers of an ontology version, for all and by class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .codes import Problem
from .geometries import INTERVALS


class Range(NamedTuple):
    """What a tolerance may be, its unit (empty for a share), and what it is for, in words."""

    least: float
    most: float
    unit: str
    words: str


# Names in ``tolerances`` of a definition and of a class.
TOLERANCES: dict[str, Range] = {
    "mask_iou": Range(0.0, 1.0, "", "masks: least intersection over union"),
    "box_iou": Range(0.0, 1.0, "", "boxes and outlines: least intersection over union"),
    "distance_px": Range(0.0, 4096.0, "px", "tips, lines and keypoints: largest distance"),
    "surface_px": Range(0.0, 4096.0, "px", "masks: how far boundaries may lie apart"),
    "boundary_s": Range(0.0, 600.0, "s", "phases and events: how far starts and ends may differ"),
    "frame_share": Range(0.0, 1.0, "", "largest share of a track's frames beyond the others"),
}
# What a class that is an interval may say of its own.
_OF_INTERVALS = {"boundary_s"}


def tolerance_problems(path: str, given: Any, geometry: str | None = None) -> Iterator[Problem]:
    """Reasons against ``tolerances``, of the whole (``geometry`` None) or of one class."""
    if not isinstance(given, dict):
        yield Problem(path, "is not an object", "name tolerances with a number each")
        return
    allowed = set(TOLERANCES)
    if geometry is not None:
        allowed = _OF_INTERVALS if geometry in INTERVALS else allowed - _OF_INTERVALS
        # Phases are compared as one line: where they change is nobody's alone.
        allowed = set() if geometry == "phase" else allowed
    for name in sorted(given.keys() - allowed):
        words = f"use {', '.join(sorted(allowed))}" if allowed else "leave it out"
        yield Problem(f"{path}.{name}", "is no tolerance here", words)
    for name in sorted(given.keys() & allowed):
        value, held = given[name], TOLERANCES[name]
        if type(value) not in (int, float) or not held.least <= value <= held.most:
            yield Problem(
                f"{path}.{name}",
                f"is not a number {held.least:g} to {held.most:g}",
                "correct it, or leave it out for the usual value",
            )


def tolerance_changes(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each tolerance that differs; ``where`` begins each (``Tolerance`` or a
    class)."""
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            unit = TOLERANCES[name].unit
            was, now = (
                f"{side[name]:g}{f' {unit}' if unit else ''}" if name in side else "the usual value"
                for side in (old, new)
            )
            yield f"{where} {name}: {was} became {now}"
