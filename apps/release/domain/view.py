"""What a format is given to write: the release's clips, thinned and resized as was chosen.

A choice is text: the format's name, then what was chosen with it, as `mot:stride=5:height=540`.
A stride of n keeps the frames 0, n, 2n …; a height resizes each clip to that many rows and to
columns in proportion. Frames keep their own index here (`Placed.frame_index`); a format that
counts its pictures without gaps uses `ClipView.position`. Whatever was chosen, `frame_map.csv` of
the format maps each exported picture to its frame.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, BinaryIO, overload

import numpy as np

from apps.annotation.domain import rle as masks
from apps.annotation.domain.shapes import POINT_SHAPES, scaled
from apps.release.domain.freeze import ClipFreeze, Freeze
from apps.release.domain.objects import ClipLabels, Frames, Placed, Track, clip_labels

_WHOLE = re.compile(r"[1-9][0-9]{0,5}")
MIN_HEIGHT_PX, MAX_HEIGHT_PX = 16, 8640
SHAPES = ("mask", "tip", "box")

Create = Callable[[str], AbstractContextManager[BinaryIO]]
Dropped = Counter[str]


@dataclass(frozen=True)
class Choice:
    """A format as it was chosen; `height_px` None leaves the pictures' size."""

    name: str
    stride: int = 1
    height_px: int | None = None

    def __str__(self) -> str:
        text = self.name
        if self.stride != 1:
            text += f":stride={self.stride}"
        if self.height_px is not None:
            text += f":height={self.height_px}"
        return text

    @property
    def is_plain(self) -> bool:
        return self.stride == 1 and self.height_px is None


def parse_choice(text: str) -> Choice:
    """The choice that a text such as `yolo:stride=25` names. Raises ValueError saying why not."""
    name, *options = text.strip().split(":")
    found: dict[str, int] = {}
    for option in options:
        key, _, value = option.partition("=")
        if key not in ("stride", "height") or key in found:
            raise ValueError(f"{name}: choose :stride=N and :height=N, each once")
        if not _WHOLE.fullmatch(value):
            raise ValueError(f"{name}: {key} is a whole number above 0")
        found[key] = int(value)
    height = found.get("height")
    if height is not None and not MIN_HEIGHT_PX <= height <= MAX_HEIGHT_PX:
        raise ValueError(f"{name}: height is {MIN_HEIGHT_PX} to {MAX_HEIGHT_PX} rows")
    return Choice(name, found.get("stride", 1), height)


@dataclass(frozen=True)
class ClipView:
    """One clip as a format writes it: `rows` × `columns` pictures of the frames in `frames`."""

    freeze: Freeze
    clip: ClipFreeze
    labels: ClipLabels
    split: str
    rows: int
    columns: int
    stride: int = 1

    @property
    def name(self) -> str:
        return self.clip.name

    @property
    def frames(self) -> range:
        """Indices of the exported frames, in order."""
        return range(0, self.clip.n_frames, self.stride)

    @property
    def fps(self) -> float:
        """Exported pictures a second."""
        return self.clip.fps / self.stride

    def position(self, frame_index: int) -> int:
        """Place of an exported frame among the exported ones, from 0."""
        return frame_index // self.stride

    def by_frame(self, *geometries: str) -> Iterator[tuple[int, list[tuple[Track, Placed]]]]:
        """Each frame with something on it, in order; tracks in the ontology's order."""
        tracks = self.labels.of(*(geometries or SHAPES))
        merged = heapq.merge(*(_stream(i, t) for i, t in enumerate(tracks)), key=itemgetter(0, 1))
        for frame, rows in groupby(merged, key=itemgetter(0)):
            yield frame, [(track, placed) for _, _, track, placed in rows]

    def every_frame(self, *geometries: str) -> Iterator[tuple[int, list[tuple[Track, Placed]]]]:
        """Each exported frame with what is on it, which may be nothing."""
        held = self.by_frame(*geometries)
        frame, there = next(held, (-1, []))
        for i in self.frames:
            if i != frame:
                yield i, []
                continue
            yield i, there
            frame, there = next(held, (-1, []))


