"""Ontologies and label sets for the format tests, made by hypothesis; and one of everything."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID

import numpy as np
from hypothesis import strategies as st

from apps.annotation.domain import rle
from apps.ontology.domain.geometries import SHAPES
from tests.domain.release_samples import VIDEO

ROWS, COLUMNS, N_FRAMES = 9, 11, 12


def _class(name: str, geometry: str, *attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    code = {"value": name, "scheme": "99CLINANNOT", "meaning": name.title()}
    return {
        "id": name, "name": name.title(), "geometry": geometry, "color": "#3fd7e8",
        "shortcut": "1", "guideline": "", "attributes": list(attributes), "code": code, **more,
    }  # fmt: skip


def _choice(name: str, *values: str) -> dict[str, Any]:
    return {"id": name, "name": name.title(), "type": "choice",
            "values": [{"id": v, "name": v.title()} for v in values]}  # fmt: skip


TORN = {"id": "torn", "name": "Torn", "type": "boolean"}
FILL = {"id": "fill", "name": "Fill", "type": "number", "unit": "%", "minimum": 0, "maximum": 100}
ONTOLOGY: dict[str, Any] = {
    "slug": "formats", "version": 1, "title": "Formats",
    "schemes": [{"designator": "99CLINANNOT", "name": "ClinicalAnnot", "uid": "2.25.77"}],
    "classes": [
        _class("lesion", "mask", _choice("side", "left", "right")),
        _class("grasper", "tip", _choice("verb", "grasp", "cut"), _choice("jaw", "open", "shut")),
        _class("bag", "box", TORN, FILL),
        _class("organ", "mask"),
        _class("hook", "tip"),
        _class("needle", "box", _choice("target", "liver", "wall")),
        _class("preparation", "phase"),
        _class("dissection", "phase", _choice("skill", "low", "high")),
        _class("bleeding", "event", TORN),
    ],
}  # fmt: skip

SKELETON = {
    "points": [{"id": "apex", "name": "Apex"}, {"id": "left", "name": "Left"}],
    "edges": [[0, 1]],
}
# The same and a class of each other geometry, other ways between keyframes, and a relation.
WHOLE_ONTOLOGY: dict[str, Any] = {
    **ONTOLOGY, "slug": "whole",
    "classes": [
        *ONTOLOGY["classes"],
        _class("tumour", "mask", _choice("grade", "one", "two"), interpolation="distance"),
        _class("dot", "tip", interpolation="none"),
        _class("drift", "box", interpolation="linear", max_keyframe_gap_frames=3),
        _class("stapler", "rotated_box", TORN),
        _class("probe", "shaft"),
        _class("vessel", "polygon", _choice("side", "left", "right")),
        _class("suture", "polyline", interpolation="outline", max_keyframe_gap_frames=4),
        _class("pose", "keypoints", FILL, skeleton=SKELETON),
        _class("crate", "cuboid"),
        _class("blurred", "frame_tag"),
        _class("view", "clip_tag", _choice("organ", "liver", "wall")),
    ],
    "relations": [
        {"id": "holds", "name": "Holds", "subjects": ["grasper", "stapler", "probe"],
         "targets": ["bag", "vessel", "lesion", "grasper"]},
    ],
}  # fmt: skip
VALUES = {"torn": st.booleans(), "fill": st.sampled_from([0, 12.5, 100, 33.25])}
NUMBERS = [1, 2, 7, 999]
Draw = Any


@st.composite
def _attributes(draw: Draw, label_class: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for each in label_class["attributes"]:
        if draw(st.booleans()):
            values = VALUES.get(each["id"])
            if values is None:
                values = st.sampled_from([v["id"] for v in each["values"]])
            found[each["id"]] = draw(values)
    return found


def _points(draw: Draw, least: int, most: int) -> list[list[float]]:
    point = st.tuples(st.floats(0, COLUMNS), st.floats(0, ROWS)).map(list)
    return draw(st.lists(point, min_size=least, max_size=most))


def _keypoints(draw: Draw) -> list[list[float]]:
    n = len(SKELETON["points"])
    seen = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n).filter(any))
    return [[*(p if s else [0, 0]), s] for p, s in zip(_points(draw, n, n), seen, strict=True)]


@st.composite
def _shape(draw: Draw, geometry: str) -> dict[str, Any]:
    if geometry == "mask":
        size = (ROWS * COLUMNS + 7) // 8
        bits = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), np.uint8)
        pixels = np.unpackbits(bits)[: ROWS * COLUMNS].reshape(ROWS, COLUMNS).astype(bool)
        pixels[draw(st.integers(0, ROWS - 1)), draw(st.integers(0, COLUMNS - 1))] = True
        return {"type": "mask", "rle": rle.encode(pixels)}
    if geometry == "tip":
        return {"type": "tip", "point": _points(draw, 1, 1)[0]}
    if geometry == "rotated_box":
        sides = [draw(st.floats(0.01, COLUMNS)), draw(st.floats(0.01, ROWS))]
        turn = draw(st.floats(0, 359.5))
        return {"type": geometry, "rotated_box": [*_points(draw, 1, 1)[0], *sides, turn]}
    if geometry == "keypoints":
        return {"type": geometry, "points": _keypoints(draw)}
    if geometry != "box":
        limits = {"shaft": (2, 2), "polygon": (3, 6), "polyline": (2, 5), "cuboid": (8, 8)}
        return {"type": geometry, "points": _points(draw, *limits[geometry])}
    x, y = draw(st.floats(0, COLUMNS - 0.5)), draw(st.floats(0, ROWS - 0.5))
    w, h = draw(st.floats(0.01, 1)) * (COLUMNS - x), draw(st.floats(0.01, 1)) * (ROWS - y)
    return {"type": "box", "box": [x, y, w, h]}


@st.composite
def _track(draw: Draw, label_class: dict[str, Any], number: int) -> dict[str, Any]:
    keyframes = {}
    for index in sorted(draw(st.sets(st.integers(0, N_FRAMES - 1), min_size=1, max_size=5))):
        state = draw(st.sampled_from(["visible", "visible", "occluded", "absent"]))
        keyframes[str(index)] = {
            "state": state,
            "shape": None if state == "absent" else draw(_shape(label_class["geometry"])),
            "attributes": draw(_attributes(label_class)),
        }
    return {"clip": VIDEO, "class_id": label_class["id"], "number": number,
            "attributes": draw(_attributes(label_class)), "keyframes": keyframes}  # fmt: skip


@st.composite
def label_sets(draw: Draw, ontology: dict[str, Any] = ONTOLOGY) -> dict[str, Any]:
    """Labels of any kind over the small clip; phases never overlap."""
    classes = {c["id"]: c for c in ontology["classes"]}
    drawn = [c["id"] for c in ontology["classes"] if c["geometry"] in SHAPES]
    wanted = draw(st.sets(st.tuples(st.sampled_from(drawn), st.sampled_from(NUMBERS)), max_size=4))
    name = iter(range(1, 100))
    tracks = {
        str(UUID(int=draw(st.integers(0, 2**32)) * 100 + next(name))): draw(
            _track(classes[class_id], number)
        )
        for class_id, number in sorted(wanted)
    }
    intervals = {
        str(UUID(int=10**12 + next(name))): {
            "clip": VIDEO, "class_id": class_id, "start_frame": start, "end_frame": end,
            "attributes": draw(_attributes(classes[class_id])),
        }
        for class_id, start, end in _spans(draw, classes)
    }  # fmt: skip
    labels = {"clips": [VIDEO], "tracks": tracks, "intervals": intervals}
    if "relations" in ontology:
        labels["relations"] = {
            str(UUID(int=10**13 + place)): each
            for place, each in enumerate(_related(draw, ontology["relations"][0], tracks))
        }
    return labels


def _spans(draw: Draw, classes: dict[str, Any]) -> list[tuple[str, int, int]]:
    spans = [
        (draw(st.sampled_from(["preparation", "dissection"])), a, b)
        for a, b in _cuts(draw(st.sets(st.integers(0, N_FRAMES), max_size=4)))
        if draw(st.booleans())
    ]
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, N_FRAMES - 1))
        spans.append(("bleeding", start, draw(st.integers(start + 1, N_FRAMES))))
    if "blurred" in classes:
        at = draw(st.sets(st.integers(0, N_FRAMES - 1), max_size=2))
        spans += [("blurred", frame, frame + 1) for frame in sorted(at)]
    if "view" in classes and draw(st.booleans()):
        spans.append(("view", 0, N_FRAMES))
    return spans


def _cuts(at: set[int]) -> Iterator[tuple[int, int]]:
    yield from pairwise(sorted(at))


def _related(draw: Draw, kind: dict[str, Any], tracks: dict[str, Any]) -> list[dict[str, Any]]:
    """Up to two relations between tracks that are somewhere seen."""
    seen = {
        name: track["class_id"]
        for name, track in tracks.items()
        if any(k["state"] != "absent" for k in track["keyframes"].values())
    }
    pairs = [
        (one, two)
        for one, of_one in seen.items()
        for two, of_two in seen.items()
        if one != two and of_one in kind["subjects"] and of_two in kind["targets"]
    ]
    made = []
    for one, two in draw(st.lists(st.sampled_from(pairs), max_size=2)) if pairs else []:
        start = draw(st.integers(0, N_FRAMES - 1))
        made.append(
            {"clip": VIDEO, "relation": kind["id"], "subject": one, "target": two,
             "start_frame": start, "end_frame": draw(st.integers(start + 1, N_FRAMES))}
        )  # fmt: skip
    return made


def _everything() -> dict[str, Any]:
    """Labels of every geometry of WHOLE_ONTOLOGY, by which a file of each format can be made."""
    mask = np.zeros((ROWS, COLUMNS), bool)
    mask[2:7, 1:9] = True
    other = np.roll(mask, 2, axis=1)
    mask[3:5, 4:6] = False
    cube = [[2, 2], [6, 2], [6, 6], [2, 6], [3, 1], [7, 1], [7, 5], [3, 5]]

    def masks(pixels: np.ndarray, *at: int) -> dict[int, Any]:
        return {i: {"type": "mask", "rle": rle.encode(pixels)} for i in at}

    def points(kind: str, *of: list[float]) -> dict[int, Any]:
        return {i: {"type": kind, "points": [[p[0] + i / 4, *p[1:]] for p in of]} for i in (2, 6)}

    tracks: dict[str, tuple[dict[int, Any], dict[str, Any]]] = {
        "lesion": (masks(mask, 0, 2, 5), {"side": "left"}),
        "organ": (masks(other, 0, 1, 5), {}),
        "grasper": ({i: {"type": "tip", "point": [1.25 + i / 3, 2.5]} for i in (0, 3, 9)},
                    {"verb": "cut"}),
        "bag": ({i: {"type": "box", "box": [1.5, 2.0, 3.0 + i / 4, 4.0]} for i in (1, 6)},
                {"torn": True, "fill": 12.5}),
        "stapler": ({i: {"type": "rotated_box", "rotated_box": [5.5, 4.5, 4.0, 2.0, 30.0 + i]}
                     for i in (2, 6)}, {"torn": False}),
        "probe": (points("shaft", [5, 4], [0, 1.5]), {}),
        "vessel": (points("polygon", [1, 1], [8, 1.25], [6, 7]), {"side": "right"}),
        "suture": (points("polyline", [1, 1], [4, 5.5], [9, 6]), {}),
        "pose": (points("keypoints", [3, 2, 2], [7, 6, 1]), {"fill": 0}),
        "crate": (points("cuboid", *cube), {}),
    }  # fmt: skip
    spans = {"preparation": (0, 4), "dissection": (4, 12), "bleeding": (5, 7), "blurred": (3, 4),
             "view": (0, 12)}  # fmt: skip
    ids = {class_id: str(UUID(int=n)) for n, class_id in enumerate(tracks, 1)}
    return {
        "clips": [VIDEO],
        "tracks": {
            ids[class_id]: {
                "clip": VIDEO, "class_id": class_id, "number": 1, "attributes": {},
                "keyframes": {
                    str(i): {"state": "occluded" if i % 4 == 3 else "visible", "shape": shape,
                             "attributes": attributes}
                    for i, shape in shapes.items()
                },
            }
            for class_id, (shapes, attributes) in tracks.items()
        },
        "intervals": {
            str(UUID(int=n)): {"clip": VIDEO, "class_id": class_id, "start_frame": a,
                               "end_frame": b, "attributes": {}}
            for n, (class_id, (a, b)) in enumerate(spans.items(), 50)
        },
        "relations": {
            str(UUID(int=90)): {"clip": VIDEO, "relation": "holds", "subject": ids["grasper"],
                                "target": ids["bag"], "start_frame": 1, "end_frame": 5},
        },
    }  # fmt: skip


EVERYTHING = _everything()
