import copy
import json
import math
import random

import numpy as np
import pytest

from apps.annotation.domain import rle
from apps.annotation.domain.ops import (
    InvalidOperation,
    apply,
    apply_batch,
    canonical_bytes,
    empty_labels,
    inverse,
    inverse_batch,
    touched_objects,
    validate,
    validate_and_apply,
)

CLIP, OTHER = "10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002"
CLIPS = {CLIP: (100, 64, 48), OTHER: (10, 32, 32)}
ONTOLOGY = {
    "slug": "t",
    "version": 1,
    "classes": [
        {"id": "lesion", "geometry": "mask"},
        {
            "id": "grasper",
            "geometry": "tip",
            "attributes": [
                {"id": "jaw", "type": "choice", "values": [{"id": "open"}, {"id": "closed"}]},
                {"id": "sure", "type": "boolean"},
                {"id": "size", "type": "number", "minimum": 0, "maximum": 9},
            ],
        },
        {"id": "bag", "geometry": "box"},
        {"id": "prep", "geometry": "phase"},
        {"id": "clipping", "geometry": "phase"},
        {"id": "bleeding", "geometry": "event"},
    ],
}
MASK = rle.encode(np.eye(48, 64, dtype=bool))


def uid(n):
    return f"20000000-0000-4000-8000-{n:012d}"


class Make:
    seq = 0

    def __call__(self, op, obj, **fields):
        Make.seq += 1
        return {
            "id": uid(10_000 + Make.seq),
            "seq": Make.seq,
            "op": op,
            "object": uid(obj),
        } | fields


make = Make()


def tip(obj=1, frame=5, point=(3.0, 4.0), **changes):
    fields = {
        "frame_index": frame,
        "state": "visible",
        "shape": {"type": "tip", "point": list(point)},
        "attributes": {},
    }
    return make("keyframe.set", obj, **(fields | changes))


def phase(obj=7, start=0, end=10, cls="prep", **changes):
    fields = {
        "clip": CLIP,
        "class_id": cls,
        "start_frame": start,
        "end_frame": end,
        "attributes": {},
    }
    return make("interval.set", obj, **(fields | changes))


def track(obj, cls, clip=CLIP, **fields):
    return make("track.create", obj, clip=clip, class_id=cls, **fields)


def start():
    ops = [track(1, "grasper"), track(2, "lesion"), track(3, "bag"), tip(), phase()]
    return validate_and_apply(empty_labels([CLIP, OTHER]), ops, ONTOLOGY, CLIPS)


def mask(rle_value):
    return {"type": "mask", "rle": rle_value}


