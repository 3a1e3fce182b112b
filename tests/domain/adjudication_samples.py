"""Two people's labels over one clip, for the tests of agreement and consensus."""

import copy

import numpy as np

from apps.annotation.domain import rle

CLIP = "clip-1"
SIZE = (400, 320, 240)
JAW = {"id": "jaw", "type": "choice", "values": [{"id": "open"}, {"id": "closed"}]}
ONTOLOGY = {
    "slug": "t",
    "version": 1,
    "classes": [
        {"id": "lesion", "name": "Lesion", "geometry": "mask", "attributes": []},
        {"id": "grasper", "name": "Grasper", "geometry": "tip", "attributes": [JAW]},
        {"id": "bag", "name": "Bag", "geometry": "box", "attributes": []},
        {"id": "prep", "name": "Preparation", "geometry": "phase", "attributes": []},
        {"id": "clipping", "name": "Clipping", "geometry": "phase", "attributes": []},
        {"id": "bleeding", "name": "Bleeding", "geometry": "event", "attributes": []},
    ],
}


def disc(x, y, radius):
    yy, xx = np.mgrid[0 : SIZE[2], 0 : SIZE[1]]
    inside = (xx + 0.5 - x) ** 2 + (yy + 0.5 - y) ** 2 <= radius**2
    return {"type": "mask", "rle": rle.encode(inside)}


def tip(x, y):
    return {"type": "tip", "point": [x, y]}


def box(*numbers):
    return {"type": "box", "box": list(numbers)}


def track(class_id, number, shapes, **attributes):
    keyframes = {
        str(index): {
            "state": "absent" if shape is None else "visible",
            "shape": shape,
            "attributes": {},
        }
        for index, shape in shapes.items()
    }
    return {
        "clip": CLIP,
        "class_id": class_id,
        "number": number,
        "attributes": attributes,
        "keyframes": keyframes,
    }


def span(class_id, start, end, **attributes):
    return {
        "clip": CLIP,
        "class_id": class_id,
        "start_frame": start,
        "end_frame": end,
        "attributes": attributes,
    }


def labels(tracks=None, intervals=None):
    return {
        "clips": [CLIP],
        "tracks": copy.deepcopy(tracks or {}),
        "intervals": copy.deepcopy(intervals or {}),
    }


def two_surgeons():
    """A lesson in differences: an agreed tip and event, disputed mask, box, phases, and singles."""
    first = labels(
        {
            "a-tip": track("grasper", 1, {0: tip(10, 10), 100: tip(110, 10)}),
            "a-mask": track("lesion", 1, {50: disc(100, 100, 40), 60: disc(100, 100, 40)}),
            "a-box": track("bag", 1, {200: box(10, 10, 50, 50), 300: box(60, 10, 50, 50)}),
            "a-lone": track("grasper", 2, {300: tip(200, 200), 310: tip(210, 200)}),
        },
        {
            "a-prep": span("prep", 0, 150),
            "a-clip": span("clipping", 150, 400),
            "a-blood": span("bleeding", 100, 140),
        },
    )
    second = labels(
        {
            "b-lone": track("lesion", 1, {350: disc(250, 50, 20)}),
            "b-mask": track("lesion", 2, {50: disc(110, 100, 40), 60: disc(120, 100, 40)}),
            "b-tip": track("grasper", 1, {2: tip(12.5, 11), 100: tip(110.5, 11)}),
            "b-box": track("bag", 1, {200: box(30, 10, 50, 50), 300: box(80, 10, 50, 50)}),
        },
        {
            "b-prep": span("prep", 0, 200),
            "b-clip": span("clipping", 200, 395),
            "b-blood": span("bleeding", 104, 145),
            "b-blood2": span("bleeding", 300, 320),
        },
    )
    return first, second
