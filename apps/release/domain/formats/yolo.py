"""YOLO (Ultralytics): detect, segment and pose, each a folder with data.yaml and labels.

A line an object, all coordinates from 0 to 1 with 8 decimals: `class cx cy w h`;
`class x1 y1 x2 y2 …`; `class cx cy w h px py v`. Label files have the format's columns and no
more; the same lines with the track id as last column stand under `tracks/`. A mask with several
parts or holes is one polygon with bridges (`polygons.outline`): filled at pixel centres by the
even-odd rule it is the mask again, exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import yaml

from apps.annotation.domain import rle as masks
from apps.release.domain.given_files import (
    frame_number_of,
    lines_of,
    own_files,
    tell_number,
    tell_whole,
)
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.objects import Placed, Track, box_of
from apps.release.domain.polygons import fill, outline
from apps.release.domain.view import (
    SHAPES,
    ClipView,
    Create,
    Dropped,
    ReleaseView,
    class_place,
    count_lost,
    number,
    number_of_object,
    object_id,
)

TASKS = {"detect": SHAPES, "segment": ("mask",), "pose": ("tip",)}
DIGITS = 8
VISIBILITY = {"visible": 2, "occluded": 1}


def write(release: ReleaseView, create: Create) -> Dropped:
    """`<task>/data.yaml`, `<task>/labels/<split>/<clip>_%06d.txt`, `<task>/tracks/…` alike.

    Pictures are numbered as in `media/`, from 000001. A frame without an object has no file.
    """
    lost: Dropped = Dropped()
    for task, geometries in TASKS.items():
        classes = release.freeze.classes(*geometries)
        if not classes:
            continue
        with create(f"{task}/data.yaml") as out:
            out.write(_data_yaml(release, task, [c["id"] for c in classes]).encode())
        for view in release.clips:
            lost += _write_clip(view, task, geometries, create)
    for view in release.clips:
        lost += count_lost(view, shapes=SHAPES, identity=True, state=True)
        for track in view.labels.of("mask", "box"):
            lost["occluded states"] += sum(p.state == "occluded" for p in track.frames)
    return +lost


def _data_yaml(release: ReleaseView, task: str, names: list[str]) -> str:
    lines = ["path: .", "train: images/train", "val: images/val", "test: images/test"]
    if task == "pose":
        lines.append("kpt_shape: [1, 3]")
    lines.append("names:")
    lines += [f"  {place}: {name}" for place, name in enumerate(names)]
    return "\n".join(lines) + "\n"


def _write_clip(view: ClipView, task: str, geometries: tuple[str, ...], create: Create) -> Dropped:
    lost: Dropped = Dropped()
    for index, there in view.by_frame(*geometries):
        lines, tracked = [], []
        for track, placed in there:
            text = _line(view, task, geometries, track, placed, lost)
            if text:
                lines.append(f"{text}\n")
                tracked.append(f"{text} {object_id(view.freeze, track)}\n")
        if lines:
            name = f"{view.split}/{view.name}_{index + 1:06d}.txt"
            for folder, rows in (("labels", lines), ("tracks", tracked)):
                with create(f"{task}/{folder}/{name}") as out:
                    out.write("".join(rows).encode())
    return lost


def _line(
    view: ClipView, task: str, geometries: tuple[str, ...], track: Track, placed: Placed,
    lost: Dropped,
) -> str:  # fmt: skip
    place = class_place(view.freeze, track.class_id, *geometries)
    size = np.array([view.columns, view.rows], float)
    if task == "segment":
        points = outline(masks.decode(placed.shape["rle"])) / size
        return f"{place} {_join(points.ravel())}"
    x, y, w, h = box_of(placed.shape, view.freeze.class_by_id(track.class_id))
    left, top = max(x, 0.0), max(y, 0.0)
    right, bottom = min(x + w, view.columns), min(y + h, view.rows)
    if (left, top, right, bottom) != (x, y, x + w, y + h) and task == "detect":
        lost["boxes clipped to the picture"] += 1
    if right <= left or bottom <= top:
        lost["boxes outside the picture"] += 1
        return ""
    centre = np.array([(left + right) / 2, (top + bottom) / 2]) / size
    text = f"{place} {_join([*centre, *(np.array([right - left, bottom - top]) / size)])}"
    if task == "pose":
        text += f" {_join(np.array(placed.shape['point']) / size)} {VISIBILITY[placed.state]}"
    return text


def _join(values: Iterable[float]) -> str:
    return " ".join(number(min(max(float(v), 0.0), 1.0), DIGITS) for v in values)


def read(files: Files, into: Collector) -> None:
    """Files under `tracks/` where there are any, else under `labels/` (an object a line then).

    The task of a file is a folder of that name on its way, else it follows from data.yaml
    (`kpt_shape`) and the number of columns.
    """
    yamls = {n: d for n, d in files.items() if n.endswith((".yaml", ".yml"))}
    texts = own_files(files, ".txt", into.target)
    with_tracks = {n: d for n, d in texts.items() if "tracks" in PurePosixPath(n).parts}
    known = {n: _described(n, d, into) for n, d in yamls.items()}
    for name, data in (with_tracks or texts).items():
        with into.at(name):
            task, names = _task_of(name, data, known, into)
            number_ = frame_number_of(name)
            for line, text in enumerate(lines_of(data), 1):
                with into.at(name, line):
                    _read_line(name, line, text, task, names, number_ - 1, bool(with_tracks), into)


def _described(name: str, data: bytes, into: Collector) -> tuple[str, list[str] | None]:
    """Task and class names that a data.yaml says."""
    with into.at(name):
        try:
            found = yaml.safe_load(data)
        except yaml.YAMLError:
            raise NotThisFormat("not YAML", "give Ultralytics' data.yaml") from None
        names = found["names"]
        listed = [names[k] for k in sorted(names)] if isinstance(names, dict) else list(names)
        if not all(isinstance(n, str) for n in listed):
            raise NotThisFormat("names are not texts", "write names as a list of words")
        return ("pose" if "kpt_shape" in found else "", listed)
    return "", None


def _task_of(
    name: str, data: bytes, known: dict[str, tuple[str, list[str] | None]], into: Collector
) -> tuple[str, list[str]]:
    parts = PurePosixPath(name).parts
    task = next((p for p in parts if p in TASKS), "")
    near = [v for n, v in known.items() if PurePosixPath(n).parent.parts == parts[: n.count("/")]]
    told, names = near[-1] if near else ("", None)
    if not task:
        first = data.decode("utf-8", "replace").split("\n")[0].split()
        task = told or ("detect" if len(first) <= 6 else "segment")
    if names is None:
        names = [c["id"] for c in into.target.classes(*TASKS[task])]
    return task, names


def _read_line(
    file: str, line: int, text: str, task: str, names: list[str], frame: int, tracked: bool,
    into: Collector,
) -> None:  # fmt: skip
    parts = text.split()
    wanted = {"detect": 5, "pose": 8}.get(task)
    identity = None
    if tracked or len(parts) == (wanted or -1) + 1:
        identity = tell_whole(parts.pop(), 0, 10**10)
    if (wanted and len(parts) != wanted) or (
        not wanted and (len(parts) < 7 or len(parts) % 2 != 1)
    ):
        raise NotThisFormat(f"not the columns of a {task} line", "see docs/formats/yolo.md")
    class_number = tell_whole(parts[0])
    label_class = into.label_class(
        file, line, names[class_number] if class_number < len(names) else None
    )
    values = [tell_number(v, 0, 1) for v in parts[1:7]]
    index = into.index(file, line, frame)
    if label_class is None or index is None:
        return
    target = into.target
    state = "visible"
    shape: dict[str, Any] | None
    if task == "segment":
        points = np.array([tell_number(v, 0, 1) for v in parts[1:]]).reshape(-1, 2)
        pixels = fill(points * [target.columns, target.rows], target.rows, target.columns)
        if not pixels.any():
            raise NotThisFormat("the polygon holds no pixel's centre", "leave the line out")
        shape = {"type": "mask", "rle": masks.encode(pixels)}
    elif task == "pose":
        if parts[7] not in ("1", "2"):
            raise NotThisFormat("the point's visibility is not 1 or 2", "leave the line out")
        state = "visible" if parts[7] == "2" else "occluded"
        shape = {"type": "tip", "point": [values[4] * target.columns, values[5] * target.rows]}
    else:
        cx, cy, w, h = (
            v * s for v, s in zip(values, (target.columns, target.rows) * 2, strict=True)
        )
        if label_class["geometry"] == "tip":
            into.leave_out(file, line, f"class {label_class['id']} is a tip; a box has no tip",
                           "import the pose labels")  # fmt: skip
            return
        shape = into.from_box(file, line, label_class, [cx - w / 2, cy - h / 2, w, h])
        if shape is None:
            return
    place = [c["id"] for c in target.classes(*SHAPES)].index(label_class["id"]) + 1
    into.place(
        file, line, label_class, index, shape, state=state,
        key=("line", file, line) if identity is None else identity,
        number=None if identity is None else number_of_object(identity, place),
    )  # fmt: skip
