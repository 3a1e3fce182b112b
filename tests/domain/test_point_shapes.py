"""Shapes of several points: what is taken, how two people's compare, what each format keeps."""

import math
from dataclasses import replace

import pytest

from apps.adjudication.domain import agreement, disagreements
from apps.adjudication.domain.shape_measures import distance, overlap
from apps.annotation.domain.ops.content import InvalidOperation, check_shape
from apps.annotation.domain.shapes import bounding_box, enclosed_area, outline_points, scaled
from apps.ontology.domain.definition import find_problems
from apps.ontology.domain.geometries import interpolator_of
from apps.release.domain.registry import FORMATS
from apps.release.domain.view import Choice, count_lost
from tests.domain.format_label_sets import _class
from tests.domain.format_samples import freeze_of, labels_of, read_back, view_of, written
from tests.domain.release_samples import VIDEO

SKELETON = {
    "points": [{"id": "apex", "name": "Apex"}, {"id": "left", "name": "Left"}],
    "edges": [[0, 1]],
}
CUBE = [[2, 2], [6, 2], [6, 6], [2, 6], [3, 1], [7, 1], [7, 5], [3, 5]]
SHAPES = {
    "rotated_box": {"type": "rotated_box", "rotated_box": [5.5, 4.5, 4.0, 2.0, 30.0]},
    "shaft": {"type": "shaft", "points": [[5, 4], [0, 1.5]]},
    "polygon": {"type": "polygon", "points": [[1, 1], [8, 1.25], [6, 7]]},
    "polyline": {"type": "polyline", "points": [[1, 1], [4, 5.5], [9, 6]]},
    "keypoints": {"type": "keypoints", "points": [[3, 2, 2], [7, 6, 1]]},
    "cuboid": {"type": "cuboid", "points": CUBE},
}
ONTOLOGY = {
    "slug": "points", "version": 1, "title": "Points",
    "schemes": [{"designator": "99CLINANNOT", "name": "ClinicalAnnot", "uid": "2.25.77"}],
    "classes": [
        _class(name, name, color=f"#0000{place:02x}", shortcut=None, guideline="As seen.",
               **({"skeleton": SKELETON} if name == "keypoints" else {}))
        for place, name in enumerate(SHAPES)
    ] + [_class("blurred", "frame_tag", shortcut=None, guideline="As seen."),
         _class("view", "clip_tag", shortcut=None, guideline="As seen.")],
}  # fmt: skip
CLASSES = {c["id"]: c for c in ONTOLOGY["classes"]}


def track(name, shape, **more):
    keyframe = {"state": "visible", "shape": shape, "attributes": {}}
    later = {"state": "occluded", "shape": moved(shape), "attributes": {}}
    return {"clip": VIDEO, "class_id": name, "number": 1, "attributes": {},
            "keyframes": {"2": keyframe, "6": later}, **more}  # fmt: skip


def moved(shape, by=0.5):
    if shape["type"] == "rotated_box":
        x, *rest = shape["rotated_box"]
        return {**shape, "rotated_box": [x + by, *rest]}
    return {**shape, "points": [[p[0] + by, *p[1:]] for p in shape["points"]]}


def labels(by=0.0):
    made = {
        f"00000000-0000-4000-8000-00000000000{k}": track(name, moved(shape, by))
        for k, (name, shape) in enumerate(SHAPES.items())
    }
    tag = {"clip": VIDEO, "class_id": "blurred", "start_frame": 4, "end_frame": 5, "attributes": {}}
    view = {**tag, "class_id": "view", "start_frame": 0, "end_frame": 12}
    spans = {
        "00000000-0000-4000-8000-000000000010": tag,
        "00000000-0000-4000-8000-000000000011": view,
    }
    return {"clips": [VIDEO], "tracks": made, "intervals": spans}


def test_an_ontology_with_every_geometry_holds_and_is_expanded_by_shape_1():
    assert list(find_problems(ONTOLOGY)) == []
    assert interpolator_of(ONTOLOGY) == {"name": "shape", "version": 1}


@pytest.mark.parametrize(
    "change",
    [{"skeleton": None}, {"skeleton": {"points": [], "edges": []}},
     {"skeleton": {**SKELETON, "edges": [[0, 2]]}}, {"interpolation": "distance"}],
)  # fmt: skip
def test_keypoints_need_a_skeleton_that_holds_and_a_rule_of_their_own(change):
    wrong = {**ONTOLOGY, "classes": [{**CLASSES["keypoints"], **change}]}
    assert list(find_problems(wrong))


@pytest.mark.parametrize("name", list(SHAPES))
def test_a_shape_of_its_class_is_taken(name):
    check_shape(SHAPES[name], CLASSES[name], 11, 9)


