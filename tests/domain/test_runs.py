"""Where a track has keyframes, as runs of chunk numbers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from apps.annotation.domain.runs import numbers_of, numbers_text, reaching, runs_of

NUMBERS = st.sets(st.integers(0, 40))


@given(NUMBERS)
def test_runs_say_the_same_numbers_in_as_few_runs_as_can_be(numbers):
    runs = runs_of(numbers)
    assert numbers_of(runs) == sorted(numbers)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(runs))


@given(NUMBERS, st.sampled_from([0, 20_450]))
def test_numbers_are_spelled_as_they_stand(numbers, past):
    moved = sorted(number + past for number in numbers)
    assert numbers_text(runs_of(moved)) == ",".join(map(str, moved))


@given(NUMBERS, st.integers(0, 40), st.integers(0, 10))
def test_a_window_is_reached_from_within_or_from_both_of_its_sides(numbers, first, span):
    last = first + span
    within = {n for n in numbers if first <= n <= last}
    before = {max(sided)} if (sided := {n for n in numbers if n < first}) else set()
    after = {min(sided)} if (sided := {n for n in numbers if n > last}) else set()
    wanted = within | before | after if within or (before and after) else set()
    assert reaching(runs_of(numbers), first, last) == sorted(wanted)
