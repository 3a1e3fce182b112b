import copy
import uuid

from adjudication_samples import CLIP, ONTOLOGY, SIZE, labels, span, tip, track, two_surgeons

from apps.adjudication.domain.agreement import compare
from apps.adjudication.domain.disagreements import find
from apps.adjudication.domain.limits import limits_of


def found(a, b):
    return find(compare(a, b, ONTOLOGY, CLIP, SIZE), a, b, ONTOLOGY)


def test_two_equal_sets_leave_nothing_to_decide():
    a, _ = two_surgeons()
    assert found(a, a) == []


def test_everything_beyond_tolerance_is_listed_once_largest_first():
    a, b = two_surgeons()
    listed = found(a, b)
    assert {(d["kind"], d["a"], d["b"]) for d in listed} == {
        ("mask", "a-mask", "b-mask"),
        ("box", "a-box", "b-box"),
        ("only_a", "a-lone", None),
        ("only_b", None, "b-lone"),
        ("only_b", None, "b-blood2"),
        ("phase", "a-clip", "b-prep"),
    }
    sizes = [d["size"] for d in listed]
    assert sizes == sorted(sizes, reverse=True) and all(0 < s <= 1 for s in sizes)
    (phase,) = [d for d in listed if d["kind"] == "phase"]
    assert (phase["start_frame"], phase["end_frame"]) == (150, 200)
    assert phase["label"] == "Clipping / Preparation" and phase["measure"] == "50 frames"
    (mask,) = [d for d in listed if d["kind"] == "mask"]
    assert mask["measure"].startswith("IoU 0.") and mask["label"] == "Lesion 1"
    assert (mask["start_frame"], mask["end_frame"]) == (50, 61)


def test_ids_are_stable_and_unlike():
    a, b = two_surgeons()
    ids = [d["id"] for d in found(a, b)]
    shuffled = copy.deepcopy(b)
    shuffled["tracks"] = dict(reversed(shuffled["tracks"].items()))
    assert [d["id"] for d in found(a, shuffled)] == ids
    assert len(set(ids)) == len(ids) and all(uuid.UUID(i).version == 5 for i in ids)


def tips(**changes):
    return labels({"t": track("grasper", 1, {0: tip(10, 10), 100: tip(110, 10)}) | changes})


def test_a_tip_a_little_off_or_a_little_late_is_agreed():
    late = labels({"u": track("grasper", 1, {12: tip(22, 10), 100: tip(110, 12)})})
    assert found(tips(), late) == []
    too_late = labels({"u": track("grasper", 1, {40: tip(50, 10), 100: tip(110, 10)})})
    assert [d["kind"] for d in found(tips(), too_late)] == ["tip"]


def test_a_short_stretch_far_off_is_not_hidden_by_a_long_track():
    a = labels({"t": track("grasper", 1, {0: tip(10, 10), 399: tip(10, 10)})})
    keys = {0: tip(10, 10), 199: tip(10, 10), 200: tip(30, 30), 213: tip(30, 30), 214: tip(10, 10)}
    b = labels({"u": track("grasper", 1, keys | {399: tip(10, 10)})})
    (only,) = found(a, b)
    assert (only["kind"], only["start_frame"], only["end_frame"]) == ("tip", 200, 214)


def test_other_attributes_or_states_are_disagreements_though_the_place_is_the_same():
    (only,) = found(tips(), tips(attributes={"jaw": "open"}))
    assert only["kind"] == "tip" and "attributes differ" in only["measure"]
    hidden = tips()
    hidden["tracks"]["t"]["keyframes"]["0"]["state"] = "occluded"
    (only,) = found(tips(), hidden)
    assert "state" in only["measure"] and only["size"] > 0


def test_phase_and_event_ends_a_few_frames_apart_are_agreed():
    a = labels(intervals={"p": span("prep", 0, 100), "e": span("bleeding", 50, 60)})
    b = labels(intervals={"q": span("prep", 0, 112), "f": span("bleeding", 45, 72)})
    assert found(a, b) == []
    b["intervals"]["q"]["end_frame"] = 113
    b["intervals"]["f"]["end_frame"] = 73
    assert [d["kind"] for d in found(a, b)] == ["event", "phase"]


def test_equal_sizes_stand_in_an_order_that_does_not_hang_on_ids():
    for _ in range(10):
        one, other, third = (str(uuid.uuid4()) for _ in range(3))
        a = labels(
            {
                one: track("grasper", 1, {0: tip(10, 10)}),
                third: track("grasper", 2, {0: tip(10, 90)}),
            }
        )
        b = labels({other: track("grasper", 1, {0: tip(180, 10)})})
        told = [(d["label"], d["kind"]) for d in found(a, b)]
        assert told == [("Grasper 1", "only_a"), ("Grasper 1", "only_b"), ("Grasper 2", "only_a")]


def test_what_the_ontology_tolerates_is_not_listed_and_what_it_does_not_is():
    a, b = two_surgeons()

    def kinds(**said):
        limits = limits_of({**ONTOLOGY, "tolerances": said}, 25.0)
        return {
            d["kind"]
            for d in find(compare(a, b, ONTOLOGY, CLIP, SIZE, limits), a, b, ONTOLOGY, limits)
        }

    assert {"mask", "box", "phase"} <= kinds() and not {"tip", "event"} & kinds()
    assert "mask" not in kinds(mask_iou=0.3) and "box" not in kinds(box_iou=0.3)
    assert "phase" not in kinds(boundary_s=2.0) and "event" in kinds(boundary_s=0.1)
    assert "tip" in kinds(distance_px=0.5, frame_share=0.0)
