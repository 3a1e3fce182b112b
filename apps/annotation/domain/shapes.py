"""Shapes of several points: what makes one valid, its outline, its box, its place when scaled.

``rotated_box`` is ``[centre x, centre y, width, height, degrees]``, turned clockwise as seen on the
screen. ``points`` are ``[x, y]``: of a shaft the tip first, then where it leaves the view; of a
cuboid the near face clockwise from its top left corner, then the far face in the same order; of
keypoints ``[x, y, seen]`` in the order of the class's skeleton, ``seen`` 0 for one that is not
placed (then at 0, 0), 1 hidden, 2 visible, as in COCO.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, radians, sin
from typing import Any

MAX_POINTS = 2000
POINT_SHAPES = ("rotated_box", "shaft", "polygon", "polyline", "keypoints", "cuboid")
EDGE_TOLERANCE_PX = 1e-6

Refuse = Callable[[str, str, str], Exception]


def coordinates_key(kind: str) -> str:
    """The field that holds a shape's numbers."""
    return {"tip": "point", "box": "box", "rotated_box": "rotated_box"}.get(kind, "points")


def check_points(
    shape: Mapping[str, Any],
    label_class: Mapping[str, Any],
    width_px: int,
    height_px: int,
    refuse: Refuse,
) -> None:
    """Check a shape of ``POINT_SHAPES`` whose type is its class's. Raises what ``refuse`` gives."""
    kind = shape["type"]
    field = coordinates_key(kind)
    if kind == "rotated_box":
        if not _numbers(shape[field], 5):
            raise refuse(f"shape.{field}", "is not 5 finite numbers", "send pixels and degrees")
        x, y, width, height, _ = shape[field]
        if width <= 0 or height <= 0:
            raise refuse(f"shape.{field}", "has no area", "send width and height above 0")
        _inside(x, y, 0, width_px, height_px, field, refuse)
        return
    points = shape[field]
    size = 3 if kind == "keypoints" else 2
    if (
        not isinstance(points, list)
        or not 1 <= len(points) <= MAX_POINTS
        or not all(_numbers(point, size) for point in points)
    ):
        raise refuse("shape.points", f"is not a list of {size} numbers each", "send pixels")
    fixed = {"shaft": 2, "cuboid": 8, "keypoints": _skeleton_size(label_class)}.get(kind)
    least = {"polygon": 3, "polyline": 2}.get(kind)
    if fixed is not None and len(points) != fixed:
        raise refuse("shape.points", f"has {len(points)} points", f"send {fixed}")
    if least is not None and len(points) < least:
        raise refuse("shape.points", f"has {len(points)} points", f"send {least} or more")
    if kind == "keypoints":
        _check_seen(points, width_px, height_px, refuse)
        return
    # A cuboid's far corners may lie beyond the picture, as far as it is wide or high.
    margin = max(width_px, height_px) if kind == "cuboid" else 0
    for x, y in points:
        _inside(x, y, margin, width_px, height_px, "points", refuse)


def outline_points(shape: Mapping[str, Any]) -> list[tuple[float, float]]:
    """The placed points of a shape, in order; of a rotated box its corners, clockwise."""
    if shape["type"] == "rotated_box":
        x, y, width, height, degrees = shape["rotated_box"]
        c, s = cos(radians(degrees)), sin(radians(degrees))
        return [
            (x + (u * width * c - v * height * s) / 2, y + (u * width * s + v * height * c) / 2)
            for u, v in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
    if shape["type"] == "keypoints":
        return [(float(x), float(y)) for x, y, seen in shape["points"] if seen]
    return [(float(x), float(y)) for x, y in shape["points"]]


def bounding_box(shape: Mapping[str, Any]) -> list[float]:
    """Smallest box [x, y, w, h] around the placed points, in continuous coordinates."""
    points = outline_points(shape)
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def enclosed_area(shape: Mapping[str, Any]) -> float:
    """Area in square pixels that the closed outline of a polygon or rotated box encloses."""
    points = outline_points(shape)
    twice = sum(
        x * v - u * y for (x, y), (u, v) in zip(points, points[1:] + points[:1], strict=True)
    )
    return abs(twice) / 2


def scaled(shape: Mapping[str, Any], sx: float, sy: float) -> dict[str, Any]:
    """The shape in a picture scaled by (sx, sy).

    A rotated box stays one: its sides scale along their own directions, exact when sx equals sy.
    """
    kind = shape["type"]
    if kind == "rotated_box":
        x, y, width, height, degrees = shape[kind]
        c, s = cos(radians(degrees)), sin(radians(degrees))
        along = ((c * sx) ** 2 + (s * sy) ** 2) ** 0.5
        across = ((s * sx) ** 2 + (c * sy) ** 2) ** 0.5
        return {"type": kind, kind: [x * sx, y * sy, width * along, height * across, degrees]}
    return {"type": kind, "points": [[p[0] * sx, p[1] * sy, *p[2:]] for p in shape["points"]]}


def _check_seen(points: list[Any], width_px: int, height_px: int, refuse: Refuse) -> None:
    for x, y, seen in points:
        if seen not in (0, 1, 2):
            raise refuse("shape.points", "has a third number that is not 0, 1 or 2", "as COCO")
        if not seen and (x or y):
            raise refuse("shape.points", "places a point that is not placed", "send 0, 0, 0")
        _inside(x, y, 0, width_px, height_px, "points", refuse)
    if not any(p[2] for p in points):
        raise refuse("shape.points", "places no point", "delete the keyframe or set it absent")


def _skeleton_size(label_class: Mapping[str, Any]) -> int:
    return len(label_class.get("skeleton", {}).get("points", []))


def _numbers(value: Any, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(type(v) in (int, float) and abs(v) < 1e9 for v in value)
    )


def _inside(
    x: float, y: float, margin: float, width_px: int, height_px: int, field: str, refuse: Refuse
) -> None:
    if not (
        -margin <= x <= width_px + margin + EDGE_TOLERANCE_PX
        and -margin <= y <= height_px + margin + EDGE_TOLERANCE_PX
    ):
        raise refuse(
            f"shape.{field}",
            "is outside the picture",
            f"stay within 0 to {width_px} and 0 to {height_px}",
        )
