"""Relations between tracks of the consensus: they follow the tracks that were taken.

Between two consensus tracks stand the relations of the side whose content they bear: B's where B's
content was taken for either, else A's. What the adjudicator drew is nobody's, and stays.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from .agreement import Agreement, Labels, Pair
from .disagreements import NAMESPACE

Op = dict[str, Any]


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
    sides = {"A": labels_a, "B": labels_b}
    if not any(side.get("relations") for side in sides.values()):
        return []
    of_side: dict[str, dict[str, str]] = {"A": {}, "B": {}}
    taken_from: dict[str, str] = {}
    for pair, name in names:
        held = current["tracks"].get(name)
        if held is None:
            continue
        for side, own in (("A", pair.a), ("B", pair.b)):
            if own is not None:
                of_side[side][own] = name
        is_b = pair.b is not None and not _same(held, labels_a["tracks"].get(pair.a or ""))
        taken_from[name] = (
            "B" if is_b and _same(held, labels_b["tracks"].get(pair.b or "")) else "A"
        )
    looked_at = set(taken_from) if touched is None else set(touched)
    wanted: dict[str, dict[str, Any]] = {}
    known: dict[str, tuple[str, str]] = {}
    for side, labels in sides.items():
        for key, relation in labels.get("relations", {}).items():
            subject = of_side[side].get(relation["subject"])
            target = of_side[side].get(relation["target"])
            if subject is None or target is None or not {subject, target} & looked_at:
                continue
            name = str(uuid.uuid5(NAMESPACE, "relation" + json.dumps([agreement.clip, side, key])))
            known[name] = (subject, target)
            if ("B" in (taken_from[subject], taken_from[target])) == (side == "B"):
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
