"""Figures by class of two people's labels over one clip."""

from __future__ import annotations

import pytest
from adjudication_samples import CLIP, ONTOLOGY, SIZE, box, disc, labels, tip, track, two_surgeons

from apps.adjudication.domain.agreement import compare
from apps.adjudication.domain.boundaries import normalised_surface_distance
from apps.adjudication.domain.figures import by_class


def figures(a, b):
    agreement = compare(a, b, ONTOLOGY, CLIP, SIZE)
    rows = by_class(a, b, ONTOLOGY, agreement, SIZE)
    return {(row["label"], row["metric"]): row["value"] for row in rows}


def test_a_set_follows_itself_in_every_figure():
    a, _ = two_surgeons()
    found = figures(a, a)
    assert len(found) >= 20 and set(found.values()) == {1.0}


def test_a_track_that_one_drew_in_two_pieces_costs_association_and_not_detection():
    whole = labels({"a": track("bag", 1, {0: box(0, 0, 40, 40), 19: box(0, 0, 40, 40)})})
    first = track("bag", 1, {0: box(0, 0, 40, 40), 9: box(0, 0, 40, 40), 10: None})
    second = track("bag", 2, {10: box(0, 0, 40, 40), 19: box(0, 0, 40, 40)})
    found = figures(whole, labels({"b": first, "c": second}))
    n = len([key for key in found if key[0] == "Bag"])
    assert n == 5 and found["Bag", "DetA"] == 1 and found["Bag", "AssA"] == 0.5
    assert found["Bag", "IDF1"] == 0.5 and found["Bag", "MOTA"] == pytest.approx(0.95)


def test_a_tip_beyond_the_tolerance_is_no_correct_keypoint():
    a = labels({"a": track("grasper", 1, {0: tip(10, 10), 1: tip(10, 10)})})
    b = labels({"b": track("grasper", 1, {0: tip(13, 10), 1: tip(15, 10)})})
    assert figures(a, b)["Grasper", "PCK"] == 0.5


def test_surface_distance_is_the_share_of_the_boundary_within_tolerance():
    one, far = disc(100, 100, 40)["rle"], disc(100, 100, 46)["rle"]
    assert normalised_surface_distance(one, one, 0) == 1
    assert normalised_surface_distance(one, far, 5) < 0.1
    assert normalised_surface_distance(one, far, 7.5) == 1
    empty = disc(100, 100, -1)["rle"]
    assert normalised_surface_distance(one, empty, 9) == 0
    assert normalised_surface_distance(empty, empty, 0) == 1


def test_nothing_at_all_has_no_figures():
    assert figures(labels(), labels()) == {}
