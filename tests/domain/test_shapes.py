"""shape@1: the shared vectors, and masks against their definition computed by brute force."""

import json
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.annotation.domain import outline, rle
from apps.annotation.domain.expand import expanded_digest, expanded_lines
from apps.annotation.domain.interpolate import Rule, at, expand_track
from apps.annotation.domain.morph import Morph, between
from apps.ontology.domain.geometries import interpolator_of, rule_of
from tests.domain.test_expand import CLIPS, ONTOLOGY
from tests.domain.test_expand import labels as labels_of

VECTORS = json.loads(
    (Path(__file__).parent.parent / "vectors" / "shapes.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda c: c["name"])
def test_each_shared_vector_holds_expanded_and_frame_by_frame(case):
    track = {"keyframes": case["keyframes"], "attributes": {}}
    rule = Rule(**{"kind": case["rule"]["kind"], "max_gap_frames": case["rule"]["max_gap_frames"]})
    assert expand_track(track, case["geometry"], rule) == case["expanded"]
    by_frame = {frame["frame_index"]: frame for frame in case["expanded"]}
    indices = [int(k) for k in case["keyframes"]]
    for frame in range(min(indices) - 2, max(indices) + 3):
        assert at(track, case["geometry"], frame, rule) == by_frame.get(frame)


def signed_distance(pixels: set, x: int, y: int, span: int) -> float:
    """Straight from the definition: the nearest pixel of the other kind, looked for one by one."""
    inside = (x, y) in pixels
    best = min(
        (u - x) ** 2 + (v - y) ** 2
        for u in range(x - span, x + span + 1)
        for v in range(y - span, y + span + 1)
        if ((u, v) in pixels) != inside
    )
    return -sqrt(best) if inside else sqrt(best)


def brute_force(a: np.ndarray, b: np.ndarray, i: int, f: int, j: int) -> np.ndarray:
    height, width = a.shape
    own = {(int(x), int(y)) for y, x in zip(*np.nonzero(a), strict=True)}
    other = {(int(x), int(y)) for y, x in zip(*np.nonzero(b), strict=True)}

    def half_up(n, d):
        return (2 * n + d) // (2 * d)

    def shift(axis):
        return half_up(
            sum(p[axis] for p in other) * len(own) - sum(p[axis] for p in own) * len(other),
            len(own) * len(other),
        )

    dx, dy = shift(0), shift(1)
    moved = {(x - dx, y - dy) for x, y in other}
    span = 2 * (width + height)
    ox, oy = half_up(dx * (f - i), j - i), half_up(dy * (f - i), j - i)
    out = np.zeros_like(a)
    for x, y in own | moved:  # a pixel in neither is outside both
        d = signed_distance(own, x, y, span) * (j - f) + signed_distance(moved, x, y, span) * (
            f - i
        )
        if d < 0 and 0 <= x + ox < width and 0 <= y + oy < height:
            out[y + oy, x + ox] = True
    return out


pictures = st.integers(0, 2**30 - 1).map(
    lambda bits: np.array([(bits >> k) & 1 for k in range(30)], bool).reshape(5, 6)
)


@settings(max_examples=25, deadline=None)
@given(pictures, pictures, st.integers(1, 4))
def test_a_mask_between_two_is_the_one_that_the_definition_gives(a, b, f):
    if not a.any() or not b.any():
        assert between(rle.encode(a), rle.encode(b), 0, f, 5) == rle.encode(a)
        return
    wanted = brute_force(a, b, 0, f, 5)
    made = Morph(rle.encode(a), rle.encode(b)).at(0, f, 5)
    if wanted.any():
        assert np.array_equal(rle.decode(made), wanted)
    assert not rle.is_empty(made)
    rle.parse(made, (5, 6))


def test_a_moving_growing_disc_stays_a_disc_of_the_size_and_place_between():
    yy, xx = np.mgrid[0:200, 0:300] + 0.5
    first, second = np.hypot(xx - 60, yy - 80) < 30, np.hypot(xx - 220, yy - 120) < 50
    morph = Morph(rle.encode(first), rle.encode(second))
    for f in (5, 10, 15):
        wanted = np.hypot(xx - (60 + 8 * f), yy - (80 + 2 * f)) < 30 + f
        assert rle.iou(morph.at(0, f, 20), rle.encode(wanted)) > 0.97


@given(st.lists(st.booleans(), min_size=30, max_size=30), st.integers(0, 3), st.integers(0, 2))
def test_a_window_is_encoded_as_the_whole_picture_would_be(bits, x0, y0):
    window = np.array(bits).reshape(5, 6)
    picture = np.zeros((7, 9), bool)
    picture[y0 : y0 + 5, x0 : x0 + 6] = window
    assert rle.encode_window(window, x0, y0, (7, 9)) == rle.encode(picture)
    assert rle.encode_window(window, 0, 0, (5, 6)) == rle.encode(window)


@given(
    st.lists(st.tuples(st.floats(0, 99), st.floats(0, 99)), min_size=3, max_size=9),
    st.lists(st.tuples(st.floats(0, 99), st.floats(0, 99)), min_size=3, max_size=9),
    st.booleans(),
)
def test_paired_points_lie_on_the_two_outlines_and_every_corner_is_among_them(a, b, closed):
    pairs = outline.paired(a, b, closed)
    assert len(pairs) >= max(len(a), len(b)) or len(set(a)) < len(a) or len(set(b)) < len(b)
    for side, points in ((0, a), (1, b)):
        found = [p[side] for p in pairs]
        for corner in points:
            assert min((x - corner[0]) ** 2 + (y - corner[1]) ** 2 for x, y in found) < 1e-6


def test_what_linear_1_signed_keeps_its_digest_and_a_named_interpolation_changes_it():
    labels = labels_of()
    before = expanded_digest(labels, ONTOLOGY, CLIPS)
    assert interpolator_of(ONTOLOGY) == {"name": "linear", "version": 1}
    named = {
        **ONTOLOGY,
        "classes": [
            {**c, "interpolation": "distance", "max_keyframe_gap_frames": 9}
            if c["geometry"] == "mask"
            else c
            for c in ONTOLOGY["classes"]
        ],
    }
    assert interpolator_of(named) == {"name": "shape", "version": 1}
    assert rule_of(next(c for c in named["classes"] if c["geometry"] == "mask")) == ("distance", 9)
    head = next(iter(expanded_lines(labels, named, CLIPS)))
    assert b'"interpolator":{"name":"shape","version":1}' in head
    assert expanded_digest(labels, named, CLIPS) != before
