"""EndoVis-style masks: a grey PNG a frame, a value a class.

Only frames on which a mask was drawn have a picture: the others were not labelled, which is not
the same as empty. Where classes overlap a pixel goes to the class listed first.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath

import numpy as np

from apps.annotation.domain import rle as masks
from apps.library.domain.grey_png import encode_grey_png
from apps.release.domain.given_files import frame_number_of, own_files, png_of
from apps.release.domain.import_report import Files, NotThisFormat
from apps.release.domain.importing import Collector
from apps.release.domain.view import Create, Dropped, ReleaseView, count_lost, exclusive_masks

MAX_CLASS = 255


def write(release: ReleaseView, create: Create) -> Dropped:
    """`classes.json` and `<split>/<clip>/%06d.png`, numbered as in `media/`, from 000001."""
    values = {c["id"]: v for v, c in enumerate(release.freeze.classes("mask"), 1)}
    with create("classes.json") as out:
        document = {"background": 0, **values}
        out.write(json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")
    lost: Dropped = Dropped()
    for view in release.clips:
        lost += count_lost(view, shapes=("mask",))
        for index, everything in view.by_frame("mask"):
            there = [(t, p) for t, p in everything if values[t.class_id] <= MAX_CLASS]
            lost["masks past class 255"] += len(everything) - len(there)
            picture, there, n_lost = exclusive_masks(view, there)
            lost["mask pixels given to another mask"] += n_lost
            table = np.array([0] + [values[t.class_id] for t, _ in there], np.uint8)
            with create(f"{view.split}/{view.name}/{index + 1:06d}.png") as out:
                out.write(encode_grey_png(table[picture]))
    return +lost


def read(files: Files, into: Collector) -> None:
    """PNG pictures; all pixels of a class on a frame are one object, number 1 of its class."""
    values = {v: c["id"] for v, c in enumerate(into.target.classes("mask"), 1)}
    for name, data in files.items():
        if PurePosixPath(name).name == "classes.json":
            with into.at(name):
                found = json.loads(data)
                values = {int(v): k for k, v in found.items() if v != 0}
    for name, data in own_files(files, ".png", into.target).items():
        with into.at(name):
            pixels = png_of(data, into.target)
            index = into.index(name, 0, frame_number_of(name) - 1)
            for value in np.unique(pixels):
                if not value or index is None:
                    continue
                if int(value) not in values:
                    raise NotThisFormat(f"value {value} is no class", "see classes.json")
                label_class = into.label_class(name, 0, values[int(value)])
                if label_class is not None:
                    shape = {"type": "mask", "rle": masks.encode(pixels == value)}
                    into.place(name, 0, label_class, index, shape, key=1, number=1)
