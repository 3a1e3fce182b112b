"""The labels of one clip as the writers see them: expanded tracks and intervals with their UIDs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from apps.annotation.domain import rle as masks
from apps.annotation.domain.interpolate import Rule, is_bridged, iter_track, rule_of
from apps.annotation.domain.shapes import POINT_SHAPES, bounding_box
from apps.release.domain.freeze import ClipFreeze, Freeze

DEFAULT_MOT_BOX_PX = 24
BLOCK_FRAMES = 1024


@dataclass(frozen=True)
class Placed:
    """One object on one frame: state "visible" or "occluded", and its shape (never None)."""

    frame_index: int
    state: str
    shape: dict[str, Any]
    interpolated: bool
    attributes: dict[str, Any]


class Block(NamedTuple):
    """Neighbouring frames of a tip or box: float64 (n, 2) points or (n, 4) boxes from a frame on.

    Only the first can be a keyframe's (`has_keyframe`); state and attributes hold on all.
    """

    first_frame: int
    values: NDArray[np.float64]
    has_keyframe: bool
    state: str
    attributes: dict[str, Any]


class Frames(Collection[Placed]):
    """Frames made anew at each pass, so that a long clip's interpolated frames lie nowhere.

    `blocks`, where it is given, makes the same frames as arrays, which is many times faster.
    """

    def __init__(
        self,
        make: Callable[[], Iterator[Placed]],
        blocks: Callable[[], Iterator[Block]] | None = None,
    ) -> None:
        self._make, self.blocks, self._length = make, blocks, -1

    def __iter__(self) -> Iterator[Placed]:
        return self._make()

    def __len__(self) -> int:
        if self._length < 0:
            blocks = self.blocks
            self._length = (
                sum(1 for _ in self) if blocks is None else sum(len(b.values) for b in blocks())
            )
        return self._length

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None

    def __contains__(self, placed: object) -> bool:
        return any(each == placed for each in self)


@dataclass(frozen=True)
class Track:
    """A tracked object; `frames` in frame order, absent frames left out.

    `tracking_id` ("Lesion 1") and `tracking_uid` are the same in every format and version.
    """

    id: str
    class_id: str
    class_name: str
    geometry: str
    number: int
    tracking_id: str
    tracking_uid: str
    attributes: dict[str, Any]
    frames: Collection[Placed]


@dataclass(frozen=True)
class Interval:
    """A phase, event, or tag: `start_frame` inclusive, `end_frame` exclusive; seconds as text."""

    id: str
    class_id: str
    class_name: str
    geometry: str
    tracking_id: str
    tracking_uid: str
    start_frame: int
    end_frame: int
    start_s: str
    end_s: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Relation:
    """Between two tracks over a span: `start_frame` inclusive, `end_frame` exclusive."""

    id: str
    relation: str
    uid: str
    subject_uid: str
    target_uid: str
    subject: str
    target: str
    start_frame: int
    end_frame: int
    start_s: str
    end_s: str


@dataclass(frozen=True)
class ClipLabels:
    """Everything signed on one clip, in the ontology's order, then by number or start."""

    tracks: list[Track]
    intervals: list[Interval]
    relations: list[Relation] = field(default_factory=list)

    def of(self, *geometries: str) -> list[Track]:
        """The tracks of these geometries."""
        return [t for t in self.tracks if t.geometry in geometries]


def uid_of_uuid(value: str) -> str:
    """A UUID as UID under 2.25 (PS3.5 section B.2)."""
    return f"2.25.{UUID(value).int}"


def clip_labels(freeze: Freeze, clip: ClipFreeze) -> ClipLabels:
    """Expand the clip's label set with the interpolator of its ontology."""
    order = {c["id"]: i for i, c in enumerate(freeze.ontology["classes"])}
    tracks = []
    for key, raw in clip.label_set.labels.get("tracks", {}).items():
        if raw["clip"] != clip.id:
            continue
        tracks.append(_track(freeze, key, raw))
    tracks.sort(key=lambda t: (order[t.class_id], t.number))
    return ClipLabels(
        [t for t in tracks if t.frames],
        _intervals(freeze, clip, order),
        _relations(clip, {t.id: t for t in tracks}),
    )


def _track(freeze: Freeze, key: str, raw: dict[str, Any]) -> Track:
    label_class = freeze.class_by_id(raw["class_id"])
    geometry = label_class["geometry"]
    rule = rule_of(label_class)
    frames: Collection[Placed]
    if geometry in ("tip", "box"):
        frames = Frames(lambda: _frames(raw, geometry, rule), lambda: _blocks(raw, geometry, rule))
    elif rule.kind == "none":  # its frames are its keyframes, which are in memory anyway
        frames = list(_frames(raw, geometry, rule))
    else:
        frames = Frames(lambda: _frames(raw, geometry, rule))
    return Track(
        id=key,
        class_id=label_class["id"],
        class_name=label_class["name"],
        geometry=geometry,
        number=int(raw["number"]),
        tracking_id=f"{label_class['name']} {int(raw['number'])}",
        tracking_uid=uid_of_uuid(key),
        attributes=dict(raw.get("attributes") or {}),
        frames=frames,
    )


