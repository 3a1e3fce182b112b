"""Which objects of several readers are the same thing, and how far apart they place it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .agreement import Shown
from .phase_metrics import interval_alpha

# A reader's number and the name of an object of theirs.
Owned = tuple[int, str]
Group = dict[int, str]
Link = tuple[float, Owned, Owned]


def groups(links: Iterable[Link]) -> list[Group]:
    """Objects that pairwise matching (``(likeness, one, other)``) takes for the same thing: at most
    one of each reader, the likest joined first. Each group: reader to object, two or more."""
    held: dict[Owned, Group] = {}
    for _, one, other in sorted(links, key=lambda link: (-link[0], link[1], link[2])):
        first = held.setdefault(one, {one[0]: one[1]})
        second = held.setdefault(other, {other[0]: other[1]})
        if first is second or first.keys() & second.keys():
            continue
        first.update(second)
        for reader, name in second.items():
            held[reader, name] = first
    found = {id(group): group for group in held.values() if len(group) > 1}
    return sorted(found.values(), key=lambda group: sorted(group.items()))


def place_of(shape: Mapping[str, Any]) -> tuple[float, float] | None:
    """Where a tip points, or a box has its middle; None for other shapes."""
    if shape["type"] == "tip":
        x, y = shape["point"]
        return float(x), float(y)
    if shape["type"] == "box":
        x, y, width, height = shape["box"]
        return x + width / 2, y + height / 2
    return None


def alpha_of_places(found: Sequence[Group], shown: Sequence[Shown]) -> float | None:
    """Krippendorff's alpha of where the readers place what they both show: a unit is an object on
    a frame, a rating a place in pixels, the difference the squared distance."""
    units: dict[tuple[int, int], int] = {}
    values: list[tuple[float, float]] = []
    of_unit: list[int] = []
    for number, group in enumerate(found):
        for reader, name in group.items():
            for frame, (shape, *_) in shown[reader][name].items():
                if (place := place_of(shape)) is not None:
                    of_unit.append(units.setdefault((number, frame), len(units)))
                    values.append(place)
    if not values:
        return None
    return interval_alpha(np.array(values), np.array(of_unit))


def alpha_of_edges(
    found: Sequence[Group], spans: Sequence[Mapping[str, Any]], edge: str
) -> float | None:
    """Krippendorff's alpha (interval) of when the intervals of each group begin or end (``edge``:
    ``start_frame`` or ``end_frame``); ``spans``: each reader's intervals by name."""
    said = [
        (number, spans[reader][name][edge])
        for number, group in enumerate(found)
        for reader, name in group.items()
    ]
    if not said:
        return None
    units, values = zip(*said, strict=True)
    return interval_alpha(np.array(values, dtype=np.float64)[:, None], np.array(units))
