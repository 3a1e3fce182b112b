"""Interpolators ``linear@1`` and ``shape@1``: which shape a track has on each frame.

By frame index. A track exists from its first to its last keyframe. An absent keyframe starts an
absent span up to the next keyframe. Between keyframes i < f < j: absent when i is absent; nothing
when the rule of the class is ``none`` or the keyframes are further apart than its largest gap; the
shape of i when j is absent; else by the rule, with the state of i:

- ``linear``: each coordinate is ``a + (b - a) * (f - i) / (j - i)``, evaluated left to right in
  IEEE doubles; a rotated box turns the shorter way (by half turns, which look the same), a keypoint
  that one of the two does not place keeps the first's place and visibility;
- ``outline``: points paired along the two outlines (``outline.py``), then linear;
- ``distance``: masks by signed distance (``morph.py``).

``linear@1`` is this with masks never interpolated and no largest gap
(``ontology/domain/geometries.py`` says which ontologies it is for). ``tests/vectors/`` holds the
vectors that the browser shares: ``interpolate.json`` and ``shapes.json``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from math import floor
from typing import Any

from apps.ontology.domain.geometries import Rule, default_rule, interpolator_of, rule_of

from . import outline, rle
from .morph import Morph

__all__ = [
    "Rule",
    "at",
    "attributes_at",
    "expand_track",
    "interpolator_of",
    "is_bridged",
    "iter_track",
    "rule_of",
]

Frame = dict[str, Any]
Between = Callable[[int, int, int], dict[str, Any]]


def expand_track(track: Mapping[str, Any], geometry: str, rule: Rule | None = None) -> list[Frame]:
    """Every frame on which the track says something, in order.

    A frame is ``{"frame_index", "state", "shape", "interpolated"}``; ``shape`` is None when absent.
    ``rule`` is that of the track's class (``rule_of``); None is the geometry's own.
    """
    return list(iter_track(track, geometry, rule))


def iter_track(
    track: Mapping[str, Any], geometry: str, rule: Rule | None = None
) -> Iterator[Frame]:
    """As ``expand_track``, a frame at a time."""
    keyframes = track["keyframes"]
    indices = sorted(int(k) for k in keyframes)
    held = rule or default_rule(geometry)
    for place, i in enumerate(indices):
        yield _keyframe(i, keyframes[str(i)])
        if place + 1 < len(indices):
            j = indices[place + 1]
            first, second = keyframes[str(i)], keyframes[str(j)]
            if j - i < 2 or not is_bridged(first, i, j, held):
                continue
            shape_at = _shapes(first, second, held)
            for f in range(i + 1, j):
                yield _between(first, shape_at, i, f, j)


def at(
    track: Mapping[str, Any], geometry: str, frame: int, rule: Rule | None = None
) -> Frame | None:
    """The track on one frame, or None where it says nothing."""
    keyframes = track["keyframes"]
    if str(frame) in keyframes:
        return _keyframe(frame, keyframes[str(frame)])
    indices = sorted(int(k) for k in keyframes)
    place = bisect_right(indices, frame)
    if place == 0 or place == len(indices):
        return None
    i, j = indices[place - 1], indices[place]
    first, second = keyframes[str(i)], keyframes[str(j)]
    held = rule or default_rule(geometry)
    if not is_bridged(first, i, j, held):
        return None
    return _between(first, _shapes(first, second, held), i, frame, j)


def attributes_at(track: Mapping[str, Any], frame: int) -> dict[str, Any]:
    """Attributes that hold on a frame: the track's, overlaid by the newest keyframe's up to it."""
    indices = [int(k) for k in track["keyframes"] if int(k) <= frame]
    held = track["keyframes"][str(max(indices))]["attributes"] if indices else {}
    return {**track["attributes"], **held}


def _keyframe(index: int, keyframe: Mapping[str, Any]) -> Frame:
    return {
        "frame_index": index,
        "state": keyframe["state"],
        "shape": keyframe["shape"],
        "interpolated": False,
    }


def is_bridged(first: Mapping[str, Any], i: int, j: int, rule: Rule) -> bool:
    """Whether anything stands between two neighbouring keyframes."""
    if first["state"] == "absent":
        return True
    if rule.kind == "none":
        return False
    return rule.max_gap_frames is None or j - i <= rule.max_gap_frames


def _between(first: Mapping[str, Any], shape_at: Between, i: int, f: int, j: int) -> Frame:
    shape = None if first["state"] == "absent" else shape_at(i, f, j)
    return {"frame_index": f, "state": first["state"], "shape": shape, "interpolated": True}


def _shapes(first: Mapping[str, Any], second: Mapping[str, Any], rule: Rule) -> Between:
    """What gives the shape of a frame between two keyframes; made once a pair."""
    a, b = first["shape"], second["shape"]
    if first["state"] == "absent" or second["state"] == "absent":
        return lambda i, f, j: a
    if a["type"] == "mask":
        if rle.is_empty(a["rle"]) or rle.is_empty(b["rle"]):
            return lambda i, f, j: a
        morph = Morph(a["rle"], b["rle"])
        return lambda i, f, j: {"type": "mask", "rle": morph.at(i, f, j)}
    if rule.kind == "outline":
        pairs = outline.paired(a["points"], b["points"], a["type"] == "polygon")
        return lambda i, f, j: {"type": a["type"], "points": outline.between(pairs, i, f, j)}
    return lambda i, f, j: _linear(a, b, i, f, j)


def _linear(a: Mapping[str, Any], b: Mapping[str, Any], i: int, f: int, j: int) -> dict[str, Any]:
    def mix(p: Any, q: Any) -> list[float]:
        return [u + (v - u) * (f - i) / (j - i) for u, v in zip(p, q, strict=True)]

    kind = a["type"]
    if kind == "tip":
        return {"type": kind, "point": mix(a["point"], b["point"])}
    if kind == "box":
        return {"type": kind, "box": mix(a["box"], b["box"])}
    if kind == "rotated_box":
        *box, angle = a["rotated_box"]
        *other, to = b["rotated_box"]
        turn = to - angle
        turn = turn - 180 * floor(turn / 180 + 0.5)
        return {"type": kind, kind: [*mix(box, other), angle + turn * (f - i) / (j - i)]}
    if kind == "keypoints":
        points = [
            [*mix(p[:2], q[:2]), p[2]] if p[2] and q[2] else list(p)
            for p, q in zip(a["points"], b["points"], strict=True)
        ]
        return {"type": kind, "points": points}
    points = [mix(p, q) for p, q in zip(a["points"], b["points"], strict=True)]
    return {"type": kind, "points": points}
