"""Relations between tracks of two annotators: where they differ, and those of the consensus.

Between tracks that both have, relations of one kind are matched by the frames that they share.
Where they differ beyond tolerance, or one annotator alone has one, that is a disagreement of its
own, and its decision alone says what stands in the consensus. All others follow the tracks that
were taken: of two sides the later one's (B's where B's content was taken for either track), else
A's. What the adjudicator drew is nobody's, and stays.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .agreement import Agreement, Labels, Pair
from .limits import Tolerance

NAMESPACE = uuid.UUID("6f0c9a52-4d2e-5a57-9d0b-0f3d5f1f6a10")

LETTERS = "ABCDE"

Op = dict[str, Any]
# The key of each side's relation (None: that side has none), and what was decided, if anything.
Dispute = tuple[tuple[str | None, ...], str | None]
Named = tuple[str, Mapping[str, Any]]


def disputed(
    agreement: Agreement,
    labels_a: Labels,
    labels_b: Labels,
    ontology: Mapping[str, Any],
    limits: Tolerance,
) -> Iterator[dict[str, Any]]:
    """Fields of a disagreement for each relation that the two sets do not agree on."""
    both = [pair for pair in agreement.tracks if pair.a is not None and pair.b is not None]
    words = {kind["id"]: kind["name"] for kind in ontology.get("relations", [])}
    names = {c["id"]: c["name"] for c in ontology["classes"]}
    held = [
        _by_place(labels, {getattr(pair, side): pair for pair in both})
        for side, labels in (("a", labels_a), ("b", labels_b))
    ]
    for place in sorted(held[0].keys() | held[1].keys()):
        kind, subject, target = place
        first, other = (labels_a["tracks"][track] for track in (subject, target))
        label = (
            f"{names[first['class_id']]} {first['number']} {words.get(kind, kind)} "
            f"{names[other['class_id']]} {other['number']}"
        )
        pairs = {pair.a: pair for pair in both}
        for a, b in _matched(held[0].get(place, []), held[1].get(place, [])):
            if a is not None and b is not None and is_near(a[1], b[1], limits):
                continue
            spans = [one[1] for one in (a, b) if one is not None]
            yield {
                "class_id": first["class_id"],
                "label": label,
                "a": a[0] if a else None,
                "b": b[0] if b else None,
                "start_frame": min(span["start_frame"] for span in spans),
                "end_frame": max(span["end_frame"] for span in spans),
                "size": 1 - overlap(a[1], b[1]) if a and b else 1.0,
                "measure": _measure(a, b),
                "relation": kind,
                "subject": consensus_id(agreement, pairs[subject]),
                "target": consensus_id(agreement, pairs[target]),
            }


def _by_place(labels: Labels, pair_of: Mapping[Any, Pair]) -> dict[tuple[Any, ...], list[Named]]:
    """Relations by (kind, A's subject, A's target), of tracks that both sets have; by start."""
    found: dict[tuple[Any, ...], list[Named]] = defaultdict(list)
    for key, relation in sorted(labels.get("relations", {}).items()):
        subject, target = pair_of.get(relation["subject"]), pair_of.get(relation["target"])
        if subject is not None and target is not None:
            found[relation["relation"], subject.a, target.a].append((key, relation))
    for rows in found.values():
        rows.sort(key=lambda row: (row[1]["start_frame"], row[1]["end_frame"], row[0]))
    return found


def _matched(a: list[Named], b: list[Named]) -> Iterator[tuple[Named | None, Named | None]]:
    """A's and B's relations that share the most frames, each once; then those of one side."""
    ranked = sorted(
        ((-overlap(one[1], two[1]), i, k) for i, one in enumerate(a) for k, two in enumerate(b)),
    )
    free_a, free_b = dict(enumerate(a)), dict(enumerate(b))
    for less, i, k in ranked:
        if less < 0 and i in free_a and k in free_b:
            yield free_a.pop(i), free_b.pop(k)
    for left in free_a.values():
        yield left, None
    for right in free_b.values():
        yield None, right


def overlap(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Frames that both spans hold, as a share of those from the first to the last; 0 to 1."""
    shared = min(a["end_frame"], b["end_frame"]) - max(a["start_frame"], b["start_frame"])
    whole = max(a["end_frame"], b["end_frame"]) - min(a["start_frame"], b["start_frame"])
    return max(0.0, shared / whole)


def is_near(a: Mapping[str, Any], b: Mapping[str, Any], limits: Tolerance) -> bool:
    """Whether both ends lie within tolerance."""
    return all(
        abs(a[edge] - b[edge]) <= limits.boundary_frames for edge in ("start_frame", "end_frame")
    )


