"""Reads COCO-video in both layouts, and plain COCO whose file names bear frame numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np

from apps.annotation.domain import rle as masks
from apps.annotation.domain.shapes import POINT_SHAPES
from apps.release.domain.given_files import any_rle, frame_number_of, uuid_of_uid
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.polygons import fill


def read(files: Files, into: Collector) -> None:
    """One JSON (of several, `annotations.json`). `line` counts annotations of the list.

    The clip is the video of its name, or the only one. Annotations without `track_id` are objects
    of one frame each.
    """
    found = {n: d for n, d in sorted(files.items()) if n.endswith(".json")}
    chosen = [n for n in found if PurePosixPath(n).name == "annotations.json"] or list(found)
    if not chosen:
        raise NotThisFormat("no JSON file", "give annotations.json or ytvis.json")
    file = chosen[0]
    with into.at(file):
        document = json.loads(found[file])
        if not isinstance(document, dict) or not isinstance(document.get("categories"), list):
            raise NotThisFormat("no categories", "give a COCO file")
        reading = _Reading(file, document, into)
        lists = any("segmentations" in a or "bboxes" in a for a in document["annotations"])
        if lists or "images" not in document:
            reading.tracks()
        else:
            reading.pictures()
        reading.intervals()
        reading.relations()


class _Reading:
    def __init__(self, file: str, document: dict[str, Any], into: Collector) -> None:
        self.file, self.document, self.into = file, document, into
        rows = [*document["categories"], *(document.get("interval_categories") or [])]
        self.categories = {c["id"]: c.get("class_id") or c["name"] for c in rows}
        videos = document.get("videos") or []
        named = [v for v in videos if v.get("name") == into.target.name]
        if not named and len(videos) > 1:
            raise NotThisFormat(
                "no video has this clip's name", "name the video after the clip, or give it alone"
            )
        self.video = (named or videos or [None])[0]
        # Only classes whose attributes are given a track keep them apart from a frame's own.
        self.track_rows = {t["id"]: t for t in document.get("tracks") or []}

    def _uuid_of(self, track_id: Any, uid: Any) -> str | None:
        """The track's UUID; one follows from its id where relations may name it by that alone."""
        if uid is not None or track_id is None or not self.document.get("relations"):
            return uuid_of_uid(uid)
        return str(uuid5(NAMESPACE_OID, f"{self.into.target.clip_id} {track_id}"))

    def relations(self) -> None:
        """Our own `relations` list, where a file has it: tracks by `subject_uid` and `target_uid`,
        or by `subject_track_id` and `target_track_id` where tracks bear no `tracking_uid`."""
        uids: dict[Any, Any] = {}
        for row in [*self.document["annotations"], *self.track_rows.values()]:
            # A track's own row bears its id; in the YouTube-VIS layout an annotation is the track.
            name = row["id"] if row.get("track_id") is None else row["track_id"]
            uids[name] = row.get("tracking_uid") or uids.get(name)
        file = f"{self.file} relations"
        for line, row in enumerate(self.document.get("relations") or [], 1):
            with self.into.at(file, line):
                if self._mine(row):
                    subject, target = (self._end(row, end, uids) for end in ("subject", "target"))
                    self.into.relation(
                        file, line, row["relation"], subject, target,
                        row["start_frame"], row["end_frame"], uid=uuid_of_uid(row.get("uid")),
                    )  # fmt: skip

    def _end(self, row: dict[str, Any], end: str, uids: dict[Any, Any]) -> str | None:
        if row.get(f"{end}_uid") is not None:
            return uuid_of_uid(row[f"{end}_uid"])
        track_id = row[f"{end}_track_id"]
        return self._uuid_of(track_id, uids.get(track_id))

    def _mine(self, row: dict[str, Any]) -> bool:
        return self.video is None or row.get("video_id", self.video["id"]) == self.video["id"]

    def pictures(self) -> None:
        """Image-level layout."""
        frames = {
            image["id"]: image.get("frame_index")
            if image.get("frame_index") is not None
            else frame_number_of(image["file_name"]) - 1
            for image in self.document["images"]
            if self._mine(image)
        }
        sizes = {
            (i.get("height"), i.get("width")) for i in self.document["images"] if i["id"] in frames
        }
        self._check_size(sizes)
        for line, row in enumerate(self.document["annotations"], 1):
            with self.into.at(self.file, line):
                if row["image_id"] in frames and self._mine(row):
                    track = self.track_rows.get(row.get("track_id"), {})
                    self._take(line, frames[row["image_id"]], row, {**track, **row}, track)

    def tracks(self) -> None:
        """YouTube-VIS layout."""
        if self.video is not None:
            self._check_size({(self.video.get("height"), self.video.get("width"))})
        for line, row in enumerate(self.document["annotations"], 1):
            with self.into.at(self.file, line):
                if self._mine(row):
                    for place, each in _entries(row):
                        frame = self._frame_of(place)
                        self._take(line, frame, each, {**row, "track_id": row["id"]}, row)

    def _frame_of(self, place: int) -> int:
        """Frame index of an entry of the lists: as `frames` says, else by the stride."""
        frames = (self.video or {}).get("frames")
        if isinstance(frames, list) and frames:
            return int(frames[place]["frame_index"])
        return place * self.into.target.stride

    def _check_size(self, sizes: set[tuple[Any, Any]]) -> None:
        target = self.into.target
        if sizes - {(target.rows, target.columns), (None, None)}:
            raise NotThisFormat(
                "the pictures have another size than the clip",
                f"give labels of {target.columns} × {target.rows} px",
            )

    def _take(
        self, line: int, frame: Any, row: dict[str, Any], whole: dict[str, Any],
        track: dict[str, Any],
    ) -> None:  # fmt: skip
        into, file = self.into, self.file
        if whole.get("iscrowd"):
            into.leave_out(file, line, "a crowd region is no object", "nothing to do")
            return
        label_class = into.label_class(file, line, self.categories.get(whole["category_id"]))
        index = into.index(file, line, frame)
        if label_class is None or index is None:
            return
        shape, state = self._shape(line, label_class, row)
        if shape is None:
            return
        own = dict(track.get("attributes") or {})
        said = {
            k: v for k, v in (row.get("attributes") or {}).items() if k not in own or own[k] != v
        }
        uid, key = whole.get("tracking_uid"), whole.get("track_id")
        number = whole.get("number")
        into.place(
            file, line, label_class, index, shape,
            key=("annotation", line) if key is None else key, uid=self._uuid_of(key, uid),
            number=number if type(number) is int and number > 0 else None,
            state=row.get("state", state), interpolated=row.get("interpolated") is True,
            attributes=said, track_attributes=own,
        )  # fmt: skip

    def _shape(
        self, line: int, label_class: dict[str, Any], row: dict[str, Any]
    ) -> tuple[dict[str, Any] | None, str]:
        geometry = label_class["geometry"]
        if geometry in POINT_SHAPES:
            if not isinstance(row.get("shape"), dict):
                raise NotThisFormat(f"no shape of a {geometry}", "give it under `shape`")
            return row["shape"], "visible"
        if geometry == "mask" and row.get("segmentation"):
            return self._mask(row["segmentation"]), "visible"
        if geometry == "tip" and row.get("keypoints"):
            x, y, v = row["keypoints"][:3]
            if v not in (1, 2) or any(row["keypoints"][5::3]):
                raise NotThisFormat("the tip is not one visible or occluded point")
            return {"type": "tip", "point": [float(x), float(y)]}, (
                "visible" if v == 2 else "occluded"
            )
        box = [float(v) for v in row["bbox"]]
        if len(box) != 4:
            raise NotThisFormat("bbox is not four numbers")
        return self.into.from_box(self.file, line, label_class, box), "visible"

    def _mask(self, segmentation: Any) -> dict[str, Any]:
        target = self.into.target
        if isinstance(segmentation, dict):
            return any_rle(segmentation["size"], segmentation["counts"], target)
        pixels = np.zeros((target.rows, target.columns), bool)
        for polygon in segmentation:
            points = np.array([float(v) for v in polygon]).reshape(-1, 2)
            if not np.isfinite(points).all():
                raise NotThisFormat("a polygon is not numbers")
            pixels |= fill(points, target.rows, target.columns)
        return {"type": "mask", "rle": masks.encode(pixels)}

    def intervals(self) -> None:
        """Our own `intervals` list, where a file has it."""
        file = f"{self.file} intervals"
        for line, row in enumerate(self.document.get("intervals") or [], 1):
            with self.into.at(file, line):
                if self._mine(row):
                    name = row.get("class_id") or self.categories.get(row["category_id"])
                    label_class = self.into.label_class(file, line, name)
                    if label_class is not None:
                        self.into.interval(
                            file, line, label_class, row["start_frame"], row["end_frame"],
                            uid=uuid_of_uid(row.get("tracking_uid")),
                            attributes=row.get("attributes") or {},
                        )  # fmt: skip


def _entries(row: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(frame index, what stands there) of a YouTube-VIS annotation."""
    lists = {
        "segmentation": row.get("segmentations"), "bbox": row.get("bboxes"),
        "keypoints": row.get("keypoints"), "shape": row.get("shapes"), "state": row.get("states"),
        "interpolated": row.get("interpolated"), "attributes": row.get("frame_attributes"),
    }  # fmt: skip
    length = max(len(values) for values in lists.values() if isinstance(values, list))
    for frame in range(length):
        each = {
            k: v[frame]
            for k, v in lists.items()
            if isinstance(v, list) and frame < len(v) and v[frame] is not None
        }
        if each.get("segmentation") or each.get("bbox") or each.get("keypoints"):
            yield frame, each
