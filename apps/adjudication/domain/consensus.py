"""From two label sets and an adjudicator's decisions to operations on the consensus label set.

The consensus starts with what both agree on (A's content). Deciding ``a`` or ``b`` puts that set's
object, or its phases over the disputed span, in place; where that set has nothing, the place is
left empty. A merge (``merging.py``) puts in what both make together. ``redraw`` leaves the
consensus as it stands: the adjudicator draws by ordinary operations. Ids are UUIDs of version 5
over the objects that were matched, so the same decisions give the same labels in whatever order
they are made.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from apps.annotation.domain.interpolate import rule_of
from apps.annotation.domain.ops import apply_batch, empty_labels, inverse

from .agreement import Agreement, Labels, Pair, phase_keys
from .disagreements import WITHOUT_PAIR, Disagreement
from .merging import MERGES, merged_interval, merged_track, merges_of
from .merging_several import MERGES as SEVERAL
from .relations import NAMESPACE, consensus_id, decided_relation, disputes_in, relation_operations

# Three and more sets (``several.py``) have more letters.
DECISIONS = ("a", "b", "redraw", *MERGES)
_DECIDED = (*"cde", *DECISIONS, *SEVERAL)

Op = dict[str, Any]


@dataclass(frozen=True)
class Consensus:
    """``operations`` (without id and seq) lead from empty labels to ``labels``; ``derived_from``
    as the function of that name gives it."""

    labels: dict[str, Any]
    operations: list[Op]
    derived_from: dict[str, list[dict[str, str]]]


def undecided(disagreements: Iterable[Disagreement], decisions: Mapping[str, str]) -> list[str]:
    """Ids of disagreements without a decision: nothing is signed while one is left."""
    return [d["id"] for d in disagreements if decisions.get(d["id"]) not in _DECIDED]


def initial_operations(
    labels_a: Labels,
    ontology: Mapping[str, Any],
    agreement: Agreement,
    disagreements: Sequence[Disagreement],
) -> list[Op]:
    """Operations (without id and seq) that put what is agreed into an empty consensus."""
    disputed = {(d["a"], d["b"]) for d in disagreements if d["kind"] not in WITHOUT_PAIR}
    numbers = _numbers(agreement, labels_a)
    ops: list[Op] = []
    for pair in agreement.tracks:
        if (pair.a, pair.b) not in disputed and pair.a is not None:
            track = labels_a["tracks"][pair.a]
            ops += restored(consensus_id(agreement, pair), track, numbers[pair.a, pair.b])
    for pair in agreement.events:
        if (pair.a, pair.b) not in disputed and pair.a is not None:
            ops.append(interval_set(consensus_id(agreement, pair), labels_a["intervals"][pair.a]))
    keys = list(agreement.phases_a)
    for d in disagreements:
        if d["kind"] == "phase":
            keys[d["start_frame"] : d["end_frame"]] = [None] * (d["end_frame"] - d["start_frame"])
    empty = empty_labels([agreement.clip])
    ops += phase_operations(empty, ontology, agreement.clip, keys)
    if not labels_a.get("relations"):
        return ops
    # Only what is agreed stands here, and that bears A's content.
    alone: dict[str, Any] = {"tracks": {}, "intervals": {}}
    made = apply_batch(empty, ops)
    return ops + relation_operations(
        made, labels_a, alone, agreement, _track_names(agreement),
        disputes=disputes_in(disagreements, {}),
    )  # fmt: skip


def decision_operations(
    current: Labels,
    labels_a: Labels,
    labels_b: Labels,
    ontology: Mapping[str, Any],
    agreement: Agreement,
    disagreement: Disagreement,
    decision: str,
    others: Sequence[Disagreement] = (),
    decisions: Mapping[str, str] | None = None,
) -> list[Op]:
    """Operations (without id and seq) that carry one decision into the consensus labels.

    ``others`` are the disagreements of the adjudication and ``decisions`` those that stand: what
    was decided on relations holds whatever is taken for their tracks.

    Only what the disagreement is about changes; deciding the same again gives no operation. Raises
    ValueError for a decision that is not of ``DECISIONS``, for a merge that the disagreement's kind
    does not have and for a disagreement that is not of this agreement; NothingInBothError for an
    intersection of what has none.
    """
    if decision not in DECISIONS:
        raise ValueError(f"a decision is one of {', '.join(DECISIONS)}")
    if decision in MERGES and decision not in merges_of(disagreement["kind"]):
        raise ValueError(f"a {disagreement['kind']} is not merged by {decision}")
    if decision == "redraw":
        return []
    if disagreement["kind"] == "phase":
        said = agreement.phases_a if decision == "a" else agreement.phases_b
        keys = list(phase_keys(current, ontology, agreement.clip, agreement.n_frames))
        span = slice(disagreement["start_frame"], disagreement["end_frame"])
        keys[span] = said[span]
        return phase_operations(current, ontology, agreement.clip, keys)
    if disagreement["kind"] == "relation":
        sides = labels_a, labels_b
        return decided_relation(current, sides, agreement.clip, disagreement, decision)
    pair = _pair_of(agreement, disagreement)
    name = consensus_id(agreement, pair)
    wanted = _chosen(pair, labels_a, labels_b, ontology, decision)
    if pair.geometry == "event":
        return put_interval(current, name, wanted)
    number = _numbers(agreement, labels_a, labels_b)[pair.a, pair.b]
    ops = put_track(current, name, wanted, number)
    if not ops:
        return []
    made = apply_batch(dict(current), ops)
    return ops + relation_operations(
        made, labels_a, labels_b, agreement, _track_names(agreement), [name],
        disputes_in(others, decisions or {}), current,
    )  # fmt: skip


def put_interval(current: Labels, name: str, wanted: Mapping[str, Any] | None) -> list[Op]:
    """Operations after which ``name`` is the wanted event, or not there; none where it is so."""
    held = current["intervals"].get(name)
    if wanted is None:
        return [{"op": "interval.delete", "object": name}] if held else []
    return [] if held == wanted else [interval_set(name, wanted)]


def put_track(
    current: Labels, name: str, wanted: Mapping[str, Any] | None, number: int
) -> list[Op]:
    """Operations after which ``name`` is the wanted track, or not there; none where it is so. It
    keeps the number that it has, else it has ``number``."""
    held = current["tracks"].get(name)
    if wanted is not None and held is not None:
        if {**wanted, "number": held["number"]} == held:
            return []
        number = held["number"]
    ops: list[Op] = [{"op": "track.delete", "object": name}] if held else []
    return ops + (restored(name, wanted, number) if wanted is not None else [])


def _chosen(
    pair: Pair, labels_a: Labels, labels_b: Labels, ontology: Mapping[str, Any], decision: str
) -> Mapping[str, Any] | None:
    """The track or event that a decision puts in a pair's place; None leaves it empty."""
    kind = "intervals" if pair.geometry == "event" else "tracks"
    a, b = labels_a[kind].get(pair.a), labels_b[kind].get(pair.b)
    if decision not in MERGES:
        found: Mapping[str, Any] | None = a if decision == "a" else b
        return found
    if pair.geometry == "event":
        return merged_interval(a, b)
    (label_class,) = (c for c in ontology["classes"] if c["id"] == pair.class_id)
    return merged_track(a, b, pair.geometry, rule_of(label_class), decision)


