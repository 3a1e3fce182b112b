"""Carrying a shape on: where it truly went, and an honest end where it cannot be followed."""

import math
from itertools import pairwise

import numpy as np
import pytest

from apps.annotation.domain import rle
from apps.annotation.domain.interpolate import at
from apps.annotation.domain.propagate import Carried, Stopped, carry, is_cut
from apps.annotation.domain.regions import moved_shape, region_of
from apps.annotation.domain.thin import thinned
from apps.ontology.domain.geometries import Rule
from tests.domain.moving_clip import MovingClip, shapes_of, texture

N = 13


@pytest.fixture(scope="module")
def clip():
    return list(MovingClip(3, 640, 400).frames(N))


def pictures(clip):
    return [(i, picture) for i, picture, _ in clip]


def test_a_mask_is_carried_where_it_went_and_never_worse_than_left_where_it_was(clip):
    mask, _ = shapes_of(clip[0][2])
    found = list(carry(mask, pictures(clip)))
    assert [f.frame_index for f in found] == list(range(1, N))
    for each in found:
        true = rle.encode(clip[each.frame_index][2].mask)
        assert rle.iou(each.shape["rle"], true) >= max(0.85, rle.iou(mask["rle"], true))


def test_a_tip_goes_with_its_instrument_and_not_with_what_is_behind_it(clip):
    _, tip = shapes_of(clip[0][2])
    found = list(carry(tip, pictures(clip)))
    errors = [
        math.dist(f.shape["point"], clip[f.frame_index][2].tip)
        for f in found
        if isinstance(f, Carried)
    ]
    assert len(errors) == N - 1
    assert np.median(errors) < 4


def test_it_is_carried_backwards_as_well(clip):
    mask, _ = shapes_of(clip[-1][2])
    found = list(carry(mask, reversed(pictures(clip))))
    assert [f.frame_index for f in found] == list(range(N - 2, -1, -1))
    assert rle.iou(found[-1].shape["rle"], rle.encode(clip[0][2].mask)) >= 0.85


def test_it_ends_where_the_shot_changes_and_where_the_object_leaves(clip):
    mask, _ = shapes_of(clip[0][2])
    other = 255 - texture(np.random.default_rng(9), 400, 640, 60.0)
    cut = [*pictures(clip)[:4], (4, other)]
    found = list(carry(mask, cut))
    assert found[-1] == Stopped(4, "shot_change")
    assert [f.frame_index for f in found[:-1]] == [1, 2, 3]
    assert not any(is_cut(a, b) for (_, a), (_, b) in pairwise(pictures(clip)))
    wide = texture(np.random.default_rng(4), 400, 1000, 5.0)
    going = [(k, np.ascontiguousarray(wide[:, 24 * k : 24 * k + 640])) for k in range(13)]
    assert not any(is_cut(a, b) for (_, a), (_, b) in pairwise(going))
    box = {"type": "box", "box": [60, 60, 120, 120]}
    gone = list(carry(box, going))
    assert isinstance(gone[-1], Stopped)
    assert gone[-1].reason in ("left", "lost")


def test_it_ends_where_the_clip_is_known_to_change_its_shot_either_way(clip):
    mask, _ = shapes_of(clip[0][2])
    there = list(carry(mask, pictures(clip)[:6], {3}))
    assert [f.frame_index for f in there] == [1, 2, 3]
    assert there[-1] == Stopped(3, "shot_change")
    back = list(carry(shapes_of(clip[5][2])[0], reversed(pictures(clip)[:6]), {3}))
    assert [f.frame_index for f in back] == [4, 3, 2]
    assert back[-1] == Stopped(2, "shot_change")


def test_a_flat_picture_gives_no_support_and_is_called_lost():
    flat = np.full((120, 160), 128, np.uint8)
    box = {"type": "box", "box": [40, 40, 60, 40]}
    found = list(carry(box, [(k, flat) for k in range(12)]))
    assert found[-1] == Stopped(6, "lost")
    for each in found[:-1]:
        assert each.score == 0
        assert each.shape["box"] == pytest.approx(box["box"], abs=1e-3)


@pytest.mark.parametrize(
    "shape",
    [
        {"type": "tip", "point": [30, 20]},
        {"type": "box", "box": [20, 10, 30, 20]},
        {"type": "rotated_box", "rotated_box": [40, 30, 20, 10, 20]},
        {"type": "shaft", "points": [[30, 20], [5, 10]]},
        {"type": "polygon", "points": [[10, 10], [40, 12], [30, 40]]},
        {"type": "polyline", "points": [[10, 10], [40, 12], [30, 40]]},
        {"type": "keypoints", "points": [[10, 10, 2], [0, 0, 0], [30, 40, 1]]},
        {"type": "cuboid", "points": [[20, 20]] * 4 + [[30, 25]] * 4},
    ],
    ids=lambda s: s["type"],
)
def test_every_shape_has_a_region_and_moves_by_a_shift_as_itself(shape):
    assert region_of(shape, 80, 60).any()
    shift = np.array([[1.0, 0, 3], [0, 1.0, 2]])
    moved = moved_shape(shape, shift, 80, 60)
    if shape["type"] == "rotated_box":
        assert moved["rotated_box"] == pytest.approx([43, 32, 20, 10, 20])
    elif "points" in shape:
        for before, after in zip(shape["points"], moved["points"], strict=True):
            unplaced = before[2:] == [0]
            wanted = before if unplaced else [before[0] + 3, before[1] + 2, *before[2:]]
            assert after == pytest.approx(wanted)
    away = np.array([[1.0, 0, 500], [0, 1.0, 0]])
    assert moved_shape(shape, away, 80, 60) is None


def test_what_interpolation_gives_within_half_a_pixel_is_no_keyframe():
    rule = Rule("linear")
    frames = [(k, {"type": "tip", "point": [10 + 3.0 * k, 0.02 * k * k]}) for k in range(40)]
    kept = thinned(frames, "tip", rule)
    assert kept[-1] == frames[-1]
    assert len(kept) < 12
    keyframes = {str(i): {"state": "visible", "shape": s} for i, s in [frames[0], *kept]}
    for index, shape in frames:
        made = at({"keyframes": keyframes}, "tip", index, rule)
        assert math.dist(made["shape"]["point"], shape["point"]) <= 0.75
    assert thinned(frames, "tip", Rule("none")) == frames[1:]
    back = thinned(frames[::-1], "tip", rule)
    assert back[-1] == frames[0]
