"""COCO-video in two layouts: image-level (as TAO and BURST) and YouTube-VIS.

Coordinates are ours as they stand. Masks are compressed COCO run lengths, exact; tips are
keypoints whose bbox is MOT's box. Keys of our own stand beside the standard's, which readers
ignore: frames' PTS and digests, tracking ids, states, `intervals`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import count
from typing import Any, BinaryIO

from apps.annotation.domain.shapes import POINT_SHAPES
from apps.ontology.domain.geometries import INTERVALS
from apps.release.domain import millimetres
from apps.release.domain.coco_rows import (
    block_rows,
    box_and_area,
    json_bytes,
    keypoint,
    point_shape,
)
from apps.release.domain.freeze import ClipFreeze
from apps.release.domain.objects import Frames, Track
from apps.release.domain.view import SHAPES, ClipView, Create, Dropped, ReleaseView, count_lost


@dataclass(frozen=True)
class _Numbered:
    """The release's clips and categories with the integer ids that COCO wants."""

    release: ReleaseView

    def videos(self) -> Iterator[tuple[int, ClipView]]:
        return enumerate(self.release.clips, 1)

    @cached_property
    def category_ids(self) -> dict[str, int]:
        return {c["id"]: i for i, c in enumerate(self.release.freeze.ontology["classes"], 1)}

    def category_id(self, class_id: str) -> int:
        return self.category_ids[class_id]

    def tracks(self) -> Iterator[tuple[int, int, ClipView, Track]]:
        """(track id, video id, clip, track), numbered through the release."""
        numbers = count(1)
        for video_id, view in self.videos():
            for track in view.labels.tracks:
                yield next(numbers), video_id, view, track


def frame_file(clip: ClipFreeze, frame_index: int) -> str:
    """Name of a frame's picture, below the release folder, counted from 000001."""
    return f"media/{clip.name}/{frame_index + 1:06d}.png"


def write(release: ReleaseView, create: Create) -> Dropped:
    """`annotations.json` and `ytvis.json`. Nothing is left out."""
    with create("annotations.json") as out:
        write_annotations(release, out)
    with create("ytvis.json") as out:
        write_ytvis(release, out)
    lost: Dropped = Dropped()
    for view in release.clips:
        lost += count_lost(view, shapes=(*SHAPES, *POINT_SHAPES), identity=True, state=True,
                           attributes=True, interpolated=True, intervals=True,
                           relations=True)  # fmt: skip
    return +lost


def write_annotations(release: ReleaseView, out: BinaryIO) -> None:
    """`coco_video/annotations.json`."""
    numbered = _Numbered(release)
    first_image = {}
    reached = 1
    for video_id, view in numbered.videos():
        first_image[video_id] = reached
        reached += len(view.frames)
    _write(
        out,
        {
            **_head(numbered),
            "videos": (_video(v, c) for v, c in numbered.videos()),
            "images": (
                text
                for video_id, view in numbered.videos()
                for text in _image_rows(video_id, view, first_image[video_id])
            ),
            "tracks": (
                {"id": number, "category_id": numbered.category_id(track.class_id),
                 "video_id": video_id, **_track_keys(track), **_sure(view, track.tracking_uid)}
                for number, video_id, view, track in numbered.tracks()
            ),
            "annotations": _annotations(numbered, first_image),
            "intervals": _intervals(numbered),
            **_relations(numbered),
        },
    )  # fmt: skip


def write_ytvis(release: ReleaseView, out: BinaryIO) -> None:
    """`coco_video/ytvis.json`: one annotation a track, one list entry a frame, null when absent."""
    numbered = _Numbered(release)
    _write(
        out,
        {
            **_head(numbered),
            "videos": (
                {
                    **_video(v, c),
                    "length": len(c.frames),
                    "file_names": [frame_file(c.clip, i) for i in c.frames],
                    "frames": [_frame(c.clip, i) for i in c.frames],
                }
                for v, c in numbered.videos()
            ),
            "annotations": (
                _ytvis_track(numbered, number, video_id, view, track)
                for number, video_id, view, track in numbered.tracks()
            ),
            "intervals": _intervals(numbered),
            **_relations(numbered),
        },
    )


