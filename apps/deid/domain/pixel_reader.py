"""A seekable view over the pieces of an instance's pixel data, none of them copied."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO


class PixelReader(io.RawIOBase):
    """Reads (offset_bytes, size_bytes) pieces of ``stream`` one after the other."""

    def __init__(self, stream: BinaryIO, pieces: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self._stream, self._pieces = stream, tuple(pieces)
        self._starts = [0, *accumulate(size for _, size in pieces)]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {0: 0, 1: self._position, 2: self._starts[-1]}[whence]
        if base + offset < 0:
            raise ValueError("seek before the start")
        self._position = base + offset
        return self._position

    @property
    def left_bytes(self) -> int:
        """From where it stands to the end of the last piece."""
        return max(0, self._starts[-1] - self._position)

    def read(self, size: int | None = -1) -> bytes:
        left = self.left_bytes
        wanted = left if size is None or size < 0 else min(size, left)
        parts = []
        while wanted:
            data = self._stream.read(self._at_hand(wanted))
            if not data:
                break
            parts.append(data)
            self._position += len(data)
            wanted -= len(data)
        return b"".join(parts)

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def, override]
        view, done = memoryview(buffer), 0
        wanted = min(len(view), self.left_bytes)
        while done < wanted:
            size = self._at_hand(wanted - done)
            n = self._stream.readinto(view[done : done + size])  # type: ignore[attr-defined]
            if not n:
                break
            self._position += n
            done += n
        return done

    def _at_hand(self, wanted: int) -> int:
        """How many bytes of those wanted stand together, where the stream is now put."""
        piece = bisect_right(self._starts, self._position) - 1
        offset, length = self._pieces[piece]
        inside = self._position - self._starts[piece]
        self._stream.seek(offset + inside)
        return min(wanted, length - inside)
