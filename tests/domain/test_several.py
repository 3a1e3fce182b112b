"""Three and more label sets (and one alone) are brought together as two are."""

import itertools
import random

import pytest
from adjudication_samples import CLIP, ONTOLOGY, SIZE, two_surgeons

from apps.adjudication.domain import consensus, several, several_consensus
from apps.adjudication.domain.agreement import compare, phase_keys
from apps.adjudication.domain.disagreements import find
from apps.adjudication.domain.merging import NothingInBothError
from apps.annotation.domain import rle
from apps.annotation.domain.expand import expanded_digest
from apps.annotation.domain.ops import apply_batch, empty_labels, validate_and_apply

A, B = two_surgeons()
CLIPS = {CLIP: SIZE}


def digest(labels):
    return expanded_digest(labels, ONTOLOGY, CLIPS)


def build(sides, decisions):
    told = several.compare(sides, ONTOLOGY, CLIP, SIZE)
    found = several.disagreements(told, sides, ONTOLOGY)
    ops = several_consensus.initial_operations(told, sides, ONTOLOGY, found)
    labels = apply_batch(empty_labels([CLIP]), ops)
    for item in found:
        steps = several_consensus.decision_operations(
            labels, sides, ONTOLOGY, told, item, decisions[item["id"]]
        )
        labels = apply_batch(labels, steps)
        ops += steps
    return labels, ops, told, found


def listed(sides):
    told = several.compare(sides, ONTOLOGY, CLIP, SIZE)
    return several.disagreements(told, sides, ONTOLOGY)


def shown(labels):
    """What is drawn where, whatever its ids and numbers."""
    tracks = [str((t["class_id"], t["keyframes"])) for t in labels["tracks"].values()]
    events = [
        str((s["class_id"], s["start_frame"], s["end_frame"])) for s in labels["intervals"].values()
    ]
    return sorted(tracks), sorted(events)


def test_two_sets_are_decided_as_the_rules_for_two_decide_them():
    """The general way, given two, finds the same differences and makes the same consensus."""
    pair = compare(A, B, ONTOLOGY, CLIP, SIZE)
    wanted = find(pair, A, B, ONTOLOGY)
    found = listed((A, B))
    keys = ("kind", "class_id", "a", "b", "start_frame", "end_frame")
    assert sorted([d[k] or "" for k in keys[:4]] for d in found) == sorted(
        [d[k] or "" for k in keys[:4]] for d in wanted
    )
    for choice in "ab":
        theirs = consensus.build_consensus(
            A, B, ONTOLOGY, pair, wanted, {d["id"]: choice for d in wanted}
        )
        ours, *_ = build((A, B), {d["id"]: choice for d in found})
        assert digest(ours) == digest(theirs.labels)


def test_sets_that_are_alike_have_nothing_to_decide_and_one_alone_is_taken_whole():
    for sides in ((A,), (A, A, A), (B, B, B, B)):
        labels, *_, found = build(sides, {})
        assert found == [] and shown(labels) == shown(sides[0])


@pytest.mark.parametrize("letter", "abc")
def test_taking_one_side_everywhere_gives_that_side_where_it_differs(letter):
    sides = (A, B, A)
    found = listed(sides)
    labels, *_ = build(sides, {d["id"]: letter for d in found})
    source = sides["abc".index(letter)]
    lesions = [t["keyframes"] for t in source["tracks"].values() if t["class_id"] == "lesion"]
    held = [t["keyframes"] for t in labels["tracks"].values() if t["class_id"] == "lesion"]
    assert sorted(map(str, held)) == sorted(map(str, lesions))
    events = [s for s in labels["intervals"].values() if s["class_id"] == "bleeding"]
    assert len(events) == (2 if letter == "b" else 1)
    for d in found:
        if d["kind"] == "phase":
            span = slice(d["start_frame"], d["end_frame"])
            wanted = phase_keys(source, ONTOLOGY, CLIP, SIZE[0])[span]
            assert phase_keys(labels, ONTOLOGY, CLIP, SIZE[0])[span] == wanted


