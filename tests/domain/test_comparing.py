"""What two revisions of a label set differ in."""

from __future__ import annotations

from typing import Any

from apps.annotation.domain.comparing import changes


def _track(**keyframes: Any) -> dict[str, Any]:
    frames = {name.removeprefix("f"): value for name, value in keyframes.items()}
    return {"clip": "c", "class_id": "tip", "number": 1, "attributes": {}, "keyframes": frames}


def test_each_object_that_differs_is_told_once_with_where_and_what() -> None:
    kept = _track(f0=[1, 1])
    before = {
        "tracks": {"kept": kept, "moved": _track(f5=[1, 1], f9=[2, 2], f20=[3, 3]), "gone": kept},
        "intervals": {"p": {"class_id": "phase", "start_frame": 10, "end_frame": 40}},
    }
    after = {
        "tracks": {
            "kept": kept,
            "moved": {**_track(f5=[1, 1], f9=[2, 9], f30=[4, 4]), "number": 2},
        },
        "intervals": {"p": {"class_id": "phase", "start_frame": 4, "end_frame": 30}},
        "relations": {"r": {"relation": "holds", "start_frame": 7, "end_frame": 8}},
    }
    found = changes(before, after)
    assert [(row["what"], row["kind"], row["object"]) for row in found] == [
        ("removed", "track", "gone"),
        ("changed", "interval", "p"),
        ("added", "relation", "r"),
        ("changed", "track", "moved"),
    ]
    gone, phase, relation, moved = found
    assert (moved["start_frame"], moved["end_frame"], moved["fields"]) == (9, 31, ["number"])
    assert moved["keyframes"] == {"added": 1, "removed": 1, "changed": 1}
    assert (phase["start_frame"], phase["end_frame"]) == (4, 40)
    assert phase["fields"] == ["end_frame", "start_frame"] and phase["keyframes"] is None
    assert relation["class_id"] is None and gone["keyframes"]["removed"] == 1
    assert changes(after, after) == []
    assert [row["what"] for row in changes(after, before)] == [
        "added", "changed", "removed", "changed",
    ]  # fmt: skip
