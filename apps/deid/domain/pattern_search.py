"""Search of many byte patterns at once, with numpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

_HASH_BITS = 20
_MULTIPLIER = np.uint32(2654435761)
_SHIFT = np.uint32(32 - _HASH_BITS)
_BLOCK_BYTES = 256 * 1024
MIN_PATTERN_BYTES = 6


@dataclass(frozen=True, eq=False)
class Prepared:
    """Patterns with their keys: two neighbouring four-byte windows of each, so that one of them
    is met at an even position. `entries`: (offset in the pattern, pattern, its first letters' case
    matters), two for each pattern, as `keys`. Prepared once, put into many searches."""

    keys: np.ndarray
    entries: tuple[tuple[int, bytes, bool], ...]
    longest_bytes: int


def prepare(caseless: Iterable[bytes], exact: Iterable[bytes] = ()) -> Prepared:
    """Patterns in lower case, found in any case, and patterns found as they are.

    Raises ValueError for one shorter than 6 bytes.
    """
    keys: list[int] = []
    entries: list[tuple[int, bytes, bool]] = []
    longest = 0
    for is_exact, patterns in ((False, caseless), (True, exact)):
        for pattern in patterns:
            if len(pattern) < MIN_PATTERN_BYTES:
                raise ValueError("patterns: one shorter than 6 bytes; leave it out")
            lowered = pattern.lower()
            last = len(pattern) - 5
            best = max((last, last // 2, 0), key=lambda o, p=lowered: len(set(p[o : o + 5])))  # type: ignore[misc]
            for offset in (best, best + 1):
                keys.append(int.from_bytes(lowered[offset : offset + 4], "little"))
                entries.append((offset, pattern, is_exact))
            longest = max(longest, len(pattern))
    return Prepared(np.array(keys, dtype=np.uint32), tuple(entries), longest)


class PatternSearch:
    """Finds every occurrence of the patterns (each at least 6 bytes) in a buffer.

    Four-byte windows at even positions are hashed into a bitmap. A hit is then compared byte by
    byte: what is reported is really there.
    """

    def __init__(self, groups: Mapping[Prepared, str] | Iterable[tuple[Prepared, str]]) -> None:
        pairs = list(groups.items() if isinstance(groups, Mapping) else groups)
        self.longest_bytes = max((group.longest_bytes for group, _ in pairs), default=0)
        self._groups = [(group.entries, kind) for group, kind in pairs]
        all_keys = [group.keys for group, _ in pairs]
        keys = np.concatenate(all_keys) if all_keys else np.zeros(0, np.uint32)
        sizes = [len(k) for k in all_keys]
        owner = np.repeat(np.arange(len(sizes)), sizes)
        starts = np.cumsum([0, *sizes])[:-1] if sizes else np.zeros(0, int)
        place = np.arange(len(keys)) - np.repeat(starts, sizes)
        order = np.argsort(keys, kind="stable")
        self._keys, self._owner, self._place = keys[order], owner[order], place[order]
        self._bitmap = np.zeros(1 << _HASH_BITS, dtype=bool)
        if len(keys):
            self._bitmap[(keys * _MULTIPLIER) >> _SHIFT] = True

    def find(self, data: bytes) -> Iterator[tuple[int, str]]:
        """(position, kind) of each occurrence, in no order; an occurrence may come twice."""
        for position, kind, _ in self.matches(data):
            yield position, kind

    def matches(self, data: bytes) -> Iterator[tuple[int, str, bytes]]:
        """(position, kind, pattern) of each occurrence."""
        if not len(self._keys):
            return
        lowered = data.lower()
        for start in range(0, len(data), _BLOCK_BYTES):
            for phase in (start, start + 2):
                count = (min(_BLOCK_BYTES, len(data) - phase)) // 4
                if count <= 0:
                    continue
                keys = np.frombuffer(lowered, "<u4", count, phase)
                hits = np.flatnonzero(self._bitmap[(keys * _MULTIPLIER) >> _SHIFT])
                if len(hits):
                    yield from self._verify(data, lowered, phase, keys[hits], hits)

    def _verify(
        self, data: bytes, lowered: bytes, phase: int, found: np.ndarray, hits: np.ndarray
    ) -> Iterator[tuple[int, str, bytes]]:
        first = np.searchsorted(self._keys, found, "left")
        last = np.searchsorted(self._keys, found, "right")
        for which in np.flatnonzero(last > first).tolist():
            position = phase + 4 * int(hits[which])
            for at in range(first[which], last[which]):
                entries, kind = self._groups[self._owner[at]]
                offset, pattern, is_exact = entries[self._place[at]]
                begin = position - offset
                if begin >= 0 and (data if is_exact else lowered).startswith(pattern, begin):
                    yield begin, kind, pattern


def search_of(patterns: Mapping[bytes, str]) -> PatternSearch:
    """A search of exact patterns, each with its kind."""
    return PatternSearch([(prepare((), [pattern]), kind) for pattern, kind in patterns.items()])
