"""KITTI tracking labels (two-dimensional). Frames and ids count from 0.

Boxes as MOT has them: a mask as the box of its pixels, a tip as a box centred on it. What KITTI
says of the third dimension is unknown and written as the format prescribes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from apps.release.domain.given_files import lines_of, own_files, tell_number, tell_whole
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.objects import box_of
from apps.release.domain.view import (
    SHAPES,
    ClipView,
    Create,
    Dropped,
    ReleaseView,
    count_lost,
    number,
    number_of_object,
    object_id,
)

UNKNOWN_3D = "-1 -1 -1 -1000 -1000 -1000 -10"
OCCLUDED = {"visible": 0, "occluded": 2}


def write(release: ReleaseView, create: Create) -> Dropped:
    """`<split>/label_02/<clip>.txt` and `<split>/evaluate_tracking.seqmap`."""
    lost: Dropped = Dropped()
    for split, views in release.by_split().items():
        with create(f"{split}/evaluate_tracking.seqmap") as out:
            for view in views:
                out.write(f"{view.name} empty 000000 {len(view.frames):06d}\n".encode())
        for view in views:
            lost += count_lost(view, shapes=SHAPES, identity=True, state=True)
            lost["outlines of masks"] += sum(len(t.frames) for t in view.labels.of("mask"))
            with create(f"{split}/label_02/{view.name}.txt") as out:
                for line in _lines(view):
                    out.write(line.encode())
    return +lost


def _lines(view: ClipView) -> Iterator[str]:
    for index, there in view.by_frame(*SHAPES):
        for track, placed in there:
            x, y, w, h = box_of(placed.shape, view.freeze.class_by_id(track.class_id))
            box = " ".join(number(v) for v in (x, y, x + w, y + h))
            outside = x < 0 or y < 0 or x + w > view.columns or y + h > view.rows
            yield (
                f"{view.position(index)} {object_id(view.freeze, track)} {track.class_id} "
                f"{int(outside)} {OCCLUDED[placed.state]} -10 {box} {UNKNOWN_3D}\n"
            )


def read(files: Files, into: Collector) -> None:
    """Label files; 17 columns, or 18 with a score, which is left aside."""
    for name, data in own_files(files, ".txt", into.target).items():
        if "seqmap" in PurePosixPath(name).name:
            continue
        with into.at(name):
            for line, text in enumerate(lines_of(data), 1):
                with into.at(name, line):
                    _read_line(name, line, text, into)


def _read_line(file: str, line: int, text: str, into: Collector) -> None:
    parts = text.split()
    if len(parts) not in (17, 18):
        raise NotThisFormat("not 17 columns", "see docs/formats/kitti.md")
    if parts[2] == "DontCare":
        into.leave_out(file, line, "a region to ignore is no object", "nothing to do")
        return
    frame, identity = tell_whole(parts[0]), tell_whole(parts[1], 0, 10**10)
    if parts[4] not in ("0", "1", "2", "3"):
        raise NotThisFormat("occluded is not 0, 1, 2 or 3", "see docs/formats/kitti.md")
    left, top, right, bottom = (tell_number(v) for v in parts[6:10])
    label_class = into.label_class(file, line, parts[2])
    index = into.frame(file, line, frame)
    if label_class is None or index is None:
        return
    shape = into.from_box(file, line, label_class, [left, top, right - left, bottom - top])
    if shape is None:
        return
    places = [c["id"] for c in into.target.classes(*SHAPES)]
    known = label_class["id"] in places
    into.place(
        file, line, label_class, index, shape, key=identity,
        number=number_of_object(identity, places.index(label_class["id"]) + 1) if known else None,
        state="occluded" if parts[4] in "12" else "visible",
    )  # fmt: skip
