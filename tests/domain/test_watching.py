"""Labels on frames that nobody looked at are found, whatever way the frames were reported."""

import random

from apps.adjudication.domain.watching import unseen
from tests.domain.adjudication_samples import CLIP, labels, span, tip, track

LABELS = labels(
    {"a": track("grasper", 1, {3: tip(1, 1), 9: tip(2, 2), 12: None}),
     "b": track("grasper", 2, {40: tip(1, 1)})},
    {"c": span("prep", 0, 30), "d": span("clipping", 30, 60)},
)  # fmt: skip


def found(*spans):
    return [
        (row["object"], row["frames"], row["first_frame"]) for row in unseen(LABELS, CLIP, spans)
    ]


def test_keyframes_and_the_boundaries_of_intervals_must_have_been_shown():
    assert found((0, 60)) == []
    assert found() == [("c", 2, 0), ("a", 2, 3), ("d", 2, 30), ("b", 1, 40)]
    assert found((0, 4), (29, 31)) == [("a", 1, 9), ("b", 1, 40), ("d", 1, 59)]
    assert unseen(LABELS, "another clip", []) == []


def test_overlapping_spans_in_any_order_count_as_one():
    rng = random.Random(4)
    for _ in range(50):
        spans = [(s, s + rng.randint(1, 9)) for s in rng.choices(range(60), k=rng.randint(0, 12))]
        shown = {f for start, end in spans for f in range(start, end)}
        wanted = {
            "a": {3, 9}, "b": {40}, "c": {0, 29}, "d": {30, 59},
        }  # fmt: skip
        left = {name: len(frames - shown) for name, frames in wanted.items() if frames - shown}
        assert {name: count for name, count, _ in found(*spans)} == left
