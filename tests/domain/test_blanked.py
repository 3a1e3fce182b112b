"""The edges of what was blanked are changes of shot, to the frame."""

from __future__ import annotations

import random

import numpy as np
import pytest

from apps.library.domain.blanked import with_blanked


@pytest.mark.parametrize(
    ("shots", "spans", "wanted"),
    [
        ([17], [], [17]),
        # Shorter than what the search finds, with a change of its own elsewhere.
        ([17], [[20, 24]], [17, 20, 24]),
        # Found already, and what is found within it is none.
        ([20, 22, 24], [[20, 24]], [20, 24]),
        # At both ends of the clip there is no shot before or after it.
        ([], [[0, 5], [90, 100]], [5, 90]),
        ([], [[0, 100]], []),
        # Spans that touch or overlap are one.
        ([30], [[30, 40], [20, 30], [35, 50]], [20, 50]),
    ],
)
def test_a_blanked_span_is_a_shot_of_its_own(shots, spans, wanted):
    assert with_blanked(shots, spans, 100) == wanted


def test_at_random_the_edges_are_where_blanked_pictures_begin_and_end():
    rng = random.Random(5)
    for _ in range(300):
        n = rng.randint(1, 60)
        blank = np.zeros(n, bool)
        spans = []
        for _ in range(rng.randint(0, 4)):
            start = rng.randint(0, n)
            end = rng.randint(start, n)
            blank[start:end] = True
            spans.append([start, end])
        shots = sorted(rng.sample(range(1, n), min(3, n - 1)))
        wanted = {
            i
            for i in range(1, n)
            if blank[i] != blank[i - 1] or (i in shots and not (blank[i] and blank[i - 1]))
        }
        assert with_blanked(shots, spans, n) == sorted(wanted)
