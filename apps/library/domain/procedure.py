"""The clips of one operation in order: recorders chop what they record into parts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

_SERIES_NUMBER, _INSTANCE_NUMBER = "00200011", "00200013"


class Part(NamedTuple):
    """A clip of the procedure. ``start_s``: where it begins on the procedure's own clock, on which
    parts follow each other without a gap."""

    clip: Any
    start_s: float


def place_of(header: dict[str, Any]) -> tuple[int, int]:
    """(Series Number, Instance Number) of a de-identified header (DICOM JSON); what names none
    comes last.

    >>> place_of({"00200011": {"Value": [2]}, "00200013": {"Value": [7]}})
    (2, 7)
    """
    return _number(header, _SERIES_NUMBER), _number(header, _INSTANCE_NUMBER)


def in_order(clips: Iterable[Any]) -> list[Part]:
    """Clips (with ``instance.header``, ``created_at``, ``duration_s``) by their place in the study,
    then as they came."""
    parts, start_s = [], 0.0
    for clip in sorted(clips, key=lambda c: (*place_of(c.instance.header), c.created_at)):
        parts.append(Part(clip, start_s))
        start_s += clip.duration_s
    return parts


def _number(header: dict[str, Any], tag: str) -> int:
    values = header.get(tag, {}).get("Value") or []
    try:
        return int(values[0])
    except (IndexError, TypeError, ValueError):
        return 1 << 31
