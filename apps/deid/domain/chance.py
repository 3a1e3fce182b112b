"""Digits that equal an identifier by chance: within a longer number, a moved moment, a
public code, or samples whose neighbours make such a run likely.

A hit of the search in a result's bytes is looked up here before it counts. What cannot be placed
counts; so does a number, or a run of digits of one, that is the identifier and nothing else.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from apps.deid.domain.elements import MAX_PARSED_BYTES
from apps.deid.domain.parse import ParsedInstance

_LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
_NUMBER = re.compile(rb"[0-9][0-9.]*[0-9]")
_CODE_VALUE, _METHOD = 0x00080100, 0x00120063
_UNDEFINED, _ITEM = 0xFFFFFFFF, 0xE000FFFE
# Uncompressed, and RLE, which keeps runs of samples as they are.
_KEEPS_SAMPLES = frozenset({"1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"})
_NEAR_BYTES = 32 * 1024
# Where fewer than this are to be expected in the whole of the pixel data, it is no chance: rather a
# refusal that a steward can end than a leak.
_LEAST_EXPECTED = 1e-3


def runs_of_digits(text: str, least: int = 8) -> list[str]:
    """What the digits of one number may say: each run of at least ``least``, without zeros before
    it, and without each of the zeros behind it."""
    found = []
    for run in re.findall(r"\d+", text):
        run = run.lstrip("0")
        shortest = max(len(run.rstrip("0")), least)
        found += [run[:size] for size in range(shortest, len(run) + 1)]
    return found


def is_part_of_a_number(text: bytes, start: int, end: int) -> bool:
    """Whether digits at ``[start, end)`` are but a part of a longer number: other digits than zeros
    stand right beside them."""
    before = re.search(rb"[0-9]*$", text[:start])
    behind = re.match(rb"[0-9]*", text[end:])
    assert before is not None and behind is not None
    return bool(before[0].strip(b"0") or behind[0].strip(b"0"))


@dataclass(frozen=True)
class _Value:
    tag: int
    vr: bytes
    start: int
    data: bytes = field(repr=False)


@dataclass
class Chances:
    """Whether a hit in the bytes of a result (``parsed``: as it was read) is one of chance.

    ``written``: values put in on purpose (`HeaderResult.written`). ``own_digest``: the profile's,
    written into each instance. Not for videos: their streams count in every byte.
    """

    stream: BinaryIO
    parsed: ParsedInstance
    written: frozenset[str]
    own_digest: str
    _head: bytes | None = None

    def __call__(self, position: int, pattern: bytes, n_found: int = 1) -> bool:
        """Whether ``pattern``, found at ``position`` of the file, says nothing. ``n_found``: how
        often it was found in all."""
        if _NUMBER.fullmatch(pattern) is None:
            return False
        pixels = self.parsed.pixels
        for start, size in pixels.pieces if pixels is not None else ():
            if start <= position and position + len(pattern) <= start + size:
                expected = self._expected(position, pattern, start, size)
                return expected >= _LEAST_EXPECTED and n_found <= 1 + 4 * expected
        value = self._value_at(position, len(pattern))
        return value is not None and self._says_nothing(value, position - value.start, pattern)

    def _says_nothing(self, value: _Value, at: int, pattern: bytes) -> bool:
        start = value.data.rfind(b"\\", 0, at) + 1
        end = value.data.find(b"\\", at)
        one = value.data[start : end if end >= 0 else None]
        at -= start
        if value.vr in (b"DS", b"IS") or (value.tag == _CODE_VALUE and value.vr == b"SH"):
            return is_part_of_a_number(one, at, at + len(pattern))
        text = one.decode("latin-1").strip(" \0")
        if value.vr in (b"DA", b"TM", b"DT"):
            return text in self.written
        return value.tag == _METHOD and text == self.own_digest

    def _value_at(self, position: int, size: int) -> _Value | None:
        if self._head is None:
            pixels = self.parsed.pixels
            end = min([start for start, _ in pixels.pieces], default=0) if pixels else 0
            self.stream.seek(0)
            self._head = self.stream.read(min(end, MAX_PARSED_BYTES) or MAX_PARSED_BYTES)
        value = _find(self._head, 132, len(self._head), position)
        is_inside = value is not None and position + size <= value.start + len(value.data)
        return value if is_inside else None

    def _expected(self, position: int, pattern: bytes, start: int, size: int) -> float:
        """How many such runs of bytes so much pixel data would hold, were its samples drawn from
        those around; 0 where samples are not stored as they are."""
        if self.parsed.transfer_syntax_uid not in _KEEPS_SAMPLES or self.parsed.pixels is None:
            return 0.0
        first = max(start, position - _NEAR_BYTES)
        last = min(start + size, position + len(pattern) + _NEAR_BYTES)
        self.stream.seek(first)
        near = np.frombuffer(self.stream.read(last - first), np.uint8)
        found = slice(position - first, position - first + len(pattern))
        stride, places = self._sample_stride(), np.arange(len(near))
        is_other = np.ones(len(near), bool)
        is_other[found] = False
        expected = float(self.parsed.pixels.size_bytes)
        for place, byte in zip(places[found], near[found], strict=True):
            like = near[is_other & (places % stride == place % stride)]
            # What is not met around is not impossible.
            expected *= (np.count_nonzero(like == byte) + 0.5) / (len(like) + 128)
        return expected

    def _sample_stride(self) -> int:
        """After how many bytes the same part of a like sample stands."""
        if self.parsed.transfer_syntax_uid != "1.2.840.10008.1.2.1":
            return 1
        ds = self.parsed.dataset
        try:
            bits = int(ds.get("BitsAllocated") or 8) * int(ds.get("SamplesPerPixel") or 1)
        except (TypeError, ValueError):
            return 1
        return min(max(bits // 8, 1), 16)


def _find(data: bytes, start: int, end: int, position: int) -> _Value | None:
    """The element of explicit VR little endian that holds a position, at any depth; None where
    lengths are undefined or the position is in no value."""
    while start + 8 <= end:
        group, element, vr, length = struct.unpack_from("<HH2sH", data, start)
        value_at = start + 8
        if vr in _LONG_VRS:
            if start + 12 > end:
                return None
            (length,) = struct.unpack_from("<I", data, start + 8)
            value_at = start + 12
        start = value_at + length
        if length == _UNDEFINED or start > end or position < value_at:
            return None
        if position < start:
            if vr == b"SQ":
                return _find_in_items(data, value_at, start, position)
            return _Value(group << 16 | element, vr, value_at, data[value_at:start])
    return None


def _find_in_items(data: bytes, start: int, end: int, position: int) -> _Value | None:
    while start + 8 <= end:
        mark, length = struct.unpack_from("<II", data, start)
        start += 8
        if mark != _ITEM or length == _UNDEFINED or start + length > end or position < start:
            return None
        if position < start + length:
            return _find(data, start, start + length, position)
        start += length
    return None
