"""Who labels which clip: balanced by length, nobody twice, and whoever may not is passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wanted:
    """A clip with its length and number of passes; ``held`` by whom it is labelled already,
    ``barred`` who may not label it (they decide it, or gave it up)."""

    clip: str
    length_s: float
    passes: int
    held: frozenset[str] = frozenset()
    barred: frozenset[str] = frozenset()

    @property
    def lacking(self) -> int:
        """Passes that nobody has yet."""
        return max(0, self.passes - len(self.held))


@dataclass(frozen=True)
class Plan:
    """``given``: (clip, person) to add; ``load_s``: what each person then has to do, in seconds of
    video; ``lacking``: clips for which there are too few people, and how many are missing."""

    given: tuple[tuple[str, str], ...]
    load_s: Mapping[str, float]
    lacking: Mapping[str, int] = field(default_factory=dict)


def balanced(clips: Iterable[Wanted], load_s: Mapping[str, float]) -> Plan:
    """Give each clip the passes that it lacks: the longest clips first, each to whoever has least
    to do (Graham 1969: at most 4/3 of the best split). Of equals, those who share the fewest clips
    with the others of this one, so that everybody is compared with everybody; then by name.

    The same input gives the same plan whatever its order.
    """
    load, shared, given = dict(load_s), Counter[frozenset[str]](), []
    lacking: dict[str, int] = {}
    for wanted in sorted(clips, key=lambda c: (-c.length_s, c.clip)):
        beside = set(wanted.held)
        for missing in range(wanted.lacking, 0, -1):
            free = load.keys() - beside - wanted.barred
            if not free:
                lacking[wanted.clip] = missing
                break
            person = min(
                free,
                key=lambda p: (
                    round(load[p], 6),
                    sum(shared[frozenset((p, other))] for other in beside),
                    p,
                ),
            )
            shared.update(frozenset((person, other)) for other in beside)
            beside.add(person)
            load[person] += wanted.length_s
            given.append((wanted.clip, person))
    return Plan(tuple(given), load, lacking)
