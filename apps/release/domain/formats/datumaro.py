"""Datumaro's own JSON (version 1.0), a file a split.

An item a picture, `<clip>/%06d` numbered as in `media/`; boxes as `bbox`, tips as `points`, masks
as `mask` with run lengths, and a phase or event as a `label` on each of its frames. Identities,
states and attributes stand in the annotations' attributes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from apps.release.domain.given_files import any_rle, frame_number_of, uuid_of_uid
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.objects import Interval
from apps.release.domain.view import SHAPES, ClipView, Create, Dropped, ReleaseView, count_lost

OWN = ("tracking_uid", "number", "occluded", "interpolated", "start_frame", "end_frame")
POINT_VISIBILITY = {"visible": 2, "occluded": 1}


def write(release: ReleaseView, create: Create) -> Dropped:
    """`annotations/<split>.json`."""
    names = [c["id"] for c in release.freeze.ontology["classes"]]
    lost: Dropped = Dropped()
    for split, views in release.by_split().items():
        with create(f"annotations/{split}.json") as out:
            head = {
                "dm_format_version": "1.0", "media_type": 2, "infos": {},
                "categories": _categories(release.freeze.ontology["classes"]),
            }  # fmt: skip
            out.write(_json(head)[:-1] + b',"items":[')
            first = True
            for view in views:
                lost += count_lost(view, shapes=SHAPES, identity=True, state=True,
                                   attributes=True, interpolated=True, intervals=True)  # fmt: skip
                for item in _items(view, names):
                    out.write((b"\n" if first else b",\n") + _json(item))
                    first = False
            out.write(b"]}\n")
    return +lost


def _categories(classes: list[dict[str, Any]]) -> dict[str, Any]:
    labels = [{"name": c["id"], "parent": "", "attributes": []} for c in classes]
    points = [
        {"label_id": i, "labels": ["tip"], "joints": []}
        for i, c in enumerate(classes)
        if c["geometry"] == "tip"
    ]
    return {
        "label": {"labels": labels, "label_groups": [], "attributes": list(OWN)},
        "points": {"items": points},
    }


def _items(view: ClipView, names: list[str]) -> Iterator[dict[str, Any]]:
    spans: dict[int, list[Interval]] = {}
    for interval in view.labels.intervals:
        for i in range(interval.start_frame, interval.end_frame):
            spans.setdefault(i, []).append(interval)
    for i, there in view.every_frame(*SHAPES):
        found = [
            _annotation(view, place, track, placed, names)
            for place, (track, placed) in enumerate(there)
        ]
        found += [
            {
                "id": len(found) + place, "type": "label", "group": 0, "object_id": -1,
                "label_id": names.index(s.class_id),
                "attributes": {"tracking_uid": s.tracking_uid, "start_frame": s.start_frame,
                               "end_frame": s.end_frame, **s.attributes},
            }
            for place, s in enumerate(spans.get(i, []))
        ]  # fmt: skip
        name = f"{view.name}/{i + 1:06d}"
        yield {
            "id": name, "annotations": found, "attr": {"frame": i},
            "image": {"path": f"{name}.png", "size": [view.rows, view.columns]},
        }  # fmt: skip


def _annotation(
    view: ClipView, place: int, track: Any, placed: Any, names: list[str]
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": place, "type": "", "group": 0, "object_id": track.number, "z_order": 0,
        "label_id": names.index(track.class_id),
        "attributes": {
            "tracking_uid": track.tracking_uid, "number": track.number,
            "occluded": placed.state == "occluded", "interpolated": placed.interpolated,
            **track.attributes, **placed.attributes,
        },
    }  # fmt: skip
    shape = placed.shape
    if shape["type"] == "mask":
        return row | {"type": "mask", "rle": shape["rle"]}
    if shape["type"] == "tip":
        return row | {"type": "points", "points": [float(v) for v in shape["point"]],
                      "visibility": [POINT_VISIBILITY[placed.state]]}  # fmt: skip
    return row | {"type": "bbox", "bbox": [float(v) for v in shape["box"]]}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def read(files: Files, into: Collector) -> None:
    """Items whose id begins with the clip's name, or all when no id does. `line` counts items.

    Labels on frames become intervals: by `start_frame` and `end_frame` where they are given, else
    a run of frames with the label.
    """
    found = {n: d for n, d in sorted(files.items()) if n.endswith(".json")}
    if not found:
        raise NotThisFormat("no JSON file", "give annotations/<split>.json")
    loaded: dict[str, Any] = {}
    for name, data in found.items():
        with into.at(name):
            document = json.loads(data)
            loaded[name] = (document["categories"]["label"]["labels"], document["items"])
    mine = f"{into.target.name}/"
    named = any(
        str(i.get("id", "")).startswith(mine) for _, items in loaded.values() for i in items
    )
    for name, (labels, items) in loaded.items():
        runs: dict[str, list[int]] = {}
        spans: set[tuple[Any, ...]] = set()
        for line, item in enumerate(items, 1):
            with into.at(name, line):
                if not named or item["id"].startswith(mine):
                    _read_item(name, line, item, labels, runs, spans, into)
        _runs(name, runs, into)


def _read_item(
    file: str, line: int, item: dict[str, Any], labels: list[Any], runs: dict[str, list[int]],
    spans: set[tuple[Any, ...]], into: Collector,
) -> None:  # fmt: skip
    frame = (item.get("attr") or {}).get("frame")
    if frame is None:
        frame = frame_number_of(item["id"]) - 1
    index = into.index(file, line, frame)
    if index is None:
        return
    for each in item["annotations"]:
        with into.at(file, line):
            label_id = each["label_id"]
            name = labels[label_id]["name"] if type(label_id) is int and label_id >= 0 else None
            label_class = into.label_class(file, line, name)
            if label_class is None:
                continue
            said = dict(each.get("attributes") or {})
            if each["type"] == "label":
                _read_label(file, line, index, label_class, said, runs, spans, into)
            else:
                _read_shape(file, line, index, label_class, each, said, into)


def _read_shape(
    file: str, line: int, index: int, label_class: dict[str, Any], each: dict[str, Any],
    said: dict[str, Any], into: Collector,
) -> None:  # fmt: skip
    shape: dict[str, Any] | None
    if each["type"] == "mask":
        rle = each["rle"]
        shape = any_rle(rle["size"], rle["counts"], into.target)
    elif each["type"] == "points":
        if len(each["points"]) != 2:
            raise NotThisFormat("several points are no tip", "give an annotation a point")
        shape = {"type": "tip", "point": [float(v) for v in each["points"]]}
    elif each["type"] == "bbox":
        shape = into.from_box(file, line, label_class, [float(v) for v in each["bbox"]])
    else:
        raise NotThisFormat("this type is not taken", "use bbox, points, mask or label")
    if shape is None:
        return
    uid, number = said.get("tracking_uid"), said.get("number", said.get("track_id"))
    if number is not None and (type(number) is not int or number < 0):
        raise NotThisFormat("number is not a whole number")
    key = uid if isinstance(uid, str) else number
    into.place(
        file, line, label_class, index, shape,
        key=("line", file, line, each.get("id")) if key is None else key,
        number=number, uid=uuid_of_uid(uid),
        state="occluded" if said.get("occluded") is True else "visible",
        interpolated=said.get("interpolated") is True,
        attributes={k: v for k, v in said.items() if k not in (*OWN, "track_id", "keyframe")},
    )  # fmt: skip


def _read_label(
    file: str, line: int, index: int, label_class: dict[str, Any], said: dict[str, Any],
    runs: dict[str, list[int]], spans: set[tuple[Any, ...]], into: Collector,
) -> None:  # fmt: skip
    if "start_frame" not in said or "end_frame" not in said:
        runs.setdefault(label_class["id"], []).append(index)
        return
    start, end, uid = said["start_frame"], said["end_frame"], said.get("tracking_uid")
    if type(start) is not int or type(end) is not int or not start <= index < end:
        raise NotThisFormat("the label's frames do not hold its picture")
    key = (label_class["id"], start, end, str(uid))
    if key not in spans:
        spans.add(key)
        into.interval(
            file, line, label_class, start, end, uid=uuid_of_uid(uid),
            attributes={k: v for k, v in said.items() if k not in OWN},
        )  # fmt: skip


def _runs(file: str, runs: dict[str, list[int]], into: Collector) -> None:
    step = into.target.stride
    for class_id, found in runs.items():
        label_class = into.label_class(file, 0, class_id)
        frames = sorted(set(found))
        if label_class is not None and label_class["geometry"] == "frame_tag":
            for frame in frames:
                into.interval(file, 0, label_class, frame, frame + 1)
            continue
        start = 0
        for at in range(1, len(frames) + 1):
            if at < len(frames) and frames[at] == frames[at - 1] + step:
                continue
            if label_class is not None:
                end = min(frames[at - 1] + step, into.target.n_frames)
                into.interval(file, 0, label_class, frames[start], end)
            start = at
