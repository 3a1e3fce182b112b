"""Consensus of one label set, or of three and more (``several.py``): what ``consensus.py`` does for
two, with a letter a side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from apps.annotation.domain.interpolate import rule_of
from apps.annotation.domain.ops import apply_batch, empty_labels

from . import agreement as agreements
from .agreement import Labels
from .consensus import interval_set, phase_operations, put_interval, put_track, restored
from .disagreements import WITHOUT_PAIR, Disagreement
from .merging import NothingInBothError
from .merging_several import MERGES, merged_intervals, merged_tracks, merges_of
from .relations import Bearing, decided_relation, disputes_in, relations_of_sides
from .several import SIDES, Group, Ids, Several, consensus_name

Op = dict[str, Any]


def initial_operations(
    several: Several,
    sides: Sequence[Labels],
    ontology: Mapping[str, Any],
    found: Sequence[Disagreement],
) -> list[Op]:
    """Operations (without id and seq) that put what is agreed into an empty consensus."""
    disputed = {ids_of(d, len(sides)) for d in found if d["kind"] not in WITHOUT_PAIR}
    ops: list[Op] = []
    numbers = _numbers(several, sides)
    for group in several.tracks:
        if group.members not in disputed:
            track = sides[0]["tracks"][group.members[0]]
            ops += restored(consensus_name(several, group), track, numbers[group.members])
    for group in several.events:
        if group.members not in disputed:
            ops.append(
                interval_set(
                    consensus_name(several, group), sides[0]["intervals"][group.members[0]]
                )
            )
    keys = list(several.phases[0])
    for d in found:
        if d["kind"] == "phase":
            keys[d["start_frame"] : d["end_frame"]] = [None] * (d["end_frame"] - d["start_frame"])
    empty = empty_labels([several.clip])
    ops += phase_operations(empty, ontology, several.clip, keys)
    made = apply_batch(empty, ops)
    return ops + relations_of_sides(
        made, sides[:1], several.clip, _bearings(several),
        disputes=disputes_in(found, {}, len(sides)),
    )  # fmt: skip


def decision_operations(
    current: Labels,
    sides: Sequence[Labels],
    ontology: Mapping[str, Any],
    several: Several,
    disagreement: Disagreement,
    decision: str,
    others: Sequence[Disagreement] = (),
    decisions: Mapping[str, str] | None = None,
) -> list[Op]:
    """Operations (without id and seq) that carry one decision into the consensus labels, as
    ``consensus.decision_operations`` does for two. Raises ValueError for a decision that there is
    not, NothingInBothError for an intersection of what has none."""
    letters = SIDES[: len(sides)]
    if decision == "redraw":
        return []
    if decision not in letters and decision not in merges_of(disagreement["kind"]):
        raise ValueError(f"a {disagreement['kind']} is not decided by {decision}")
    if disagreement["kind"] == "phase":
        keys = list(agreements.phase_keys(current, ontology, several.clip, several.n_frames))
        span = slice(disagreement["start_frame"], disagreement["end_frame"])
        keys[span] = several.phases[letters.index(decision)][span]
        return phase_operations(current, ontology, several.clip, keys)
    if disagreement["kind"] == "relation":
        return decided_relation(current, sides, several.clip, disagreement, decision)
    members = ids_of(disagreement, len(sides))
    (group,) = (g for g in (*several.tracks, *several.events) if g.members == members)
    name = consensus_name(several, group)
    wanted = _chosen(group, sides, ontology, decision)
    if group.geometry == "event":
        return put_interval(current, name, wanted)
    ops = put_track(current, name, wanted, _numbers(several, sides)[members])
    if not ops:
        return []
    made = apply_batch(dict(current), ops)
    return ops + relations_of_sides(
        made, sides, several.clip, _bearings(several), [name],
        disputes_in(others, decisions or {}, len(sides)), current,
    )  # fmt: skip


def _chosen(
    group: Group, sides: Sequence[Labels], ontology: Mapping[str, Any], decision: str
) -> Mapping[str, Any] | None:
    """The track or event that a decision puts in a group's place; None leaves it empty."""
    kind = "intervals" if group.geometry == "event" else "tracks"
    if decision not in MERGES:
        side = SIDES.index(decision)
        name = group.members[side]
        return None if name is None else dict(sides[side][kind][name])
    held = [
        side[kind][name]
        for side, name in zip(sides, group.members, strict=True)
        if name is not None
    ]
    if group.geometry == "event":
        return merged_intervals(held, decision)
    if decision == "intersect" and len(held) < len(sides):
        raise NothingInBothError("one of them has nothing there")
    (label_class,) = (c for c in ontology["classes"] if c["id"] == group.class_id)
    return merged_tracks(held, len(sides), group.geometry, rule_of(label_class), decision)