def _relations(numbered: _Numbered) -> dict[str, Any]:
    """`relations`, where the ontology defines some: between two tracks by `tracking_uid`."""
    if not numbered.release.freeze.ontology.get("relations"):
        return {}
    return {
        "relations": (
            {"video_id": video_id, **{k: v for k, v in asdict(each).items() if k != "id"}}
            for video_id, view in numbered.videos()
            for each in view.labels.relations
        )
    }


def _head(numbered: _Numbered) -> dict[str, Any]:
    freeze = numbered.release.freeze
    spatial: list[dict[str, Any]] = []
    temporal: list[dict[str, Any]] = []
    for label_class in freeze.ontology["classes"]:
        row = {
            "id": numbered.category_id(label_class["id"]),
            "name": label_class["name"],
            "supercategory": label_class["geometry"],
            "class_id": label_class["id"],
            "geometry": label_class["geometry"],
            "code": label_class["code"],
        }
        if label_class["geometry"] == "tip":
            row |= {"keypoints": ["tip"], "skeleton": []}
        if label_class["geometry"] == "keypoints":
            skeleton = label_class["skeleton"]
            row["keypoints"] = [p["id"] for p in skeleton["points"]]
            row["skeleton"] = [[a + 1, b + 1] for a, b in skeleton["edges"]]
        (temporal if label_class["geometry"] in INTERVALS else spatial).append(row)
    return {
        "info": {
            "description": f"{freeze.project} {freeze.version}",
            "version": freeze.version,
            "year": int(freeze.frozen_at[:4]),
            "contributor": freeze.software["name"],
            "date_created": freeze.frozen_at,
            "ontology_digest": freeze.ontology_digest,
        },
        "licenses": [],
        "categories": spatial,
        "interval_categories": temporal,
    }


def _video(video_id: int, view: ClipView) -> dict[str, Any]:
    clip = view.clip
    return {
        "id": video_id,
        "name": clip.name,
        "width": view.columns,
        "height": view.rows,
        "split": view.split,
        "metadata": {
            "clip_id": clip.id,
            "pseudonym": clip.pseudonym,
            "sop_instance_uid": clip.sop_instance_uid,
            "n_frames": clip.n_frames,
            "fps": clip.fps,
            "time_base": list(clip.time_base),
        },
    }


def _frame(clip: ClipFreeze, i: int) -> dict[str, Any]:
    return {
        "frame_index": i,
        "pts": int(clip.pts[i]),
        "time_s": float(clip.time_s(i)),
        "digest": clip.digests[i].tobytes().hex(),
    }


def _image_rows(video_id: int, view: ClipView, first_image: int) -> Iterator[bytes]:
    """The entries of a clip's pictures as JSON text: an id, names and sizes, `_frame`."""
    fixed = json_bytes({"video_id": video_id}).decode()[1:-1]
    size = json_bytes({"width": view.columns, "height": view.rows}).decode()[1:-1]
    for place, i in enumerate(view.frames, first_image):
        name, frame = (
            json_bytes(frame_file(view.clip, i)).decode(),
            json_bytes(_frame(view.clip, i)).decode(),
        )
        yield f'{{"id":{place},{fixed},"file_name":{name},{size},{frame[1:]}'.encode()


def _track_keys(track: Track) -> dict[str, Any]:
    return {
        "class_id": track.class_id,
        "number": track.number,
        "tracking_id": track.tracking_id,
        "tracking_uid": track.tracking_uid,
        "attributes": track.attributes,
    }


def _annotations(
    numbered: _Numbered, first_image: dict[int, int]
) -> Iterator[dict[str, Any] | bytes]:
    """An entry a track and frame; of tips and boxes many at once, as JSON text."""
    numbers = count(1)
    for track_id, video_id, view, track in numbered.tracks():
        label_class = numbered.release.freeze.class_by_id(track.class_id)
        category_id = numbered.category_id(track.class_id)
        regions = millimetres.regions_of_view(view) if track.geometry != "tip" else []
        if isinstance(track.frames, Frames) and track.frames.blocks is not None and not regions:
            keys = {"video_id": video_id, "track_id": track_id, "category_id": category_id}
            yield from block_rows(
                track, track.frames.blocks(), label_class, keys, first_image[video_id], numbers
            )
            continue
        for placed in track.frames:
            box, area = box_and_area(placed, label_class)
            row = {
                "id": next(numbers),
                "image_id": first_image[video_id] + view.position(placed.frame_index),
                "video_id": video_id,
                "track_id": track_id,
                "category_id": category_id,
                "bbox": box,
                "area": area,
                "iscrowd": 0,
                "frame_index": placed.frame_index,
                "state": placed.state,
                "occluded": placed.state == "occluded",
                "interpolated": placed.interpolated,
                "tracking_id": track.tracking_id,
                "tracking_uid": track.tracking_uid,
                "attributes": {**track.attributes, **placed.attributes},
            }
            if track.geometry == "mask":
                row["segmentation"] = placed.shape["rle"]
            if track.geometry == "tip":
                row |= {"keypoints": keypoint(placed), "num_keypoints": 1}
            if found := millimetres.as_json(placed, regions):
                row["measurements"] = found
            yield row | point_shape(placed)