WRONG = [
    ("rotated_box", {"rotated_box": [5, 5, 0, 2, 0]}), ("rotated_box", {"rotated_box": [5, 5, 1]}),
    ("rotated_box", {"rotated_box": [50, 5, 2, 2, 0]}), ("shaft", {"points": [[1, 1]]}),
    ("shaft", {"points": [[1, 1], [12, 1]]}), ("polygon", {"points": [[1, 1], [2, 2]]}),
    ("polygon", {"points": [[1, 1], [2, 2], [math.nan, 1]]}), ("polyline", {"points": [[1, 1]]}),
    ("polyline", {"points": [[1, 1]] * 2001}), ("keypoints", {"points": [[1, 1, 2]]}),
    ("keypoints", {"points": [[1, 1, 3], [1, 1, 2]]}), ("cuboid", {"points": CUBE[:7]}),
    ("keypoints", {"points": [[0, 0, 0], [0, 0, 0]]}), ("polygon", {"points": "no"}),
    ("keypoints", {"points": [[1, 1, 0], [1, 1, 2]]}), ("cuboid", {"points": [[99, 1]] * 8}),
    ("polygon", {"points": [[1, 1], [2, 2], [3, 3]], "box": [1, 1, 2, 2]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fields"), WRONG)
def test_a_shape_that_does_not_hold_is_refused(name, fields):
    with pytest.raises(InvalidOperation):
        check_shape({"type": name, **fields}, CLASSES[name], 11, 9)


def test_corners_box_and_area_of_a_turned_box_are_those_of_its_sides():
    turned = {"type": "rotated_box", "rotated_box": [5, 5, 4, 2, 90]}
    assert bounding_box(turned) == pytest.approx([4, 3, 2, 4])
    assert enclosed_area(turned) == pytest.approx(8)
    first = outline_points(turned)[0]  # what was top left is top right after a quarter turn
    assert first == pytest.approx((6, 3))
    half = scaled(turned, 0.5, 0.5)
    assert half["rotated_box"] == pytest.approx([2.5, 2.5, 2, 1, 90])


@pytest.mark.parametrize("name", ["coco-video", "csv"])
def test_every_shape_of_points_comes_back_from_the_formats_that_carry_all(name):
    freeze = freeze_of(labels(), ONTOLOGY)
    back, report = read_back(name, written(name, freeze), freeze)
    assert report.problems == []
    again = labels_of(replace(freeze, clips=[
        replace(freeze.clips[0], label_set=replace(freeze.clips[0].label_set, labels=back))
    ]))  # fmt: skip
    before = labels_of(freeze)
    for one, two in zip(before.tracks, again.tracks, strict=True):
        assert [(p.frame_index, p.state, p.shape) for p in one.frames] == [
            (p.frame_index, p.state, p.shape) for p in two.frames
        ]
        assert len(one.frames) == 5
    assert [(i.class_id, i.start_frame, i.end_frame) for i in again.intervals] == [
        ("blurred", 4, 5), ("view", 0, 12),
    ]  # fmt: skip


def test_cvat_carries_outlines_lines_and_turned_boxes_and_counts_the_others():
    freeze = freeze_of(labels(), ONTOLOGY)
    back, report = read_back("cvat", written("cvat", freeze), freeze)
    assert report.problems == []
    held = {t["class_id"]: t for t in back["tracks"].values()}
    assert set(held) == {"rotated_box", "polygon", "polyline"}
    for name, found in held.items():
        key = "rotated_box" if name == "rotated_box" else "points"
        assert found["keyframes"]["2"]["shape"][key] == SHAPES[name][key]
    view = view_of(freeze, Choice("cvat")).clips[0]
    lost = count_lost(view, shapes=("rotated_box", "polygon", "polyline"), identity=True,
                      state=True, interpolated=True, attributes=True)  # fmt: skip
    assert lost == {"shaft places": 5, "keypoints places": 5, "cuboid places": 5,
                    "phases and events": 2}  # fmt: skip


@pytest.mark.parametrize("name", list(FORMATS))
def test_no_format_breaks_on_shapes_that_it_cannot_carry(name):
    freeze = freeze_of(labels(), ONTOLOGY)
    written(name, freeze)
    if FORMATS[name].write is not None:
        written(name, freeze, height_px=18)


def test_two_people_s_shapes_are_matched_measured_and_disputed_where_they_lie_apart():
    size = (12, 11, 9)
    clip = {VIDEO: size}
    near = agreement.compare(labels(), labels(0.001), ONTOLOGY, VIDEO, clip[VIDEO])
    assert len(near.tracks) == len(SHAPES)
    assert all(p.a and p.b and all(f.is_agreed for f in p.frames) for p in near.tracks)
    assert len(near.events) == 2
    assert disagreements.find(near, labels(), labels(0.001), ONTOLOGY) == []
    far = agreement.compare(labels(), labels(1.0), ONTOLOGY, VIDEO, clip[VIDEO])
    found = disagreements.find(far, labels(), labels(1.0), ONTOLOGY)
    assert {d["class_id"] for d in found} == set(SHAPES)
    rows = agreement.summary(near, labels(), labels(0.001), ONTOLOGY)
    assert {r["metric"] for r in rows} >= {"mean IoU", "mean distance px"}
    assert {lane["kind"] for lane in agreement.lanes(near)} >= set(SHAPES)


def test_overlap_and_distance_are_those_of_known_shapes():
    square = {"type": "polygon", "points": [[0, 0], [4, 0], [4, 4], [0, 4]]}
    beside = {"type": "polygon", "points": [[2, 0], [6, 0], [6, 4], [2, 4]]}
    assert overlap(square, beside) == pytest.approx(1 / 3, abs=0.02)
    line = {"type": "polyline", "points": [[0, 0], [10, 0]]}
    back = {"type": "polyline", "points": [[10, 3], [0, 3]]}
    assert distance(line, back)[0] == pytest.approx(3)
    some = {"type": "keypoints", "points": [[0, 0, 2], [0, 0, 0]]}
    other = {"type": "keypoints", "points": [[3, 4, 2], [1, 1, 2]]}
    assert distance(some, other) == (5.0, False)
