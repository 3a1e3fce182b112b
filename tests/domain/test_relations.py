"""Relations between tracks, decisions on proposals: operations, what is signed, the consensus."""

import copy
import json
import random

import pytest

from apps.adjudication.domain import agreement as agreements
from apps.adjudication.domain import consensus, disagreements
from apps.annotation.domain import provenance
from apps.annotation.domain.expand import canonical_labels, expanded_digest, expanded_lines
from apps.annotation.domain.ops import (
    InvalidOperation,
    apply_batch,
    empty_labels,
    inverse,
    validate_and_apply,
)
from apps.ontology.domain.definition import diff, relation_problems
from tests.domain import format_samples
from tests.domain.release_samples import sample

CLIP, OTHER = "10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002"
SOURCE = "30000000-0000-4000-8000-000000000001"
CLIPS = {CLIP: (100, 64, 48), OTHER: (100, 64, 48)}
HOLDS = {"id": "holds", "name": "holds", "subjects": ["grasper"], "targets": ["bag", "grasper"]}
ONTOLOGY = {
    "slug": "t",
    "version": 1,
    "title": "T",
    "schemes": [],
    "classes": [
        {"id": "grasper", "name": "Grasper", "geometry": "tip", "attributes": []},
        {"id": "bag", "name": "Bag", "geometry": "box", "attributes": []},
        {"id": "bleeding", "name": "Bleeding", "geometry": "event", "attributes": []},
    ],
    "relations": [HOLDS],
}


def uid(n):
    return f"20000000-0000-4000-8000-{n:012d}"


def numbered(ops):
    return [{"id": uid(10**9 + i), "seq": i, **op} for i, op in enumerate(ops, 1)]


def track(n, class_id, clip=CLIP, x=5.0):
    shape = {"type": "box", "box": [x, 1, 9, 9]}
    if class_id == "grasper":
        shape = {"type": "tip", "point": [x, 7]}
    return [
        {"op": "track.create", "object": uid(n), "clip": clip, "class_id": class_id},
        *(
            {"op": "keyframe.set", "object": uid(n), "frame_index": i, "state": "visible",
             "shape": shape, "attributes": {}}
            for i in (0, 40)
        ),
    ]  # fmt: skip


def holds(n, subject, target, start=0, end=10, **changed):
    return {"op": "relation.set", "object": uid(n), "clip": CLIP, "relation": "holds",
            "subject": uid(subject), "target": uid(target), "start_frame": start,
            "end_frame": end, **changed}  # fmt: skip


def decided(n, decision="accepted", result=1, **changed):
    return {"op": "proposal.set", "object": uid(n), "clip": CLIP, "source": SOURCE,
            "decision": decision, "result": uid(result) if result else None, **changed}  # fmt: skip


def after(*ops, labels=None):
    start = labels or empty_labels([CLIP, OTHER])
    return validate_and_apply(start, numbered(ops), ONTOLOGY, CLIPS)


BASE = after(*track(1, "grasper"), *track(2, "bag"), *track(3, "grasper", OTHER))


@pytest.mark.parametrize(
    ("op", "field"),
    [
        (holds(9, 1, 2, relation="eats"), "relation"),
        (holds(9, 1, 1), "target"),
        (holds(9, 2, 1), "subject"),  # a bag holds nothing
        (holds(9, 1, 3), "target"),  # on another clip
        (holds(9, 1, 7), "target"),
        (holds(9, 1, 2, 10, 10), "end_frame"),
        (holds(9, 1, 2, 0, 101), "end_frame"),
        (holds(1, 1, 2), "object"),
        ({"op": "relation.delete", "object": uid(1)}, "object"),
        (decided(9, "liked"), "decision"),
        (decided(9, "refused", 1), "result"),
        (decided(9, "accepted", None), "result"),
        (decided(9, source="x"), "source"),
        (decided(2), "object"),
    ],
)
def test_an_operation_that_says_nothing_sound_is_refused_by_its_field(op, field):
    with pytest.raises(InvalidOperation) as refusal:
        after(op, labels=BASE)
    assert refusal.value.field == field


