"""Merging two annotators' objects: masks by set and by STAPLE, places by their mean."""

from __future__ import annotations

import random

import numpy as np
import pytest

from apps.adjudication.domain.merging import (
    NothingInBothError,
    merged_interval,
    merged_track,
    merges_of,
    staple,
    staple_weights,
)
from apps.annotation.domain import rle
from apps.annotation.domain.interpolate import Rule, expand_track
from tests.domain.adjudication_samples import SIZE, box, disc, span, tip, track

LINEAR, ALONE = Rule("linear"), Rule("none")

# ITK 5.4's STAPLEImageFilter (SimpleITK 2.5.7) on two discs each of 80 x 60 px: how many pixels
# both, A, B and neither marked, and its probability of foreground for each kind.
ITK = [
    ([455, 349, 21, 3975], [0.998817, 0.496665, 0.420606, 0.000848]),
    ([135, 68, 253, 4344], [0.989591, 0.332643, 0.470818, 0.004643]),
    ([403, 106, 309, 3982], [0.993872, 0.425632, 0.479491, 0.004191]),
    ([212, 260, 40, 4288], [0.996333, 0.487354, 0.376043, 0.002104]),
]


@pytest.mark.parametrize(("counts", "weights"), ITK)
def test_staple_estimates_what_itk_estimates(counts, weights):
    assert staple_weights(counts) == pytest.approx(weights, abs=5e-6)


def pixels(shape):
    return rle.decode(shape["rle"])


def test_masks_are_united_intersected_and_estimated_pixel_by_pixel():
    a, b = disc(100, 100, 40), disc(120, 110, 30)
    for how, wanted in (
        ("union", pixels(a) | pixels(b)),
        ("intersect", pixels(a) & pixels(b)),
        ("staple", pixels(a) & pixels(b)),
    ):
        made = merged_track(
            track("lesion", 2, {7: a}), track("lesion", 5, {7: b}), "mask", ALONE, how
        )
        assert (pixels(made["keyframes"]["7"]["shape"]) == wanted).all()
        assert made["number"] == 2 and list(made["keyframes"]) == ["7"]


def test_staple_of_equal_masks_is_that_mask_and_of_nothing_nothing():
    one, empty = disc(50, 60, 20)["rle"], rle.encode(np.zeros((SIZE[2], SIZE[1]), bool))
    assert staple(one, one) == one
    assert rle.is_empty(staple(empty, empty))


def test_what_one_side_alone_outlined_is_kept_by_union_and_left_out_by_intersection():
    first = track("lesion", 1, {3: disc(60, 60, 20), 4: disc(60, 60, 20)})
    second = track("lesion", 1, {4: disc(60, 60, 30), 5: disc(60, 60, 30)})
    kept = {
        how: list(merged_track(first, second, "mask", ALONE, how)["keyframes"])
        for how in merges_of("mask")
    }
    assert kept == {"union": ["3", "4", "5"], "intersect": ["4"], "staple": ["3", "4", "5"]}
    with pytest.raises(NothingInBothError):
        merged_track(first, track("lesion", 1, {3: disc(200, 150, 20)}), "mask", ALONE, "intersect")


def test_the_mean_of_two_tracks_is_midway_on_every_frame_and_one_sided_where_one_is():
    rng = random.Random(11)
    for _ in range(30):
        sides = []
        for _ in range(2):
            frames = sorted(rng.sample(range(40), 4))
            shapes = {f: tip(rng.uniform(0, 320), rng.uniform(0, 240)) for f in frames}
            if rng.random() < 0.4:
                shapes[frames[2]] = None
            sides.append(track("grasper", 1, shapes))
        made = merged_track(*sides, "tip", LINEAR, "mean")
        shown = [
            {f["frame_index"]: f["shape"]["point"] for f in expand_track(t, "tip", LINEAR)
             if f["shape"]}
            for t in (*sides, made)
        ]  # fmt: skip
        assert shown[2].keys() == shown[0].keys() | shown[1].keys()
        for frame, point in shown[2].items():
            there = [side[frame] for side in shown[:2] if frame in side]
            assert point == pytest.approx(np.mean(there, axis=0), abs=1e-9)


def test_boxes_are_averaged_and_hidden_when_either_says_so():
    first, second = (
        track("bag", 1, {0: box(10, 20, 30, 40)}),
        track("bag", 1, {0: box(20, 20, 50, 41)}),
    )
    second["keyframes"]["0"]["state"] = "occluded"
    made = merged_track(first, second, "box", LINEAR, "mean")["keyframes"]["0"]
    assert made["shape"] == box(15, 20, 40, 40.5) and made["state"] == "occluded"


def test_a_turned_box_turns_the_shorter_way_and_keypoints_keep_what_one_placed():
    def one(kind, key, value):
        return track("x", 1, {0: {"type": kind, key: value}})

    turned = merged_track(
        one("rotated_box", "rotated_box", [10, 10, 4, 2, 170]),
        one("rotated_box", "rotated_box", [20, 10, 4, 2, 10]),
        "rotated_box", LINEAR, "mean",
    )  # fmt: skip
    assert turned["keyframes"]["0"]["shape"]["rotated_box"] == [15, 10, 4, 2, 180]
    placed = merged_track(
        one("keypoints", "points", [[0, 0, 2], [4, 4, 2], [0, 0, 0]]),
        one("keypoints", "points", [[2, 4, 1], [0, 0, 0], [0, 0, 0]]),
        "keypoints", LINEAR, "mean",
    )  # fmt: skip
    assert placed["keyframes"]["0"]["shape"]["points"] == [[1, 2, 1], [4, 4, 2], [0, 0, 0]]


def test_events_meet_in_the_middle_and_a_single_frame_stays_one():
    made = merged_interval(span("bleeding", 20, 45), span("bleeding", 20, 30))
    assert (made["start_frame"], made["end_frame"]) == (20, 37)
    made = merged_interval(span("bleeding", 5, 6), span("bleeding", 8, 9))
    assert (made["start_frame"], made["end_frame"]) == (6, 7)


@pytest.mark.parametrize("kind", ["polygon", "polyline", "phase", "only_a", "only_b"])
def test_what_cannot_be_merged_has_no_merge(kind):
    assert merges_of(kind) == ()
    with pytest.raises(ValueError, match="not merged"):
        merged_track(track("x", 1, {}), track("x", 1, {}), kind, LINEAR, "mean")
