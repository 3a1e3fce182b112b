"""Three to five annotators' objects made into one: against pixels and numbers counted singly."""

from __future__ import annotations

import random

import numpy as np
import pytest

from apps.adjudication.domain import several, several_consensus
from apps.adjudication.domain.consensus import undecided
from apps.adjudication.domain.merging import NothingInBothError, staple_weights
from apps.adjudication.domain.merging_several import (
    merged_intervals,
    merged_masks,
    merged_tracks,
    merges_of,
)
from apps.annotation.domain import rle
from apps.annotation.domain.interpolate import expand_track
from apps.annotation.domain.ops import empty_labels, validate_and_apply
from tests.domain.adjudication_samples import (
    CLIP,
    ONTOLOGY,
    SIZE,
    box,
    disc,
    labels,
    span,
    tip,
    track,
)
from tests.domain.test_merging import ALONE, LINEAR
from tests.domain.test_several import build


def by_pixel(masks: np.ndarray) -> np.ndarray:
    """STAPLE as Warfield, Zou and Wells 2004 write it, over every pixel by itself."""
    n = len(masks)
    flat = masks.reshape(n, -1).astype(float)
    prior, weights = flat.mean(), flat.mean(0)
    for _ in range(3000):
        hit = (flat * weights).sum(1) / weights.sum()
        reject = ((1 - flat) * (1 - weights)).sum(1) / (1 - weights).sum()
        inside = prior * np.prod(np.where(flat == 1, hit[:, None], 1 - hit[:, None]), axis=0)
        outside = (1 - prior) * np.prod(
            np.where(flat == 1, 1 - reject[:, None], reject[:, None]), axis=0
        )
        before, weights = weights, inside / (inside + outside)
        if np.abs(weights - before).max() < 1e-13:
            break
    return (weights > 0.5 + 1e-9).reshape(masks.shape[1:])


def test_masks_of_three_to_five_are_merged_as_their_pixels_say():
    chance = np.random.default_rng(5)
    rows, columns = np.mgrid[0:60, 0:80]
    for n in (3, 4, 5):
        masks = np.array(
            [
                (columns - chance.uniform(30, 50)) ** 2 + (rows - chance.uniform(22, 38)) ** 2
                < chance.uniform(8, 18) ** 2
                for _ in range(n)
            ]
        )
        packed, votes = [rle.encode(mask) for mask in masks], masks.sum(0)
        wanted = {
            "union": votes > 0,
            "intersect": votes == n,
            "majority": 2 * votes > n,
            "staple": by_pixel(masks),
        }
        for how, pixels in wanted.items():
            assert (rle.decode(merged_masks(packed, n, how)) == pixels).all(), (n, how)
        # A side that has nothing there marked no pixel.
        lacking = np.concatenate([masks, np.zeros((1, 60, 80), bool)])
        if n == 3:
            assert (rle.decode(merged_masks(packed, 4, "staple")) == by_pixel(lacking)).all()
        votes_of_more = rle.decode(merged_masks(packed, n + 1, "majority"))
        assert (votes_of_more == (2 * votes > n + 1)).all()


@pytest.mark.parametrize("how", ["mean", "median"])
def test_places_of_three_to_five_are_averaged_on_every_frame_that_half_of_them_show(how):
    rng = random.Random(17)
    for n in (3, 4, 5, 3, 4, 5):
        sides = []
        for _ in range(n):
            frames = sorted(rng.sample(range(40), 4))
            shapes = {f: tip(rng.uniform(0, 320), rng.uniform(0, 240)) for f in frames}
            if rng.random() < 0.5:
                shapes[frames[2]] = None
            sides.append(track("grasper", 1, shapes))
        made = merged_tracks(sides, n, "tip", LINEAR, how)
        *each, found = [
            {f["frame_index"]: f["shape"]["point"] for f in expand_track(t, "tip", LINEAR)
             if f["shape"]}
            for t in (*sides, made)
        ]  # fmt: skip
        wanted = {
            f: getattr(np, how)([side[f] for side in each if f in side], axis=0)
            for f in range(40)
            if 2 * sum(f in side for side in each) >= n
        }
        assert found.keys() == wanted.keys()
        for frame, point in found.items():
            assert point == pytest.approx(wanted[frame], abs=1e-6), (n, frame)


def test_a_median_is_not_moved_by_one_that_is_far_off_and_events_and_turns_go_the_shorter_way():
    boxes = [track("bag", 1, {0: box(x, 10, 20, 20)}) for x in (10, 12, 200)]
    for how, x in (("mean", 74), ("median", 12)):
        made = merged_tracks(boxes, 3, "box", ALONE, how)
        assert made["keyframes"]["0"]["shape"]["box"] == pytest.approx([x, 10, 20, 20])
    spans = [span("bleeding", start, end) for start, end in ((10, 20), (12, 20), (50, 90))]
    held = [merged_intervals(spans, how) for how in ("mean", "median")]
    assert [(s["start_frame"], s["end_frame"]) for s in held] == [(24, 43), (12, 22)]
    turned = [
        track("bag", 1, {0: {"type": "rotated_box", "rotated_box": [50, 50, 20, 10, angle]}})
        for angle in (170, -178, 174)
    ]
    made = merged_tracks(turned, 3, "rotated_box", ALONE, "mean")
    assert made["keyframes"]["0"]["shape"]["rotated_box"][4] % 180 == pytest.approx(
        (170 + 182 + 174) / 3 % 180
    )


