import itertools
import random
import uuid

import pytest
from adjudication_samples import CLIP, ONTOLOGY, SIZE, two_surgeons

from apps.adjudication.domain.agreement import compare, phase_keys
from apps.adjudication.domain.consensus import (
    build_consensus,
    consensus_id_of,
    decision_operations,
    initial_operations,
    undecided,
)
from apps.adjudication.domain.disagreements import find
from apps.annotation.domain.expand import canonical_labels
from apps.annotation.domain.ops import apply, apply_batch, empty_labels, validate_and_apply

A, B = two_surgeons()
AGREEMENT = compare(A, B, ONTOLOGY, CLIP, SIZE)
LISTED = find(AGREEMENT, A, B, ONTOLOGY)


def build(decisions):
    return build_consensus(A, B, ONTOLOGY, AGREEMENT, LISTED, decisions)


def decide(labels, disagreement, decision):
    ops = decision_operations(labels, A, B, ONTOLOGY, AGREEMENT, disagreement, decision)
    return apply_batch(labels, ops)


def by(kind, thing=None):
    return next(d for d in LISTED if d["kind"] == kind and thing in (None, d["a"], d["b"]))


def shapes(labels, class_id):
    return [t["keyframes"] for t in labels["tracks"].values() if t["class_id"] == class_id]


def all_to(choice):
    return {d["id"]: choice for d in LISTED}


def test_before_any_decision_the_consensus_holds_what_is_agreed():
    labels = build({}).labels
    assert shapes(labels, "grasper") == [A["tracks"]["a-tip"]["keyframes"]]
    assert shapes(labels, "lesion") == shapes(labels, "bag") == []
    spans = sorted((s["class_id"], s["start_frame"], s["end_frame"])
                   for s in labels["intervals"].values())  # fmt: skip
    assert spans == [("bleeding", 100, 140), ("clipping", 200, 400), ("prep", 0, 150)]
    assert undecided(LISTED, {}) == [d["id"] for d in LISTED]


@pytest.mark.parametrize(("choice", "source"), [("a", A), ("b", B)])
def test_taking_one_side_everywhere_gives_that_side_where_it_differs(choice, source):
    labels = build(all_to(choice)).labels
    assert undecided(LISTED, all_to(choice)) == []
    wanted = [t["keyframes"] for t in source["tracks"].values() if t["class_id"] == "lesion"]
    assert sorted(map(str, shapes(labels, "lesion"))) == sorted(map(str, wanted))
    assert shapes(labels, "bag") == [source["tracks"][f"{choice}-box"]["keyframes"]]
    keys = phase_keys(labels, ONTOLOGY, CLIP, SIZE[0])
    assert keys[:395] == phase_keys(source, ONTOLOGY, CLIP, SIZE[0])[:395]
    events = [s for s in labels["intervals"].values() if s["class_id"] == "bleeding"]
    assert len(events) == (1 if choice == "a" else 2)


def test_the_order_of_decisions_does_not_matter():
    rng = random.Random(5)
    decisions = {d["id"]: rng.choice("ab") for d in LISTED}
    wanted = canonical_labels(build(decisions).labels)
    start = apply_batch(empty_labels([CLIP]), initial_operations(A, ONTOLOGY, AGREEMENT, LISTED))
    for order in itertools.islice(itertools.permutations(LISTED), 0, 720, 37):
        labels = start
        for d in order:
            labels = decide(labels, d, "a" if decisions[d["id"]] == "b" else "b")
            labels = decide(labels, d, decisions[d["id"]])
        assert canonical_labels(labels) == wanted


def test_deciding_the_same_again_changes_nothing():
    labels = build(all_to("b")).labels
    for d in LISTED:
        assert not decision_operations(labels, A, B, ONTOLOGY, AGREEMENT, d, "b")


