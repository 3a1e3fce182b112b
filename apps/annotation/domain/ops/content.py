"""What a shape and attributes may say, by the class that they are of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from apps.ontology.domain.geometries import SHAPES

from .. import rle
from ..shapes import EDGE_TOLERANCE_PX, POINT_SHAPES, check_points, coordinates_key


class InvalidOperation(ValueError):
    """An operation that is not taken.

    ``index`` is its place in the batch (0-based), ``code`` is ``invalid_operation``,
    ``phase_overlap`` or ``too_many_operations``.
    """

    def __init__(
        self, index: int, field: str, message: str, remedy: str, code: str = "invalid_operation"
    ) -> None:
        super().__init__(f"operation {index}, {field}: {message}")
        self.index = index
        self.field = field
        self.message = message
        self.remedy = remedy
        self.code = code


Refuse = Callable[[str, str, str], InvalidOperation]


def class_of(ontology: Mapping[str, Any], class_id: str) -> dict[str, Any]:
    """The class definition of an id. Raises KeyError."""
    for cls in ontology["classes"]:
        if cls["id"] == class_id:
            return cls
    raise KeyError(class_id)


def check_shape(
    shape: Any,
    label_class: Mapping[str, Any],
    width_px: int,
    height_px: int,
    refuse: Refuse | None = None,
) -> None:
    """Check a shape against its class and the picture. Raises InvalidOperation."""
    refuse = refuse or refuser(0)
    geometry = label_class["geometry"]
    if not isinstance(shape, dict) or shape.get("type") not in SHAPES:
        raise refuse("shape", "has no known type", f"send one of {', '.join(SHAPES)}")
    if shape["type"] != geometry:
        raise refuse("shape.type", f"is not {geometry}", f"this class is drawn as a {geometry}")
    numbers_in = "rle" if geometry == "mask" else coordinates_key(geometry)
    if set(shape) != {"type", numbers_in}:
        raise refuse(
            "shape", "has fields that are not known or lacks one", f"send type and {numbers_in}"
        )
    if geometry in POINT_SHAPES:
        check_points(shape, label_class, width_px, height_px, refuse)
        return
    if geometry == "mask":
        try:
            runs = rle.parse(shape["rle"], (height_px, width_px))
        except rle.MalformedRle as error:
            raise refuse("shape.rle", str(error), error.remedy) from None
        if not runs[1::2].sum():
            raise refuse("shape.rle", "is an empty mask", "delete the keyframe or set it absent")
        return
    numbers = shape["point" if geometry == "tip" else "box"]
    count = 2 if geometry == "tip" else 4
    field = "shape.point" if geometry == "tip" else "shape.box"
    if not isinstance(numbers, list) or len(numbers) != count or not all(map(is_finite, numbers)):
        raise refuse(field, f"is not {count} finite numbers", "send pixel coordinates")
    x, y = numbers[:2]
    width, height = (0, 0) if geometry == "tip" else numbers[2:]
    if geometry == "box" and (width <= 0 or height <= 0):
        raise refuse(field, "has no area", "send [x, y, width, height] above 0")
    if not (
        x >= 0
        and y >= 0
        and x + width <= width_px + EDGE_TOLERANCE_PX
        and y + height <= height_px + EDGE_TOLERANCE_PX
    ):
        raise refuse(
            field, "is outside the picture", f"stay within 0 to {width_px} and 0 to {height_px}"
        )


def refuser(index: int) -> Refuse:
    return lambda field, message, remedy: InvalidOperation(index, field, message, remedy)


def is_finite(value: Any) -> bool:
    if type(value) not in (int, float):
        return False
    return abs(value) < 1e9  # false for NaN too


def check_attributes(attributes: Any, cls: Mapping[str, Any], refuse: Refuse | None = None) -> None:
    """Check attribute values against their class. Raises InvalidOperation."""
    refuse = refuse or refuser(0)
    if not isinstance(attributes, dict):
        raise refuse("attributes", "is not an object", "send {} when there is none")
    known = {a["id"]: a for a in cls.get("attributes", [])}
    for name, value in attributes.items():
        if name not in known:
            raise refuse("attributes", "names an attribute that the class lacks", "leave it out")
        kind = known[name]["type"]
        if kind == "choice":
            fits = isinstance(value, str) and value in {v["id"] for v in known[name]["values"]}
        elif kind == "boolean":
            fits = isinstance(value, bool)
        else:
            fits = (
                is_finite(value)
                and value >= known[name].get("minimum", -math.inf)
                and value <= known[name].get("maximum", math.inf)
            )
        if not fits:
            raise refuse(
                f"attributes.{name}", f"is not a value of this {kind}", "use a value it allows"
            )
