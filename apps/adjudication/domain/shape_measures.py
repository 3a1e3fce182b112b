"""How far two shapes of points lie apart: overlap where they enclose, else distance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.annotation.domain.shapes import outline_points

# Compared by overlap (0 to 1); all other shapes of points by distance in pixels.
OVERLAPPING = ("mask", "box", "rotated_box", "polygon")
SAMPLES = 128
LINE_SAMPLES = 32

Point = tuple[float, float]


def overlap(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Intersection over union of two outlines or rotated boxes, at 128 × 128 even places."""
    one, two = outline_points(a), outline_points(b)
    xs, ys = [p[0] for p in one + two], [p[1] for p in one + two]
    x = min(xs) + (np.arange(SAMPLES) + 0.5) * (max(xs) - min(xs)) / SAMPLES
    y = min(ys) + (np.arange(SAMPLES) + 0.5) * (max(ys) - min(ys)) / SAMPLES
    in_a, in_b = _within(one, x, y), _within(two, x, y)
    union = int((in_a | in_b).sum())
    return int((in_a & in_b).sum()) / union if union else 1.0


def distance(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[float, bool]:
    """Mean distance in pixels of places that belong together, and whether both place the same.

    Lines are compared at 32 even places along them, in the direction that fits better; keypoints
    by those that both place (infinitely far when none is).
    """
    if a["type"] == "keypoints":
        pairs = [
            math.dist(p[:2], q[:2])
            for p, q in zip(a["points"], b["points"], strict=True)
            if p[2] and q[2]
        ]
        same = all(p[2] == q[2] for p, q in zip(a["points"], b["points"], strict=True))
        return (sum(pairs) / len(pairs) if pairs else math.inf), same
    one, two = outline_points(a), outline_points(b)
    if a["type"] == "polyline":
        line, other = _evenly(one), _evenly(two)
        there = float(np.hypot(*(line - other).T).mean())
        return min(there, float(np.hypot(*(line - other[::-1]).T).mean())), True
    return sum(math.dist(p, q) for p, q in zip(one, two, strict=True)) / len(one), True


def _within(
    points: list[Point], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Even-odd, bool (len(y), len(x))."""
    inside = np.zeros((y.size, x.size), dtype=bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        crossed = (ay > y) != (by > y)
        if ay == by or not crossed.any():
            continue
        at = ax + (bx - ax) * (y - ay) / (by - ay)
        inside ^= crossed[:, None] & (x[None, :] < at[:, None])
    return inside


def _evenly(points: list[Point]) -> NDArray[np.float64]:
    """float64 (32, 2): places at even parts of a line's length."""
    line = np.array(points, dtype=np.float64)
    steps = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate(([0.0], np.cumsum(steps)))
    wanted = np.linspace(0.0, along[-1], LINE_SAMPLES)
    return np.stack([np.interp(wanted, along, line[:, k]) for k in (0, 1)], axis=1)