def _measure(a: Named | None, b: Named | None) -> str:
    if a is None or b is None:
        side, held = ("A", a) if b is None else ("B", b)
        assert held is not None
        return f"{held[1]['end_frame'] - held[1]['start_frame']} frames in {side} only"
    apart = [abs(a[1][edge] - b[1][edge]) for edge in ("start_frame", "end_frame")]
    return f"start {apart[0]}, end {apart[1]} frames apart"


def consensus_id(agreement: Agreement, pair: Pair) -> str:
    """Id of the consensus object of a pair, whichever side is taken."""
    content = [agreement.clip, pair.geometry, pair.a, pair.b]
    return str(uuid.uuid5(NAMESPACE, "consensus" + json.dumps(content)))


def disputes_in(
    disagreements: Iterable[Mapping[str, Any]], decisions: Mapping[str, str], n_sides: int = 2
) -> list[Dispute]:
    """The relations that a decision of their own says about, among disagreements."""
    letters = LETTERS.lower()[:n_sides]
    return [
        (tuple(d[letter] for letter in letters), decisions.get(d["id"]))
        for d in disagreements
        if d["kind"] == "relation"
    ]


def decided_relation(
    current: Labels,
    sides: Sequence[Labels],
    clip: str,
    disagreement: Mapping[str, Any],
    decision: str,
) -> list[Op]:
    """Operations that put one side's relation in place; none while one of its tracks is not there
    (they follow when it is taken)."""
    there = current.get("relations", {})
    wanted: dict[str, Mapping[str, Any]] = {}
    ends = {"subject": disagreement["subject"], "target": disagreement["target"]}
    names: list[str] = []
    for letter, labels in zip(LETTERS, sides, strict=False):
        key = disagreement[letter.lower()]
        if key is not None:
            names.append(_name(clip, letter, key))
            is_taken = decision == letter.lower()
            if is_taken and all(end in current["tracks"] for end in ends.values()):
                wanted[names[-1]] = {**labels["relations"][key], **ends}
    gone = [name for name in names if name in there and name not in wanted]
    return _operations(there, gone, wanted)


def _name(clip: str, side: str, key: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "relation" + json.dumps([clip, side, key])))


def _operations(
    there: Mapping[str, Any], gone: Iterable[str], wanted: Mapping[str, Mapping[str, Any]]
) -> list[Op]:
    return [{"op": "relation.delete", "object": name} for name in gone] + [
        {"op": "relation.set", "object": name, **relation}
        for name, relation in wanted.items()
        if there.get(name) != relation
    ]


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
    disputes: Iterable[Dispute] = (),
    before: Labels | None = None,
) -> list[Op]:
    """Operations (without id and seq) after which the consensus has the relations that follow.

    ``names``: the consensus track of each pair. ``touched``: only relations of these tracks are
    looked at (all when None), so that what the adjudicator took away elsewhere does not come back.
    ``disputes``: what its own decision says about. ``before``: the labels before a track was put
    in place anew, which took its relations along: the adjudicator's own come back.
    """
    bearings = [Bearing((pair.a, pair.b), name) for pair, name in names]
    return relations_of_sides(
        current, (labels_a, labels_b), agreement.clip, bearings, touched, disputes, before
    )


def relations_of_sides(
    current: Labels,
    sides: Sequence[Labels],
    clip: str,
    bearings: Iterable[Bearing],
    touched: Iterable[str] | None = None,
    disputes: Iterable[Dispute] = (),
    before: Labels | None = None,
) -> list[Op]:
    """The same of any number of label sets: of two whose content was taken, the later one's."""
    drawn = (before or {}).get("relations", {})
    if not drawn and not any(side.get("relations") for side in sides):
        return []
    choice_of = {
        (side, key): choice for members, choice in disputes for side, key in enumerate(members)
    }
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
    wanted: dict[str, Mapping[str, Any]] = {}
    known: dict[str, None] = {}
    for side, labels in enumerate(sides):
        for key, relation in labels.get("relations", {}).items():
            subject = of_side[side].get(relation["subject"])
            target = of_side[side].get(relation["target"])
            if subject is None or target is None or not {subject, target} & looked_at:
                continue
            is_disputed, choice = (side, key) in choice_of, choice_of.get((side, key))
            if choice == "redraw":
                continue
            name = _name(clip, LETTERS[side], key)
            known[name] = None
            follows = max(taken_from[subject], taken_from[target]) == side
            if choice == LETTERS[side].lower() if is_disputed else follows:
                wanted[name] = {**relation, "subject": subject, "target": target}
    there = current.get("relations", {})
    for name, relation in drawn.items():
        ends = {relation["subject"], relation["target"]}
        if name not in known and name not in there and ends <= current["tracks"].keys():
            wanted[name] = relation
    return _operations(there, [n for n in known if n in there and n not in wanted], wanted)


def _same(held: Mapping[str, Any], track: Mapping[str, Any] | None) -> bool:
    return track is not None and {**track, "number": 0} == {**held, "number": 0}