def _stream(place: int, track: Track) -> Iterator[tuple[int, int, Track, Placed]]:
    for placed in track.frames:
        yield placed.frame_index, place, track, placed


class Views(Sequence[ClipView]):
    """Some clips of a release, each made when it is asked for."""

    def __init__(
        self, freeze: Freeze, splits: dict[str, str], choice: Choice, places: Sequence[int]
    ) -> None:
        self._freeze, self._splits, self._choice = freeze, splits, choice
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> ClipView: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[ClipView]: ...
    def __getitem__(self, place: int | slice) -> ClipView | Sequence[ClipView]:
        if isinstance(place, slice):
            return Views(self._freeze, self._splits, self._choice, self._places[place])
        return _view(self._freeze, self._splits, self._choice, self._places[place])

    @property
    def names(self) -> list[str]:
        heads = self._freeze.heads
        return [heads[place].name for place in self._places]


@dataclass(frozen=True)
class ReleaseView:
    """All clips of a release as one format writes them."""

    freeze: Freeze
    splits: dict[str, str]
    clips: Views
    choice: Choice

    def by_split(self) -> dict[str, Views]:
        """Split → its clips, splits in the order of their names."""
        split_of = [self.splits[head.pseudonym] for head in self.freeze.heads]
        return {
            split: Views(
                self.freeze, self.splits, self.choice,
                [place for place, each in enumerate(split_of) if each == split],
            )
            for split in sorted(set(split_of))
        }  # fmt: skip


def release_view(freeze: Freeze, splits: dict[str, str], choice: Choice) -> ReleaseView:
    """The release for one format. `splits` by pseudonym."""
    views = Views(freeze, splits, choice, range(len(freeze.clips)))
    return ReleaseView(freeze, splits, views, choice)


def _view(freeze: Freeze, splits: dict[str, str], choice: Choice, place: int) -> ClipView:
    clip = freeze.clips[place]
    rows, columns = clip.rows, clip.columns
    if choice.height_px is not None:
        rows = choice.height_px
        columns = max(1, round(clip.columns * rows / clip.rows))
    split = splits[clip.pseudonym]
    view = ClipView(
        freeze, clip, clip_labels(freeze, clip), split, rows, columns, choice.stride
    )  # fmt: skip
    return view if choice.is_plain else replace(view, labels=_sampled(view))


def _sampled(view: ClipView) -> ClipLabels:
    tracks = [replace(t, frames=_thinned(view, t)) for t in view.labels.tracks]
    kept = [t for t in tracks if t.frames]
    return ClipLabels(kept, view.labels.intervals, view.labels.relations)


def _thinned(view: ClipView, track: Track) -> Collection[Placed]:
    def make() -> Iterator[Placed]:
        for placed in track.frames:
            if placed.frame_index % view.stride == 0:
                resized = _resized(view, placed)
                if resized is not None:
                    yield resized

    return list(make()) if isinstance(track.frames, list) else Frames(make)


def _resized(view: ClipView, placed: Placed) -> Placed | None:
    """The shape in the exported picture; None where a mask has no pixel left.

    A mask's pixel takes the value of the source pixel that its centre lies in.
    """
    clip = view.clip
    if (view.rows, view.columns) == (clip.rows, clip.columns):
        return placed
    sx, sy = view.columns / clip.columns, view.rows / clip.rows
    shape: dict[str, Any]
    if placed.shape["type"] == "mask":
        pixels = masks.decode(placed.shape["rle"])
        rows = ((np.arange(view.rows) + 0.5) * clip.rows / view.rows).astype(np.int64)
        columns = ((np.arange(view.columns) + 0.5) * clip.columns / view.columns).astype(np.int64)
        small = pixels[rows][:, columns]
        if not small.any():
            return None
        shape = {"type": "mask", "rle": masks.encode(small)}
    elif placed.shape["type"] == "tip":
        x, y = placed.shape["point"]
        shape = {"type": "tip", "point": [x * sx, y * sy]}
    elif placed.shape["type"] in POINT_SHAPES:
        shape = scaled(placed.shape, sx, sy)
    else:
        x, y, w, h = placed.shape["box"]
        shape = {"type": "box", "box": [x * sx, y * sy, w * sx, h * sy]}
    return replace(placed, shape=shape)