def test_what_too_few_have_is_no_object_of_all():
    alone = [track("lesion", 1, {0: disc(60, 60, 20)}), track("lesion", 1, {0: disc(64, 60, 20)})]
    assert merged_tracks(alone, 3, "mask", ALONE, "majority")["keyframes"]
    for how in ("intersect", "majority"):
        with pytest.raises(NothingInBothError):
            merged_tracks(alone, 4, "mask", ALONE, how)
    with pytest.raises(ValueError, match="not merged by mean"):
        merged_tracks(alone, 3, "mask", ALONE, "mean")
    assert merges_of("polygon") == merges_of("phase") == merges_of("only_a") == ()


def test_three_sets_are_decided_by_merges_and_lead_back_to_every_source():
    """Each difference by another merge: valid operations, nothing left undecided, and each object
    of the consensus comes from all that have it."""
    sides = [
        labels(
            {
                "m": track("lesion", 1, {3: disc(60 + 9 * at, 60, 20)}),
                "t": track("grasper", 1, {0: tip(10 + 40 * at, 10), 9: tip(90, 50 + 40 * at)}),
            },
            {"e": span("bleeding", 10 + 30 * at, 60 + 30 * at)},
        )
        for at in range(3)
    ]
    told = several.compare(sides, ONTOLOGY, CLIP, SIZE)
    found = several.disagreements(told, sides, ONTOLOGY)
    for how in ("majority", "staple", "union", "intersect", "mean", "median"):
        decisions = {
            d["id"]: how if how in merges_of(d["kind"]) else merges_of(d["kind"])[0] for d in found
            if merges_of(d["kind"])
        }  # fmt: skip
        assert {d["kind"] for d in found if d["id"] in decisions} >= {"mask"}
        rest = {d["id"]: "a" for d in found if d["id"] not in decisions}
        made, ops, told, found = build(sides, {**decisions, **rest})
        assert undecided(found, {**decisions, **rest}) == []
        numbered = [
            {"id": f"20000000-0000-4000-8000-{i:012d}", "seq": i, **op}
            for i, op in enumerate(ops, 1)
        ]
        validate_and_apply(empty_labels([CLIP]), numbered, ONTOLOGY, {CLIP: SIZE})
        sources = several_consensus.derived_from(made, sides, told, found, {**decisions, **rest})
        for d in found:
            if d["id"] in decisions and d["consensus"] in made["tracks"]:
                has = {letter.upper() for letter in "abc" if d[letter]}
                assert {s["set"] for s in sources[d["consensus"]]} == has and len(has) > 1


# ITK 5.4's STAPLEImageFilter (SimpleITK 2.5) on three, four and five discs of 80 x 60 px: who
# marked how many pixels, and its probability of foreground for them.
ITK = [
    {"111": (437, 0.999457), "110": (100, 0.927475), "101": (59, 0.892197), "100": (202, 0.054392),
     "011": (189, 0.976911), "010": (170, 0.227237), "001": (137, 0.159878),
     "000": (3506, 0.001321)},
    {"111": (336, 0.999965), "110": (52, 0.997706), "101": (15, 0.952142), "100": (13, 0.230067),
     "011": (109, 0.960184), "010": (78, 0.265893), "001": (354, 0.016299),
     "000": (3843, 0.000249)},
    {"1111": (124, 1.0), "1110": (26, 1.0), "1011": (38, 0.999168), "1010": (11, 0.972294),
     "1001": (147, 0.965545), "1000": (29, 0.450243), "0111": (19, 1.0), "0110": (107, 1.0),
     "0011": (21, 0.757606), "0010": (201, 0.083698), "0001": (236, 0.067982),
     "0000": (3841, 0.002127)},
    {"11111": (168, 1.0), "10111": (77, 1.0), "10110": (15, 1.0), "01111": (137, 1.0),
     "01110": (14, 1.0), "01011": (44, 1.0), "01010": (2, 1.0), "00111": (47, 0.998195),
     "00110": (262, 0.939073), "00101": (18, 1e-06), "00100": (117, 0.0), "00011": (30, 0.690761),
     "00010": (105, 0.058596), "00001": (159, 0.0), "00000": (3605, 0.0)},
]  # fmt: skip


@pytest.mark.parametrize("told", ITK)
def test_staple_of_several_estimates_what_itk_estimates(told):
    said = [tuple(map(int, marks)) for marks in told]
    counts, wanted = zip(*told.values(), strict=True)
    assert staple_weights(counts, said) == pytest.approx(wanted, abs=5e-6)
