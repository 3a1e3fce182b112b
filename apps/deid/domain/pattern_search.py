"""Search of many byte patterns at once, with numpy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

_HASH_BITS = 20
_MULTIPLIER = np.uint32(2654435761)
_SHIFT = np.uint32(32 - _HASH_BITS)
_BLOCK_BYTES = 256 * 1024
MIN_PATTERN_BYTES = 6


class PatternSearch:
    """Finds every occurrence of the patterns (each at least 6 bytes) in a buffer.

    Four-byte windows at even positions are hashed into a bitmap; each pattern is entered with two
    neighbouring windows, so that one of them is met at an even position. A hit is then compared
    byte by byte: what is reported is really there.
    """

    def __init__(self, patterns: Mapping[bytes, str]) -> None:
        self._bitmap = np.zeros(1 << _HASH_BITS, dtype=bool)
        self._at: dict[int, list[tuple[int, bytes, str]]] = {}
        self.longest_bytes = max(map(len, patterns), default=0)
        for pattern, kind in patterns.items():
            if len(pattern) < MIN_PATTERN_BYTES:
                raise ValueError("patterns: one shorter than 6 bytes; leave it out")
            best = max(
                range(len(pattern) - 4),
                key=lambda o, p=pattern: (len(set(p[o : o + 5])), o),  # type: ignore[misc]
            )
            for offset in (best, best + 1):
                key = int.from_bytes(pattern[offset : offset + 4], "little")
                self._at.setdefault(key, []).append((offset, pattern, kind))
        self._keys = np.array(sorted(self._at), dtype=np.uint32)
        if self._at:
            self._bitmap[(self._keys * _MULTIPLIER) >> _SHIFT] = True

    def find(self, data: bytes) -> Iterator[tuple[int, str]]:
        """(position, kind) of each occurrence, in no order; an occurrence may come twice."""
        if not self._at:
            return
        for start in range(0, len(data), _BLOCK_BYTES):
            for phase in (start, start + 2):
                count = (min(_BLOCK_BYTES, len(data) - phase)) // 4
                if count <= 0:
                    continue
                keys = np.frombuffer(data, "<u4", count, phase)
                hits = np.flatnonzero(self._bitmap[(keys * _MULTIPLIER) >> _SHIFT])
                if len(hits):
                    yield from self._verify(data, phase, keys, hits)

    def _verify(
        self, data: bytes, phase: int, keys: np.ndarray, hits: np.ndarray
    ) -> Iterator[tuple[int, str]]:
        found = keys[hits]
        places = np.minimum(np.searchsorted(self._keys, found), len(self._keys) - 1)
        for hit in hits[self._keys[places] == found].tolist():
            position = phase + 4 * hit
            for offset, pattern, kind in self._at[int(keys[hit])]:
                if data.startswith(pattern, position - offset) and position >= offset:
                    yield position - offset, kind
