"""Search of many byte patterns at once, with numpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

_HASH_BITS = 20
_MULTIPLIER = np.uint32(2654435761)
_SHIFT = np.uint32(32 - _HASH_BITS)
_BLOCK_WORDS = 64 * 1024
_MOST_COMPARED = 1 << 20
MIN_PATTERN_BYTES = 6


@dataclass(frozen=True, eq=False)
class Prepared:
    """Patterns with their keys: two neighbouring four-byte windows of each, so that one of them
    is met at an even position. `entries`: (offset in the pattern, pattern, its first letters' case
    matters), two for each pattern, as `keys`. `fifths`: the byte beside the window that the other
    of the two has. Prepared once, put into many searches."""

    keys: np.ndarray
    fifths: np.ndarray
    entries: tuple[tuple[int, bytes, bool], ...]
    longest_bytes: int


def prepare(caseless: Iterable[bytes], exact: Iterable[bytes] = ()) -> Prepared:
    """Patterns in lower case, found in any case, and patterns found as they are.

    Raises ValueError for one shorter than 6 bytes.
    """
    keys: list[int] = []
    fifths: list[int] = []
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
                fifths.append(lowered[best + 4 if offset == best else best])
                entries.append((offset, pattern, is_exact))
            longest = max(longest, len(pattern))
    return Prepared(
        np.array(keys, dtype=np.uint32), np.array(fifths, dtype=np.uint8), tuple(entries), longest
    )


class PatternSearch:
    """Finds every occurrence of the patterns (each at least 6 bytes) in a buffer.

    Four-byte windows at even positions are looked at: their first two bytes in a table that a
    processor's cache holds, then their hash in a bitmap. A hit is compared byte by byte: what is
    reported is really there.
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
        fifths = [group.fifths for group, _ in pairs]
        self._fifths = np.concatenate(fifths)[order] if fifths else np.zeros(0, np.uint8)
        # The windows of a pattern come in pairs: the first has its fifth byte behind it.
        self._beside = np.where(self._place % 2, -1, 4)
        self._bitmap = np.zeros(1 << _HASH_BITS, dtype=bool)
        if len(keys):
            self._bitmap[(keys * _MULTIPLIER) >> _SHIFT] = True
        self._pairs = np.zeros(1 << 16, dtype=bool)
        self._pairs[keys & np.uint32(0xFFFF)] = True

    def find(self, data: bytes) -> Iterator[tuple[int, str]]:
        """(position, kind) of each occurrence, in no order; an occurrence may come twice."""
        for position, kind, _ in self.matches(data):
            yield position, kind

    def matches(self, data: bytes) -> Iterator[tuple[int, str, bytes]]:
        """(position, kind, pattern) of each occurrence."""
        if not len(self._keys):
            return
        lowered = data.lower()
        words = np.frombuffer(lowered, "<u2", len(lowered) // 2)
        for start in range(0, len(words) - 1, _BLOCK_WORDS):
            block = words[start : min(start + _BLOCK_WORDS, len(words) - 1)]
            # `take` is three times as fast here as an index.
            met = np.flatnonzero(self._pairs.take(block)) + start
            keys = words.take(met) | words.take(met + 1).astype(np.uint32) << np.uint32(16)
            hits = np.flatnonzero(self._bitmap.take((keys * _MULTIPLIER) >> _SHIFT))
            if len(hits):
                yield from self._verify(data, lowered, 2 * met[hits], keys[hits])

    def _verify(
        self, data: bytes, lowered: bytes, positions: np.ndarray, found: np.ndarray
    ) -> Iterator[tuple[int, str, bytes]]:
        first = np.searchsorted(self._keys, found, "left")
        counts = np.searchsorted(self._keys, found, "right") - first
        known = np.flatnonzero(counts)
        first, counts, positions = first[known], counts[known], positions[known]
        ends = np.cumsum(counts)
        start = 0
        while start < len(ends):
            # So many comparisons at once that memory stays flat.
            before = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + _MOST_COMPARED)))
            part = slice(start, stop)
            yield from self._compare(data, lowered, positions[part], first[part], counts[part])
            start = stop

    def _compare(
        self,
        data: bytes,
        lowered: bytes,
        positions: np.ndarray,
        first: np.ndarray,
        counts: np.ndarray,
    ) -> Iterator[tuple[int, str, bytes]]:
        which = np.repeat(np.arange(len(counts)), counts)
        at = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + first[which]
        fifth = positions[which] + self._beside[at]
        inside = (fifth >= 0) & (fifth < len(lowered))
        which, at, fifth = which[inside], at[inside], fifth[inside]
        same = np.frombuffer(lowered, np.uint8)[fifth] == self._fifths[at]
        for position, entry in zip(positions[which[same]].tolist(), at[same].tolist(), strict=True):
            entries, kind = self._groups[self._owner[entry]]
            offset, pattern, is_exact = entries[self._place[entry]]
            begin = position - offset
            if begin >= 0 and (data if is_exact else lowered).startswith(pattern, begin):
                yield begin, kind, pattern


def search_of(patterns: Mapping[bytes, str]) -> PatternSearch:
    """A search of exact patterns, each with its kind."""
    return PatternSearch([(prepare((), [pattern]), kind) for pattern, kind in patterns.items()])
