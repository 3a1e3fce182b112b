"""Compressed members (zlib, gzip, zip) found inside a stream of bytes, inflated as it passes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

_CARRY_BYTES = 32
_PROBE_BYTES = 512
_MAX_ACTIVE = 8
_MAX_INFLATED_BYTES = 256 * 1024 * 1024
_ZLIB_SECOND = np.array([0x01, 0x5E, 0x9C, 0xDA], dtype=np.uint8)


class _Member:
    """One member being inflated; `skip` bytes of its header are still to be passed over."""

    def __init__(self, wbits: int, skip: int) -> None:
        self._inflater = zlib.decompressobj(wbits)
        self._skip = skip
        self._left = _MAX_INFLATED_BYTES
        self.is_done = False

    def feed(self, data: bytes) -> bytes:
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        try:
            out = self._inflater.decompress(data, self._left)
        except zlib.error:
            self.is_done = True
            return b""
        self._left -= len(out)
        self.is_done = self._inflater.eof or self._left <= 0
        return out


class InflatingReader:
    """Feed it a stream; it gives back what inflates out of members that begin anywhere in it.

    Bounds: 8 members at once, 256 MiB out of each. False starts in random bytes fail within a
    few bytes and cost little.
    """

    def __init__(self) -> None:
        self._carry = b""
        self._active: list[tuple[int, _Member]] = []
        self._count = 0

    def feed(self, data: bytes, *, is_last: bool = False) -> Iterator[tuple[int, bytes]]:
        """(member number, inflated bytes) pairs; a member's bytes come in order."""
        for number, member in self._active:
            out = member.feed(data)
            if out:
                yield number, out
        self._active = [(n, m) for n, m in self._active if not m.is_done]
        buffer = self._carry + data
        end = len(buffer) if is_last else len(buffer) - _CARRY_BYTES
        for position, wbits, skip in sorted(self._starts(buffer)):
            if position >= end:
                break
            if len(self._active) >= _MAX_ACTIVE:
                break
            probe = _Member(wbits, skip)
            probe.feed(buffer[position : position + skip + _PROBE_BYTES])
            if probe.is_done and len(buffer) - position > skip + _PROBE_BYTES:
                whole = _Member(wbits, skip)
                out = whole.feed(buffer[position : position + skip + _PROBE_BYTES])
                if out:
                    self._count += 1
                    yield self._count, out
                continue
            member = _Member(wbits, skip)
            out = member.feed(buffer[position:])
            self._count += 1
            if out:
                yield self._count, out
            if not member.is_done:
                self._active.append((self._count, member))
        self._carry = buffer[max(0, end) :]

    def _starts(self, buffer: bytes) -> Iterator[tuple[int, int, int]]:
        """(position, zlib window bits, header bytes to skip) of what looks like a member."""
        array = np.frombuffer(buffer, np.uint8)
        first = np.flatnonzero(array[:-1] == 0x78)
        for position in first[np.isin(array[first + 1], _ZLIB_SECOND)].tolist():
            yield position, zlib.MAX_WBITS, 0
        position = buffer.find(b"\x1f\x8b\x08")
        while position >= 0:
            yield position, zlib.MAX_WBITS | 16, 0
            position = buffer.find(b"\x1f\x8b\x08", position + 1)
        position = buffer.find(b"PK\x03\x04")
        while position >= 0:
            head = buffer[position : position + 30]
            if len(head) == 30 and struct.unpack_from("<H", head, 8)[0] == 8:
                name_size, extra_size = struct.unpack_from("<HH", head, 26)
                yield position, -zlib.MAX_WBITS, 30 + name_size + extra_size
            position = buffer.find(b"PK\x03\x04", position + 1)
