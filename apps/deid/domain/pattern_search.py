"""Search of many byte patterns at once, with numpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

_HASH_BITS = 20
_MULTIPLIER = np.uint32(2654435761)
_SHIFT = np.uint32(32 - _HASH_BITS)
_BLOCK_WORDS = 128 * 1024
_MOST_BLOCKS = 8
_MOST_COMPARED = 1 << 20
MIN_PATTERN_BYTES = 6
_LOWER = np.frombuffer(bytes(range(256)).lower(), np.uint8)
_WORDS = np.arange(1 << 16, dtype=np.uint16)
_LOWER_WORDS = _LOWER[_WORDS & 0xFF] | _LOWER[_WORDS >> 8].astype(np.uint16) << np.uint16(8)
_IS_FIRST, _IS_SECOND = np.uint8(1), np.uint8(2)


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
            # Of three places the one of most signs, the last one first.
            best = len(pattern) - 5
            signs = len(set(lowered[best:]))
            if signs < 5:
                for other in (best // 2, 0):
                    if (more := len(set(lowered[other : other + 5]))) > signs:
                        best, signs = other, more
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

    Four-byte windows at even positions are looked at: their two halves in a table that a
    processor's cache holds and that has both cases, then their hash in a bitmap. A hit is compared
    byte by byte: what is reported is really there.
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
        halves = np.zeros(1 << 16, dtype=np.uint8)
        halves[keys & np.uint32(0xFFFF)] |= _IS_FIRST
        halves[keys >> np.uint32(16)] |= _IS_SECOND
        # Keys are in lower case: what is one when lowered is met in either case.
        self._halves = halves.take(_LOWER_WORDS)

    def find(self, data: bytes) -> Iterator[tuple[int, str]]:
        """(position, kind) of each occurrence, in no order; an occurrence may come twice."""
        for position, kind, _ in self.matches(data):
            yield position, kind

    def matches(self, data: bytes) -> Iterator[tuple[int, str, bytes]]:
        """(position, kind, pattern) of each occurrence."""
        if not len(self._keys):
            return
        words = np.frombuffer(data, "<u2", len(data) // 2)
        found: list[tuple[np.ndarray, np.ndarray]] = []
        for start in range(0, len(words) - 1, _BLOCK_WORDS):
            block = words[start : min(start + _BLOCK_WORDS + 1, len(words))]
            # `take` is three times as fast here as an index.
            halves = self._halves.take(block)
            both = halves[:-1] & halves[1:] >> _IS_FIRST & _IS_FIRST
            (met,) = both.view(bool).nonzero()
            first = _LOWER_WORDS.take(block.take(met))
            second = _LOWER_WORDS.take(block.take(met + 1))
            keys = first | second.astype(np.uint32) << np.uint32(16)
            (hits,) = self._bitmap.take((keys * _MULTIPLIER) >> _SHIFT).nonzero()
            if len(hits):
                found.append((2 * (met.take(hits) + start), keys.take(hits)))
            if len(found) == _MOST_BLOCKS:
                yield from self._verify(data, found)
                found = []
        if found:
            yield from self._verify(data, found)

    def _verify(
        self, data: bytes, found: list[tuple[np.ndarray, np.ndarray]]
    ) -> Iterator[tuple[int, str, bytes]]:
        positions = np.concatenate([at for at, _ in found])
        keys = np.concatenate([key for _, key in found])
        first = np.searchsorted(self._keys, keys, "left")
        # Most hits of the bitmap are chance: those whose key is none of the patterns'.
        (known,) = (self._keys.take(first, mode="clip") == keys).nonzero()
        if not len(known):
            return
        first, keys, positions = first.take(known), keys.take(known), positions.take(known)
        counts = np.searchsorted(self._keys, keys, "right") - first
        ends = np.cumsum(counts)
        start = 0
        while start < len(ends):
            # So many comparisons at once that memory stays flat.
            before = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + _MOST_COMPARED)))
            part = slice(start, stop)
            yield from self._compare(data, positions[part], first[part], counts[part])
            start = stop

    def _compare(
        self, data: bytes, positions: np.ndarray, first: np.ndarray, counts: np.ndarray
    ) -> Iterator[tuple[int, str, bytes]]:
        which = np.repeat(np.arange(len(counts)), counts)
        at = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + first[which]
        fifth = positions[which] + self._beside[at]
        inside = (fifth >= 0) & (fifth < len(data))
        which, at, fifth = which[inside], at[inside], fifth[inside]
        same = _LOWER.take(np.frombuffer(data, np.uint8).take(fifth)) == self._fifths[at]
        for position, entry in zip(positions[which[same]].tolist(), at[same].tolist(), strict=True):
            entries, kind = self._groups[self._owner[entry]]
            offset, pattern, is_exact = entries[self._place[entry]]
            begin = position - offset
            if begin < 0:
                continue
            there = data[begin : begin + len(pattern)]
            if (there if is_exact else there.lower()) == pattern:
                yield begin, kind, pattern


def search_of(patterns: Mapping[bytes, str]) -> PatternSearch:
    """A search of exact patterns, each with its kind."""
    return PatternSearch([(prepare((), [pattern]), kind) for pattern, kind in patterns.items()])
