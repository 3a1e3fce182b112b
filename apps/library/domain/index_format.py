"""Which pictures a clip has, when each is shown and where a decoder may start.

A frame index is one compact array a clip, never rows of a database. Index 0 is the first picture
in presentation order; what libav discards after edit lists is not in it.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

MAGIC = b"CAFI"
FORMAT_VERSION = 1
_HEAD = struct.Struct("<4sHIIQqBQI")
HEAD_BYTES = _HEAD.size

CONTAINER_KEY = 1
IDR = 2
ENTRY = 4

Warning_ = tuple[str, str]


@dataclass(frozen=True)
class FrameIndex:
    """Pictures in presentation order. All arrays have length n_frames.

    pts        int64, in units of `time_base` seconds, as libav reports them
    flags      uint8: 1 the container calls it a key, 2 an IDR picture (what browsers count as key
               in H.264 and HEVC; a key frame in other codecs), 4 decoding may start here and
               every picture presented from here on is exact
    size_bytes uint32, of the packet
    offset_bytes int64, of the packet in the file, -1 where unknown
    by_count   the stream's times do not tell pictures apart (missing, repeated or disordered):
               a reader counts from the start instead of seeking by time
    """

    time_base: tuple[int, int]
    pts: NDArray[np.int64]
    flags: NDArray[np.uint8]
    size_bytes: NDArray[np.uint32]
    offset_bytes: NDArray[np.int64]
    duration_of_last: int
    by_count: bool = False
    warnings: tuple[Warning_, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        n = len(self.pts)
        if any(len(a) != n for a in (self.flags, self.size_bytes, self.offset_bytes)):
            raise ValueError("frame index: arrays differ in length; build it again")
        if n == 0:
            raise ValueError("frame index: no picture; the stream cannot be a clip")
        if self.time_base[0] <= 0 or self.time_base[1] <= 0:
            raise ValueError("frame index: time_base must be two positive integers")

    @property
    def n_frames(self) -> int:
        return len(self.pts)

    @property
    def warning_codes(self) -> set[str]:
        return {code for code, _ in self.warnings}

    @property
    def fps(self) -> float:
        """Average pictures a second over the clip; 0.0 where it has no extent in time."""
        span = self._span()
        return float(self.n_frames / span) if span > 0 else 0.0

    @property
    def duration_s(self) -> float:
        """From the first picture to the end of the last one, in seconds."""
        return float(self._span())

    @property
    def key(self) -> list[int]:
        """Indices of IDR pictures."""
        return np.flatnonzero(self.flags & IDR).tolist()

    def time_s(self, i: int) -> float:
        """(PTS − first PTS) × time base, rounded to 6 decimals. IndexError outside the clip.

        i = n_frames is allowed: the end of the last picture, as an interval's end needs it.
        """
        return int(self.time_text(i).replace(".", "")) / 1_000_000

    def time_text(self, i: int) -> str:
        """`time_s` as text with exactly 6 decimals, computed without floating point."""
        if not 0 <= i <= self.n_frames:
            raise IndexError(f"frame index: {i} lies outside 0..{self.n_frames}")
        ticks = int(self.pts[min(i, self.n_frames - 1)]) - int(self.pts[0])
        if i == self.n_frames:
            ticks += self.duration_of_last
        micro = round(Fraction(ticks * self.time_base[0], self.time_base[1]) * 1_000_000)
        sign = "-" if micro < 0 else ""
        return f"{sign}{abs(micro) // 1_000_000}.{abs(micro) % 1_000_000:06d}"

    def entry_before(self, i: int) -> int:
        """The last index ≤ i at which decoding may start; 0 where there is none."""
        if not 0 <= i < self.n_frames:
            raise IndexError(f"frame index: {i} lies outside 0..{self.n_frames - 1}")
        at = int(np.searchsorted(self._entries(), i, side="right")) - 1
        return int(self._entries()[at]) if at >= 0 else 0

    @property
    def entries(self) -> list[int]:
        """Indices at which decoding may start."""
        return self._entries().tolist()

    def longest_idr_gap(self) -> int:
        """Most pictures from one IDR to the next (or to the end); n_frames + 1 if 0 is no IDR."""
        keys = self.key
        if not keys or keys[0] != 0:
            return self.n_frames + 1
        return int(np.diff([*keys, self.n_frames]).max())

    def with_warnings(self, more: Sequence[Warning_]) -> FrameIndex:
        """The same index with warnings added; one of a code that is there already is not."""
        kept = dict(self.warnings)
        for code, message in more:
            kept.setdefault(code, message)
        return replace(self, warnings=tuple(kept.items()))

    def to_bytes(self) -> bytes:
        """Versioned, compressed form (about 4 bytes a frame), little-endian."""
        pts_steps = np.diff(self.pts, prepend=np.int64(0)).astype("<i8")
        words = json.dumps(list(self.warnings), ensure_ascii=False, separators=(",", ":"))
        body = b"".join(
            (
                pts_steps.tobytes(),
                self.flags.astype("u1").tobytes(),
                self.size_bytes.astype("<u4").tobytes(),
                np.diff(self.offset_bytes, prepend=np.int64(0)).astype("<i8").tobytes(),
                words.encode(),
            )
        )
        head = (
            MAGIC,
            FORMAT_VERSION,
            *self.time_base,
            self.n_frames,
            self.duration_of_last,
            self.by_count,
            len(body),
        )
        check = zlib.crc32(body, zlib.crc32(_HEAD.pack(*head, 0)))
        return _HEAD.pack(*head, check) + zlib.compress(body, 6)

    @classmethod
    def from_bytes(cls, data: bytes) -> FrameIndex:
        """The inverse of `to_bytes`. Raises ValueError for anything else."""
        if len(data) < _HEAD.size:
            raise ValueError("frame index: too short; build it again")
        magic, version, num, den, n, last, by_count, size, crc = _HEAD.unpack_from(data)
        if magic != MAGIC or version != FORMAT_VERSION:
            raise ValueError("frame index: not one, or of an unknown version; build it again")
        opener = zlib.decompressobj()
        try:
            body = opener.decompress(data[_HEAD.size :], size + 1)
        except zlib.error:
            raise ValueError("frame index: damaged; build it again") from None
        check = zlib.crc32(body, zlib.crc32(data[: _HEAD.size - 4] + bytes(4)))
        if not opener.eof or opener.unused_data or check != crc or size < n * 21:
            raise ValueError("frame index: damaged; build it again")
        return cls(
            time_base=(num, den),
            pts=np.cumsum(np.frombuffer(body, "<i8", n)).astype(np.int64),
            flags=np.frombuffer(body, "u1", n, n * 8).copy(),
            size_bytes=np.frombuffer(body, "<u4", n, n * 9).astype(np.uint32),
            offset_bytes=np.cumsum(np.frombuffer(body, "<i8", n, n * 13)).astype(np.int64),
            duration_of_last=last,
            by_count=bool(by_count),
            warnings=tuple((c, m) for c, m in json.loads(body[n * 21 :])),
        )

    def _entries(self) -> NDArray[np.int64]:
        cached = self.__dict__.get("_entry_rows")
        if cached is None:
            cached = np.flatnonzero(self.flags & ENTRY)
            object.__setattr__(self, "_entry_rows", cached)
        return cached

    def _span(self) -> Fraction:
        ticks = int(self.pts[-1]) - int(self.pts[0]) + self.duration_of_last
        return Fraction(ticks * self.time_base[0], self.time_base[1])


def index_of_times(
    pts: Sequence[int],
    time_base: tuple[int, int],
    duration_of_last: int,
    warnings: Sequence[Warning_] = (),
    size_bytes: Sequence[int] | None = None,
    offset_bytes: Sequence[int] | None = None,
) -> FrameIndex:
    """An index over pictures that each stand alone (a cine): every one is an entry."""
    n = len(pts)
    places = offset_bytes if offset_bytes is not None else np.full(n, -1)
    return FrameIndex(
        time_base=time_base,
        pts=np.asarray(pts, np.int64),
        flags=np.full(n, CONTAINER_KEY | IDR | ENTRY, np.uint8),
        size_bytes=np.asarray(size_bytes if size_bytes is not None else np.zeros(n), np.uint32),
        offset_bytes=np.asarray(places, np.int64),
        duration_of_last=duration_of_last,
        warnings=tuple(warnings),
    )


def time_base_of(data: bytes) -> tuple[int, int]:
    """(numerator, denominator) of the time base in seconds, from the first HEAD_BYTES of
    ``FrameIndex.to_bytes``. Raises ValueError for anything else."""
    if len(data) < HEAD_BYTES or data[:4] != MAGIC:
        raise ValueError("frame index: not one; build it again")
    _, _, numerator, denominator, *_ = _HEAD.unpack_from(data)
    return numerator, denominator
