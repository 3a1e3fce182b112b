"""Every label format: what is written is read back equal in all that the format has columns for."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.annotation.domain import ops, rle
from apps.release.domain.importing import steps
from apps.release.domain.polygons import fill, outline
from apps.release.domain.registry import FORMATS
from apps.release.domain.view import Choice
from tests.domain.format_samples import (
    COLUMNS,
    COLUMNS_OF,
    EVERYTHING,
    N_FRAMES,
    ONTOLOGY,
    ROWS,
    content,
    differences,
    files_of,
    freeze_of,
    label_sets,
    labels_of,
    read_back,
    view_of,
    written,
)
from tests.domain.release_samples import VIDEO

N_EXAMPLES = int(os.environ.get("BAR_FORMAT_EXAMPLES", "5"))
N_MUTATIONS = int(os.environ.get("BAR_FORMAT_MUTATIONS", "20"))


def some(n: int) -> settings:
    return settings(
        max_examples=n, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip


def through(name, freeze):
    """The freeze of what comes back through a format; its clip's labels are empty for none."""
    files = written(name, freeze)
    labels, report = read_back(name, files, freeze)
    if not content(freeze, COLUMNS_OF[name]):
        assert labels is None
        return freeze_of({"clips": [freeze.clips[0].id], "tracks": {}, "intervals": {}})
    assert report.problems == [], report.problems
    assert labels is not None
    return freeze_of(labels)


@pytest.mark.parametrize("name", list(FORMATS))
@some(N_EXAMPLES)
@given(labels=label_sets())
def test_any_labels_come_back_equal_in_all_that_a_format_has_columns_for(name, labels):
    before = freeze_of(labels)
    columns = COLUMNS_OF[name]
    after = through(name, before)
    wrong = differences(content(before, columns), content(after, columns), columns.tolerance_px)
    assert wrong == []


@some(6 * N_EXAMPLES)
@given(
    labels=label_sets(),
    first=st.sampled_from(list(FORMATS)),
    second=st.sampled_from(list(FORMATS)),
)
def test_labels_through_two_formats_in_turn_keep_what_both_have_columns_for(labels, first, second):
    before = freeze_of(labels)
    after = through(second, through(first, before))
    both = COLUMNS_OF[first] & COLUMNS_OF[second]
    wrong = differences(content(before, both), content(after, both), both.tolerance_px)
    assert wrong == []


