"""Relations of three people: what differs is decided, and what the adjudicator drew stays."""

import pytest

from apps.adjudication.domain import several, several_consensus
from apps.annotation.domain.ops import apply_batch, empty_labels
from tests.domain.test_relations import BASE, CLIP, ONTOLOGY, after, holds, track, uid

SIZE = (100, 64, 48)


def _found(sides):
    told = several.compare(sides, ONTOLOGY, CLIP, SIZE)
    return told, several.disagreements(told, sides, ONTOLOGY)


def _begun(told, sides, found):
    steps = several_consensus.initial_operations(told, sides, ONTOLOGY, found)
    return apply_batch(empty_labels([CLIP]), steps)


def _decide(labels, told, sides, found, item, choice, decisions):
    steps = several_consensus.decision_operations(
        labels, sides, ONTOLOGY, told, item, choice, found, {**decisions, item["id"]: choice}
    )
    return apply_batch(labels, steps)


def _spans(labels):
    return sorted((r["start_frame"], r["end_frame"]) for r in labels.get("relations", {}).values())


@pytest.mark.parametrize(
    ("choice", "stands"), [("a", []), ("b", [(10, 60)]), ("c", [(12, 60)]), ("redraw", [])]
)
def test_a_relation_that_two_of_three_have_is_decided_for_a_side(choice, stands):
    sides = (
        BASE,
        after(holds(71, 1, 2, 10, 60), labels=BASE),
        after(holds(72, 1, 2, 12, 60), labels=BASE),
    )
    told, found = _found(sides)
    assert [(d["kind"], d["a"], d["b"], d["c"]) for d in found] == [
        ("relation", None, uid(71), uid(72))
    ]
    assert found[0]["measure"] == "B, C have it, A not" and found[0]["size"] == 1
    labels = _begun(told, sides, found)
    assert _spans(labels) == []
    labels = _decide(labels, told, sides, found, found[0], choice, {})
    assert _spans(labels) == stands
    ends = {(r["subject"], r["target"]) for r in labels.get("relations", {}).values()}
    assert ends <= {(found[0]["subject"], found[0]["target"])}
    # Deciding the same again changes nothing, deciding otherwise takes the other side's away.
    assert _decide(labels, told, sides, found, found[0], choice, {}) == labels
    assert _spans(_decide(labels, told, sides, found, found[0], "a", {})) == []


def test_relations_within_tolerance_of_each_other_are_agreed_and_those_beyond_it_are_not():
    near = [after(holds(70 + n, 1, 2, 10 + n, 60), labels=BASE) for n in (1, 2, 3)]
    told, found = _found(near)
    assert found == [] and _spans(_begun(told, near, found)) == [(11, 60)]
    far = [*near[:2], after(holds(73, 1, 2, 40, 60), labels=BASE)]
    told, found = _found(far)
    assert [d["measure"] for d in found] == ["start 29, end 0 frames apart"]
    assert _spans(_begun(told, far, found)) == []


def test_what_the_adjudicator_drew_stays_when_a_track_is_decided_again():
    sides = (BASE, after(*track(1, "grasper", x=9.0), *track(2, "bag")), BASE)
    told, found = _found(sides)
    tip = next(d for d in found if d["kind"] == "tip")
    labels = _decide(_begun(told, sides, found), told, sides, found, tip, "a", {})
    subject, target = (
        next(n for n, t in labels["tracks"].items() if t["class_id"] == name)
        for name in ("grasper", "bag")
    )
    own = {"op": "relation.set", "object": uid(99), "clip": CLIP, "relation": "holds",
           "subject": subject, "target": target, "start_frame": 3, "end_frame": 9}  # fmt: skip
    labels = apply_batch(labels, [own])
    again = _decide(labels, told, sides, found, tip, "b", {})
    assert again["tracks"][subject] != labels["tracks"][subject]
    assert again["relations"] == labels["relations"] != {}
