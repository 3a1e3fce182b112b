"""The labels of a clip, read from the very bytes that were signed (`labels/<clip>.jsonl`)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Label:
    """One object on one frame.

    ``geometry`` is "mask", "tip" or "box"; coordinates are continuous pixels, (0, 0) the outer
    corner of the top left pixel. ``state`` is "visible" or "occluded". ``is_interpolated``: not
    placed by a person on this frame. ``attributes``: the track's, overlaid by what stands here.
    """

    track: str
    class_id: str
    number: int
    geometry: str
    frame_index: int
    state: str
    is_interpolated: bool
    shape: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def point(self) -> tuple[float, float] | None:
        """(x, y) of a tip."""
        if self.geometry != "tip":
            return None
        x, y = self.shape["point"]
        return float(x), float(y)

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """The pixels of a mask, bool (height, width)."""
        return decode_rle(self.shape["rle"]) if self.geometry == "mask" else None

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """(x, y, width, height) of a box or of a mask's pixels; None for a tip."""
        if self.geometry == "box":
            x, y, w, h = self.shape["box"]
            return float(x), float(y), float(w), float(h)
        if (pixels := self.mask) is None or not pixels.any():
            return None
        down, across = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
        top, left = int(down[0]), int(across[0])
        return float(left), float(top), float(across[-1] + 1 - left), float(down[-1] + 1 - top)


@dataclass(frozen=True)
class Interval:
    """A phase or event: ``start_frame`` inside, ``end_frame`` the first frame after."""

    id: str
    class_id: str
    geometry: str
    start_frame: int
    end_frame: int
    attributes: dict[str, Any]


def read_labels(
    lines: Iterable[bytes], clip_id: str
) -> tuple[dict[int, list[Label]], list[Interval]]:
    """Labels by frame index, and intervals, of one clip. Absent frames and empty masks are left
    out. Raises ValueError for lines of another form."""
    frames: dict[int, list[Label]] = {}
    intervals: list[Interval] = []
    clip = ""
    track: dict[str, Any] = {}
    standing: dict[str, Any] = {}
    for place, line in enumerate(lines):
        row = json.loads(line)
        if place == 0:
            if row.get("format") != "clinical-annot/expanded@1":
                raise ValueError("labels: of another format than this client reads")
        elif "clip" in row:
            clip = row["clip"]
        elif "interval" in row:
            if clip == clip_id:
                intervals.append(
                    Interval(
                        row["interval"], row["class_id"], row["geometry"], row["start_frame"],
                        row["end_frame"], row["attributes"],
                    )
                )  # fmt: skip
        elif "track" in row:
            track, standing = row, {}
        else:
            if not row["interpolated"]:
                standing = row.get("attributes") or {}
            label = _label(track, standing, row)
            if clip == clip_id and label is not None:
                frames.setdefault(label.frame_index, []).append(label)
    return frames, intervals


def _label(track: dict[str, Any], standing: dict[str, Any], row: dict[str, Any]) -> Label | None:
    shape = row["shape"]
    if row["state"] == "absent" or shape is None:
        return None
    label = Label(
        track["track"], track["class_id"], track["number"], track["geometry"],
        row["frame_index"], row["state"], row["interpolated"], shape,
        {**track["attributes"], **standing},
    )  # fmt: skip
    is_empty = label.geometry == "mask" and not string_to_counts(shape["rle"]["counts"])[1::2].any()
    return None if is_empty else label


def string_to_counts(text: str) -> NDArray[np.int64]:
    """Run lengths of a compressed COCO string (`rleFrString` in maskApi.c)."""
    counts: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            char = ord(text[at]) - 48
            value |= (char & 0x1F) << shift
            more = bool(char & 0x20)
            at, shift = at + 1, shift + 5
            if not more and char & 0x10:
                value |= -1 << shift
        if len(counts) > 2:
            value += counts[-2]
        counts.append(value)
    return np.array(counts, dtype=np.int64)


def decode_rle(rle: dict[str, Any]) -> NDArray[np.bool_]:
    """Pixels of a COCO mask, bool (height, width)."""
    height, width = rle["size"]
    counts = string_to_counts(rle["counts"])
    values = (np.arange(counts.size) & 1).astype(bool)
    return np.ascontiguousarray(np.repeat(values, counts).reshape((width, height)).T)
