"""What each format has columns for, and what of a label set those columns hold, to be compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, radians, sin
from typing import Any

import numpy as np

from apps.annotation.domain import rle
from apps.annotation.domain.shapes import coordinates_key
from apps.ontology.domain.geometries import SHAPES
from apps.release.domain.freeze import Freeze
from apps.release.domain.view import Choice, exclusive_masks
from tests.domain.format_samples import view_of

FIRST = frozenset(("mask", "tip", "box"))
EVERY = frozenset(SHAPES)
NO: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Columns:
    """What a format has columns for. `attributes` None means all; `tolerance_px` its rounding.

    `uid`: the UUIDs of tracks and intervals; `interpolated`: which frames lie between keyframes.
    """

    shapes: frozenset[str]
    identity: bool = True
    uid: bool = False
    interpolated: bool = False
    relations: bool = False
    state: frozenset[str] = EVERY
    attributes: frozenset[str] | None = None
    intervals: str = "all"
    exclusive: str = ""
    tolerance_px: float = 1e-9

    def __and__(self, other: Columns) -> Columns:
        attributes = self.attributes
        if attributes is None or other.attributes is None:
            attributes = other.attributes if attributes is None else attributes
        else:
            attributes = attributes & other.attributes
        order = ("none", "phases", "all")
        return Columns(
            self.shapes & other.shapes, self.identity and other.identity, self.uid and other.uid,
            self.interpolated and other.interpolated, self.relations and other.relations,
            self.state & other.state, attributes,
            min(self.intervals, other.intervals, key=order.index),
            max(self.exclusive, other.exclusive, key=("", "objects", "classes").index),
            self.tolerance_px + other.tolerance_px,
        )  # fmt: skip


NOTHING_LOST = Columns(EVERY, uid=True, interpolated=True, relations=True)
OF_MASKS = Columns(frozenset(("mask",)), state=NO, attributes=NO, intervals="none")
OF_BOXES = Columns(frozenset(("tip", "box")), attributes=NO, intervals="none")
COLUMNS_OF = {
    "dicom-seg": replace(OF_MASKS, uid=True),
    "dicom-labelmap": replace(OF_MASKS, uid=True),
    "dicom-sr": Columns(frozenset(("tip", "box")), uid=True, interpolated=True, tolerance_px=1e-5),
    "coco-video": NOTHING_LOST,
    "mot": replace(OF_BOXES, tolerance_px=2e-4),
    "mots": replace(OF_MASKS, exclusive="objects"),
    "yolo": Columns(FIRST, state=frozenset(("tip",)), attributes=NO, intervals="none",
                    tolerance_px=1e-6),
    "kitti": replace(OF_BOXES, tolerance_px=2e-6),
    "cholec80": Columns(NO, attributes=NO, intervals="phases"),
    "cholect50": Columns(frozenset(("tip", "box")), identity=False, state=NO,
                         attributes=frozenset(("verb", "target")), intervals="phases",
                         tolerance_px=1e-8),
    "endovis": replace(OF_MASKS, identity=False, exclusive="classes"),
    "cvat": Columns(FIRST | {"rotated_box", "polygon", "polyline"}, uid=True, interpolated=True,
                    intervals="none"),
    "datumaro": Columns(FIRST, uid=True, interpolated=True),
    "csv": NOTHING_LOST,
    "parquet": NOTHING_LOST,
}  # fmt: skip
COLUMNS_OF |= {
    "dicom-seg, deflated": COLUMNS_OF["dicom-seg"],
    "dicom-labelmap, deflated": COLUMNS_OF["dicom-labelmap"],
    "coco-video, YouTube-VIS": COLUMNS_OF["coco-video"],
    "mots, PNG": COLUMNS_OF["mots"],
    "yolo, labels": replace(COLUMNS_OF["yolo"], identity=False),
}


def content(freeze: Freeze, columns: Columns) -> dict[Any, Any]:
    """The labels of a freeze's clip by what the columns hold: key → numbers, words."""
    view = view_of(freeze, Choice("")).clips[0]
    found: dict[Any, Any] = {}
    for frame, there in view.by_frame(*columns.shapes) if columns.shapes else ():
        masks = [each for each in there if each[0].geometry == "mask"]
        if columns.exclusive and masks:
            _exclusive(view, frame, masks, columns, found)
            there = [each for each in there if each[0].geometry != "mask"]
        for track, placed in there:
            said = {**track.attributes, **placed.attributes}
            if columns.attributes is not None:
                said = {k: v for k, v in said.items() if k in columns.attributes}
            state = placed.state if track.geometry in columns.state else ""
            marks = (track.id if columns.uid else "", columns.interpolated and placed.interpolated)
            row = (_numbers(placed.shape), state, said, *marks)
            if columns.identity:
                found[track.class_id, track.number, frame] = row
            else:
                found.setdefault((track.class_id, frame), []).append(row)
    for interval in view.labels.intervals:
        if columns.intervals == "all":
            key = (interval.class_id, interval.start_frame, interval.end_frame)
            uid = interval.id if columns.uid else ""
            found.setdefault(key, []).append(("", uid, interval.attributes))
        elif columns.intervals == "phases" and interval.geometry == "phase":
            for frame in range(interval.start_frame, interval.end_frame):
                found["phase", frame] = ("", interval.class_id, {})
    for each in view.labels.relations if columns.relations else ():
        key = (each.relation, each.subject, each.target, each.start_frame, each.end_frame)
        found.setdefault(key, []).append(("", each.id, {}))
    for value in found.values():
        if isinstance(value, list):
            value.sort(key=repr)
    return found


