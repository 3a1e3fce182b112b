"""Which geometries a class may have, and how each may be interpolated between keyframes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# Geometries of a track, in the order in which formats and documents name them.
SHAPES = (
    "mask",
    "tip",
    "box",
    "rotated_box",
    "shaft",
    "polygon",
    "polyline",
    "keypoints",
    "cuboid",
)
# Geometries of an interval. A clip tag covers its whole clip, a frame tag one frame.
INTERVALS = ("phase", "event", "frame_tag", "clip_tag")
GEOMETRIES = SHAPES + INTERVALS

# What ``linear@1`` knew: labels on these alone expand as they always did.
FIRST_GEOMETRIES = ("mask", "tip", "box", "phase", "event")

# How a class of this geometry may be interpolated; the first is meant when it does not say.
INTERPOLATIONS: dict[str, tuple[str, ...]] = {
    "mask": ("none", "distance"),
    "tip": ("linear", "none"),
    "box": ("linear", "none"),
    "rotated_box": ("linear", "none"),
    "shaft": ("linear", "none"),
    "polygon": ("outline", "none"),
    "polyline": ("outline", "none"),
    "keypoints": ("linear", "none"),
    "cuboid": ("linear", "none"),
}


class Rule(NamedTuple):
    """How a track of a class is filled in between keyframes.

    ``kind`` is one of ``INTERPOLATIONS``. Keyframes more than ``max_gap_frames`` apart are not
    bridged (None: any gap is).
    """

    kind: str
    max_gap_frames: int | None = None


def default_rule(geometry: str) -> Rule:
    """The rule of a class that says nothing. Raises KeyError for a geometry that is no shape."""
    return Rule(INTERPOLATIONS[geometry][0])


def rule_of(label_class: Mapping[str, Any]) -> Rule:
    """The rule of a class whose geometry is a shape.

    The largest gap holds where the class names its interpolation, and for geometries younger than
    ``linear@1``: labels signed before either was there must expand to the same bytes.
    """
    geometry, stated = label_class["geometry"], label_class.get("interpolation")
    if stated is None and geometry in FIRST_GEOMETRIES:
        return default_rule(geometry)
    kind = stated or INTERPOLATIONS[geometry][0]
    return Rule(kind, label_class.get("max_keyframe_gap_frames"))


def interpolator_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Name and version of the interpolator that expands labels of an ontology.

    ``linear@1`` while no class says how it is interpolated and none has a younger geometry;
    ``shape@1`` else.
    """
    first = all(
        c["geometry"] in FIRST_GEOMETRIES and c.get("interpolation") is None
        for c in definition["classes"]
    )
    return {"name": "linear" if first else "shape", "version": 1}
