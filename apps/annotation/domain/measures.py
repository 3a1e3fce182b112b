"""Lengths and areas of shapes in millimetres, with how far off they may be.

A shape is measured where all of it lies in one calibrated region. The uncertainty is the largest
error when every drawn point lies within half a pixel of the true one in each direction (first
order), for a mask when every edge of its outline does. The scanner's own calibration error is not
stated in DICOM and not in it. The browser's twin is ``static/workspace/calibration.js``; both hold
to ``tests/vectors/measures.json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot
from typing import Any

import numpy as np

from apps.library.domain.calibration import Region

from . import rle
from .shapes import outline_points

Point = Sequence[float]


@dataclass(frozen=True)
class Measure:
    """``value`` in mm or mm², and how far off it may be (same unit)."""

    kind: str  # length, width, height, area
    value: float
    uncertainty: float

    @property
    def unit(self) -> str:
        return "mm2" if self.kind == "area" else "mm"

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "value": self.value, "uncertainty": self.uncertainty,
                "unit": self.unit}  # fmt: skip


def measures(shape: Mapping[str, Any], regions: Iterable[Region]) -> list[Measure]:
    """What can be measured of a shape: nothing outside a region, of a point, of what is drawn in
    depth. Of regions that overlap the first that holds it counts."""
    kind = shape["type"]
    points = _points(shape)
    region = next((r for r in regions if points and r.holds(points)), None)
    if region is None:
        return []
    sx, sy = region.mm_per_px_x, region.mm_per_px_y
    if kind == "polyline":
        return [_length("length", points, sx, sy)]
    if kind in ("box", "rotated_box"):
        width, height = points[:2], points[1:3]
        return [
            _length("width", width, sx, sy), _length("height", height, sx, sy),
            _area(points, sx, sy),
        ]  # fmt: skip
    if kind == "polygon":
        return [_area(points, sx, sy)]
    n_pixels, n_edges = _mask_size(shape["rle"])
    return [Measure("area", n_pixels * sx * sy, n_edges / 2 * sx * sy)]


def _points(shape: Mapping[str, Any]) -> list[Point]:
    match shape["type"]:
        case "polyline" | "polygon" | "rotated_box":
            return list(outline_points(shape))
        case "box":
            x, y, w, h = shape["box"]
            return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
        case "mask":
            x, y, w, h = rle.bbox(shape["rle"])
            return [(x, y), (x + w, y + h)] if w and h else []
    return []


def _length(kind: str, points: Sequence[Point], sx: float, sy: float) -> Measure:
    length = error = 0.0
    for a, b in pairwise(points):
        dx, dy = abs(b[0] - a[0]) * sx, abs(b[1] - a[1]) * sy
        far = hypot(dx, dy)
        length += far
        if far:
            error += (dx * sx + dy * sy) / far
    return Measure(kind, length, error)


def _area(points: Sequence[Point], sx: float, sy: float) -> Measure:
    twice = error = 0.0
    n = len(points)
    for i, here in enumerate(points):
        before, after = points[i - 1], points[(i + 1) % n]
        twice += here[0] * after[1] - after[0] * here[1]
        error += (abs(after[0] - before[0]) + abs(after[1] - before[1])) / 4
    return Measure("area", abs(twice) / 2 * sx * sy, error * sx * sy)


def _mask_size(counts: Mapping[str, Any]) -> tuple[int, int]:
    """(pixels, edges between a pixel of the mask and one that is not)."""
    mask = np.pad(rle.decode(dict(counts)).astype(bool), 1)
    edges = (mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum()
    return int(mask.sum()), int(edges)
