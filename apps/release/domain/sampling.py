"""Which of the signed clips go into a release when not all of them are wanted.

A rule is {"by", "at_most"}: take at most so many clips
- `stratum`: evenly over devices and senders, the least served one next;
- `rare`: those first that hold the classes which fewest clips hold;
- `disagreement`: those first on which annotators agreed least;
- `chance`: as they come.
What is equal a keyed hash decides, so the same clips give the same choice.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

RULES = ("stratum", "rare", "disagreement", "chance")


class Candidate(NamedTuple):
    """`strata` names device and sender; `agreement` 0 to 1, None where nothing was compared."""

    id: str
    classes: frozenset[str]
    strata: tuple[str, ...]
    agreement: float | None


def choose(seed: str, candidates: Sequence[Candidate], by: str, at_most: int) -> list[str]:
    """Ids of the chosen clips, best first, at most ``at_most``. Raises ValueError for a rule that
    is none of `RULES`."""
    if by not in RULES:
        raise ValueError(f"sampling: {by!r} is no rule; choose from {', '.join(RULES)}")
    if at_most < 1:
        raise ValueError("sampling: at_most is 1 or more")
    hashed = sorted(candidates, key=lambda c: hmac.digest(
        seed.encode(), f"sample/{c.id}".encode(), hashlib.sha256))  # fmt: skip
    if by == "disagreement":
        hashed.sort(key=lambda c: 2.0 if c.agreement is None else c.agreement)
    if by == "rare":
        return _rarest(hashed, at_most)
    if by == "stratum":
        return _evenly(hashed, at_most)
    return [c.id for c in hashed[:at_most]]


def _rarest(candidates: list[Candidate], at_most: int) -> list[str]:
    """Each next clip holds the class that is rarest among the chosen, then among all."""
    holding = Counter(name for c in candidates for name in c.classes)
    chosen: list[str] = []
    served: Counter[str] = Counter()
    left = list(candidates)

    def gain(c: Candidate) -> tuple[float, ...]:
        return tuple(sorted((served[n], holding[n]) for n in c.classes)[0]) if c.classes else (
            float("inf"), 0.0)  # fmt: skip

    while left and len(chosen) < at_most:
        best = min(left, key=gain)
        left.remove(best)
        chosen.append(best.id)
        served.update(best.classes)
    return chosen


def _evenly(candidates: list[Candidate], at_most: int) -> list[str]:
    served: Counter[str] = Counter()
    left = list(candidates)
    chosen: list[str] = []
    while left and len(chosen) < at_most:
        best = min(left, key=lambda c: sum(served[s] for s in c.strata))
        left.remove(best)
        chosen.append(best.id)
        served.update(best.strata)
    return chosen