def _exclusive(view: Any, frame: int, there: Any, columns: Columns, found: dict) -> None:
    picture, there, _ = exclusive_masks(view, there)
    if columns.exclusive == "objects":
        for place, (track, _) in enumerate(there, 1):
            if (picture == place).any():
                shape = rle.encode(picture == place)["counts"]
                row = (shape, "", {}, "", False)
                if columns.identity:
                    found[track.class_id, track.number, frame] = row
                else:
                    found.setdefault((track.class_id, frame), []).append(row)
        return
    for class_id in {t.class_id for t, _ in there}:
        own = [i for i, (t, _) in enumerate(there, 1) if t.class_id == class_id]
        if np.isin(picture, own).any():
            found[class_id, frame] = (
                rle.encode(np.isin(picture, own))["counts"],
                "",
                {},
                "",
                False,
            )


def _numbers(shape: dict[str, Any]) -> Any:
    if shape["type"] == "mask":
        return shape["rle"]["counts"]
    if shape["type"] == "rotated_box":  # a turn of 360 degrees is none
        *where, degrees = shape["rotated_box"]
        return tuple(map(float, (*where, cos(radians(degrees)), sin(radians(degrees)))))
    return tuple(np.ravel(np.array(shape[coordinates_key(shape["type"])], float)).tolist())


def differences(one: dict[Any, Any], two: dict[Any, Any], tolerance_px: float) -> list[str]:
    """What differs between two `content`s, in words; empty when nothing does."""
    wrong = [f"only before: {k}" for k in one if k not in two]
    wrong += [f"only after: {k}" for k in two if k not in one]
    for key in one:
        if key in two and not _alike(one[key], two[key], tolerance_px):
            wrong.append(f"{key}: {one[key]} became {two[key]}")
    return wrong


def _alike(one: Any, two: Any, tolerance_px: float) -> bool:
    if isinstance(one, list):
        return len(one) == len(two) and all(
            any(_alike(a, b, tolerance_px) for b in two) for a in one
        )
    (a, *rest_a), (b, *rest_b) = one, two
    if isinstance(a, tuple):
        same = len(a) == len(b) and np.allclose(a, b, rtol=0, atol=tolerance_px)
        return bool(same) and rest_a == rest_b
    return a == b and rest_a == rest_b
