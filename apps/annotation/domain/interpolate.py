"""Interpolator ``linear@1``: which shape a track has on each frame.

By frame index. A track exists from its first to its last keyframe. An absent keyframe starts an
absent span up to the next keyframe. Between keyframes i < f < j: absent when i is absent; nothing
when the geometry is mask (a mask stands on its keyframes only); the shape of i when j is absent;
else each coordinate is ``a + (b - a) * (f - i) / (j - i)``, evaluated left to right in IEEE
doubles, with the state of i. ``tests/vectors/interpolate.json`` holds the vectors that the browser
shares.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

INTERPOLATOR: dict[str, Any] = {"name": "linear", "version": 1}

Frame = dict[str, Any]


def expand_track(track: Mapping[str, Any], geometry: str) -> list[Frame]:
    """Every frame on which the track says something, in order.

    A frame is ``{"frame_index", "state", "shape", "interpolated"}``; ``shape`` is None when absent.
    """
    return list(iter_track(track, geometry))


def iter_track(track: Mapping[str, Any], geometry: str) -> Iterator[Frame]:
    """As ``expand_track``, a frame at a time."""
    keyframes = track["keyframes"]
    indices = sorted(int(k) for k in keyframes)
    for place, i in enumerate(indices):
        yield _keyframe(i, keyframes[str(i)])
        if place + 1 < len(indices):
            j = indices[place + 1]
            first, second = keyframes[str(i)], keyframes[str(j)]
            if first["state"] != "absent" and geometry == "mask":
                continue
            for f in range(i + 1, j):
                yield _between(first, second, geometry, i, f, j)


def at(track: Mapping[str, Any], geometry: str, frame: int) -> Frame | None:
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
    if first["state"] != "absent" and geometry == "mask":
        return None
    return _between(first, second, geometry, i, frame, j)


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


def _between(
    first: Mapping[str, Any], second: Mapping[str, Any], geometry: str, i: int, f: int, j: int
) -> Frame:
    if first["state"] == "absent":
        shape = None
    elif second["state"] == "absent":
        shape = first["shape"]
    else:
        key = "point" if geometry == "tip" else "box"
        shape = {
            "type": geometry,
            key: [
                a + (b - a) * (f - i) / (j - i)
                for a, b in zip(first["shape"][key], second["shape"][key], strict=True)
            ],
        }
    return {"frame_index": f, "state": first["state"], "shape": shape, "interpolated": True}
