"""What of a picture moves with a shape, and the shape after a similarity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from . import rle
from .shapes import outline_points

Grey = NDArray[np.uint8]
Matrix = NDArray[np.float64]

POINT_RADIUS_PX = 22
LINE_WIDTH_PX = 14
DECIMALS = 3


def region_of(shape: Mapping[str, Any], width_px: int, height_px: int) -> Grey:
    """uint8 (height, width), 255 where the picture belongs to the shape, 0 elsewhere.

    The inside of a mask, box or outline; a disc around a point; a band along a line.
    """
    out = np.zeros((height_px, width_px), np.uint8)
    kind = shape["type"]
    if kind == "mask":
        out[rle.decode(shape["rle"])] = 255
    elif kind == "tip":
        cv2.circle(out, _pixel(shape["point"]), POINT_RADIUS_PX, 255, -1)
    elif kind == "box":
        x, y, width, height = shape["box"]
        # The corners of a box are mostly background.
        centre, axes = (x + width / 2, y + height / 2), (width * 0.45, height * 0.45)
        cv2.ellipse(
            out,
            _pixel(centre),
            (max(1, round(axes[0])), max(1, round(axes[1]))),
            0,
            0,
            360,
            255,
            -1,
        )
    elif kind in ("shaft", "polyline"):
        points = np.array([_pixel(p) for p in shape["points"]], np.int32)
        cv2.polylines(out, [points], False, 255, LINE_WIDTH_PX)
    elif kind == "keypoints":
        for point in outline_points(shape):
            cv2.circle(out, _pixel(point), POINT_RADIUS_PX, 255, -1)
    else:
        hull = cv2.convexHull(np.array([_pixel(p) for p in outline_points(shape)], np.int32))
        corners = hull if kind == "cuboid" else np.array([_pixel(p) for p in outline_points(shape)])
        cv2.fillPoly(out, [corners.astype(np.int32)], 255)
    return out


def moved_shape(
    shape: Mapping[str, Any], pose: Matrix, width_px: int, height_px: int
) -> dict[str, Any] | None:
    """The shape as a similarity (float64 (2, 3)) moves it; None where nothing of it is in view."""
    kind = shape["type"]
    scale = math.sqrt(abs(float(np.linalg.det(pose[:, :2]))))
    if kind == "mask":
        return _moved_mask(shape, pose)
    if kind == "tip":
        x, y = _map(pose, shape["point"])
        inside = 0 <= x <= width_px and 0 <= y <= height_px
        return {"type": kind, "point": [_round(x), _round(y)]} if inside else None
    if kind == "box":
        x, y, width, height = shape["box"]
        cx, cy = _map(pose, (x + width / 2, y + height / 2))
        x0, y0 = max(0.0, cx - width * scale / 2), max(0.0, cy - height * scale / 2)
        x1 = min(float(width_px), cx + width * scale / 2)
        y1 = min(float(height_px), cy + height * scale / 2)
        if x1 - x0 < 1 or y1 - y0 < 1:
            return None
        return {"type": kind, "box": [_round(v) for v in (x0, y0, x1 - x0, y1 - y0)]}
    if kind == "rotated_box":
        x, y, width, height, degrees = shape[kind]
        cx, cy = _map(pose, (x, y))
        if not (0 <= cx <= width_px and 0 <= cy <= height_px):
            return None
        turn = math.degrees(math.atan2(pose[1, 0], pose[0, 0]))
        numbers = (cx, cy, width * scale, height * scale, degrees + turn)
        return {"type": kind, kind: [_round(v) for v in numbers]}
    return _moved_points(shape, pose, width_px, height_px)


def _moved_points(
    shape: Mapping[str, Any], pose: Matrix, width_px: int, height_px: int
) -> dict[str, Any] | None:
    margin = max(width_px, height_px) if shape["type"] == "cuboid" else 0
    points, in_view = [], 0
    for point in shape["points"]:
        x, y = _map(pose, point)
        in_view += 0 <= x <= width_px and 0 <= y <= height_px
        x = min(max(x, -margin), width_px + margin)
        y = min(max(y, -margin), height_px + margin)
        seen = list(point[2:])
        points.append([0, 0, 0] if seen == [0] else [_round(x), _round(y), *seen])
    return {"type": shape["type"], "points": points} if in_view else None


def _moved_mask(shape: Mapping[str, Any], pose: Matrix) -> dict[str, Any] | None:
    pixels = rle.decode(shape["rle"]).astype(np.uint8) * 255
    size = (pixels.shape[1], pixels.shape[0])
    half = np.array([0.5, 0.5])
    centres = np.column_stack((pose[:, :2], pose[:, :2] @ half + pose[:, 2] - half))
    warped = cv2.warpAffine(np.ascontiguousarray(pixels), centres, size, flags=cv2.INTER_LINEAR)
    kept = warped > 127
    return {"type": "mask", "rle": rle.encode(kept)} if kept.any() else None


def _map(pose: Matrix, point: Any) -> tuple[float, float]:
    x, y = pose[:, :2] @ np.array([float(point[0]), float(point[1])]) + pose[:, 2]
    return float(x), float(y)


def _pixel(point: Any) -> tuple[int, int]:
    return math.floor(float(point[0])), math.floor(float(point[1]))


def _round(value: float) -> float:
    return round(float(value), DECIMALS)
