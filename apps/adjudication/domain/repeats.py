"""Labels of a clip that repeats another as labels of that other, and figures of many repeats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Labels = Mapping[str, Any]
Row = dict[str, Any]


def on_clip(labels: Labels, repeat: str, clip: str) -> dict[str, Any]:
    """What ``labels`` say of the clip ``repeat``, said of ``clip``: frames and places are the same,
    for the pictures are."""
    moved: dict[str, Any] = {"clips": [clip]}
    for kind, held in labels.items():
        if kind != "clips":
            moved[kind] = {
                name: {**thing, "clip": clip} if thing.get("clip") == repeat else dict(thing)
                for name, thing in held.items()
                if thing.get("clip", repeat) == repeat
            }
    return moved


def summed(rows: Iterable[Mapping[str, Any]], *by: str) -> list[Row]:
    """Mean, lowest and number of ``value`` over the rows that are alike in ``by``, sorted by it."""
    held: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        held.setdefault(tuple(row[name] for name in by), []).append(float(row["value"]))
    return [
        {
            **dict(zip(by, key, strict=True)),
            "mean": sum(values) / len(values),
            "lowest": min(values),
            "clips": len(values),
        }
        for key, values in sorted(held.items())
    ]