def build_consensus(
    labels_a: Labels,
    labels_b: Labels,
    ontology: Mapping[str, Any],
    agreement: Agreement,
    disagreements: Sequence[Disagreement],
    decisions: Mapping[str, str],
) -> Consensus:
    """The consensus from nothing: what is agreed, then every decision made so far.

    The adjudicator's own drawing (``redraw``) is not in it: those are operations of their own.
    """
    ops = initial_operations(labels_a, ontology, agreement, disagreements)
    labels = apply_batch(empty_labels([agreement.clip]), ops)
    for d in disagreements:
        if d["id"] in decisions:
            step = decision_operations(
                labels, labels_a, labels_b, ontology, agreement, d, decisions[d["id"]],
                disagreements, decisions,
            )  # fmt: skip
            labels = apply_batch(labels, step)
            ops += step
    sources = derived_from(labels, labels_a, labels_b, agreement, disagreements, decisions)
    return Consensus(labels, ops, sources)


def derived_from(
    labels: Labels,
    labels_a: Labels,
    labels_b: Labels,
    agreement: Agreement,
    disagreements: Sequence[Disagreement],
    decisions: Mapping[str, str],
) -> dict[str, list[dict[str, str]]]:
    """For each consensus object the objects it comes from, ``{"set": "A" or "B", "object": id}``.

    Empty for what the adjudicator drew. For a redrawn or merged pair: both of its objects.
    """
    by_pair = {(d["a"], d["b"]): d["id"] for d in disagreements if d["kind"] not in WITHOUT_PAIR}
    out: dict[str, list[dict[str, str]]] = {
        name: [] for name in [*labels["tracks"], *labels["intervals"]]
    }
    for pair in (*agreement.tracks, *agreement.events):
        name = consensus_id(agreement, pair)
        if name in out:
            sides = {"A": pair.a, "B": pair.b}
            disputed = by_pair.get((pair.a, pair.b))
            chosen = "a" if disputed is None else decisions.get(disputed, "redraw")
            out[name] = [
                {"set": side, "object": thing}
                for side, thing in sides.items()
                if thing and (chosen not in ("a", "b") or chosen == side.lower())
            ]
    from_b = [False] * agreement.n_frames
    for d in disagreements:
        if d["kind"] == "phase" and decisions.get(d["id"]) == "b":
            from_b[d["start_frame"] : d["end_frame"]] = [True] * (d["end_frame"] - d["start_frame"])
    for name, span in labels["intervals"].items():
        if not out[name]:
            frames = range(span["start_frame"], span["end_frame"])
            for side, source, wanted in (("A", labels_a, False), ("B", labels_b, True)):
                out[name] += [
                    {"set": side, "object": thing}
                    for thing, other in sorted(source["intervals"].items())
                    if (other["clip"], other["class_id"]) == (span["clip"], span["class_id"])
                    and any(
                        other["start_frame"] <= f < other["end_frame"] and from_b[f] is wanted
                        for f in frames
                    )
                ]
    return out