FRAME_MAP_HEADER = "clip,picture,frame_index,dicom_frame_number,pts,time_base,time_s,width,height"


def frame_map(release: ReleaseView) -> Iterator[bytes]:
    """Lines of `frame_map.csv`: every exported picture (from 0, without gaps) and its frame."""
    yield FRAME_MAP_HEADER.encode() + b"\n"
    for view in release.clips:
        clip = view.clip
        base = f"{clip.time_base[0]}/{clip.time_base[1]}"
        for i in view.frames:
            yield (
                f"{view.name},{view.position(i)},{i},{i + 1},{int(clip.pts[i])},{base},"
                f"{clip.time_s(i)},{view.columns},{view.rows}\n"
            ).encode()


def count_lost(view: ClipView, *, shapes: tuple[str, ...] = (), state: bool = False,
               interpolated: bool = False, attributes: bool = False, intervals: bool = False,
               identity: bool = False, relations: bool = False) -> Dropped:  # fmt: skip
    """What a format leaves out of a clip, by kind; an argument names what it does hold.

    Shapes, states and attributes are counted a frame, identities a track, intervals and relations
    each.
    """
    lost: Dropped = Counter()
    for track in view.labels.tracks:
        if track.geometry not in shapes:
            lost[f"{track.geometry} places"] += len(track.frames)
            continue
        if not identity:
            lost["track identities"] += 1
        if state and interpolated and attributes:
            continue
        for n, n_between, said, values in _runs(track):
            if not state and said == "occluded":
                lost["occluded states"] += n
            if not interpolated:
                lost["marks of interpolated frames"] += n_between
            if not attributes:
                lost["attribute values"] += n * len({**track.attributes, **values})
    if not intervals:
        lost["phases and events"] += len(view.labels.intervals)
    if not relations:
        lost["relations"] += len(view.labels.relations)
    return +lost


def _runs(track: Track) -> Iterator[tuple[int, int, str, dict[str, Any]]]:
    """(frames, interpolated ones among them, state, attributes) of alike frames of a track."""
    if isinstance(track.frames, Frames) and track.frames.blocks is not None:
        for block in track.frames.blocks():
            n = len(block.values)
            yield n, n - block.has_keyframe, block.state, block.attributes
        return
    for placed in track.frames:
        yield 1, int(placed.interpolated), placed.state, placed.attributes


def exclusive_masks(
    view: ClipView, there: list[tuple[Track, Placed]]
) -> tuple[np.ndarray, list[tuple[Track, Placed]], int]:
    """Masks of one frame without overlap: the class listed first, then the lower number, wins.

    Returns int32 (rows, columns) with 0 for background and k + 1 for the k-th of the masks, the
    masks, and how many pixels a mask had to give away.
    """
    picture = np.zeros((view.rows, view.columns), np.int32)
    claimed = 0
    for place, (_, placed) in reversed(list(enumerate(there))):
        pixels = masks.decode(placed.shape["rle"])
        claimed += int(pixels.sum())
        picture[pixels] = place + 1
    return picture, there, claimed - int(np.count_nonzero(picture))


def number(value: float, digits: int = 6) -> str:
    """A coordinate with so many decimals at most, without trailing zeros or a minus zero."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def class_place(freeze: Freeze, class_id: str, *geometries: str) -> int:
    """Place of a class among those of these geometries, from 0, in the ontology's order."""
    return [c["id"] for c in freeze.classes(*geometries)].index(class_id)


def object_id(freeze: Freeze, track: Track) -> int:
    """One number for a track in formats that number all objects of a clip together.

    1000 × the place of its class among mask, tip and box classes (from 1) + its number; numbers
    past 999 take 10,000,000 in place of 1000.
    """
    place = class_place(freeze, track.class_id, *SHAPES) + 1
    return place * (1000 if track.number < 1000 else 10_000_000) + track.number


def number_of_object(value: int, class_place_from_1: int) -> int | None:
    """The track's number in an id that `object_id` made for this class, else None."""
    place, number_ = divmod(value, 1000 if value < 10_000_000 else 10_000_000)
    return number_ if place == class_place_from_1 and number_ > 0 else None