def test_what_two_of_three_draw_alike_differs_less_than_what_one_alone_has():
    found = {(d["kind"], d["class_id"]): d for d in listed((A, B, A))}
    assert found["only_b", "bleeding"]["size"] == 1
    of_two = [d for d in found.values() if d["a"] and d["c"] and not d["b"]]
    assert all(d["size"] == pytest.approx(2 / 3, abs=1e-3) for d in of_two)
    lesion = next(d for (kind, _), d in found.items() if kind == "mask")
    pair = next(d for d in find(compare(A, B, ONTOLOGY, CLIP, SIZE), A, B, ONTOLOGY)
                if (d["a"], d["b"]) == (lesion["a"], lesion["b"]))  # fmt: skip
    assert lesion["size"] == pytest.approx(pair["size"] * 2 / 3, abs=1e-3)


def test_a_group_holds_one_object_of_a_set_and_every_object_stands_in_one_group():
    for sides in ((A, B, A), (B, A, B, A, B)):
        told = several.compare(sides, ONTOLOGY, CLIP, SIZE)
        for side, labels in enumerate(sides):
            held = [g.members[side] for g in (*told.tracks, *told.events) if g.members[side]]
            assert len(held) == len(set(held))
            phases = {c["id"] for c in ONTOLOGY["classes"] if c["geometry"] == "phase"}
            wanted = [n for n, s in labels["intervals"].items() if s["class_id"] not in phases]
            assert sorted(held) == sorted([*labels["tracks"], *wanted])


def test_the_order_of_decisions_does_not_matter_and_every_step_is_a_valid_operation():
    sides, rng = (A, B, A), random.Random(7)
    found = listed(sides)
    decisions = {d["id"]: rng.choice("abc") for d in found}
    labels, ops, told, _ = build(sides, decisions)
    numbered = [{"id": f"20000000-0000-4000-8000-{i:012d}", "seq": i, **op}
                for i, op in enumerate(ops, 1)]  # fmt: skip
    clips = {CLIP: SIZE}
    assert digest(validate_and_apply(empty_labels([CLIP]), numbered, ONTOLOGY, clips)) == digest(
        labels
    )
    start = several_consensus.initial_operations(told, sides, ONTOLOGY, found)
    for order in itertools.islice(itertools.permutations(found), 0, 300, 41):
        again = apply_batch(empty_labels([CLIP]), start)
        for item in order:
            again = apply_batch(again, several_consensus.decision_operations(
                again, sides, ONTOLOGY, told, item, decisions[item["id"]]))  # fmt: skip
        assert digest(again) == digest(labels)


def test_masks_of_all_sides_are_united_and_intersected_only_where_all_have_one():
    sides = (A, B, A)
    found = listed(sides)
    item = next(d for d in found if d["kind"] == "mask")
    frame = next(iter(A["tracks"][item["a"]]["keyframes"]))
    said = [s["tracks"][item[n]]["keyframes"][frame]["shape"]["rle"]
            for s, n in zip(sides, "abc", strict=True)]  # fmt: skip
    decisions = {d["id"]: "a" for d in found}
    for how, merged in (("union", rle.union), ("intersect", rle.intersection)):
        labels, _, told, _ = build(sides, {**decisions, item["id"]: how})
        held = labels["tracks"][item["consensus"]]["keyframes"][frame]["shape"]["rle"]
        assert held == merged(merged(said[0], said[1]), said[2])
        sources = several_consensus.derived_from(
            labels, sides, told, found, {**decisions, item["id"]: how}
        )
        assert [row["set"] for row in sources[item["consensus"]]] == ["A", "B", "C"]
    alone = {**A, "tracks": {n: t for n, t in A["tracks"].items() if n != item["a"]}}
    lacking = (A, B, alone)
    told = several.compare(lacking, ONTOLOGY, CLIP, SIZE)
    item = next(d for d in several.disagreements(told, lacking, ONTOLOGY)
                if d["a"] == item["a"])  # fmt: skip
    with pytest.raises(NothingInBothError):
        several_consensus.decision_operations(
            empty_labels([CLIP]), lacking, ONTOLOGY, told, item, "intersect"
        )
    with pytest.raises(ValueError, match="is not decided by"):
        several_consensus.decision_operations(
            empty_labels([CLIP]), lacking, ONTOLOGY, told, item, "d"
        )


def test_the_lanes_are_the_mean_of_every_two():
    one = several.lanes(several.compare((A, B), ONTOLOGY, CLIP, SIZE))
    three = several.lanes(several.compare((A, B, A), ONTOLOGY, CLIP, SIZE))
    for pair, mean in zip(one, three, strict=True):
        assert (pair["name"], pair["kind"]) == (mean["name"], mean["kind"])
        lowest = min(v for _, v in pair["values"] if v is not None)
        assert min(v for _, v in mean["values"] if v is not None) >= lowest