def test_redraw_keeps_what_the_adjudicator_drew_and_what_stands_there():
    mask = by("mask")
    labels = decide(build({}).labels, mask, "a")
    (name,) = [n for n, t in labels["tracks"].items() if t["class_id"] == "lesion"]
    edit = {"op": "keyframe.delete", "object": name, "frame_index": 60}
    labels = apply(labels, edit)
    assert decide(labels, mask, "redraw") == labels
    for d in LISTED:
        if d is not mask:
            labels = decide(labels, d, "b")
    assert set(labels["tracks"][name]["keyframes"]) == {"50"}


def test_a_phase_decision_leaves_the_adjudicators_own_phases_alone():
    labels = build({}).labels
    (name,) = [n for n, s in labels["intervals"].items() if s["class_id"] == "clipping"]
    shorter = labels["intervals"][name] | {"end_frame": 350}
    labels = apply(labels, {"op": "interval.set", "object": name, **shorter})
    labels = decide(labels, by("phase"), "b")
    spans = sorted((s["class_id"], s["start_frame"], s["end_frame"])
                   for s in labels["intervals"].values())  # fmt: skip
    assert spans == [("bleeding", 100, 140), ("clipping", 200, 350), ("prep", 0, 200)]


def test_the_operations_pass_the_checks_that_every_save_passes():
    known = {name: str(uuid.uuid5(uuid.NAMESPACE_OID, name)) for name in [CLIP]}
    ops = [
        {**op, "id": str(uuid.UUID(int=n)), "seq": n}
        | ({"clip": known[CLIP]} if "clip" in op else {})
        for n, op in enumerate(build(all_to("b")).operations, 1)
    ]
    sizes = {known[CLIP]: SIZE}
    labels = validate_and_apply(empty_labels([known[CLIP]]), ops, ONTOLOGY, sizes)
    assert len(labels["tracks"]) == 4


def test_each_consensus_object_says_where_it_comes_from():
    decisions = all_to("b") | {by("mask")["id"]: "a"}
    consensus = build(decisions)
    sources = {
        tuple((s["set"], s["object"]) for s in consensus.derived_from[name])
        for name in [*consensus.labels["tracks"], *consensus.labels["intervals"]]
    }
    assert sources == {
        (("A", "a-tip"),),
        (("A", "a-mask"),),
        (("B", "b-box"),),
        (("B", "b-lone"),),
        (("A", "a-blood"),),
        (("B", "b-blood2"),),
        (("A", "a-prep"), ("B", "b-prep")),
        (("A", "a-clip"),),
    }


def test_numbers_are_distinct_within_a_class_and_do_not_depend_on_decisions():
    both = build({d["id"]: "b" if d["kind"] == "only_b" else "a" for d in LISTED}).labels
    numbers = {(t["class_id"], t["number"]) for t in both["tracks"].values()}
    assert len(numbers) == len(both["tracks"])
    fewer = build({}).labels["tracks"]
    assert all(both["tracks"][name]["number"] == t["number"] for name, t in fewer.items())


def test_an_unknown_decision_is_refused():
    with pytest.raises(ValueError, match="one of"):
        decide(build({}).labels, LISTED[0], "both")
    with pytest.raises(ValueError, match="not of this agreement"):
        decide(build({}).labels, {**by("mask"), "a": "x"}, "a")


def test_a_merge_stands_for_both_and_can_be_decided_anew():
    mask = by("mask")
    labels = decide(build(all_to("b")).labels, mask, "union")
    assert not decision_operations(labels, A, B, ONTOLOGY, AGREEMENT, mask, "union")
    sides = [s["tracks"][mask[n]]["keyframes"] for s, n in ((A, "a"), (B, "b"))]
    name = consensus_id_of(AGREEMENT, mask)
    assert set(labels["tracks"][name]["keyframes"]) == set(sides[0]) | set(sides[1])
    decisions = {**all_to("b"), mask["id"]: "union"}
    assert canonical_labels(labels) == canonical_labels(build(decisions).labels)
    assert [s["set"] for s in build(decisions).derived_from[name]] == ["A", "B"]
    again = decide(labels, mask, "b")
    assert canonical_labels(again) == canonical_labels(build(all_to("b")).labels)
    with pytest.raises(ValueError, match="not merged"):
        decide(labels, by("phase"), "mean")
