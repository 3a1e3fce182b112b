"""Lengths and areas in millimetres where a clip's picture is calibrated, as the exports tell them.

What is measured and how far off it may be is ``annotation/domain/measures.py``'s; in an export of
another size half a pixel is one of the exported picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from apps.annotation.domain.measures import Measure, measures
from apps.library.domain.calibration import Region
from apps.release.domain.freeze import ClipFreeze
from apps.release.domain.objects import Placed
from apps.release.domain.view import ClipView

KINDS = (("length", "mm"), ("width", "mm"), ("height", "mm"), ("area", "mm2"))
COLUMNS = tuple(
    f"{kind}_{unit}{end}" for kind, unit in KINDS for end in ("", "_uncertainty")
)  # fmt: skip


def regions_of_clip(clip: ClipFreeze) -> list[Region]:
    """The calibrated regions of the clip's own picture; none where there is no calibration."""
    return [Region(**row) for row in clip.regions or []]


def regions_of_view(view: ClipView) -> list[Region]:
    """The same in the exported picture."""
    sx, sy = view.columns / view.clip.columns, view.rows / view.clip.rows
    return [
        replace(
            r, x0_px=r.x0_px * sx, x1_px=r.x1_px * sx, y0_px=r.y0_px * sy, y1_px=r.y1_px * sy,
            mm_per_px_x=r.mm_per_px_x / sx, mm_per_px_y=r.mm_per_px_y / sy,
        )
        for r in regions_of_clip(view.clip)
    ]  # fmt: skip


def measured(placed: Placed, regions: list[Region]) -> list[Measure]:
    """What can be measured of a shape; nothing without a region that holds all of it."""
    return measures(placed.shape, regions) if regions else []


def cells(placed: Placed, regions: list[Region]) -> list[str]:
    """The cells of ``COLUMNS``: shortest exact numbers, empty where nothing is measured."""
    found = {one.kind: one for one in measured(placed, regions)}

    def row() -> Iterator[str]:
        for kind, _unit in KINDS:
            one = found.get(kind)
            yield from ("", "") if one is None else (repr(one.value), repr(one.uncertainty))

    return list(row())


def as_json(placed: Placed, regions: list[Region]) -> list[dict[str, Any]]:
    """``[{"kind", "value", "uncertainty", "unit"}]``, as COCO-video carries them."""
    return [one.as_json() for one in measured(placed, regions)]
