import json
from pathlib import Path

import pytest

from apps.annotation.domain.interpolate import at, attributes_at, expand_track

VECTORS = json.loads(
    (Path(__file__).parent.parent / "vectors" / "interpolate.json").read_text(encoding="utf-8")
)


def test_the_vectors_are_for_this_interpolator():
    assert VECTORS["interpolator"] == {"name": "linear", "version": 1}
    assert len(VECTORS["cases"]) >= 40


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda c: c["name"])
def test_each_shared_vector_holds_expanded_and_frame_by_frame(case):
    track = {"keyframes": case["keyframes"], "attributes": {}}
    assert expand_track(track, case["geometry"]) == case["expanded"]
    by_frame = {frame["frame_index"]: frame for frame in case["expanded"]}
    indices = [int(k) for k in case["keyframes"]] or [0]
    for frame in range(min(indices) - 2, max(indices) + 3):
        assert at(track, case["geometry"], frame) == by_frame.get(frame)


def test_attributes_hold_from_their_keyframe_on():
    track = {
        "attributes": {"jaw": "open", "size": 1},
        "keyframes": {"4": {"attributes": {"jaw": "closed"}}, "10": {"attributes": {}}},
    }
    assert attributes_at(track, 3) == {"jaw": "open", "size": 1}
    assert attributes_at(track, 9) == {"jaw": "closed", "size": 1}
    assert attributes_at(track, 10) == {"jaw": "open", "size": 1}
