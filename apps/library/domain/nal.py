"""Network abstraction layer units of H.264 (ITU-T H.264 7.3.1) and HEVC (ITU-T H.265 7.3.1)."""

from __future__ import annotations

from collections.abc import Iterator

H264_IDR = 5
HEVC_IDR = frozenset({19, 20})
HEVC_IRAP = frozenset(range(16, 24))


def length_field_bytes(codec: str, extradata: bytes | None) -> int:
    """Size of the length before each unit (1 to 4), or 0 where units follow start codes (Annex B).

    `extradata` is the decoder configuration record of ISO/IEC 14496-15 (avcC, hvcC) or Annex B.
    """
    if not extradata or extradata[0] != 1:
        return 0
    if codec == "h264" and len(extradata) >= 7:
        return (extradata[4] & 3) + 1
    if codec == "hevc" and len(extradata) >= 23:
        return (extradata[21] & 3) + 1
    return 0


def unit_types(data: bytes | memoryview, codec: str, length_bytes: int) -> Iterator[int]:
    """Yields nal_unit_type of each unit in one packet, in order.

    `codec` is "h264" or "hevc"; `length_bytes` as `length_field_bytes` gives it. A damaged
    length ends the walk: what came before it still counts.
    """
    view = bytes(data) if length_bytes == 0 else memoryview(data)
    for start in _starts(view, length_bytes):
        first = view[start]
        yield first & 0x1F if codec == "h264" else (first >> 1) & 0x3F


def first_picture_type(data: bytes | memoryview, codec: str, length_bytes: int) -> int | None:
    """nal_unit_type of the first coded slice in the packet, or None if it holds none."""
    is_slice = range(1, 6) if codec == "h264" else range(0, 32)
    return next((t for t in unit_types(data, codec, length_bytes) if t in is_slice), None)


def _starts(view: bytes | memoryview, length_bytes: int) -> Iterator[int]:
    size = len(view)
    if length_bytes:
        at = 0
        while at + length_bytes < size:
            length = int.from_bytes(view[at : at + length_bytes], "big")
            at += length_bytes
            if length == 0:
                continue
            yield at
            at += length
        return
    assert isinstance(view, bytes)
    at = view.find(b"\0\0\1")
    while at != -1 and at + 3 < size:
        yield at + 3
        at = view.find(b"\0\0\1", at + 3)