def _ytvis_track(
    numbered: _Numbered, number: int, video_id: int, view: ClipView, track: Track
) -> dict[str, Any]:
    label_class = numbered.release.freeze.class_by_id(track.class_id)
    n = len(view.frames)
    lists: dict[str, list[Any]] = {
        key: [None] * n for key in ("segmentations", "bboxes", "areas", "states", "interpolated")
    }
    if any(placed.attributes for placed in track.frames):
        lists["frame_attributes"] = [None] * n
    if track.geometry == "tip":
        lists["keypoints"] = [None] * n
    regions = millimetres.regions_of_view(view)
    for placed in track.frames:
        i = view.position(placed.frame_index)
        if found := millimetres.as_json(placed, regions):
            lists.setdefault("measurements", [None] * n)[i] = found
        lists["bboxes"][i], lists["areas"][i] = box_and_area(placed, label_class)
        lists["states"][i] = placed.state
        lists["interpolated"][i] = placed.interpolated
        if "frame_attributes" in lists:
            lists["frame_attributes"][i] = placed.attributes
        if track.geometry == "mask":
            lists["segmentations"][i] = placed.shape["rle"]
        if track.geometry == "tip":
            lists["keypoints"][i] = keypoint(placed)
        for key, value in point_shape(placed).items():
            lists.setdefault(YTVIS_LISTS[key], [None] * n)[i] = value
    return {
        "id": number,
        "video_id": video_id,
        "category_id": numbered.category_id(track.class_id),
        "iscrowd": 0,
        "width": view.columns,
        "height": view.rows,
        **_track_keys(track),
        **_sure(view, track.tracking_uid),
        **lists,
    }


def _intervals(numbered: _Numbered) -> Iterator[dict[str, Any]]:
    numbers = count(1)
    for video_id, view in numbered.videos():
        for interval in view.labels.intervals:
            yield {
                "id": next(numbers),
                "video_id": video_id,
                "category_id": numbered.category_id(interval.class_id),
                "class_id": interval.class_id,
                "name": interval.class_name,
                "kind": interval.geometry,
                "start_frame": interval.start_frame,
                "end_frame": interval.end_frame,
                "start_s": float(interval.start_s),
                "end_s": float(interval.end_s),
                "tracking_id": interval.tracking_id,
                "tracking_uid": interval.tracking_uid,
                "attributes": interval.attributes,
                **_sure(view, interval.tracking_uid),
            }


def _sure(view: ClipView, tracking_uid: str) -> dict[str, Any]:
    """`uncertainty` of an object, where the freeze says how sure the consensus is of it."""
    told = view.clip.label_set.uncertainty or {"objects": {}}
    found = told["objects"].get(tracking_uid)
    return {} if found is None else {"uncertainty": {"raters": told["raters"], **found}}


# What a track's list is called, by the key of one of its entries.
YTVIS_LISTS = {
    "shape": "shapes",
    "segmentation": "segmentations",
    "keypoints": "keypoints",
    "num_keypoints": "num_keypoints",
}


def _write(out: BinaryIO, document: dict[str, Any]) -> None:
    """A JSON object whose iterables are written entry by entry, one a line."""
    out.write(b"{")
    for place, (key, value) in enumerate(document.items()):
        out.write(b"," if place else b"")
        out.write(b"\n" + json_bytes(key) + b":")
        if isinstance(value, dict) or not isinstance(value, Iterable):
            out.write(json_bytes(value))
            continue
        out.write(b"[")
        for entry_place, entry in enumerate(value):
            text = entry if isinstance(entry, bytes) else json_bytes(entry)
            out.write((b",\n" if entry_place else b"\n") + text)
        out.write(b"]")
    out.write(b"\n}\n")