def test_a_track_takes_its_relations_along_and_its_undo_brings_them_back():
    labels = after(holds(9, 1, 2), labels=BASE)
    gone = after({"op": "track.delete", "object": uid(2)}, labels=labels)
    assert "relations" not in gone
    undo = inverse(labels, {"op": "track.delete", "object": uid(2)})
    assert apply_batch(gone, undo) == labels


def _step(rng, labels):
    relations, tracks = list(labels.get("relations", {})), sorted(labels["tracks"])
    graspers = [t for t in tracks if labels["tracks"][t]["class_id"] == "grasper"]
    what = rng.choice(["track", "relation", "relation", "unrelate", "drop", "decide", "undecide"])
    if what == "relation" and graspers and len(tracks) > 1:
        subject = rng.choice(graspers)
        target = rng.choice([t for t in tracks if t != subject])
        name = int(rng.choice(relations)[-12:]) if relations and rng.random() < 0.3 else None
        n = name or 10**8 * 3 + rng.randrange(10**8)
        return [holds(n, int(subject[-12:]), int(target[-12:]), 0, rng.randint(1, 100))]
    if what == "unrelate" and relations:
        return [{"op": "relation.delete", "object": rng.choice(relations)}]
    if what == "drop" and tracks:
        return [{"op": "track.delete", "object": rng.choice(tracks)}]
    if what == "decide":
        return [decided(rng.randrange(10**7, 10**7 + 5), rng.choice(["accepted", "redrawn"]))]
    if what == "undecide" and labels.get("proposals"):
        return [{"op": "proposal.delete", "object": rng.choice(list(labels["proposals"]))}]
    return track(10**8 + rng.randrange(10**8), rng.choice(["grasper", "bag"]))[:1]


@pytest.mark.parametrize("seed", range(10))
def test_every_older_state_comes_back_by_undoing_whatever_was_related_and_decided(seed):
    rng, labels, history = random.Random(seed), empty_labels([CLIP]), []
    for _ in range(40):
        (op,) = numbered(_step(rng, labels))
        before = copy.deepcopy(labels)
        history.append((before, inverse(labels, op)))
        labels = validate_and_apply(labels, [op], ONTOLOGY, CLIPS)
        assert history[-1][0] == before
        for held in labels.get("relations", {}).values():
            assert {held["subject"], held["target"]} <= set(labels["tracks"])
    assert {"relations", "proposals"} <= {key for before, _ in history for key in before}
    for before, undo in reversed(history):
        labels = apply_batch(labels, undo)
        assert labels == before


def test_relations_are_signed_and_labels_without_any_sign_as_before():
    labels = after(holds(9, 1, 2, 3, 8), labels=BASE)
    lines = list(expanded_lines(labels, ONTOLOGY, CLIPS))
    (line,) = [row for row in lines if b'"relation"' in row]
    assert b'"relation_id":"holds"' in line and b'"start_frame":3' in line
    assert [row for row in lines if row != line] == list(expanded_lines(BASE, ONTOLOGY, CLIPS))
    shorter = after(holds(9, 1, 2, 3, 7), labels=BASE)
    assert expanded_digest(shorter, ONTOLOGY, CLIPS) != expanded_digest(labels, ONTOLOGY, CLIPS)
    assert canonical_labels(shorter) != canonical_labels(labels)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"targets": []}, "relations[0].targets"),
        ({"targets": ["bleeding"]}, "relations[0].targets"),
        ({"subjects": ["grasper", "grasper"]}, "relations[0].subjects"),
        ({"id": "Holds!"}, "relations[0].id"),
        ({"colour": "red"}, "relations[0]"),
    ],
)
def test_an_ontology_relates_only_classes_that_are_drawn(change, field):
    assert not list(relation_problems([HOLDS], ONTOLOGY["classes"]))
    problems = list(relation_problems([{**HOLDS, **change}], ONTOLOGY["classes"]))
    assert field in {p.field for p in problems}


