"""Relations between tracks of the consensus: they follow the tracks that were taken.

Between two consensus tracks stand the relations of the side whose content they bear: of two sides
the later one's (B's where B's content was taken for either), else A's. What the adjudicator drew is
nobody's, and stays.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .agreement import Agreement, Labels, Pair
from .disagreements import NAMESPACE

Op = dict[str, Any]


@dataclass(frozen=True)
class Bearing:
    """A consensus track's name, and the track in each set that it stands for."""

    members: tuple[str | None, ...]
    name: str


def relation_operations(
    current: Labels,
    labels_a: Labels,
    labels_b: Labels,
    agreement: Agreement,
    names: Iterable[tuple[Pair, str]],
    touched: Iterable[str] | None = None,
) -> list[Op]:
    """Operations (without id and seq) after which the consensus has the relations that follow.

    ``names``: the consensus track of each pair. ``touched``: only relations of these tracks are
    looked at (all when None), so that what the adjudicator took away elsewhere does not come back.
    """
    bearings = [Bearing((pair.a, pair.b), name) for pair, name in names]
    return relations_of_sides(current, (labels_a, labels_b), agreement.clip, bearings, touched)


def relations_of_sides(
    current: Labels,
    sides: Sequence[Labels],
    clip: str,
    bearings: Iterable[Bearing],
    touched: Iterable[str] | None = None,
) -> list[Op]:
    """The same of any number of label sets: of two whose content was taken, the later one's."""
    if not any(side.get("relations") for side in sides):
        return []
    of_side: list[dict[str, str]] = [{} for _ in sides]
    taken_from: dict[str, int] = {}
    for bearing in bearings:
        held = current["tracks"].get(bearing.name)
        if held is None:
            continue
        for side, own in enumerate(bearing.members[: len(sides)]):
            if own is not None:
                of_side[side][own] = bearing.name
        bears = (
            side
            for side, own in enumerate(bearing.members[: len(sides)])
            if _same(held, sides[side]["tracks"].get(own or ""))
        )
        taken_from[bearing.name] = next(bears, 0)
    looked_at = set(taken_from) if touched is None else set(touched)
    wanted: dict[str, dict[str, Any]] = {}
    known: dict[str, tuple[str, str]] = {}
    for side, labels in enumerate(sides):
        for key, relation in labels.get("relations", {}).items():
            subject = of_side[side].get(relation["subject"])
            target = of_side[side].get(relation["target"])
            if subject is None or target is None or not {subject, target} & looked_at:
                continue
            content = json.dumps([clip, "ABCDE"[side], key])
            name = str(uuid.uuid5(NAMESPACE, "relation" + content))
            known[name] = (subject, target)
            if max(taken_from[subject], taken_from[target]) == side:
                wanted[name] = {**relation, "subject": subject, "target": target}
    there = current.get("relations", {})
    gone = [name for name in known if name in there and name not in wanted]
    return [{"op": "relation.delete", "object": name} for name in gone] + [
        {"op": "relation.set", "object": name, **relation}
        for name, relation in wanted.items()
        if there.get(name) != relation
    ]


def _same(held: Mapping[str, Any], track: Mapping[str, Any] | None) -> bool:
    return track is not None and {**track, "number": 0} == {**held, "number": 0}
