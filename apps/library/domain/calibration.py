"""Which parts of a picture are calibrated: the instance's Sequence of Ultrasound Regions.

PS3.3 C.8.5.5. Only regions that show tissue in two dimensions (Region Spatial Format 1) with both
directions in centimetres (Physical Units 3) measure; a Doppler trace or an M-mode does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

TISSUE_2D, CENTIMETRES, MM_A_CM = 1, 3, 10.0
Point = Sequence[float]


@dataclass(frozen=True)
class Region:
    """A calibrated part of the picture: pixel edges (outer corner of the first pixel is 0), and
    millimetres a pixel to the right and down."""

    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float
    mm_per_px_x: float
    mm_per_px_y: float

    def holds(self, points: Iterable[Point]) -> bool:
        return all(
            self.x0_px <= p[0] <= self.x1_px and self.y0_px <= p[1] <= self.y1_px for p in points
        )


def regions_of(header: Mapping[str, Any], width_px: int, height_px: int) -> list[Region]:
    """The calibrated regions of a header (DICOM JSON model) for pictures of this size: none where
    the header tells of another size. What is broken measures nothing."""
    found: list[Region] = []
    if (_number(header, "00280011"), _number(header, "00280010")) != (width_px, height_px):
        return found
    for item in header.get("00186011", {}).get("Value", []):
        spatial, unit_x, unit_y, *place = (
            _number(item, tag)
            for tag in ("00186012", "00186024", "00186026", "00186018", "0018601A", "0018601C",
                        "0018601E", "0018602C", "0018602E")
        )  # fmt: skip
        if (spatial, unit_x, unit_y) != (TISSUE_2D, CENTIMETRES, CENTIMETRES):
            continue
        if any(value is None for value in place):
            continue
        x0, y0, x1, y1, dx, dy = (float(value) for value in place if value is not None)
        if x1 < x0 or y1 < y0 or not dx or not dy:
            continue
        # The last pixel belongs to the region: its outer edge is one further.
        found.append(Region(x0, y0, x1 + 1, y1 + 1, abs(dx) * MM_A_CM, abs(dy) * MM_A_CM))
    return found


def _number(item: Mapping[str, Any], tag: str) -> float | None:
    values = item.get(tag, {}).get("Value") or [None]
    value = values[0]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isfinite(value) else None


def regions_json(regions: Iterable[Region]) -> list[dict[str, float]]:
    """As the clip's API gives them."""
    return [
        {
            "x0_px": r.x0_px, "y0_px": r.y0_px, "x1_px": r.x1_px, "y1_px": r.y1_px,
            "mm_per_px_x": r.mm_per_px_x, "mm_per_px_y": r.mm_per_px_y,
        }
        for r in regions
    ]  # fmt: skip
