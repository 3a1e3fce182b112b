"""Labels that stand on frames which their person never had on the screen; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

Unseen = dict[str, Any]


def unseen(labels: Mapping[str, Any], clip: str, spans: Iterable[tuple[int, int]]) -> list[Unseen]:
    """Objects of a clip that were not looked at, first in time first.

    ``spans`` are the frames [start, end) that were shown, in any order. A track counts by its
    keyframes, what was said and not what follows from it; an interval by its two boundaries, each
    of which must have been shown. Each row: ``{"object", "class_id", "frames", "first_frame"}``,
    ``frames`` how many of those were not.
    """
    starts, ends = _joined(spans)

    def is_shown(frame: int) -> bool:
        at = bisect_right(starts, frame) - 1
        return at >= 0 and frame < ends[at]

    rows: list[Unseen] = []
    for name, track in labels["tracks"].items():
        if track["clip"] == clip:
            said = [int(f) for f, keyframe in track["keyframes"].items() if keyframe["shape"]]
            rows += _row(name, track["class_id"], [f for f in said if not is_shown(f)])
    for name, span in labels["intervals"].items():
        if span["clip"] == clip:
            edges = {span["start_frame"], span["end_frame"] - 1}
            rows += _row(name, span["class_id"], [f for f in edges if not is_shown(f)])
    return sorted(rows, key=lambda row: (row["first_frame"], row["object"]))


def _row(name: str, class_id: str, frames: list[int]) -> list[Unseen]:
    if not frames:
        return []
    made = {"object": name, "class_id": class_id, "frames": len(frames), "first_frame": min(frames)}
    return [made]


def _joined(spans: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(spans):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends
