"""Where the relations of three and more label sets differ: what ``relations.disputed`` is for two.

Only sets that have both tracks of a relation are asked about it. Their relations of one kind
between the same two are brought together by the frames that they share; where one of these sets has
none, or one begins or ends beyond tolerance of another, that is one disagreement, with an id a
side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from .agreement import Labels
from .limits import Tolerance
from .relations import LETTERS, Named, is_near, overlap

if TYPE_CHECKING:
    from .several import Group

# (relation, place of the subject's group, place of the target's)
Place = tuple[str, int, int]


def disputed(
    groups: Sequence[Group],
    sides: Sequence[Labels],
    ontology: Mapping[str, Any],
    limits: Tolerance,
) -> Iterator[dict[str, Any]]:
    """Fields of a disagreement, with ``members`` (a relation's id a side), ``subject`` and
    ``target`` (their groups), for each relation that the sets do not agree on."""
    words = {kind["id"]: kind["name"] for kind in ontology.get("relations", [])}
    names = {c["id"]: c["name"] for c in ontology["classes"]}
    held = _by_place(groups, sides)
    for kind, first, second in sorted(held):
        ends = groups[first], groups[second]
        asked = [
            side for side in range(len(sides)) if all(end.members[side] is not None for end in ends)
        ]
        if len(asked) < 2:
            continue
        said = [f"{names[end.class_id]} {_number(end, sides, asked[0])}" for end in ends]
        for found in _together(held[kind, first, second]):
            members = tuple(found[side][0] if side in found else None for side in range(len(sides)))
            spans = [found[side][1] for side in sorted(found)]
            apart = [1 - overlap(a, b) for a, b in combinations(spans, 2)]
            missing = [side for side in asked if side not in found]
            near = all(is_near(a, b, limits) for a, b in combinations(spans, 2))
            if not missing and near:
                continue
            yield {
                "class_id": ends[0].class_id,
                "label": f"{said[0]} {words.get(kind, kind)} {said[1]}",
                "members": members,
                "start_frame": min(span["start_frame"] for span in spans),
                "end_frame": max(span["end_frame"] for span in spans),
                "size": 1.0 if missing else max(apart),
                "measure": _measure(found, missing),
                "relation": kind,
                "subject": ends[0],
                "target": ends[1],
            }


def _by_place(
    groups: Sequence[Group], sides: Sequence[Labels]
) -> dict[Place, list[tuple[int, Named]]]:
    """Relations with their side, of tracks that are in a group; by start."""
    held: dict[Place, list[tuple[int, Named]]] = defaultdict(list)
    for side, labels in enumerate(sides):
        at = {group.members[side]: place for place, group in enumerate(groups)}
        for key, relation in labels.get("relations", {}).items():
            subject, target = at.get(relation["subject"]), at.get(relation["target"])
            if subject is not None and target is not None:
                held[relation["relation"], subject, target].append((side, (key, relation)))
    for rows in held.values():
        rows.sort(key=lambda row: (row[1][1]["start_frame"], row[0], row[1][0]))
    return held


def _together(rows: Sequence[tuple[int, Named]]) -> list[dict[int, Named]]:
    """Relations that share frames, at most one of a side, each once."""
    made: list[dict[int, Named]] = []
    for side, named in rows:
        best, most = None, 0.0
        for one in made:
            if side not in one:
                shared = min(overlap(named[1], other[1]) for other in one.values())
                if shared > most:
                    best, most = one, shared
        if best is None:
            made.append({side: named})
        else:
            best[side] = named
    return made


def _number(group: Group, sides: Sequence[Labels], side: int) -> int:
    return int(sides[side]["tracks"][group.members[side]]["number"])


def _measure(found: Mapping[int, Named], missing: Sequence[int]) -> str:
    if missing:
        have = ", ".join(LETTERS[side] for side in sorted(found))
        return f"{have} {'has' if len(found) == 1 else 'have'} it, {_listed(missing)} not"
    spans = [named[1] for named in found.values()]
    edges = [[span[edge] for span in spans] for edge in ("start_frame", "end_frame")]
    apart = [max(edge) - min(edge) for edge in edges]
    return f"start {apart[0]}, end {apart[1]} frames apart"


def _listed(sides: Sequence[int]) -> str:
    return ", ".join(LETTERS[side] for side in sides)