def test_the_difference_of_two_versions_names_relations_and_what_breaks_labels():
    narrower = {**ONTOLOGY, "relations": [{**HOLDS, "targets": ["bag"]}]}
    without = {k: v for k, v in ONTOLOGY.items() if k != "relations"}
    assert diff(ONTOLOGY, narrower) == ["Breaking: relation holds changed"]
    assert diff(narrower, ONTOLOGY) == ["Relation holds changed"]
    assert diff(ONTOLOGY, without) == ["Breaking: relation holds was removed"]
    assert diff(without, ONTOLOGY) == ["Relation holds was added"]


def _sides():
    """Agreed on the bag; they differ on both graspers, and each relates them otherwise."""
    a = after(*track(1, "grasper", x=5), *track(2, "bag"), *track(3, "grasper", x=40),
              holds(11, 1, 2, 0, 10), holds(12, 3, 2, 5, 9), holds(13, 1, 3, 1, 2))  # fmt: skip
    b = after(*track(21, "grasper", x=12), *track(22, "bag"), *track(23, "grasper", x=47),
              holds(31, 21, 22, 0, 20), holds(33, 21, 23, 6, 7))  # fmt: skip
    for side in (a, b):
        side["clips"] = [CLIP]
    return a, b


def _compared():
    a, b = _sides()
    agreed = agreements.compare(a, b, ONTOLOGY, CLIP, CLIPS[CLIP])
    return a, b, agreed, disagreements.find(agreed, a, b, ONTOLOGY)


def _spans(labels):
    held = labels.get("relations", {}).values()
    return sorted((r["start_frame"], r["end_frame"]) for r in held)


def test_relations_that_differ_are_disagreements_and_those_within_tolerance_are_not():
    _, _, _, found = _compared()
    relations = {(d["a"], d["b"]): d for d in found if d["kind"] == "relation"}
    assert set(relations) == {(uid(12), None), (uid(13), None), (None, uid(33))}
    one = relations[uid(12), None]
    assert (one["label"], one["start_frame"], one["end_frame"]) == ("Grasper 2 holds Bag 1", 5, 9)
    assert (one["measure"], one["size"], one["class_id"]) == ("4 frames in A only", 1.0, "grasper")
    a, b = _sides()
    a["relations"][uid(11)]["end_frame"] = 60
    agreed = agreements.compare(a, b, ONTOLOGY, CLIP, CLIPS[CLIP])
    (far,) = [d for d in disagreements.find(agreed, a, b, ONTOLOGY) if d["a"] == uid(11)]
    assert (far["b"], far["measure"]) == (uid(31), "start 0, end 40 frames apart")
    assert far["size"] == pytest.approx(1 - 20 / 60, abs=1e-3)


@pytest.mark.parametrize(
    ("tracks", "relations", "wanted"),
    [
        ("a", "a", [(0, 10), (1, 2), (5, 9)]),
        ("b", "b", [(0, 20), (6, 7)]),
        ("b", "a", [(0, 20), (1, 2), (5, 9)]),
        ("a", "b", [(0, 10), (6, 7)]),
        ("a", "", [(0, 10)]),
    ],
)
def test_relations_stand_as_decided_in_whatever_order_and_the_agreed_follow_their_tracks(
    tracks, relations, wanted
):
    a, b, agreed, found = _compared()
    choices = {d["id"]: relations if d["kind"] == "relation" else tracks for d in found}
    for seed in range(8):
        order = [d for d in found if choices[d["id"]]]
        random.Random(seed).shuffle(order)
        chosen = {d["id"]: choices[d["id"]] for d in order}
        made = consensus.build_consensus(a, b, ONTOLOGY, agreed, found, chosen)
        assert apply_batch(empty_labels([CLIP]), made.operations) == made.labels
        labels = apply_batch(empty_labels([CLIP]),
                             consensus.initial_operations(a, ONTOLOGY, agreed, found))  # fmt: skip
        stand = {}
        for d in [*order, *order]:
            stand[d["id"]] = chosen[d["id"]]
            step = consensus.decision_operations(
                labels, a, b, ONTOLOGY, agreed, d, chosen[d["id"]], found, stand
            )
            labels = apply_batch(labels, step)
        assert _spans(labels) == _spans(made.labels) == wanted


