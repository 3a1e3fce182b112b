"""Where a track has keyframes: its chunk numbers as runs ``[[first, last], ...]``, ascending.

A track without gaps is one run, however long it is, so that what a label set opens with does not
grow with its keyframes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

Runs = list[list[int]]
# Chunks of a day of video at 60 pictures a second: a run of them is a piece of one text.
_SPELLED = 20_480
_TEXT = ",".join(map(str, range(_SPELLED)))
_STARTS = [0, *itertools.accumulate(len(str(number)) + 1 for number in range(_SPELLED))]


def runs_of(numbers: Iterable[int]) -> Runs:
    """The runs of a set of numbers."""
    found: Runs = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def numbers_of(runs: Sequence[Sequence[int]]) -> list[int]:
    """The numbers that stand in runs, ascending."""
    return [number for first, last in runs for number in range(first, last + 1)]


def numbers_text(runs: Sequence[Sequence[int]]) -> str:
    """The numbers that stand in runs, ascending, with commas between: a run costs the same
    however long it is."""
    if runs and runs[-1][1] >= _SPELLED:
        return ",".join(map(str, numbers_of(runs)))
    if len(runs) == 1:
        ((first, last),) = runs
        return _TEXT[_STARTS[first] : _STARTS[last + 1] - 1]
    return ",".join([_TEXT[_STARTS[first] : _STARTS[last + 1] - 1] for first, last in runs])


def reaching(runs: Sequence[Sequence[int]], first: int, last: int) -> list[int]:
    """The numbers that show what lies from ``first`` to ``last``: those within, and the next one
    before and after; none where the track has nothing within and does not go on to both sides."""
    if not runs or runs[0][0] > last or runs[-1][1] < first:
        return []
    within: list[int] = []
    before = after = None
    for start, end in runs:
        if start < first:
            before = min(end, first - 1)
        within += range(max(start, first), min(end, last) + 1)
        if end > last:
            after = max(start, last + 1)
            break
    if not within and (before is None or after is None):
        return []
    beside = [number for number in (before, after) if number is not None]
    return sorted({*within, *beside})
