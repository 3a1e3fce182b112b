import copy
import hashlib
import json

import pytest

from apps.annotation.domain.expand import canonical_labels, expanded_digest, expanded_lines

ONTOLOGY = {
    "slug": "t",
    "version": 3,
    "classes": [
        {"id": "grasper", "geometry": "tip"},
        {"id": "lesion", "geometry": "mask"},
        {"id": "prep", "geometry": "phase"},
    ],
}
CLIPS = {"clip-b": (50, 64, 48), "clip-a": (10, 64, 48)}
MASK = {"type": "mask", "rle": {"size": [48, 64], "counts": "PP3"}}


def keyframe(shape, state="visible"):
    return {"state": state, "shape": shape, "attributes": {}}


def labels():
    return {
        "clips": ["clip-b", "clip-a"],
        "tracks": {
            "t2": {
                "clip": "clip-b",
                "class_id": "grasper",
                "number": 1,
                "attributes": {},
                "keyframes": {
                    "10": keyframe({"type": "tip", "point": [3, 0.5]}),
                    "8": keyframe({"type": "tip", "point": [1, -0.0]}),
                },
            },
            "t1": {
                "clip": "clip-a",
                "class_id": "lesion",
                "number": 1,
                "attributes": {},
                "keyframes": {"3": keyframe(MASK)},
            },
        },
        "intervals": {
            "i1": {
                "clip": "clip-b",
                "class_id": "prep",
                "start_frame": 0,
                "end_frame": 5,
                "attributes": {},
            }
        },
    }


def shuffled(value):
    if isinstance(value, dict):
        return {k: shuffled(v) for k, v in reversed(value.items())}
    return value


def test_every_frame_of_every_object_stands_in_a_fixed_order():
    lines = [json.loads(line) for line in expanded_lines(labels(), ONTOLOGY, CLIPS)]
    assert lines[0]["interpolator"] == {"name": "linear", "version": 1}
    assert [line["clip"] for line in lines if "clip" in line] == ["clip-b", "clip-a"]
    frames = [(x["frame_index"], x["interpolated"]) for x in lines if "frame_index" in x]
    assert frames == [(8, False), (9, True), (10, False), (3, False)]
    assert [x["interval"] for x in lines if "interval" in x] == ["i1"]
    raw = b"".join(expanded_lines(labels(), ONTOLOGY, CLIPS))
    assert b'"point":[1.0,0.0]' in raw and b'"point":[2.0,0.25]' in raw
    assert expanded_digest(labels(), ONTOLOGY, CLIPS) == hashlib.sha256(raw).hexdigest()


def test_the_digest_does_not_depend_on_the_order_of_keys_or_on_whole_numbers():
    first = expanded_digest(labels(), ONTOLOGY, CLIPS)
    assert expanded_digest(shuffled(labels()), ONTOLOGY, CLIPS) == first
    assert canonical_labels(shuffled(labels())) == canonical_labels(labels())
    same = labels()
    same["tracks"]["t2"]["keyframes"]["10"]["shape"]["point"] = [3.0, 0.5]
    assert expanded_digest(same, ONTOLOGY, CLIPS) == first
    assert canonical_labels(same) == canonical_labels(labels())


CHANGES = [
    lambda x: x["tracks"]["t2"]["keyframes"]["10"]["shape"]["point"].__setitem__(0, 3.0000000001),
    lambda x: x["tracks"]["t2"]["keyframes"]["10"].__setitem__("state", "occluded"),
    lambda x: x["tracks"]["t2"]["keyframes"]["10"]["attributes"].__setitem__("jaw", "open"),
    lambda x: x["tracks"]["t2"]["attributes"].__setitem__("jaw", "open"),
    lambda x: x["tracks"]["t2"].__setitem__("number", 2),
    lambda x: x["tracks"]["t1"]["keyframes"]["3"]["shape"]["rle"].__setitem__("counts", "0PP3"),
    lambda x: x["tracks"]["t1"].__setitem__("clip", "clip-b"),
    lambda x: x["tracks"].pop("t1"),
    lambda x: x["intervals"]["i1"].__setitem__("end_frame", 6),
    lambda x: x["clips"].reverse(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_of_content_changes_the_digest_and_the_canonical_bytes(change):
    other = copy.deepcopy(labels())
    change(other)
    assert expanded_digest(other, ONTOLOGY, CLIPS) != expanded_digest(labels(), ONTOLOGY, CLIPS)
    assert canonical_labels(other) != canonical_labels(labels())


def test_an_object_outside_the_listed_clips_cannot_be_signed():
    other = labels()
    other["tracks"]["t1"]["clip"] = "clip-x"
    with pytest.raises(ValueError, match="does not list"):
        expanded_digest(other, ONTOLOGY, CLIPS)