def consensus_id_of(agreement: Agreement, disagreement: Disagreement) -> str | None:
    """Id of the consensus object that a disagreement is about; None for phases and relations."""
    if disagreement["kind"] in WITHOUT_PAIR:
        return None
    return consensus_id(agreement, _pair_of(agreement, disagreement))


def _track_names(agreement: Agreement) -> list[tuple[Pair, str]]:
    return [(pair, consensus_id(agreement, pair)) for pair in agreement.tracks]


def _pair_of(agreement: Agreement, disagreement: Disagreement) -> Pair:
    for pair in (*agreement.tracks, *agreement.events):
        if (pair.a, pair.b) == (disagreement["a"], disagreement["b"]):
            return pair
    raise ValueError("the disagreement is not of this agreement")


def _numbers(
    agreement: Agreement, labels_a: Labels, labels_b: Labels | None = None
) -> dict[tuple[str | None, str | None], int]:
    """A's numbers in order from 1, then what only B has: fixed whatever is decided."""

    def rank(pair: Pair) -> tuple[Any, ...]:
        if pair.a is not None:
            return (pair.class_id, 0, labels_a["tracks"][pair.a]["number"], pair.a)
        number = labels_b["tracks"][pair.b]["number"] if labels_b else 0
        return (pair.class_id, 1, number, pair.b)

    numbers = {}
    for _, group in groupby(sorted(agreement.tracks, key=rank), key=lambda p: p.class_id):
        for number, pair in enumerate(group, 1):
            numbers[pair.a, pair.b] = number
    return numbers


def restored(name: str, track: Mapping[str, Any], number: int) -> list[Op]:
    """Operations that make a track out of nothing."""
    alone = {"clips": [], "tracks": {name: {**track, "number": number}}, "intervals": {}}
    return inverse(alone, {"op": "track.delete", "object": name})


def interval_set(name: str, span: Mapping[str, Any]) -> Op:
    """The operation that sets a phase, an event or a tag."""
    return {"op": "interval.set", "object": name, **span}


def phase_operations(
    current: Labels,
    ontology: Mapping[str, Any],
    clip: str,
    keys: Sequence[str | None],
) -> list[Op]:
    """Operations after which the clip's phases say ``keys`` frame by frame."""
    phases = {c["id"] for c in ontology["classes"] if c["geometry"] == "phase"}
    held = {
        name: (span["start_frame"], span["end_frame"], _key(span))
        for name, span in sorted(current["intervals"].items())
        if span["clip"] == clip and span["class_id"] in phases
    }
    wanted, start = [], 0
    for key, group in groupby(keys):
        end = start + len(list(group))
        if key is not None:
            wanted.append((start, end, key))
        start = end
    kept = {name for name, span in held.items() if span in wanted}
    ops: list[Op] = [{"op": "interval.delete", "object": n} for n in held if n not in kept]
    there = {held[name] for name in kept}
    for span in wanted:
        if span in there:
            continue
        class_id, attributes = json.loads(span[2])
        content, name = json.dumps([clip, *span]), ""
        while not name or name in kept:
            content += " "
            name = str(uuid.uuid5(NAMESPACE, "phase" + content))
        ops.append(
            {
                "op": "interval.set",
                "object": name,
                "clip": clip,
                "class_id": class_id,
                "start_frame": span[0],
                "end_frame": span[1],
                "attributes": attributes,
            }
        )
    return ops


def _key(span: Mapping[str, Any]) -> str:
    return json.dumps([span["class_id"], span["attributes"]], sort_keys=True)