BAD = [
    (lambda: 7, "operation"),
    (lambda: {**tip(), "op": "track.paint"}, "op"),
    (lambda: {**tip(), "op": ["track.create"]}, "op"),
    (lambda: {**tip(), "note": "x"}, "operation"),
    (lambda: {k: v for k, v in tip().items() if k != "state"}, "state"),
    (lambda: {**tip(), "id": "7"}, "id"),
    (lambda: {**tip(), "object": uid(1).upper().replace("2", "A")}, "object"),
    (lambda: {**tip(), "seq": 0}, "seq"),
    (lambda: {**tip(), "seq": True}, "seq"),
    (lambda: tip(frame=100), "frame_index"),
    (lambda: tip(frame=-1), "frame_index"),
    (lambda: tip(frame=5.0), "frame_index"),
    (lambda: tip(frame=10**400), "frame_index"),
    (lambda: tip(point=(64.1, 3)), "shape.point"),
    (lambda: tip(point=(-0.01, 3)), "shape.point"),
    (lambda: tip(point=(3, 48.5)), "shape.point"),
    (lambda: tip(point=(math.nan, 3)), "shape.point"),
    (lambda: tip(point=(math.inf, 3)), "shape.point"),
    (lambda: tip(point=(10**400, 3)), "shape.point"),
    (lambda: tip(point=("3", 3)), "shape.point"),
    (lambda: tip(point=(True, 3)), "shape.point"),
    (lambda: tip(point=(1, 2, 3)), "shape.point"),
    (lambda: tip(shape={"type": "tip", "point": [1, 2], "z": 1}), "shape"),
    (lambda: tip(shape={"type": "star"}), "shape"),
    (lambda: tip(shape=None), "shape"),
    (lambda: tip(state="absent"), "shape"),
    (lambda: tip(state="hidden"), "state"),
    (lambda: tip(shape={"type": "box", "box": [1, 1, 2, 2]}), "shape.type"),
    (lambda: tip(2), "shape.type"),
    (lambda: tip(3, shape={"type": "box", "box": [60, 1, 5, 2]}), "shape.box"),
    (lambda: tip(3, shape={"type": "box", "box": [6, 1, 0, 2]}), "shape.box"),
    (lambda: tip(2, shape=mask({"size": [64, 48], "counts": MASK["counts"]})), "shape.rle"),
    (lambda: tip(2, shape=mask({"size": [48, 64], "counts": "~~"})), "shape.rle"),
    (lambda: tip(2, shape=mask(rle.encode(np.zeros((48, 64))))), "shape.rle"),
    (lambda: tip(attributes={"jaw": "ajar"}), "attributes.jaw"),
    (lambda: tip(attributes={"jaw": ["open"]}), "attributes.jaw"),
    (lambda: tip(attributes={"sure": 1}), "attributes.sure"),
    (lambda: tip(attributes={"size": 10}), "attributes.size"),
    (lambda: tip(attributes={"note": "x"}), "attributes"),
    (lambda: tip(attributes=[]), "attributes"),
    (lambda: tip(99), "object"),
    (lambda: tip(7), "object"),
    (lambda: track(1, "grasper"), "object"),
    (lambda: track(7, "grasper"), "object"),
    (lambda: track(9, "unheard"), "class_id"),
    (lambda: track(9, ["grasper"]), "class_id"),
    (lambda: track(9, "prep"), "class_id"),
    (lambda: track(9, "grasper", clip=uid(5)), "clip"),
    (lambda: track(9, "grasper", clip=[CLIP]), "clip"),
    (lambda: track(9, "grasper", number=0), "number"),
    (lambda: make("track.delete", 9), "object"),
    (lambda: make("track.delete", 7), "object"),
    (lambda: make("interval.delete", 1), "object"),
    (lambda: make("keyframe.delete", 1, frame_index=16), "frame_index"),
    (lambda: make("track.set", 1, attributes={"jaw": None}), "attributes.jaw"),
    (lambda: phase(8, 10, 10), "end_frame"),
    (lambda: phase(8, 90, 101), "end_frame"),
    (lambda: phase(8, -1, 5), "start_frame"),
    (lambda: phase(8, 10.0, 12), "start_frame"),
    (lambda: phase(8, 20, 30, "grasper"), "class_id"),
    (lambda: phase(1, 20, 30), "object"),
    (lambda: phase(7, 2, 5, clip=OTHER), "clip"),
]


@pytest.mark.parametrize(("bad", "field"), BAD)
def test_a_wrong_operation_is_refused_by_place_field_and_remedy_and_changes_nothing(bad, field):
    labels = start()
    before = copy.deepcopy(labels)
    with pytest.raises(InvalidOperation) as refusal:
        validate_and_apply(labels, [tip(frame=6), bad()], ONTOLOGY, CLIPS)
    assert (refusal.value.index, refusal.value.field) == (1, field)
    assert refusal.value.code == "invalid_operation"
    assert refusal.value.remedy and refusal.value.message
    assert labels == before


def test_what_lies_on_the_edge_is_taken():
    good = [
        tip(point=(0, 0), frame=0),
        tip(point=(64, 48), frame=99, attributes={"jaw": "open", "sure": False, "size": 9}),
        tip(frame=50, state="absent", shape=None),
        tip(3, shape={"type": "box", "box": [0, 0, 64, 48]}, state="occluded"),
        tip(2, shape=mask(MASK)),
        phase(8, 10, 100, "clipping"),
    ]
    labels = validate_and_apply(start(), good, ONTOLOGY, CLIPS)
    assert set(labels["tracks"][uid(1)]["keyframes"]) == {"0", "5", "50", "99"}


def test_phases_may_overlap_within_a_batch_but_not_after_it():
    labels = start()
    with pytest.raises(InvalidOperation) as refusal:
        validate_and_apply(labels, [tip(), phase(8, 5, 20, "clipping")], ONTOLOGY, CLIPS)
    assert (refusal.value.code, refusal.value.index) == ("phase_overlap", 1)
    ops = [phase(8, 5, 20, "clipping"), phase(7, 0, 5)]
    labels = validate_and_apply(labels, ops, ONTOLOGY, CLIPS)
    assert labels["intervals"][uid(7)]["end_frame"] == 5
    events = [phase(20, 0, 50, "bleeding"), phase(21, 10, 20, "bleeding")]
    validate_and_apply(labels, events, ONTOLOGY, CLIPS)
    elsewhere = [phase(22, 0, 10, clip=OTHER)]
    validate_and_apply(labels, elsewhere, ONTOLOGY, CLIPS)


