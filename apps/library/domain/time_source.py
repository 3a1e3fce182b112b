"""Which of several sayings about times a frame index follows."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

BITSTREAM = "bitstream"
ASSUMED = "assumed_25_a_second"
_ATTRIBUTES = (
    ("00181063", "frame_time"),
    ("00180040", "cine_rate"),
    ("00082144", "recommended_display_frame_rate"),
)


def times_from(header: dict[str, Any], is_video: bool, n_frames: int) -> str:
    """``bitstream`` for a video; for a cine the attribute that ``cine_master.frame_times_us``
    follows: ``frame_time_vector``, ``frame_time``, ``cine_rate``,
    ``recommended_display_frame_rate``, or ``assumed_25_a_second``.

    ``header``: DICOM JSON model.

    >>> times_from({"00181063": {"Value": ["40"]}, "00180040": {"Value": [30]}}, False, 10)
    'frame_time'
    """
    if is_video:
        return BITSTREAM
    vector = _numbers(header, "00181065")
    if vector and len(vector) == n_frames and all(step >= 0 for step in vector[1:]):
        return "frame_time_vector"
    for tag, name in _ATTRIBUTES:
        if any(value > 0 for value in _numbers(header, tag)[:1]):
            return name
    return ASSUMED


def _numbers(header: dict[str, Any], tag: str) -> list[Decimal]:
    try:
        found = [Decimal(str(value)) for value in header.get(tag, {}).get("Value") or []]
    except InvalidOperation:
        return []
    return found if all(value.is_finite() for value in found) else []
