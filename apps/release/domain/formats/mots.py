"""MOTS as KITTI MOTS has it: run lengths as text, and 16-bit PNG. Frames count from 0.

Masks only, without overlap: a pixel goes to the class listed first, then to the lower number.
"""

from __future__ import annotations

import numpy as np

from apps.annotation.domain import rle as masks
from apps.library.domain.grey_png import encode_grey_png
from apps.release.domain.freeze import Freeze
from apps.release.domain.given_files import (
    any_rle,
    frame_number_of,
    lines_of,
    own_files,
    png_of,
    tell_whole,
)
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.view import (
    ClipView,
    Create,
    Dropped,
    ReleaseView,
    count_lost,
    exclusive_masks,
)

IGNORE_CLASS = 10
MAX_CLASS, MAX_INSTANCE = 65, 999


def class_numbers(class_ids: list[str]) -> dict[str, int]:
    """Class id → class_id of the format, from 1, without 10 (the ignore region), up to 65."""
    numbers = [n for n in range(1, MAX_CLASS + 1) if n != IGNORE_CLASS]
    return dict(zip(class_ids, numbers, strict=False))


def _mask_classes(freeze: Freeze) -> dict[str, int]:
    return class_numbers([c["id"] for c in freeze.classes("mask")])


def write(release: ReleaseView, create: Create) -> Dropped:
    """`classes.txt`, and a split `instances_txt/<clip>.txt` and `instances/<clip>/%06d.png`."""
    numbers = _mask_classes(release.freeze)
    with create("classes.txt") as out:
        out.write("".join(f"{n} {class_id}\n" for class_id, n in numbers.items()).encode())
    lost: Dropped = Dropped()
    for view in release.clips:
        lost += count_lost(view, shapes=("mask",), identity=True)
        lost += _write_clip(view, numbers, create)
    return lost


def _write_clip(view: ClipView, numbers: dict[str, int], create: Create) -> Dropped:
    lost: Dropped = Dropped()
    lines = []
    for index, everything in view.by_frame("mask"):
        there = [
            (t, p) for t, p in everything if t.class_id in numbers and t.number <= MAX_INSTANCE
        ]
        lost["masks past class 65 or instance 999"] += len(everything) - len(there)
        picture, there, n_lost = exclusive_masks(view, there)
        lost["mask pixels given to another mask"] += n_lost
        ids = np.array([0] + [numbers[t.class_id] * 1000 + t.number for t, _ in there], np.uint16)
        for place, (track, _) in enumerate(there, 1):
            own = picture == place
            if not own.any():
                lost["masks wholly covered"] += 1
                continue
            lines.append(
                f"{view.position(index)} {ids[place]} {numbers[track.class_id]} {view.rows} "
                f"{view.columns} {masks.encode(own)['counts']}\n"
            )
        path = f"{view.split}/instances/{view.name}/{view.position(index):06d}.png"
        with create(path) as out:
            out.write(encode_grey_png(ids[picture]))
    with create(f"{view.split}/instances_txt/{view.name}.txt") as out:
        out.write("".join(lines).encode())
    return +lost


def read(files: Files, into: Collector) -> None:
    """Text files where there are any, else the PNG pictures."""
    numbers = _numbers_in(files, into)
    texts = own_files(
        {n: d for n, d in files.items() if not n.endswith("classes.txt")}, ".txt", into.target
    )
    if texts:
        for name, data in texts.items():
            with into.at(name):
                _read_text(name, data, numbers, into)
        return
    for name, data in own_files(files, ".png", into.target).items():
        with into.at(name):
            _read_png(name, data, numbers, into)


def _numbers_in(files: Files, into: Collector) -> dict[int, str]:
    """class_id → class of the ontology: by classes.txt, else by the ontology's order."""
    for name, data in files.items():
        if not name.endswith("classes.txt"):
            continue
        found = {}
        for line, text in enumerate(lines_of(data), 1):
            with into.at(name, line):
                number, class_id = text.split(maxsplit=1)
                if into.label_class(name, line, class_id):
                    found[tell_whole(number)] = class_id
        return found
    return {
        n: class_id
        for class_id, n in class_numbers([c["id"] for c in into.target.classes("mask")]).items()
    }


def _read_text(name: str, data: bytes, numbers: dict[int, str], into: Collector) -> None:
    for line, text in enumerate(lines_of(data), 1):
        with into.at(name, line):
            parts = text.split(" ")
            if len(parts) != 6:
                raise NotThisFormat("not six columns", "frame id class_id height width rle")
            frame, number, class_number, rows, columns = (tell_whole(v) for v in parts[:5])
            if number // 1000 != class_number:
                raise NotThisFormat("the id is not class_id × 1000 + instance", "mend the id")
            shape = any_rle([rows, columns], parts[5], into.target)
            _place(name, line, frame, number, numbers, shape, into)


def _read_png(name: str, data: bytes, numbers: dict[int, str], into: Collector) -> None:
    pixels = png_of(data, into.target)
    frame = frame_number_of(name)
    for value in np.unique(pixels):
        if value:
            shape = {"type": "mask", "rle": masks.encode(pixels == value)}
            _place(name, 0, frame, int(value), numbers, shape, into)


def _place(
    name: str, line: int, frame: int, value: int, numbers: dict[int, str], shape: dict,
    into: Collector,
) -> None:  # fmt: skip
    class_number, instance = divmod(value, 1000)
    if class_number == IGNORE_CLASS:
        into.leave_out(name, line, "an ignore region is no object", "nothing to do")
        return
    label_class = into.label_class(name, line, numbers.get(class_number))
    index = into.frame(name, line, frame)
    if label_class is not None and index is not None:
        into.place(name, line, label_class, index, shape, key=instance, number=instance)