@pytest.mark.parametrize(
    "name", ["mot", "mots", "kitti", "cvat", "yolo", "coco-video", "csv", "parquet"]
)
@some(max(2, N_EXAMPLES // 2))
@given(labels=label_sets(), stride=st.integers(2, 5))
def test_with_a_stride_each_exported_picture_is_its_frame_and_comes_back_there(
    name, labels, stride
):
    before = freeze_of(labels)
    files = written(name, before, stride=stride)
    back, report = read_back(name, files, before, stride)
    columns = replace(COLUMNS_OF[name], intervals="none")
    thinned = thin(content(before, columns), stride)
    if not thinned and not before.clips[0].label_set.labels["intervals"]:
        assert back is None
        return
    assert report.problems == [] or not thinned, report.problems
    if back is not None:
        after = thin(content(freeze_of(back), columns), stride)
        assert differences(thinned, after, columns.tolerance_px) == []


def thin(found, stride):
    return {key: value for key, value in found.items() if key[-1] % stride == 0}


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_mutated_file_gives_a_report_and_never_half_of_its_labels(name):
    freeze = freeze_of(EVERYTHING)
    files = written(name, freeze)
    whole, _ = read_back(name, files, freeze)
    assert whole is not None
    random = np.random.default_rng(20261126)
    taken = 0
    for _ in range(N_MUTATIONS):
        spoiled = mutated(files, random)
        labels, report = read_back(name, spoiled, freeze)
        assert (labels is None) == bool(report.problems)
        for problem in report.problems:
            assert problem.message and problem.remedy
            assert problem.file == "" or problem.file.split(" ")[0] in spoiled
        if labels is not None:
            taken += 1
            valid(labels)
    assert taken < N_MUTATIONS


def mutated(files, random):
    """The files with one to four changes: bytes, lines twice or gone, cut short, words swapped."""
    spoiled = dict(files)
    for _ in range(random.integers(1, 5)):
        name = sorted(spoiled)[random.integers(len(spoiled))]
        data = bytearray(spoiled[name])
        at = int(random.integers(max(1, len(data))))
        kind = random.integers(8)
        lines = bytes(data).split(b"\n")
        place = int(random.integers(len(lines)))
        if kind == 0 and data:
            data[at] = random.integers(256)
        elif kind == 1:
            data[at : at + 1] = bytes(random.integers(32, 127, random.integers(1, 9), np.uint8))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data = bytearray(
                b"\n".join([*lines[:place], *lines[place : place + 1], *lines[place:]])
            )
        elif kind == 4:
            data = bytearray(b"\n".join([*lines[:place], *lines[place + 1 :]]))
        elif kind == 5:
            words = [
                b"nan",
                b"-1",
                b"1e400",
                b"null",
                b"[]",
                b"\xc3\xa9",
                b"9" * 30,
                b"{}",
                b"true",
            ]
            data[at : at + 3] = words[random.integers(len(words))]
        elif kind == 6:
            data = bytearray(re.sub(rb"[0-9]+", b"999999", bytes(data), count=int(at)))
        else:
            data = bytearray(spoiled[sorted(spoiled)[random.integers(len(spoiled))]])
        spoiled[name] = bytes(data)
    return spoiled


def valid(labels):
    """Labels that the label set's own checks take, operation by operation."""
    operations = [
        {**step, "id": str(uuid4()), "seq": seq} for seq, step in enumerate(steps(labels), 1)
    ]
    clips = {VIDEO: (N_FRAMES, COLUMNS, ROWS)}
    held = ops.validate_and_apply(ops.empty_labels([VIDEO]), operations, ONTOLOGY, clips)
    assert held == labels


def test_labels_of_another_clip_s_size_and_unknown_classes_are_named_by_line():
    freeze = freeze_of(EVERYTHING)
    unknown = "-1 -1 -1 -1000 -1000 -1000 -10\n"
    rows = ("0 1 lesion 0 0 -10 1 1 2 2", "0 2 sheep 0 0 -10 1 1 2 2",
            "99 3 bag 0 0 -10 1 1 2 2", "0 4 bag 0 0 -10 5 5 400 6")  # fmt: skip
    files = {"kitti.txt": "".join(f"{row} {unknown}" for row in rows).encode()}
    labels, report = read_back("kitti", files, freeze)
    assert labels is None
    assert [(p.file, p.line) for p in report.problems] == [("kitti.txt", n) for n in (2, 3, 4)]
    assert [p.line for p in report.left_out] == [1]


def test_a_resized_export_samples_masks_at_pixel_centres_and_scales_places():
    freeze = freeze_of(EVERYTHING)
    view = view_of(freeze, Choice("coco-video", height_px=18)).clips[0]
    assert (view.rows, view.columns) == (18, 22)
    before = {t.id: t for t in labels_of(freeze).tracks}
    for track in view.labels.tracks:
        for placed, old in zip(track.frames, before[track.id].frames, strict=True):
            if track.geometry == "mask":
                big = rle.decode(old.shape["rle"]).repeat(2, 0).repeat(2, 1)
                assert (rle.decode(placed.shape["rle"]) == big).all()
            else:
                key = "point" if track.geometry == "tip" else "box"
                assert placed.shape[key] == [2 * v for v in old.shape[key]]


@given(pixels=st.lists(st.integers(0, 255), min_size=12, max_size=12))
@some(12 * N_EXAMPLES)
def test_a_mask_s_polygon_filled_at_pixel_centres_is_the_mask(pixels):
    mask = np.unpackbits(np.array(pixels, np.uint8)).reshape(8, 12).astype(bool)
    points = outline(mask)
    assert (fill(points, 8, 12) == mask).all()
    rounded = np.round(points / [12, 8], 8) * [12, 8]
    assert (fill(rounded, 8, 12) == mask).all()


@some(4 * N_EXAMPLES)
@given(labels=label_sets())
def test_frames_made_as_arrays_are_written_byte_for_byte_as_those_made_one_by_one(labels):
    freeze = freeze_of(labels)
    for name in ("mot", "coco-video"):
        fast = written(name, freeze)
        whole = view_of(freeze, Choice(name))
        slow = [replace(t, frames=list(t.frames)) for t in whole.clips[0].labels.tracks]
        listed = replace(whole.clips[0], labels=replace(whole.clips[0].labels, tracks=slow))
        assert files_of(name, replace(whole, clips=[listed])) == fast
