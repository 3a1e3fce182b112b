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
# The first two bytes of a member, little endian.
_ZLIB = (0x0178, 0x5E78, 0x9C78, 0xDA78)
_GZIP, _ZIP = 0x8B1F, 0x4B50
_IS_ZLIB = np.isin(np.arange(1 << 16), _ZLIB)
# So many positions are found one by one sooner than all at once.
_FEW = 400


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
        for position, wbits, skip in self._starts(buffer):
            if position >= end:
                break
            if len(self._active) >= _MAX_ACTIVE:
                break
            probe = _Member(wbits, skip)
            out = probe.feed(buffer[position : position + skip + _PROBE_BYTES])
            if probe.is_done and len(buffer) - position > skip + _PROBE_BYTES:
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
        """(position, zlib window bits, header bytes to skip) of what looks like one, in order."""
        for position in _begins(buffer):
            two = buffer[position] | buffer[position + 1] << 8
            if two in _ZLIB:
                yield position, zlib.MAX_WBITS, 0
            elif two == _GZIP:
                if buffer[position + 2 : position + 3] == b"\x08":
                    yield position, zlib.MAX_WBITS | 16, 0
            elif buffer.startswith(b"PK\x03\x04", position):
                head = buffer[position : position + 30]
                if len(head) == 30 and struct.unpack_from("<H", head, 8)[0] == 8:
                    name_size, extra_size = struct.unpack_from("<HH", head, 26)
                    yield position, -zlib.MAX_WBITS, 30 + name_size + extra_size


def _begins(buffer: bytes) -> list[int]:
    """Positions, in order, of the two bytes that a member begins with; of those of zlib only where
    a first block of deflate may stand behind them."""
    if len(buffer) < 2:
        return []
    both = np.frombuffer(buffer, np.uint8)
    found = _likely(both)
    pairs = both.take(found) | both.take(found + 1).astype(np.uint16) << np.uint16(8)
    is_right = (pairs == _GZIP) | (pairs == _ZIP)
    (zlib_at,) = _IS_ZLIB.take(pairs).nonzero()
    is_right[zlib_at] = _may_be_deflate(both, found.take(zlib_at))
    return found[is_right].tolist()  # type: ignore[no-any-return]


def _likely(both: np.ndarray) -> np.ndarray:
    """Positions of the pairs looked for and of a few others, in few passes over memory."""
    size = len(both) - 1
    marks, mixed = bytearray(size), np.empty(size, np.uint8)
    met, is_so = np.frombuffer(marks, bool), np.empty(size, bool)
    first, second = both[:-1], both[1:]
    # The second bytes of zlib's pairs, times 33, lie between 26 and 33.
    np.multiply(second, np.uint8(33), out=mixed)
    np.subtract(mixed, np.uint8(26), out=mixed)
    np.less_equal(mixed, np.uint8(7), out=met)
    np.equal(first, np.uint8(_ZLIB[0] & 0xFF), out=is_so)
    np.logical_and(met, is_so, out=met)
    # Those of the two others, times 4, are the same.
    np.multiply(second, np.uint8(4), out=mixed)
    is_other = np.equal(mixed, np.uint8((_GZIP >> 8) * 4 & 0xFF), out=mixed.view(bool))
    np.equal(first, np.uint8(_GZIP & 0xFF), out=is_so)
    is_so |= first == np.uint8(_ZIP & 0xFF)
    is_other &= is_so
    np.logical_or(met, is_other, out=met)
    found: list[int] = []
    at = marks.find(1)
    while at >= 0:
        if len(found) == _FEW:
            return met.nonzero()[0]
        found.append(at)
        at = marks.find(1, at + 1)
    return np.array(found, np.intp)


def _may_be_deflate(both: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Whether a first block of deflate (RFC 1951 section 3.2.3) may stand behind each position's
    two bytes: what an inflater would refuse by these alone need not be given to one."""
    other = found + 7 > len(both)
    head, low, high, not_low, not_high = (
        both.take(found + ahead, mode="clip") for ahead in range(2, 7)
    )
    block = head >> 1 & 3
    stored = (low ^ not_low == 0xFF) & (high ^ not_high == 0xFF)
    dynamic = (head >> 3 <= 29) & (low & 31 <= 29)
    allowed: np.ndarray = other | (block == 1) | (block == 0) & stored | (block == 2) & dynamic
    return allowed