def test_too_many_operations_and_a_twice_used_id_are_refused():
    with pytest.raises(InvalidOperation) as refusal:
        validate_and_apply(start(), [tip()] * 5001, ONTOLOGY, CLIPS)
    assert refusal.value.code == "too_many_operations"
    same = tip()
    with pytest.raises(InvalidOperation) as refusal:
        validate_and_apply(start(), [same, same], ONTOLOGY, CLIPS, first_index=3)
    assert (refusal.value.index, refusal.value.field) == (4, "id")


def test_tracks_are_numbered_within_their_class_and_keep_a_free_wish():
    labels = empty_labels([CLIP])
    ops = [track(1, "grasper"), track(2, "lesion"), track(3, "grasper"), track(4, "grasper")]
    labels = apply_batch(labels, [*ops, make("track.delete", 3), track(5, "grasper", number=2)])
    labels = apply(labels, track(6, "grasper", number=1))
    assert [labels["tracks"][uid(n)]["number"] for n in (1, 2, 4, 5, 6)] == [1, 1, 3, 2, 4]


def random_op(rng, labels):
    tracks, spans = list(labels["tracks"]), list(labels["intervals"])
    dice = rng.random()
    if dice < 0.2 or not tracks:
        return track(rng.randrange(10**6), rng.choice(["grasper", "bag", "lesion"]))
    if dice < 0.35:
        old = spans and rng.random() < 0.5
        name = int(rng.choice(spans)[-12:]) if old else rng.randrange(10**6, 10**7)
        first = rng.randrange(90)
        return phase(name, first, first + rng.randint(1, 9), "bleeding")
    if dice < 0.4 and spans:
        return make("interval.delete", int(rng.choice(spans)[-12:]))
    name = rng.choice(tracks)
    obj, held = int(name[-12:]), labels["tracks"][name]
    if dice < 0.45:
        return make("track.delete", obj)
    if dice < 0.5 and held["class_id"] == "grasper":
        return make("track.set", obj, attributes={"jaw": rng.choice(["open", "closed"])})
    if dice < 0.6 and held["keyframes"]:
        return make("keyframe.delete", obj, frame_index=int(rng.choice(list(held["keyframes"]))))
    shape = {
        "grasper": {"type": "tip", "point": [rng.uniform(0, 64), rng.uniform(0, 48)]},
        "bag": {"type": "box", "box": [rng.uniform(0, 30), 1, rng.uniform(1, 30), 5]},
        "lesion": mask(rle.encode(np.eye(48, 64, k=rng.randrange(40), dtype=bool))),
    }[held["class_id"]]
    return tip(obj, rng.randrange(100), shape=shape)


@pytest.mark.parametrize("seed", range(25))
def test_undoing_a_log_from_its_newest_state_gives_every_older_revision(seed):
    rng = random.Random(seed)
    labels = empty_labels([CLIP, OTHER])
    history = []
    for _ in range(30):
        op = random_op(rng, labels)
        before = copy.deepcopy(labels)
        history.append((before, inverse(labels, op), op))
        after = validate_and_apply(labels, [op], ONTOLOGY, CLIPS)
        assert labels == before, "apply changed its argument"
        changed = {
            name
            for kind in ("tracks", "intervals")
            for name in before[kind].keys() | after[kind].keys()
            if before[kind].get(name) != after[kind].get(name)
        }
        assert changed <= touched_objects(op)
        labels = after
    whole = inverse_batch(history[0][0], [op for _, _, op in history])
    assert apply_batch(labels, whole) == history[0][0]
    for before, undo, _ in reversed(history):
        labels = apply_batch(labels, undo)
        assert labels == before


def test_equal_operations_are_equal_bytes_whatever_the_order_of_their_keys():
    op = tip()
    assert canonical_bytes(op) == canonical_bytes(dict(reversed(op.items())))
    assert json.loads(canonical_bytes(op)) == op
    assert canonical_bytes(op) != canonical_bytes({**op, "frame_index": 6})
    with pytest.raises(ValueError, match="JSON"):
        canonical_bytes(tip(point=(math.nan, 0)))


def test_a_valid_operation_is_valid_by_itself():
    validate(tip(), ONTOLOGY, CLIPS)
