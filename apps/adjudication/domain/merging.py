"""Two annotators' objects made into one: masks united, intersected or estimated, points averaged.

``union``, ``intersect`` and ``staple`` are for masks, ``mean`` for shapes whose numbers belong
together pairwise (and for events). Outlines and lines of any number of points have none: they are
taken from a side or redrawn, as is what one side alone has.

STAPLE is the expectation maximisation of Warfield, Zou and Wells 2004 (IEEE TMI 23:903) for a
binary mask, begun from the mean of the masks and with the global share of foreground as prior, as
ITK does. Two masks have only four kinds of pixels, so it runs on four counts. Two masks alone say
little of who is right, so it mostly keeps what both marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import floor
from typing import Any

from apps.annotation.domain import rle
from apps.annotation.domain.interpolate import Rule
from apps.annotation.domain.shapes import coordinates_key

from .agreement import shown_frames

MASK_MERGES = ("union", "intersect", "staple")
MERGES = (*MASK_MERGES, "mean")
AVERAGED = ("tip", "box", "rotated_box", "shaft", "keypoints", "cuboid", "event")

_STAPLE_ROUNDS = 20_000
_STAPLE_STILL = 1e-14
# Where one mask lies within the other the rest is even (0.5): not the rounding decides.
EVEN = 1e-9

Shape = Mapping[str, Any]
Shown = Mapping[int, tuple[Any, str, Any]]


class NothingInBothError(ValueError):
    """The two objects have no picture element in common: their intersection is no object."""


def merges_of(kind: str) -> tuple[str, ...]:
    """How a disagreement of this kind may be merged; none for what one side alone has."""
    if kind == "mask":
        return MASK_MERGES
    return ("mean",) if kind in AVERAGED else ()


def merged_track(
    a: Mapping[str, Any], b: Mapping[str, Any], geometry: str, rule: Rule, how: str
) -> dict[str, Any]:
    """One track of A's and B's, both of one class; class, number and attributes are A's.

    A frame that both show is merged; occluded when either says so. One that a single side shows is
    taken from it, except by ``intersect``: what one alone drew is not in both. Between the
    keyframes of either the merged track follows the merged places exactly where the rule is linear.
    Raises ValueError for a way that the geometry does not have, NothingInBothError when no frame
    is left.
    """
    if how not in merges_of(geometry):
        raise ValueError(f"a {geometry} is not merged by {how}")
    shown_a, shown_b = shown_frames(a, geometry, rule), shown_frames(b, geometry, rule)
    merged = {f: _merged(shown_a.get(f), shown_b.get(f), how) for f in _frames(shown_a, shown_b)}
    left = {f: keyframe for f, keyframe in merged.items() if keyframe is not None}
    if not left:
        raise NothingInBothError("the two have nothing in common")
    own = {int(f) for side in (a, b) for f in side["keyframes"]}
    keyframes: dict[str, Any] = {}
    for frame in _knots(sorted(left), own, shown_a, shown_b):
        keyframes[str(frame)] = left[frame]
    if rule.kind != "none":
        for frame in sorted(left)[:-1]:
            if frame + 1 not in left:
                keyframes[str(frame + 1)] = {"state": "absent", "shape": None, "attributes": {}}
    return {**a, "keyframes": dict(sorted(keyframes.items(), key=lambda item: int(item[0])))}


def merged_interval(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """Mean start and mean length of two events, rounded down to whole frames, at least one."""
    start = (a["start_frame"] + b["start_frame"]) // 2
    length = (a["end_frame"] - a["start_frame"] + b["end_frame"] - b["start_frame"]) // 2
    return {**a, "start_frame": start, "end_frame": start + max(1, length)}


def staple(a: rle.Rle, b: rle.Rle) -> rle.Rle:
    """The mask that STAPLE estimates from two: pixels more likely foreground than not."""
    both, only_a, only_b = rle.intersection(a, b), rle.difference(a, b), rle.difference(b, a)
    height, width = a["size"]
    shown = [rle.area(part) for part in (both, only_a, only_b)]
    counts = [*shown, height * width - sum(shown)]
    weights = staple_weights(counts)
    out = rle.difference(a, a)
    for part, weight in zip((both, only_a, only_b), weights, strict=False):
        if weight > 0.5 + EVEN:
            out = rle.union(out, part)
    return out


def staple_weights(
    counts: Sequence[int], said: Sequence[tuple[int, ...]] = ((1, 1), (1, 0), (0, 1), (0, 0))
) -> list[float]:
    """Probability of foreground of the pixels of each kind, given how many there are of each:
    ``said`` tells a kind by who marked it (both, A alone, B alone, neither when left out)."""
    total, n_raters = sum(counts), len(said[0])
    marked = sum(n * sum(marks) for n, marks in zip(counts, said, strict=True))
    prior = marked / (n_raters * total) if total else 0.0
    if prior in (0.0, 1.0):
        return [prior] * len(said)
    weights = [sum(marks) / n_raters for marks in said]
    for _ in range(_STAPLE_ROUNDS):
        inside = [n * w for n, w in zip(counts, weights, strict=True)]
        outside = [n * (1 - w) for n, w in zip(counts, weights, strict=True)]
        hit = [_share(inside, [marks[rater] for marks in said]) for rater in range(n_raters)]
        reject = [
            _share(outside, [1 - marks[rater] for marks in said]) for rater in range(n_raters)
        ]
        before = weights
        weights = [_weight(marks, prior, hit, reject) for marks in said]
        if max(abs(x - y) for x, y in zip(weights, before, strict=True)) < _STAPLE_STILL:
            break
    return weights


def _share(values: list[float], counted: list[int]) -> float:
    total = sum(values)
    return sum(v for v, c in zip(values, counted, strict=True) if c) / total if total else 1.0


def _weight(marks: tuple[int, ...], prior: float, hit: list[float], reject: list[float]) -> float:
    inside, outside = prior, 1 - prior
    for rater, mark in enumerate(marks):
        inside *= hit[rater] if mark else 1 - hit[rater]
        outside *= 1 - reject[rater] if mark else reject[rater]
    return inside / (inside + outside) if inside + outside else 0.0


def _frames(shown_a: Shown, shown_b: Shown) -> list[int]:
    return sorted(shown_a.keys() | shown_b.keys())


def _merged(
    a: tuple[Any, str, Any] | None, b: tuple[Any, str, Any] | None, how: str
) -> dict[str, Any] | None:
    """The keyframe of a frame on which at least one side shows the object."""
    if a is None or b is None:
        alone = a or b
        if how == "intersect" or alone is None:
            return None
        return {"state": alone[1], "shape": alone[0], "attributes": alone[2]}
    shape = _shape(a[0], b[0], how)
    if shape is None:
        return None
    state = "occluded" if "occluded" in (a[1], b[1]) else a[1]
    return {"state": state, "shape": shape, "attributes": a[2]}


def _shape(a: Shape, b: Shape, how: str) -> dict[str, Any] | None:
    if how == "mean":
        return _mean(a, b)
    ways = {"union": rle.union, "intersect": rle.intersection, "staple": staple}
    made = ways[how](a["rle"], b["rle"])
    return None if rle.is_empty(made) else {"type": "mask", "rle": made}


def _mean(a: Shape, b: Shape) -> dict[str, Any]:
    """A rotated box turns the shorter way; a keypoint that one side alone places stays there, and
    is hidden when either says so."""
    kind = a["type"]
    key = coordinates_key(kind)
    if kind == "rotated_box":
        *box, angle = a[key]
        *other, to = b[key]
        turn = to - angle
        turn -= 180 * floor(turn / 180 + 0.5)
        return {"type": kind, key: [*_middle(box, other), angle + turn / 2]}
    if kind in ("tip", "box"):
        return {"type": kind, key: _middle(a[key], b[key])}
    points = []
    for p, q in zip(a[key], b[key], strict=True):
        if kind == "keypoints" and not (p[2] and q[2]):
            points.append(list(p if p[2] else q))
        else:
            points.append([*_middle(p[:2], q[:2]), *([min(p[2], q[2])] if len(p) == 3 else [])])
    return {"type": kind, key: points}


def _middle(p: list[float], q: list[float]) -> list[float]:
    return [u + (v - u) / 2 for u, v in zip(p, q, strict=True)]


def _knots(frames: list[int], own: set[int], shown_a: Shown, shown_b: Shown) -> list[int]:
    """Frames that need a keyframe: either side's own, and both ends of each stretch over which the
    same sides show the object, so that what lies between is interpolated as each side's was."""
    held = {frames[0], frames[-1], *(f for f in frames if f in own)}
    for f, g in pairwise(frames):
        if g != f + 1 or (f in shown_a, f in shown_b) != (g in shown_a, g in shown_b):
            held |= {f, g}
    return sorted(held)
