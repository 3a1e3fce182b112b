"""The tolerances of an ontology version, as frames and pixels of one clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Tolerance:
    """Up to where two people count as agreed.

    ``mask_iou``, ``box_iou``: 0 to 1, at least; ``distance_px``: at most, and where it is None
    ``tip_diagonals``, a share of the picture's diagonal; ``surface_px``: how far two boundaries may
    lie apart; ``boundary_frames``: how far starts and ends may; ``frame_share``: share of a track's
    frames that may be beyond the others.
    """

    mask_iou: float = 0.85
    box_iou: float = 0.75
    tip_diagonals: float = 0.01
    boundary_frames: int = 12
    frame_share: float = 0.05
    distance_px: float | None = None
    surface_px: float = 5.0

    def distance(self, diagonal_px: float) -> float:
        """The largest distance in pixels that counts as agreed, of a picture of this diagonal."""
        return self.tip_diagonals * diagonal_px if self.distance_px is None else self.distance_px


@dataclass(frozen=True)
class Limits:
    """Tolerances for all, and for the classes that say something of their own."""

    whole: Tolerance = field(default_factory=Tolerance)
    by_class: Mapping[str, Tolerance] = field(default_factory=dict)

    def of(self, class_id: str) -> Tolerance:
        return self.by_class.get(class_id, self.whole)

    def as_json(self) -> dict[str, Any]:
        """What was compared with: ``{"all": {name: number}, "classes": {id: {name: number}}}``."""
        return {
            "all": asdict(self.whole),
            "classes": {name: asdict(held) for name, held in sorted(self.by_class.items())},
        }


def limits_of(definition: Mapping[str, Any], fps: float) -> Limits:
    """The tolerances that an ontology version names, for a clip of ``fps`` pictures a second on
    the average (0 where that is not known: then starts and ends keep their usual tolerance)."""
    whole = _with(Tolerance(), definition.get("tolerances", {}), fps)
    return Limits(
        whole,
        {
            cls["id"]: _with(whole, cls["tolerances"], fps)
            for cls in definition["classes"]
            if cls.get("tolerances")
        },
    )


def _with(held: Tolerance, said: Mapping[str, Any], fps: float) -> Tolerance:
    plain = {name: value for name, value in said.items() if name != "boundary_s"}
    if "boundary_s" in said and fps > 0:
        plain["boundary_frames"] = round(said["boundary_s"] * fps)
    return replace(held, **plain)
