"""Label sets for the format tests: frozen, written in a layout of a format, read back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from apps.ontology.domain.definition import digest as ontology_digest
from apps.release.domain.dicom_labelmap import labelmap_parts, write_labelmap
from apps.release.domain.dicom_seg import NATIVE_LIMIT_BYTES, seg_parts, write_seg
from apps.release.domain.dicom_sr import sr_parts, write_sr
from apps.release.domain.freeze import ClipFreeze, Freeze
from apps.release.domain.import_report import Report, Target
from apps.release.domain.importing import read_with
from apps.release.domain.objects import ClipLabels, clip_labels
from apps.release.domain.registry import FORMATS
from apps.release.domain.view import Choice, ReleaseView, release_view
from tests.domain.format_label_sets import COLUMNS, N_FRAMES, ONTOLOGY, ROWS
from tests.domain.release_samples import sample

# Files of a format that say all by themselves: its name, and which of its files. A format's own
# name takes all of them, of which its reader may prefer some.
LAYOUTS: dict[str, tuple[str, Callable[[str], bool]]] = {
    **{name: (name, lambda path: True) for name in FORMATS},
    "dicom-seg, deflated": ("dicom-seg", lambda path: True),
    "dicom-labelmap, deflated": ("dicom-labelmap", lambda path: True),
    "coco-video, YouTube-VIS": ("coco-video", lambda path: path == "ytvis.json"),
    "mots, PNG": ("mots", lambda path: path.endswith((".png", "classes.txt"))),
    "yolo, labels": ("yolo", lambda path: "/tracks/" not in path),
}


def freeze_of(
    labels: dict[str, Any], ontology: dict[str, Any] = ONTOLOGY, n_frames: int = N_FRAMES,
    rows: int = ROWS, columns: int = COLUMNS,
) -> Freeze:  # fmt: skip
    """A freeze of one clip with these labels (its media are nobody's)."""
    whole = sample().freeze
    clip = whole.clips[0]
    clip = replace(
        clip, n_frames=n_frames, rows=rows, columns=columns,
        pts=np.arange(n_frames, dtype=np.int64) * 512, time_base=(1, 12800), fps=25.0,
        digests=np.zeros((n_frames, 32), np.uint8), last_frame_duration_pts=512,
        label_set=replace(clip.label_set, labels=labels),
    )  # fmt: skip
    return replace(
        whole, clips=[clip], ontology=ontology, ontology_digest=ontology_digest(ontology)
    )


def labels_of(freeze: Freeze) -> ClipLabels:
    return clip_labels(freeze, freeze.clips[0])


def view_of(freeze: Freeze, choice: Choice) -> ReleaseView:
    splits = {clip.pseudonym: "train" for clip in freeze.clips}
    return release_view(freeze, splits, choice)


def written(layout: str, freeze: Freeze, **options: Any) -> dict[str, bytes]:
    """Path → bytes of a layout's files."""
    name, is_of_it = LAYOUTS[layout]
    if FORMATS[name].write is None:
        return _dicom(layout, freeze)
    files = files_of(name, view_of(freeze, Choice(name, **options)))
    return {path: data for path, data in files.items() if is_of_it(path)}


def files_of(name: str, release: ReleaseView) -> dict[str, bytes]:
    files: dict[str, bytes] = {}

    @contextmanager
    def create(path: str) -> Iterator[io.BytesIO]:
        out = io.BytesIO()
        yield out
        assert path not in files
        files[path] = out.getvalue()

    writer = FORMATS[name].write
    assert writer is not None
    writer(release, create)
    return files


def _dicom(name: str, freeze: Freeze) -> dict[str, bytes]:
    clip, labels, files = freeze.clips[0], labels_of(freeze), {}
    masks = {
        "dicom-seg": (seg_parts, write_seg),
        "dicom-labelmap": (labelmap_parts, write_labelmap),
    }
    kind = name.partition(",")[0]
    if kind in masks:
        parts_of, write = masks[kind]
        limit = 0 if name.endswith("deflated") else NATIVE_LIMIT_BYTES
        for part, rows in enumerate(parts_of(clip, labels), 1):
            out = io.BytesIO()
            write(freeze, clip, rows, out, part, limit)
            files[f"{kind}-{part}.dcm"] = out.getvalue()
    else:
        for sr_part in sr_parts(clip, labels, most=5):
            out = io.BytesIO()
            write_sr(freeze, clip, sr_part, out)
            files[f"sr-{sr_part.number}.dcm"] = out.getvalue()
    return files


def target_of(freeze: Freeze, clip: ClipFreeze | None = None, stride: int = 1) -> Target:
    clip = clip or freeze.clips[0]
    return Target(clip.id, clip.name, clip.n_frames, clip.rows, clip.columns, freeze.ontology,
                  stride, clip.sop_instance_uid)  # fmt: skip


def read_back(
    layout: str, files: dict[str, bytes], freeze: Freeze, stride: int = 1
) -> tuple[dict[str, Any] | None, Report]:
    reader = FORMATS[LAYOUTS[layout][0]].read
    return read_with(reader, files, target_of(freeze, stride=stride))
