"""Every label format: what is written is read back equal in all that the format has columns for."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.annotation.domain import ops, rle
from apps.annotation.domain.shapes import coordinates_key
from apps.release.domain.importing import steps
from apps.release.domain.polygons import fill, outline
from apps.release.domain.registry import FORMATS
from apps.release.domain.view import Choice
from tests.domain.format_columns import COLUMNS_OF, content, differences
from tests.domain.format_label_sets import (
    COLUMNS,
    EVERYTHING,
    N_FRAMES,
    ONTOLOGY,
    ROWS,
    WHOLE_ONTOLOGY,
    label_sets,
)
from tests.domain.format_samples import (
    LAYOUTS,
    files_of,
    freeze_of,
    labels_of,
    read_back,
    view_of,
    written,
)
from tests.domain.mutations import mutated
from tests.domain.release_samples import VIDEO

N_EXAMPLES = int(os.environ.get("BAR_FORMAT_EXAMPLES", "5"))
N_MUTATIONS = int(os.environ.get("BAR_FORMAT_MUTATIONS", "20"))


def some(n: int) -> settings:
    return settings(
        max_examples=n, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip


def through(layout, freeze):
    """The freeze of what comes back through a layout; its clip's labels are empty for none."""
    files = written(layout, freeze)
    labels, report = read_back(layout, files, freeze)
    if not content(freeze, COLUMNS_OF[layout]):
        assert labels is None
        return freeze_of({"clips": [VIDEO], "tracks": {}, "intervals": {}}, freeze.ontology)
    assert report.problems == [], report.problems
    assert labels is not None
    return freeze_of(labels, freeze.ontology)


any_labels = st.one_of(
    st.tuples(label_sets(), st.just(ONTOLOGY)),
    st.tuples(label_sets(WHOLE_ONTOLOGY), st.just(WHOLE_ONTOLOGY)),
)


@pytest.mark.parametrize("layout", list(LAYOUTS))
@some(N_EXAMPLES)
@given(given_labels=any_labels)
def test_any_labels_come_back_equal_in_all_that_a_format_has_columns_for(layout, given_labels):
    before = freeze_of(*given_labels)
    columns = COLUMNS_OF[layout]
    after = through(layout, before)
    wrong = differences(content(before, columns), content(after, columns), columns.tolerance_px)
    assert wrong == []


@some(6 * N_EXAMPLES)
@given(
    given_labels=any_labels,
    first=st.sampled_from(list(LAYOUTS)),
    second=st.sampled_from(list(LAYOUTS)),
)
def test_labels_through_two_formats_in_turn_keep_what_both_have_columns_for(
    given_labels, first, second
):
    before = freeze_of(*given_labels)
    after = through(second, through(first, before))
    both = COLUMNS_OF[first] & COLUMNS_OF[second]
    wrong = differences(content(before, both), content(after, both), both.tolerance_px)
    assert wrong == []


STRIDED = [n for n in LAYOUTS if FORMATS[LAYOUTS[n][0]].write is not None]


