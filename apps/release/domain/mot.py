"""MOTChallenge boxes, a benchmark a class and split, so that TrackEval loads each.

Columns: frame, id, x, y, w, h, conf, class, visibility. Frame and id count from 1; x and y are
1-based as in the original data (ours plus 1), with four decimals. Class is 1, conf 1,
visibility 1 when visible and 0 when occluded.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import chain, groupby
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from apps.release.domain.decimal_rows import Column, fixed, rows_text
from apps.release.domain.given_files import lines_of, own_files, tell_number, tell_whole
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.objects import BLOCK_FRAMES, Frames, Track, box_of, boxes_of
from apps.release.domain.view import SHAPES, ClipView, Create, Dropped, ReleaseView, count_lost


def gt_lines(view: ClipView, class_id: str) -> Iterator[bytes]:
    """Parts of `gt.txt` of one clip and class, by frame, then id (the track's number)."""
    label_class = view.freeze.class_by_id(class_id)
    tracks = [t for t in view.labels.tracks if t.class_id == class_id]
    if all(isinstance(t.frames, Frames) and t.frames.blocks for t in tracks):
        yield from _by_block(tracks, label_class)
        return
    for _, _, line in heapq.merge(*(_track_lines(view, t, label_class) for t in tracks)):
        yield line


def _by_block(tracks: list[Track], label_class: dict[str, Any]) -> Iterator[bytes]:
    """All frames of tips or boxes, a window of frames at a time."""
    streams = [_windows(t, label_class) for t in tracks]
    merged = heapq.merge(*streams, key=itemgetter(0))
    for _, parts in groupby(merged, key=itemgetter(0)):
        rows = np.concatenate([part for _, part in parts])
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
        yield _rows_text(rows)


def _rows_text(rows: np.ndarray) -> bytes:
    """Rows of frame, number, x, y, w, h, visibility as lines."""
    sides = [fixed(rows[:, c], 4) for c in range(2, 6)]
    known = [side for side in sides if side is not None]
    if len(known) == len(sides) and rows[:, :2].max(initial=0) < 1 << 32:
        frames, numbers, visible = (Column(rows[:, c].astype(np.uint32)) for c in (0, 1, 6))
        fields: list[Column | bytes] = []
        for column in (frames, numbers, *known):
            fields += [column, b","]
        return rows_text([*fields, b"1,1,", visible, b"\n"])
    whole = (rows[:, c].astype(np.int64).tolist() for c in (0, 1, 6))
    frames, numbers, visible = whole
    columns = (frames, numbers, *(rows[:, c].tolist() for c in range(2, 6)), visible)
    values = tuple(chain.from_iterable(zip(*columns, strict=True)))
    return ("%d,%d,%.4f,%.4f,%.4f,%.4f,1,1,%d\n" * len(rows) % values).encode()


def _windows(track: Track, label_class: dict[str, Any]) -> Iterator[tuple[int, np.ndarray]]:
    """(window, float64 rows of frame, number, x, y, w, h, visibility) of a track."""
    assert isinstance(track.frames, Frames) and track.frames.blocks is not None
    for block in track.frames.blocks():
        n = len(block.values)
        rows = np.empty((n, 7))
        rows[:, 0] = np.arange(block.first_frame, block.first_frame + n) + 1
        rows[:, 1] = track.number
        rows[:, 2:6] = boxes_of(block.values, track.geometry, label_class)
        rows[:, 2:4] += 1
        rows[:, 6] = block.state == "visible"
        first = block.first_frame // BLOCK_FRAMES
        for window in range(first, (block.first_frame + n - 1) // BLOCK_FRAMES + 1):
            low = max(window * BLOCK_FRAMES - block.first_frame, 0)
            yield window, rows[low : (window + 1) * BLOCK_FRAMES - block.first_frame]


def _track_lines(
    view: ClipView, track: Track, label_class: dict[str, Any]
) -> Iterator[tuple[int, int, bytes]]:
    for placed in track.frames:
        x, y, w, h = box_of(placed.shape, label_class)
        visible = 1 if placed.state == "visible" else 0
        frame = view.position(placed.frame_index) + 1
        line = f"{frame},{track.number},{x + 1:.4f},{y + 1:.4f},{w:.4f},{h:.4f},1,1,{visible}\n"
        yield frame, track.number, line.encode()


def seqinfo_text(view: ClipView) -> str:
    """`seqinfo.ini` of a clip; frameRate is the mean rate of the exported pictures."""
    rate = f"{view.fps:.6f}".rstrip("0").rstrip(".")
    return (
        "[Sequence]\n"
        f"name={view.name}\nimDir=img1\nframeRate={rate}\nseqLength={len(view.frames)}\n"
        f"imWidth={view.columns}\nimHeight={view.rows}\nimExt=.png\n"
    )


def write(release: ReleaseView, create: Create) -> Dropped:
    """`<class>-<split>/<clip>/{gt/gt.txt,seqinfo.ini}` and `seqmaps/<class>-<split>.txt`.

    Each clip of the split is in the class's benchmark, with an empty `gt.txt` where the class does
    not occur.
    """
    lost: Dropped = Dropped()
    ids = [c["id"] for c in release.freeze.classes(*SHAPES)]
    for split, views in release.by_split().items():
        held: set[str] = set()
        for view in views:
            held |= {track.class_id for track in view.labels.tracks}
            lost += count_lost(view, shapes=SHAPES, identity=True, state=True)
            lost["outlines of masks"] += sum(len(t.frames) for t in view.labels.of("mask"))
        benchmarks = {class_id: f"{class_id}-{split}" for class_id in ids if class_id in held}
        for view in views:
            for class_id, benchmark in benchmarks.items():
                with create(f"{benchmark}/{view.name}/gt/gt.txt") as out:
                    for line in gt_lines(view, class_id):
                        out.write(line)
                with create(f"{benchmark}/{view.name}/seqinfo.ini") as out:
                    out.write(seqinfo_text(view).encode())
        for benchmark in benchmarks.values():
            with create(f"seqmaps/{benchmark}.txt") as out:
                out.write(("name\n" + "".join(f"{name}\n" for name in views.names)).encode())
    return +lost


def read(files: Files, into: Collector) -> None:
    """Text files with 9 columns (7 to 10 are taken).

    The class is a folder `<class>-<split>` on the file's way; without one the class column counts
    the ontology's mask, tip and box classes from 1. Lines with conf 0 are to be ignored.
    """
    texts = {n: d for n, d in files.items() if "seqmaps" not in PurePosixPath(n).parts}
    for name, data in own_files(texts, ".txt", into.target).items():
        with into.at(name):
            told = _class_of(name, into)
            for line, text in enumerate(lines_of(data), 1):
                with into.at(name, line):
                    _read_line(name, line, text, told, into)


def _class_of(name: str, into: Collector) -> str | None:
    ids = {c["id"] for c in into.target.classes(*SHAPES)}
    for part in PurePosixPath(name).parts[:-1]:
        if part in ids or part.rpartition("-")[0] in ids:
            return part if part in ids else part.rpartition("-")[0]
    return None


def _read_line(file: str, line: int, text: str, told: str | None, into: Collector) -> None:
    parts = text.split(",")
    if not 7 <= len(parts) <= 10:
        raise NotThisFormat("not 9 columns", "frame,id,x,y,w,h,conf,class,visibility")
    frame, identity = tell_whole(parts[0], 1), tell_whole(parts[1], 1)
    x, y, w, h = (tell_number(v) for v in parts[2:6])
    if tell_number(parts[6]) == 0:
        into.leave_out(file, line, "conf 0 means to be ignored", "nothing to do")
        return
    classes = into.target.classes(*SHAPES)
    label_class: dict[str, Any] | None
    if told is not None:
        label_class = into.label_class(file, line, told)
    else:
        place = tell_whole(parts[7]) if len(parts) > 7 else 1
        named = classes[place - 1]["id"] if 1 <= place <= len(classes) else None
        label_class = into.label_class(file, line, named)
    visibility = tell_number(parts[8], 0, 1) if len(parts) == 9 else 1.0
    index = into.frame(file, line, frame - 1)
    if label_class is None or index is None:
        return
    shape = into.from_box(file, line, label_class, [x - 1, y - 1, w, h])
    if shape is not None:
        into.place(file, line, label_class, index, shape, key=identity, number=identity,
                   state="visible" if visibility > 0 else "occluded")  # fmt: skip
