import numpy as np
import pytest
from adjudication_samples import (
    CLIP,
    ONTOLOGY,
    SIZE,
    box,
    disc,
    labels,
    span,
    tip,
    track,
    two_surgeons,
)
from scipy.ndimage import distance_transform_edt

from apps.adjudication.domain.agreement import box_iou, compare, hd95, lanes, summary
from apps.annotation.domain import rle


def compared(a, b):
    return compare(a, b, ONTOLOGY, CLIP, SIZE)


def rows(a, b):
    return {
        (r["object"], r["label"], r["metric"]): r["value"]
        for r in summary(compared(a, b), a, b, ONTOLOGY)
    }


def lane(a, b, kind):
    (found,) = [x for x in lanes(compared(a, b)) if x["kind"] == kind]
    return found["values"]


def test_tracks_of_one_class_are_matched_by_overlap_and_not_by_number():
    a, b = two_surgeons()
    assert {(p.a, p.b) for p in compared(a, b).tracks} == {
        ("a-tip", "b-tip"),
        ("a-mask", "b-mask"),
        ("a-box", "b-box"),
        ("a-lone", None),
        (None, "b-lone"),
    }


def test_matching_takes_the_best_whole_and_not_the_first_best_pair():
    a = labels({f"a{n}": track("bag", n, {0: box(x, 0, 10, 10)}) for n, x in ((1, 0), (2, 4))})
    b = labels({f"b{n}": track("bag", n, {0: box(x, 0, 10, 10)}) for n, x in ((1, 3), (2, 8))})
    assert {(p.a, p.b) for p in compared(a, b).tracks} == {("a1", "b1"), ("a2", "b2")}


def test_a_set_agrees_with_itself_in_every_measure():
    a, _ = two_surgeons()
    agreement = compared(a, a)
    assert all(p.a == p.b for p in (*agreement.tracks, *agreement.events))
    assert all(value in (1.0, None) for x in lanes(agreement) for _, value in x["values"])
    found = rows(a, a)
    assert found["a-mask", "Lesion 1", "mean HD95 px"] == 0
    assert found[None, "Phases", "accuracy"] == 1


def test_mask_measures_equal_those_counted_by_pixel():
    a, b = two_surgeons()
    shapes = [
        (rle.decode(a["tracks"]["a-mask"]["keyframes"][k]["shape"]["rle"]),
         rle.decode(b["tracks"]["b-mask"]["keyframes"][k]["shape"]["rle"]))
        for k in ("50", "60")
    ]  # fmt: skip
    iou = np.mean([(x & y).sum() / (x | y).sum() for x, y in shapes])
    dice = np.mean([2 * (x & y).sum() / (x.sum() + y.sum()) for x, y in shapes])
    found = rows(a, b)
    assert found["a-mask", "Lesion 1", "mean IoU"] == round(iou, 4)
    assert found["a-mask", "Lesion 1", "mean Dice"] == round(dice, 4)
    assert found["a-mask", "Lesion 1", "frames shown by both"] == 2


def test_boundary_distance_equals_a_distance_transform():
    x, y = (disc(100, 100, 40)["rle"], disc(118, 96, 33)["rle"])
    masks = [np.pad(rle.decode(m), 1) for m in (x, y)]
    edges = []
    for m in masks:
        inner = m[:-2, 1:-1] & m[2:, 1:-1] & m[1:-1, :-2] & m[1:-1, 2:]
        edges.append(m & ~np.pad(inner, 1))
    there = np.percentile(distance_transform_edt(~edges[1])[edges[0]], 95)
    back = np.percentile(distance_transform_edt(~edges[0])[edges[1]], 95)
    assert hd95(x, y) == pytest.approx(max(there, back))
    shifted = hd95(disc(100, 100, 40)["rle"], disc(110, 100, 40)["rle"])
    assert shifted == pytest.approx(10, abs=0.3)


def test_tips_are_measured_in_pixels():
    a = labels({"a": track("grasper", 1, {0: tip(10, 10), 10: tip(20, 10)})})
    b = labels({"b": track("grasper", 1, {0: tip(13, 14), 10: tip(23, 14)})})
    found = rows(a, b)
    assert found["a", "Grasper 1", "mean distance px"] == 5
    assert lane(a, b, "tip") == [[0, 0.875], [11, None]]


def test_boxes_overlap_by_area():
    assert box_iou([0, 0, 10, 10], [5, 0, 10, 10]) == pytest.approx(1 / 3)
    assert box_iou([0, 0, 10, 10], [20, 0, 10, 10]) == 0


def test_a_frame_that_one_alone_outlined_counts_as_not_agreed():
    a = labels({"a": track("lesion", 1, {10: disc(90, 90, 30), 20: disc(90, 90, 30)})})
    b = labels({"b": track("lesion", 1, {10: disc(90, 90, 30)})})
    assert lane(a, b, "mask") == [[0, None], [10, 1.0], [11, None], [20, 0.0], [21, None]]
    assert rows(a, b)["a", "Lesion 1", "frames shown by one"] == 1


def test_phases_are_compared_frame_by_frame():
    a, b = two_surgeons()
    found = rows(a, b)
    assert found[None, "Phases", "accuracy"] == round(345 / 400, 4)
    assert found[None, "Preparation", "Jaccard"] == 150 / 200
    assert lane(a, b, "phase") == [[0, 1.0], [150, 0.0], [200, 1.0], [395, 0.0]]


def test_events_are_matched_by_their_spans():
    a, b = two_surgeons()
    assert [(p.a, p.b) for p in compared(a, b).events] == [
        ("a-blood", "b-blood"),
        (None, "b-blood2"),
    ]
    near = labels(intervals={"x": span("bleeding", 10, 12)})
    other = labels(intervals={"y": span("bleeding", 15, 17)})
    assert [(p.a, p.b) for p in compared(near, other).events] == [("x", "y")]


def test_nothing_at_all_agrees_without_lanes():
    assert lanes(compared(labels(), labels())) == []
    assert summary(compared(labels(), labels()), labels(), labels(), ONTOLOGY) == []
