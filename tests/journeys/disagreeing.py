"""Forty planted disagreements of two annotators over one clip, each with the answer that is right.

Every object stands on a frame of its own class alone, so what belongs together is beyond doubt. The
answers are worked out here with numpy and pycocotools, not with the product's own geometry.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pycocotools import mask as coco

from fixtures.foreign import HEIGHT_PX, N_FRAMES, WIDTH_PX

# Share of the picture's diagonal times what the product counts as unlike: 40 px.
TIP_SCALE_PX = 0.1 * float(np.hypot(WIDTH_PX, HEIGHT_PX))
SMALL = 0.12


@dataclass
class Planted:
    """``a`` and ``b``: (class, frames or None, shape or None) or None where that side has nothing.
    ``key`` is what is right to press, None where it is small enough to be accepted with others."""

    key: str | None
    a: dict[str, Any] | None
    b: dict[str, Any] | None
    answer: list[dict[str, Any]] = field(default_factory=list)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    return np.hypot(columns + 0.5 - x, rows + 0.5 - y) < radius


def mask_shape(pixels: np.ndarray) -> dict[str, Any]:
    found = coco.encode(np.asfortranarray(pixels.astype(np.uint8)))
    return {
        "type": "mask",
        "rle": {"size": [HEIGHT_PX, WIDTH_PX], "counts": found["counts"].decode()},
    }


def shown(class_id: str, frame: int, shape: dict[str, Any]) -> dict[str, Any]:
    return {"class_id": class_id, "frame": frame, "shape": shape}


def span(class_id: str, start: int, end: int) -> dict[str, Any]:
    return {"class_id": class_id, "start_frame": start, "end_frame": end}


def _pair(
    key: str | None, class_id: str, frame: int, a: dict[str, Any], b: dict[str, Any],
    made: dict[str, Any] | None = None,
) -> Planted:  # fmt: skip
    right = {"KeyA": a, "KeyB": b, None: a}.get(key, made)
    assert right is not None
    return Planted(
        key, shown(class_id, frame, a), shown(class_id, frame, b), [shown(class_id, frame, right)]
    )


def small_tips(n: int) -> list[Planted]:
    """Tips a little further apart than counts as agreed: one key accepts them all, A stands."""
    apart = 0.1125 * TIP_SCALE_PX
    return [
        _pair(None, "hook", frame, {"type": "tip", "point": [100.0 + frame, 60.0]},
              {"type": "tip", "point": [100.0 + frame + apart, 60.0]})
        for frame in range(n)
    ]  # fmt: skip


def tips(n: int) -> list[Planted]:
    out = []
    for frame in range(n):
        a, b = [40.0 + 3 * frame, 80.0], [52.5 + 3 * frame, 86.0]
        middle = [(p + q) / 2 for p, q in zip(a, b, strict=True)]
        out.append(
            _pair(("KeyA", "KeyB", "KeyM")[frame % 3], "grasper", frame,
                  *({"type": "tip", "point": point} for point in (a, b, middle)))
        )  # fmt: skip
    return out


def boxes(n: int) -> list[Planted]:
    out = []
    for frame in range(n):
        a, b = [30.0, 40.0, 60.0, 50.0], [44.0, 48.0, 60.0, 58.0]
        middle = [(p + q) / 2 for p, q in zip(a, b, strict=True)]
        out.append(
            _pair(("KeyM", "KeyB", "KeyA")[frame % 3], "specimen_bag", frame,
                  *({"type": "box", "box": numbers} for numbers in (a, b, middle)))
        )  # fmt: skip
    return out


def masks(n: int) -> list[Planted]:
    out = []
    ways: list[tuple[str, Callable[[Any, Any], Any]]] = [
        ("KeyA", lambda a, b: a), ("KeyB", lambda a, b: b), ("KeyM", np.logical_or),
        ("KeyI", np.logical_and),
        # Of two discs of one size STAPLE trusts neither alone: what both marked.
        ("KeyS", np.logical_and),
    ]  # fmt: skip
    for frame in range(n):
        a, b = disc(120, 120, 40), disc(145 + frame, 120, 40)
        key, right = ways[frame % len(ways)]
        out.append(_pair(key, "lesion", frame, *map(mask_shape, (a, b, right(a, b)))))
    return out


def alone() -> list[Planted]:
    """What only one side has: two belong there, two do not."""
    one = [shown("clipper", frame, {"type": "tip", "point": [200.0, 90.0]}) for frame in range(4)]
    return [
        Planted("KeyA", one[0], None, [one[0]]), Planted("KeyB", one[1], None, []),
        Planted("KeyB", None, one[2], [one[2]]), Planted("KeyA", None, one[3], []),
    ]  # fmt: skip


def spans() -> list[Planted]:
    """Phases of which each side has one boundary right, events that meet in the middle or not."""
    change = N_FRAMES // 2
    return [
        Planted(
            "KeyA", span("preparation", 0, change), None,
            [span("preparation", 0, change + 15)],
        ),
        Planted(
            "KeyB", span("calot_triangle_dissection", change, N_FRAMES),
            span("preparation", 14, change + 15),
            [span("calot_triangle_dissection", change + 15, N_FRAMES)],
        ),
        Planted(None, None, span("calot_triangle_dissection", change + 15, N_FRAMES)),
        Planted("KeyM", span("bleeding", 20, 45), span("bleeding", 20, 30),
                [span("bleeding", 20, 37)]),
        Planted("KeyB", span("smoke", 2, 40), span("smoke", 2, 8), [span("smoke", 2, 8)]),
    ]  # fmt: skip


def forty() -> list[Planted]:
    """40 disagreements: 10 that one key accepts together and 30 with a key each."""
    return [*small_tips(10), *tips(8), *boxes(5), *masks(9), *alone(), *spans()]


def some() -> list[Planted]:
    """One of each kind and way: 14 disagreements."""
    return [*small_tips(3), *tips(3), *boxes(1), *masks(5), *alone()[:1], *spans()[3:4]]


def content(rows: list[dict[str, Any]]) -> list[str]:
    """What is drawn where, without ids and numbers, in an order of its own."""
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def drawn(labels: dict[str, Any]) -> list[dict[str, Any]]:
    """The content of labels as the API gives them, in the form of the answers."""
    out = []
    for track in labels["tracks"].values():
        for frame, keyframe in track["keyframes"].items():
            assert keyframe["state"] == "visible" and keyframe["attributes"] == {}
            out.append(shown(track["class_id"], int(frame), keyframe["shape"]))
    for row in labels["intervals"].values():
        out.append(span(row["class_id"], row["start_frame"], row["end_frame"]))
    return out