def derived_from(
    labels: Labels,
    sides: Sequence[Labels],
    several: Several,
    found: Sequence[Disagreement],
    decisions: Mapping[str, str],
) -> dict[str, list[dict[str, str]]]:
    """For each consensus object the objects it comes from, ``{"set": letter, "object": id}``; empty
    for what the adjudicator drew."""
    by_members = {ids_of(d, len(sides)): d["id"] for d in found if d["kind"] not in WITHOUT_PAIR}
    out: dict[str, list[dict[str, str]]] = {
        name: [] for name in [*labels["tracks"], *labels["intervals"]]
    }
    for group in (*several.tracks, *several.events):
        name = consensus_name(several, group)
        if name not in out:
            continue
        disputed = by_members.get(group.members)
        chosen = SIDES[0] if disputed is None else decisions.get(disputed, "redraw")
        out[name] = [
            {"set": SIDES[side].upper(), "object": thing}
            for side, thing in enumerate(group.members)
            if thing and (disputed is None or chosen not in SIDES or chosen == SIDES[side])
        ]
    taken = [0] * several.n_frames
    for d in found:
        choice = decisions.get(d["id"], "")
        if d["kind"] == "phase" and len(choice) == 1:
            span = d["end_frame"] - d["start_frame"]
            taken[d["start_frame"] : d["end_frame"]] = [SIDES.index(choice)] * span
    for name, span_held in labels["intervals"].items():
        if not out[name]:
            out[name] = list(_phase_sources(span_held, sides, taken))
    return out


def _phase_sources(
    span: Mapping[str, Any], sides: Sequence[Labels], taken: Sequence[int]
) -> Iterator[dict[str, str]]:
    for side, labels in enumerate(sides):
        for thing, other in sorted(labels["intervals"].items()):
            if (other["clip"], other["class_id"]) != (span["clip"], span["class_id"]):
                continue
            start = max(span["start_frame"], other["start_frame"])
            if any(
                taken[f] == side for f in range(start, min(span["end_frame"], other["end_frame"]))
            ):
                yield {"set": SIDES[side].upper(), "object": thing}


def _numbers(several: Several, sides: Sequence[Labels]) -> dict[Ids, int]:
    """The first set's numbers in order from 1, then what only later ones have, a class each: fixed
    whatever is decided."""

    def rank(group: Group) -> tuple[Any, ...]:
        side = next(i for i, name in enumerate(group.members) if name is not None)
        name = str(group.members[side])
        return (group.class_id, side, sides[side]["tracks"][name]["number"], name)

    numbers = {}
    for _, run in groupby(sorted(several.tracks, key=rank), key=lambda g: g.class_id):
        for number, group in enumerate(run, 1):
            numbers[group.members] = number
    return numbers


def ids_of(disagreement: Disagreement, n_sides: int) -> Ids:
    return tuple(disagreement[letter] for letter in SIDES[:n_sides])


def _bearings(several: Several) -> list[Bearing]:
    return [Bearing(group.members, consensus_name(several, group)) for group in several.tracks]