def _frames(raw: dict[str, Any], geometry: str, rule: Rule) -> Iterator[Placed]:
    keyframes = raw["keyframes"]
    standing: dict[str, Any] = {}
    for each in iter_track(raw, geometry, rule):
        index = each["frame_index"]
        if not each["interpolated"]:
            standing = keyframes[str(index)].get("attributes") or {}
        shape = each["shape"]
        if each["state"] == "absent" or shape is None:
            continue
        if geometry == "mask" and masks.is_empty(shape["rle"]):
            continue
        yield Placed(index, each["state"], shape, bool(each["interpolated"]), standing)


def _blocks(raw: dict[str, Any], geometry: str, rule: Rule) -> Iterator[Block]:
    """A tip's or box's frames as `iter_track` gives them, to the last bit, as arrays."""
    key = "point" if geometry == "tip" else "box"
    keyframes = raw["keyframes"]
    indices = sorted(map(int, keyframes))
    for i, j in zip_longest(indices, indices[1:]):
        first = keyframes[str(i)]
        if first["state"] == "absent" or first["shape"] is None:
            continue
        start = np.array(first["shape"][key], np.float64)
        second = keyframes[str(j)] if j is not None else first
        moves = second["state"] != "absent" and second["shape"] is not None
        end = np.array(second["shape"][key], np.float64) if moves else start
        stop = j if j is not None and is_bridged(first, i, j, rule) else i + 1
        for low in range(i, stop, BLOCK_FRAMES):
            high = min(low + BLOCK_FRAMES, stop)
            steps = np.arange(low - i, high - i, dtype=np.float64)[:, None]
            values = np.repeat(start[None], high - low, axis=0)
            if moves and j is not None:
                values = start + (end - start) * steps / (j - i)
            if low == i:
                values[0] = start
            yield Block(low, values, low == i, first["state"], first.get("attributes") or {})


def _intervals(freeze: Freeze, clip: ClipFreeze, order: dict[str, int]) -> list[Interval]:
    raw = [
        (order[v["class_id"]], v["start_frame"], v["end_frame"], key, v)
        for key, v in clip.label_set.labels.get("intervals", {}).items()
        if v["clip"] == clip.id
    ]
    raw.sort(key=lambda row: row[:4])
    counted: dict[str, int] = {}
    result = []
    for _, start, end, key, value in raw:
        label_class = freeze.class_by_id(value["class_id"])
        counted[label_class["id"]] = counted.get(label_class["id"], 0) + 1
        result.append(
            Interval(
                id=key,
                class_id=label_class["id"],
                class_name=label_class["name"],
                geometry=label_class["geometry"],
                tracking_id=f"{label_class['name']} {counted[label_class['id']]}",
                tracking_uid=uid_of_uuid(key),
                start_frame=int(start),
                end_frame=int(end),
                start_s=clip.time_s(int(start)),
                end_s=clip.time_s(int(end)),
                attributes=dict(value.get("attributes") or {}),
            )
        )
    return result


def _relations(clip: ClipFreeze, tracks: dict[str, Track]) -> list[Relation]:
    rows = [
        Relation(
            id=key,
            relation=held["relation"],
            uid=uid_of_uuid(key),
            subject_uid=uid_of_uuid(held["subject"]),
            target_uid=uid_of_uuid(held["target"]),
            subject=tracks[held["subject"]].tracking_id,
            target=tracks[held["target"]].tracking_id,
            start_frame=int(held["start_frame"]),
            end_frame=int(held["end_frame"]),
            start_s=clip.time_s(int(held["start_frame"])),
            end_s=clip.time_s(int(held["end_frame"])),
        )
        for key, held in clip.label_set.labels.get("relations", {}).items()
        if held["clip"] == clip.id
    ]
    return sorted(rows, key=lambda r: (r.start_frame, r.end_frame, r.id))


def box_of(shape: dict[str, Any], label_class: dict[str, Any]) -> list[float]:
    """Bounding box [x, y, w, h] of a shape in continuous coordinates.

    A mask's box is that of its pixels, that of a shape of points is around them; a tip's is a
    square centred on it, of side `mot_box_px` (24 when unset), not clipped to the picture.
    """
    if shape["type"] == "mask":
        return masks.bbox(shape["rle"])
    if shape["type"] == "box":
        return [float(v) for v in shape["box"]]
    if shape["type"] in POINT_SHAPES:
        return bounding_box(shape)
    side = float(label_class.get("mot_box_px") or DEFAULT_MOT_BOX_PX)
    x, y = (float(v) for v in shape["point"])
    return [x - side / 2, y - side / 2, side, side]


def boxes_of(
    values: NDArray[np.float64], geometry: str, label_class: dict[str, Any]
) -> NDArray[np.float64]:
    """`box_of` of a block's tips or boxes: float64 (n, 4)."""
    if geometry == "box":
        return values
    side = float(label_class.get("mot_box_px") or DEFAULT_MOT_BOX_PX)
    return np.concatenate((values - side / 2, np.full_like(values, side)), axis=1)
