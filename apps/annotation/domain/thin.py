"""Which shapes carried over many frames must be keyframes; interpolation gives the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.ontology.domain.geometries import Rule

from .interpolate import at
from .shapes import coordinates_key

KEPT_WITHIN_PX = 0.5
LONGEST_FRAMES = 12


def thinned(
    frames: Sequence[tuple[int, Mapping[str, Any]]], geometry: str, rule: Rule
) -> list[tuple[int, Mapping[str, Any]]]:
    """Of (frame index, shape) of neighbouring frames, the first a keyframe already, those to set.

    Interpolation between them stays within half a pixel of each shape left out; at most 12 frames
    and the class's largest gap are bridged. Masks, and classes without interpolation, keep all.
    Indices may run backwards.
    """
    if geometry == "mask" or rule.kind == "none" or len(frames) < 3:
        return list(frames[1:])
    longest = min(LONGEST_FRAMES, rule.max_gap_frames or LONGEST_FRAMES)
    kept: list[tuple[int, Mapping[str, Any]]] = []
    start = 0
    while start < len(frames) - 1:
        end = start + 1
        while (
            end + 1 < len(frames)
            and end + 1 - start <= longest
            and _gives(frames[start : end + 2], geometry, rule)
        ):
            end += 1
        kept.append(frames[end])
        start = end
    return kept


def _gives(frames: Sequence[tuple[int, Mapping[str, Any]]], geometry: str, rule: Rule) -> bool:
    (first, one), (last, two) = frames[0], frames[-1]
    track = {
        "keyframes": {
            str(index): {"state": "visible", "shape": shape, "attributes": {}}
            for index, shape in ((first, one), (last, two))
        }
    }
    for index, shape in frames[1:-1]:
        made = at(track, geometry, index, rule)
        if made is None or not _near(made["shape"], shape):
            return False
    return True


def _near(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    a, b = (_flat(s[coordinates_key(s["type"])]) for s in (one, two))
    return len(a) == len(b) and all(abs(x - y) <= KEPT_WITHIN_PX for x, y in zip(a, b, strict=True))


def _flat(values: Sequence[Any]) -> list[float]:
    return [v for row in values for v in (row if isinstance(row, list) else [row])]
