"""Search of many byte patterns at once, with numpy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

_HASH_BITS = 18
_MULTIPLIER, _OTHER_MULTIPLIER = np.uint32(2654435761), np.uint32(2246822519)
_SHIFT = np.uint32(32 - _HASH_BITS)
# So many at a time that what is made of them is still at hand in the processor's cache.
_BLOCK_WORDS = 64 * 1024
_MOST_HITS = 64 * 1024
_MOST_COMPARED = 1 << 18
MIN_PATTERN_BYTES = 6
_WINDOWS = 4
_LOWER = np.frombuffer(bytes(range(256)).lower(), np.uint8)
# Both cases of a letter have this bit set; other signs that it makes alike are told apart later.
_FOLD = np.uint32(0x20202020)
_THREE_BYTES = np.uint32(0x00FFFFFF)
_LAST_BYTES = np.arange(256, dtype=np.uint32) << np.uint32(24)
_FOUR = np.arange(4)


@dataclass(frozen=True, eq=False)
class Prepared:
    """Patterns with their keys, prepared once and put into many searches.

    `keys`: (n, 4) uint32, four neighbouring four-byte windows of each pattern in lower case, so
    that one of them is met at a position that four divides; `offsets`: (n,), where the first of
    them begins. A pattern of six bytes has three such windows and then one of three bytes.
    `beside`, `beside_at`: (n,), another window and where it begins, to be compared next.
    `lengths`: (n,), bytes. `entries`: (pattern, its letters' case matters).
    """

    keys: np.ndarray
    offsets: np.ndarray
    beside: np.ndarray
    beside_at: np.ndarray
    lengths: np.ndarray
    entries: tuple[tuple[bytes, bool], ...]


def prepare(caseless: Iterable[bytes], exact: Iterable[bytes] = ()) -> Prepared:
    """Patterns in lower case, found in any case, and patterns found as they are.

    Raises ValueError for one shorter than 6 bytes.
    """
    entries = tuple([*((one, False) for one in caseless), *((one, True) for one in exact)])
    lengths = np.array([len(pattern) for pattern, _ in entries], np.int64)
    if len(lengths) and lengths.min() < MIN_PATTERN_BYTES:
        raise ValueError("patterns: one shorter than 6 bytes; leave it out")
    joined = b"".join([pattern for pattern, _ in entries]) + bytes(_WINDOWS)
    data = _LOWER.take(np.frombuffer(joined, np.uint8))
    starts = np.cumsum(lengths) - lengths
    # Of three places the one of most signs, the last one first.
    last = np.maximum(lengths - _WINDOWS - 3, 0)
    places = np.stack([last, last // 2, np.zeros_like(last)])
    at = (starts + places)[:, :, None] + np.arange(MIN_PATTERN_BYTES)
    signs = np.sort(data.take(at), axis=2)
    n_signs = (signs[:, :, 1:] != signs[:, :, :-1]).sum(axis=2)
    offsets = places[n_signs.argmax(axis=0), np.arange(len(entries))] if entries else last
    keys = _words(data, (starts + offsets)[:, None] + np.arange(_WINDOWS))
    keys[lengths == MIN_PATTERN_BYTES, _WINDOWS - 1] &= _THREE_BYTES
    beside_at = np.where(offsets >= _WINDOWS, 0, lengths - _WINDOWS)
    return Prepared(keys, offsets, _words(data, starts + beside_at), beside_at, lengths, entries)


def _words(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Four bytes from each position as one number: uint32 of the shape of `at`."""
    found: np.ndarray = np.ascontiguousarray(data.take(at[..., None] + _FOUR)).view("<u4")
    return found[..., 0]


def _hashed(words: np.ndarray) -> np.ndarray:
    """Where in a table both cases of these words stand."""
    return ((words | _FOLD) * _MULTIPLIER) >> _SHIFT


class _Keys:
    """Sorted keys, and which windows have each: `windows[firsts[i]:firsts[i] + counts[i]]`, as
    numbers of (pattern, window)."""

    def __init__(self, keys: np.ndarray, windows: np.ndarray) -> None:
        self._table = np.zeros(1 << _HASH_BITS, dtype=bool)
        self._table[keys * _OTHER_MULTIPLIER >> _SHIFT] = True
        order = np.argsort(keys, kind="stable")
        self.windows = windows[order]
        self._keys, self._firsts, self._counts = np.unique(
            keys[order], return_index=True, return_counts=True
        )

    def look_up(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(which of `keys` are known, first window of each, how many windows)."""
        if not len(self._keys):
            return (np.zeros(0, np.int64),) * 3
        # Most that came here did so by chance, and looking one up among all is slow.
        (known,) = self._table.take(keys * _OTHER_MULTIPLIER >> _SHIFT).nonzero()
        keys = keys.take(known)
        place = np.searchsorted(self._keys, keys)
        (same,) = (self._keys.take(place, mode="clip") == keys).nonzero()
        known, place = known.take(same), place.take(same)
        return known, self._firsts.take(place), self._counts.take(place)


class PatternSearch:
    """Finds every occurrence of the patterns (each at least 6 bytes) in a buffer.

    Every fourth four-byte window is looked at: its hash in a table that a processor's cache holds,
    then the word itself among the patterns', then a second word of the pattern. What is left is
    compared byte by byte: what is reported is really there.
    """

    def __init__(self, groups: Mapping[Prepared, str] | Iterable[tuple[Prepared, str]]) -> None:
        pairs = list(groups.items() if isinstance(groups, Mapping) else groups)
        self._entries = [(*entry, kind) for group, kind in pairs for entry in group.entries]
        self._is_empty = not self._entries
        if self._is_empty:
            pairs = [(prepare(()), "")]
        self._offsets = np.concatenate([group.offsets for group, _ in pairs])
        self._beside = np.concatenate([group.beside for group, _ in pairs])
        self._beside_at = np.concatenate([group.beside_at for group, _ in pairs])
        self._lengths = np.concatenate([group.lengths for group, _ in pairs])
        self.longest_bytes = int(self._lengths.max(initial=0))
        keys = np.concatenate([group.keys for group, _ in pairs]).reshape(-1)
        windows = np.arange(len(keys))
        is_short = np.repeat(self._lengths == MIN_PATTERN_BYTES, _WINDOWS)
        is_short &= windows % _WINDOWS == _WINDOWS - 1
        self._wide = _Keys(keys[~is_short], windows[~is_short])
        self._short = _Keys(keys[is_short], windows[is_short])
        self._has_short = bool(is_short.any())
        self._table = np.zeros(1 << _HASH_BITS, dtype=bool)
        self._table[_hashed(keys[~is_short])] = True
        # What stands behind a window of three bytes may be anything.
        self._table[_hashed(keys[is_short][:, None] | _LAST_BYTES)] = True

    def find(self, data: bytes) -> Iterator[tuple[int, str]]:
        """(position, kind) of each occurrence, in no order; an occurrence may come twice."""
        for position, kind, _ in self.matches(data):
            yield position, kind

    def matches(self, data: bytes) -> Iterator[tuple[int, str, bytes]]:
        """(position, kind, pattern) of each occurrence."""
        if self._is_empty:
            return
        n_words = len(data) // 4
        words = np.frombuffer(data, "<u4", n_words)
        size = min(n_words, _BLOCK_WORDS)
        mixed, is_met = np.empty(size, np.uint32), np.empty(size, bool)
        place = np.empty(size, np.intp)
        found: list[np.ndarray] = []
        n_found = 0
        for start in range(0, n_words, _BLOCK_WORDS):
            block = words[start : start + _BLOCK_WORDS]
            n = len(block)
            np.bitwise_or(block, _FOLD, out=mixed[:n])
            np.multiply(mixed[:n], _MULTIPLIER, out=mixed[:n])
            np.right_shift(mixed[:n], _SHIFT, out=mixed[:n])
            place[:n] = mixed[:n]
            # In this mode `take` writes straight into what it is given.
            self._table.take(place[:n], mode="clip", out=is_met[:n])
            (met,) = is_met[:n].nonzero()
            if len(met):
                found.append(met + start)
                n_found += len(met)
            if n_found >= _MOST_HITS:
                yield from self._verify(data, words, np.concatenate(found))
                found, n_found = [], 0
        if found:
            yield from self._verify(data, words, np.concatenate(found))
        if self._has_short and len(data) % 4 == 3:
            # A window of three bytes may be the last three.
            tail = np.frombuffer(data[4 * n_words :] + b"\0", "<u4")
            yield from self._verify(data, tail, np.zeros(1, np.intp), 4 * n_words)

    def _verify(
        self, data: bytes, words: np.ndarray, met: np.ndarray, begin: int = 0
    ) -> Iterator[tuple[int, str, bytes]]:
        """What really stands around the words at `met`; `begin`: where in `data` the words do."""
        lowered = _LOWER.take(words.take(met).view(np.uint8)).view("<u4")
        positions = 4 * met + begin
        yield from self._compare_all(data, self._wide, lowered, positions)
        if self._has_short:
            yield from self._compare_all(data, self._short, lowered & _THREE_BYTES, positions)

    def _compare_all(
        self, data: bytes, keys: _Keys, met: np.ndarray, positions: np.ndarray
    ) -> Iterator[tuple[int, str, bytes]]:
        known, firsts, counts = keys.look_up(met)
        if not len(known):
            return
        positions = positions.take(known)
        ends = np.cumsum(counts)
        start = 0
        while start < len(ends):
            # So many comparisons at once that memory stays flat.
            before = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + _MOST_COMPARED)))
            part = slice(start, stop)
            yield from self._compare(
                data, keys.windows, positions[part], firsts[part], counts[part]
            )
            start = stop

    def _compare(
        self,
        data: bytes,
        windows: np.ndarray,
        positions: np.ndarray,
        firsts: np.ndarray,
        counts: np.ndarray,
    ) -> Iterator[tuple[int, str, bytes]]:
        shift = np.repeat(firsts - np.cumsum(counts) + counts, counts)
        window = windows.take(np.arange(len(shift)) + shift)
        entry = window // _WINDOWS
        begin = np.repeat(positions, counts) - self._offsets.take(entry) - window % _WINDOWS
        is_inside = (begin >= 0) & (begin + self._lengths.take(entry) <= len(data))
        entry, begin = entry[is_inside], begin[is_inside]
        there = _words(np.frombuffer(data, np.uint8), begin + self._beside_at.take(entry))
        is_same = _LOWER.take(there.view(np.uint8)).view("<u4") == self._beside.take(entry)
        for at, number in zip(begin[is_same].tolist(), entry[is_same].tolist(), strict=True):
            pattern, is_exact, kind = self._entries[number]
            found = data[at : at + len(pattern)]
            if (found if is_exact else found.lower()) == pattern:
                yield at, kind, pattern


def search_of(patterns: Mapping[bytes, str]) -> PatternSearch:
    """A search of exact patterns, each with its kind."""
    return PatternSearch([(prepare((), [pattern]), kind) for pattern, kind in patterns.items()])