@pytest.mark.parametrize("layout", STRIDED)
@some(max(2, N_EXAMPLES // 2))
@given(labels=label_sets(), stride=st.integers(2, 5))
def test_with_a_stride_each_exported_picture_is_its_frame_and_comes_back_there(
    layout, labels, stride
):
    before = freeze_of(labels)
    files = written(layout, before, stride=stride)
    back, report = read_back(layout, files, before, stride)
    # Between the exported frames a reader knows no keyframes and no end of an interval.
    columns = replace(COLUMNS_OF[layout], intervals="none", interpolated=False)
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


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_a_mutated_file_gives_a_report_and_never_half_of_its_labels(layout):
    freeze = freeze_of(EVERYTHING, WHOLE_ONTOLOGY)
    files = written(layout, freeze)
    whole, _ = read_back(layout, files, freeze)
    assert whole is not None
    random = np.random.default_rng(20261126)
    taken = 0
    for _ in range(N_MUTATIONS):
        spoiled = mutated(files, random)
        labels, report = read_back(layout, spoiled, freeze)
        assert (labels is None) == bool(report.problems)
        for problem in report.problems:
            assert problem.message and problem.remedy
            assert problem.file == "" or problem.file.split(" ")[0] in spoiled
        if labels is not None:
            taken += 1
            valid(labels)
    assert taken < N_MUTATIONS


def valid(labels):
    """Labels that the label set's own checks take, operation by operation."""
    operations = [
        {**step, "id": str(uuid4()), "seq": seq} for seq, step in enumerate(steps(labels), 1)
    ]
    clips = {VIDEO: (N_FRAMES, COLUMNS, ROWS)}
    held = ops.validate_and_apply(ops.empty_labels([VIDEO]), operations, WHOLE_ONTOLOGY, clips)
    assert {**held, "relations": held.get("relations", {})} == {
        **labels,
        "relations": labels.get("relations", {}),
    }


def spoiled_line(files, suffix, line):
    """The files with one line of one of them made nonsense, and where that is."""
    name = next(n for n in sorted(files) if n.endswith(suffix))
    lines = files[name].split(b"\n")
    line = line or next(n for n, text in enumerate(lines, 1) if b' frame="' in text)
    # Text between XML's elements says nothing: there it is a frame that the clip has not.
    lines[line - 1] = re.sub(rb'frame="[0-9]+"|^[^<]+$', b'frame="999"', lines[line - 1])
    return {**files, name: b"\n".join(lines)}, (name, line)


@pytest.mark.parametrize(
    ("layout", "suffix", "line"),
    [("mot", "gt.txt", 3), ("mots", "instances_txt/subject-a-01.txt", 2), ("kitti", ".txt", 4),
     ("yolo", "tracks/train/subject-a-01_000006.txt", 2), ("cholec80", "-phase.txt", 5),
     ("csv", "objects.csv", 7), ("csv", "intervals.csv", 2), ("cvat", ".xml", 0)],
)  # fmt: skip
def test_the_one_wrong_line_of_a_text_is_the_one_that_the_report_names(layout, suffix, line):
    freeze = freeze_of(EVERYTHING, WHOLE_ONTOLOGY)
    files, there = spoiled_line(written(layout, freeze), suffix, line)
    labels, report = read_back(layout, files, freeze)
    assert labels is None
    assert [(p.file, p.line) for p in report.problems][:1] == [there]


@pytest.mark.parametrize(
    ("layout", "suffix", "path", "value", "line"),
    [("coco-video", "annotations.json", ("annotations", 4, "category_id"), 99, 5),
     ("coco-video, YouTube-VIS", "ytvis.json", ("annotations", 1, "category_id"), 99, 2),
     ("datumaro", ".json", ("items", 2, "annotations", 0, "label_id"), 99, 3),
     ("cholect50", ".json", ("annotations", "3", 0, 1), 99, 4)],
)  # fmt: skip
def test_the_one_wrong_entry_of_a_document_is_the_one_that_the_report_names(
    layout, suffix, path, value, line
):
    freeze = freeze_of(EVERYTHING, WHOLE_ONTOLOGY)
    files = written(layout, freeze)
    name = next(n for n in files if n.endswith(suffix))
    document = json.loads(files[name])
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    labels, report = read_back(layout, {**files, name: json.dumps(document).encode()}, freeze)
    assert labels is None
    assert {(p.file, p.line) for p in report.problems if p.file in files} == {(name, line)}


def test_labels_of_another_clip_s_size_and_unknown_classes_are_named_by_line():
    freeze = freeze_of(EVERYTHING, WHOLE_ONTOLOGY)
    unknown = "-1 -1 -1 -1000 -1000 -1000 -10\n"
    rows = ("0 1 lesion 0 0 -10 1 1 2 2", "0 2 sheep 0 0 -10 1 1 2 2",
            "99 3 bag 0 0 -10 1 1 2 2", "0 4 bag 0 0 -10 5 5 400 6")  # fmt: skip
    files = {"kitti.txt": "".join(f"{row} {unknown}" for row in rows).encode()}
    labels, report = read_back("kitti", files, freeze)
    assert labels is None
    assert [(p.file, p.line) for p in report.problems] == [("kitti.txt", n) for n in (2, 3, 4)]
    assert [p.line for p in report.left_out] == [1]


def test_a_resized_export_samples_masks_at_pixel_centres_and_scales_places():
    freeze = freeze_of(EVERYTHING, WHOLE_ONTOLOGY)
    view = view_of(freeze, Choice("coco-video", height_px=18)).clips[0]
    assert (view.rows, view.columns) == (18, 22)
    before = {t.id: t for t in labels_of(freeze).tracks}
    for track in view.labels.tracks:
        for placed, old in zip(track.frames, before[track.id].frames, strict=True):
            if track.geometry == "mask":
                big = rle.decode(old.shape["rle"]).repeat(2, 0).repeat(2, 1)
                assert (rle.decode(placed.shape["rle"]) == big).all()
            else:
                key = coordinates_key(track.geometry)
                small, big = (np.array(s[key], float) for s in (old.shape, placed.shape))
                n = {"rotated_box": 4, "keypoints": 2}.get(track.geometry)  # turn, seen: as is
                assert np.allclose(big[..., :n], 2 * small[..., :n], rtol=0, atol=1e-9)


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
