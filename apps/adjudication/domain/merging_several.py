"""Three and more annotators' objects made into one, as ``merging.py`` does it for two.

Masks: what any marked (``union``), what all marked (``intersect``), what more than half marked
(``majority``), what STAPLE estimates (``staple``; a side that shows nothing there marks no pixel).
Shapes whose numbers belong together, and events: the ``mean`` or the ``median`` of each number over
the sides that have the object, on the frames that at least half of these show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import pairwise
from math import floor
from statistics import fmean, median
from typing import Any

from apps.annotation.domain import rle
from apps.annotation.domain.interpolate import Rule
from apps.annotation.domain.shapes import coordinates_key

from .agreement import shown_frames
from .merging import AVERAGED, EVEN, NothingInBothError, Shape, Shown, staple_weights

MASK_MERGES = ("union", "intersect", "majority", "staple")
AVERAGES: Mapping[str, Callable[[Sequence[float]], float]] = {"mean": fmean, "median": median}
MERGES = (*MASK_MERGES, *AVERAGES)
# From one frame to the next but one, in pixels or degrees: more is a bend that needs a keyframe.
_BEND = 1e-6

Marks = tuple[int, ...]


def merges_of(kind: str) -> tuple[str, ...]:
    """How a disagreement of this kind may be merged; none for what one side alone has."""
    if kind == "mask":
        return MASK_MERGES
    return tuple(AVERAGES) if kind in AVERAGED else ()


def merged_tracks(
    tracks: Sequence[Mapping[str, Any]], n_sides: int, geometry: str, rule: Rule, how: str
) -> dict[str, Any]:
    """One track of two or more, of one class, which so many of ``n_sides`` have; class, number and
    attributes are the first's. A frame is occluded when at least half of those that show it say so.

    Raises ValueError for a way that the geometry does not have, NothingInBothError when no frame is
    left.
    """
    if how not in merges_of(geometry):
        raise ValueError(f"a {geometry} is not merged by {how}")
    shown = [shown_frames(track, geometry, rule) for track in tracks]
    left = {
        frame: keyframe
        for frame in sorted(set[int]().union(*shown))
        if (keyframe := _merged([side.get(frame) for side in shown], n_sides, how)) is not None
    }
    if not left:
        raise NothingInBothError("nothing is left of them")
    keyframes: dict[str, Any] = {}
    for frame in _knots(left, {int(f) for track in tracks for f in track["keyframes"]}, shown):
        keyframes[str(frame)] = left[frame]
    if rule.kind != "none":
        for frame in sorted(left)[:-1]:
            if frame + 1 not in left:
                keyframes[str(frame + 1)] = {"state": "absent", "shape": None, "attributes": {}}
    ordered = dict(sorted(keyframes.items(), key=lambda item: int(item[0])))
    return {**tracks[0], "keyframes": ordered}


def merged_intervals(spans: Sequence[Mapping[str, Any]], how: str) -> dict[str, Any]:
    """Mean or median start and length of events, rounded down to whole frames, at least one."""
    average = AVERAGES[how]
    start = floor(average([span["start_frame"] for span in spans]))
    length = floor(average([span["end_frame"] - span["start_frame"] for span in spans]))
    return {**spans[0], "start_frame": start, "end_frame": start + max(1, length)}


def _merged(
    there: Sequence[tuple[Any, str, Any] | None], n_sides: int, how: str
) -> dict[str, Any] | None:
    """The keyframe of a frame on which at least one side shows the object; None for no object."""
    showing = [one for one in there if one is not None]
    if how in AVERAGES:
        if 2 * len(showing) < len(there):
            return None
        shape: dict[str, Any] | None = _averaged([one[0] for one in showing], AVERAGES[how])
    else:
        made = merged_masks([one[0]["rle"] for one in showing], n_sides, how)
        shape = None if rle.is_empty(made) else {"type": "mask", "rle": made}
    if shape is None:
        return None
    n_hidden = sum(one[1] == "occluded" for one in showing)
    state = "occluded" if 2 * n_hidden >= len(showing) else "visible"
    return {"state": state, "shape": shape, "attributes": showing[0][2]}


def merged_masks(masks: Sequence[rle.Rle], n_sides: int, how: str) -> rle.Rle:
    """One mask of those that some of ``n_sides`` marked; the other sides marked no pixel."""
    if how == "union":
        return reduce(rle.union, masks)
    if how == "intersect":
        made = reduce(rle.intersection, masks)
        return made if len(masks) == n_sides else rle.difference(made, made)
    parts = parted(masks, n_sides)
    if how == "majority":
        chosen = [part for marks, part in parts.items() if 2 * sum(marks) > n_sides]
    else:
        height, width = masks[0]["size"]
        counts = [rle.area(part) for part in parts.values()]
        said = [*parts, (0,) * n_sides]
        weights = staple_weights([*counts, height * width - sum(counts)], said)
        chosen = [
            part for part, weight in zip(parts.values(), weights, strict=False)
            if weight > 0.5 + EVEN
        ]  # fmt: skip
    return reduce(rle.union, chosen, rle.difference(masks[0], masks[0]))


def parted(masks: Sequence[rle.Rle], n_sides: int) -> dict[Marks, rle.Rle]:
    """The marked pixels by who marked them: a 1 a mask that has them, then 0 up to ``n_sides``."""
    parts: dict[Marks, rle.Rle] = {(): reduce(rle.union, masks)}
    for mask in masks:
        cut: dict[Marks, rle.Rle] = {}
        for marks, part in parts.items():
            inside = rle.intersection(part, mask)
            for mark, piece in ((1, inside), (0, rle.difference(part, mask))):
                if not rle.is_empty(piece):
                    cut[(*marks, mark)] = piece
        parts = cut
    return {(*marks, *(0,) * (n_sides - len(masks))): part for marks, part in parts.items()}


def _averaged(
    shapes: Sequence[Shape], average: Callable[[Sequence[float]], float]
) -> dict[str, Any]:
    """Number by number. A rotated box turns from the first the shorter way; a keypoint is averaged
    over who places it, and is hidden when one of them says so."""
    kind = shapes[0]["type"]
    key = coordinates_key(kind)
    sides = [shape[key] for shape in shapes]

    def of(rows: Sequence[Sequence[float]]) -> list[float]:
        return [average(column) for column in zip(*rows, strict=True)]

    if kind == "rotated_box":
        first = sides[0][4]
        turns = [side[4] - first for side in sides]
        turns = [turn - 180 * floor(turn / 180 + 0.5) for turn in turns]
        return {"type": kind, key: [*of([side[:4] for side in sides]), first + average(turns)]}
    if kind in ("tip", "box"):
        return {"type": kind, key: of(sides)}
    points: list[list[float]] = []
    for same in zip(*sides, strict=True):
        if kind != "keypoints":
            points.append(of(same))
            continue
        placed = [point for point in same if point[2]] or [same[0]]
        seen = min(point[2] for point in placed)
        points.append([*of([point[:2] for point in placed]), seen])
    return {"type": kind, key: points}


def _numbers(keyframe: Mapping[str, Any]) -> list[float]:
    shape = keyframe["shape"]
    if shape["type"] == "mask":
        return []
    held = shape[coordinates_key(shape["type"])]
    return [v for one in held for v in (one if isinstance(one, list) else (one,))]


def _knots(left: Mapping[int, Any], own: set[int], shown: Sequence[Shown]) -> list[int]:
    """Frames that need a keyframe: a side's own, both ends of each stretch over which the same
    sides show the object, and where the numbers do not go on straight (a median goes over from one
    side to another)."""
    frames = sorted(left)
    held = {frames[0], frames[-1], *(f for f in frames if f in own)}
    for f, g in pairwise(frames):
        if g != f + 1 or [f in side for side in shown] != [g in side for side in shown]:
            held |= {f, g}
    numbers = {f: _numbers(left[f]) for f in frames}
    for f in frames[1:-1]:
        if f not in held and any(
            abs(a - 2 * b + c) > _BEND
            for a, b, c in zip(numbers[f - 1], numbers[f], numbers[f + 1], strict=True)
        ):
            held.add(f)
    return sorted(held)