def test_a_relation_that_the_adjudicator_drew_stays_when_its_track_is_taken_anew():
    a, b, agreed, found = _compared()
    tracks = [d for d in found if d["kind"] != "relation"]
    mine = next(d for d in found if d["a"] == uid(12))
    stand = {mine["id"]: "redraw", **{d["id"]: "a" for d in tracks}}
    labels = consensus.build_consensus(a, b, ONTOLOGY, agreed, found, stand).labels
    drawn = {"op": "relation.set", "object": uid(99), "clip": CLIP, "relation": "holds",
             "subject": mine["subject"], "target": mine["target"], "start_frame": 50,
             "end_frame": 60}  # fmt: skip
    labels = apply_batch(labels, [drawn])
    for d in tracks:
        stand[d["id"]] = "b"
        labels = apply_batch(
            labels,
            consensus.decision_operations(labels, a, b, ONTOLOGY, agreed, d, "b", found, stand),
        )
    assert (50, 60) in _spans(labels) and (0, 20) in _spans(labels)


def test_provenance_says_what_was_kept_as_it_was_proposed():
    source = after(*track(1, "grasper"), *track(2, "bag"))
    own = after(*track(51, "grasper"), *track(52, "bag", x=6.0), decided(1, result=51),
                decided(2, result=52), decided(3, "refused", None))  # fmt: skip
    rows = provenance.decisions(own, {SOURCE: source})
    assert [(r["decision"], r["changed"]) for r in rows] == [
        ("accepted", False), ("accepted", True), ("refused", None),
    ]  # fmt: skip
    assert provenance.unchanged(own, {SOURCE: source}) == {uid(51): uid(1)}


@pytest.mark.parametrize("layout", ["annotations.json", "ytvis.json"])
def test_relations_of_a_coco_video_file_are_read_by_uid_or_by_the_tracks_own_number(layout):
    clip = sample().freeze.clips[0].id
    ontology = {**format_samples.ONTOLOGY, "relations": [HOLDS]}
    boxes = {"type": "box", "box": [1.0, 2.0, 4.0, 3.0]}, {"type": "tip", "point": [3.0, 3.0]}
    labels = {
        "clips": [clip],
        "tracks": {
            uid(n): {"clip": clip, "class_id": name, "number": 1, "attributes": {},
                     "keyframes": {"2": {"state": "visible", "shape": shape, "attributes": {}}}}
            for n, name, shape in ((1, "bag", boxes[0]), (2, "grasper", boxes[1]))
        },
        "intervals": {},
        "relations": {uid(9): {"clip": clip, "relation": "holds", "subject": uid(2),
                               "target": uid(1), "start_frame": 2, "end_frame": 5}},
    }  # fmt: skip
    freeze = format_samples.freeze_of(labels, ontology)
    files = format_samples.written("coco-video", freeze)
    document = json.loads(files[layout])
    back, report = format_samples.read_back("coco-video", {layout: files[layout]}, freeze)
    assert (report.problems, back["relations"]) == ([], labels["relations"])
    # As a model gives pre-labels: no UIDs, its own track numbers.
    numbers = {row["tracking_uid"]: row.get("track_id", row["id"])
               for row in document["annotations"]}  # fmt: skip
    for row in [*document.get("tracks", []), *document["annotations"]]:
        row.pop("tracking_uid", None)
    (relation,) = document["relations"]
    document["relations"] = [
        {"relation": "holds", "start_frame": 2, "end_frame": 5,
         **{f"{end}_track_id": numbers[relation[f"{end}_uid"]] for end in ("subject", "target")}}
    ]  # fmt: skip
    back, report = format_samples.read_back(
        "coco-video", {layout: json.dumps(document).encode()}, freeze
    )
    assert report.problems == []
    (held,) = back["relations"].values()
    ends = [back["tracks"][held[end]]["class_id"] for end in ("subject", "target")]
    assert ends == ["grasper", "bag"] and (held["start_frame"], held["end_frame"]) == (2, 5)
    document["relations"][0]["target_track_id"] = 999
    _, report = format_samples.read_back(
        "coco-video", {layout: json.dumps(document).encode()}, freeze
    )
    assert len(report.problems) == 1
