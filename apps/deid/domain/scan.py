"""Leak scan: the result, searched in every byte for every harvested value.

Raw bytes, UTF-16, base64, hex, inflated members, parsed elements and box texts. Long spellings
are searched everywhere; short ones only where a value was parsed, so that compressed video gives
no chance hits.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from apps.deid.domain.codes import code_of, public_meaning
from apps.deid.domain.elements import (
    BINARY_VRS,
    MAX_PARSED_BYTES,
    raw_items,
    raw_key,
    read_element,
    tag_text,
    texts_of,
    values_of,
)
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.harvest_index import STOP_WORDS
from apps.deid.domain.hidden_texts import hidden_texts
from apps.deid.domain.inflating import InflatingReader
from apps.deid.domain.pattern_search import MIN_PATTERN_BYTES, PatternSearch, Prepared, prepare
from apps.deid.domain.profile import Profile
from apps.deid.domain.spellings import patterns_of
from apps.deid.domain.text import is_allowed_phrase, squash, tokens
from apps.deid.domain.uids import is_listed, is_registered

IsChance = Callable[[int, bytes, int], bool]
CHUNK_BYTES = 1024 * 1024
_MOST_CLEAN, _MOST_DOUBTED = 20_000, 10_000
# Shorter bytes can hold no value that is searched in raw bytes, in no compression either.
_LEAST_BYTES = 6
_NEW_UID = re.compile(rb"2\.25\.[0-9]{36,39}")
_PRINTABLE = re.compile(rb"[\x20-\x7e\x80-\xff]{4,}")
_CODES = frozenset({0x00080100, 0x00080119})
_BOXES_WITH_BOXES = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta", b"edts", b"dinf", b"ilst", b"moof",
     b"traf", b"mvex", b"meta"}
)  # fmt: skip
_BOXES_OF_NUMBERS = frozenset(
    {b"mdat", b"stsz", b"stco", b"co64", b"stts", b"ctts", b"stsc", b"stss", b"sdtp", b"trun",
     b"sidx"}
)  # fmt: skip


@dataclass(frozen=True, order=True)
class Finding:
    """Where something identifying was left, and of which kind; never the value."""

    place: str
    kind: str


def kinds_kept_on_purpose(profile: Profile) -> frozenset[str]:
    """Kinds that a profile's retain options leave in: not looked for."""
    kinds: set[str] = set()
    if profile.has("retain_uids"):
        kinds.add("uid")
    if profile.has("retain_full_dates"):
        kinds |= {"date", "time"}
    if profile.has("retain_device_identity"):
        kinds.add("device")
    if profile.has("retain_institution_identity"):
        kinds |= {"institution", "address", "phone"}
    return frozenset(kinds)


class _Place:
    def __init__(self, depth: int) -> None:
        self.tail = b""
        self.n_passed = 0
        self.depth = depth
        self.inflating = InflatingReader() if depth < 2 else None


class LeakScanner:
    """Feed it everything that was written; `findings` holds what was left, each place once.

    `written`: values put in on purpose (`HeaderResult.written`). `ignore_kinds`: see
    `kinds_kept_on_purpose`. Memory stays flat: streams are fed in chunks.
    """

    def __init__(
        self,
        harvest: Harvest,
        *,
        written: Iterable[str] = (),
        ignore_kinds: Iterable[str] = (),
    ) -> None:
        on_purpose = self._on_purpose = {squash(value) for value in written}
        ignored = frozenset(ignore_kinds)
        wanted = harvest.view(ignored, lambda: _Wanted.of(harvest.without(ignored)))
        written_over = frozenset(wanted.standing_in(on_purpose))
        if written_over:
            wanted = wanted.but_for(written_over)
        self._harvest, self._search = wanted.harvest, wanted.search
        self._written = frozenset(spelling.encode("utf-8") for spelling in on_purpose)
        self._overlap = max(self._search.longest_bytes, 1) - 1
        self._uids = wanted.uids
        self._places: dict[str, _Place] = {}
        self._found: set[Finding] = set()
        self._pending: list[tuple[str, bytes, str]] = []
        self._clean, self._met = wanted.clean, set[str]()
        # Elements looked at, and which of the pending texts are theirs; what was noted so far.
        self._looked_at: list[tuple[Hashable, int, int]] = []
        self._notes = 0
        # Hits in a stream's own bytes, (where, kind, pattern), while it is not known what stands
        # around them.
        self._doubted: set[tuple[int, str, bytes]] | None = None

    @property
    def findings(self) -> list[Finding]:
        """All findings so far, sorted."""
        return sorted(self._found)

    def feed(self, place: str, data: bytes) -> None:
        """Search the next bytes of a stream; what spans two calls is found."""
        self._feed(place, data, 0, is_last=False)

    def finish(self, place: str) -> None:
        """End a stream, so that a member that begins in its last bytes is looked at too."""
        state = self._places.get(place)
        if state is not None and state.inflating is not None:
            self._inflate(place, b"", state, is_last=True)
        for name in [n for n in self._places if n == place or n.startswith(f"{place}/inflated ")]:
            del self._places[name]

    def scan_stream(self, place: str, stream: BinaryIO, is_chance: IsChance | None = None) -> None:
        """Search a stream from where it stands to its end. ``is_chance``: asked of each hit in its
        own bytes (where it stands, what was found, how often it was), whether it says nothing
        (`chance.Chances`)."""
        self._doubted = None if is_chance is None else set()
        while chunk := stream.read(CHUNK_BYTES):
            self.feed(place, chunk)
        self.finish(place)
        doubted, self._doubted = self._doubted or set(), None
        n_found = Counter(pattern for _, _, pattern in doubted)
        for position, kind, pattern in doubted:
            if is_chance is None or not is_chance(position, pattern, n_found[pattern]):
                self._note(place, kind)

    def _feed(self, place: str, data: bytes, depth: int, *, is_last: bool) -> None:
        state = self._places.get(place)
        if state is None:
            state = self._places[place] = _Place(depth)
        buffer = state.tail + data
        self._search_bytes(place, buffer, state.n_passed - len(state.tail), depth)
        state.n_passed += len(data)
        state.tail = buffer[-self._overlap :] if self._overlap else b""
        if state.inflating is not None:
            self._inflate(place, data, state, is_last=is_last)

    def _search_bytes(self, place: str, data: bytes, begin: int, depth: int) -> None:
        for position, kind, pattern in self._search.matches(data):
            if pattern in self._written or (
                pattern.isdigit() and _is_in_new_uid(data, position, pattern)
            ):
                continue
            if self._doubted is not None and depth == 0 and len(self._doubted) < _MOST_DOUBTED:
                self._doubted.add((begin + position, kind, pattern))
            else:
                self._note(place, kind)

    def _inflate(self, place: str, data: bytes, state: _Place, *, is_last: bool) -> None:
        assert state.inflating is not None
        for number, out in state.inflating.feed(data, is_last=is_last):
            self._feed(f"{place}/inflated {number}", out, state.depth + 1, is_last=False)

    def scan_text(self, place: str, text: str) -> None:
        """Search one parsed text: short values too, and what base64, hex, % and & hide in it."""
        self._scan_value(place, text)
        self._search_pending()

    def _scan_value(self, place: str, text: str) -> None:
        """One text, unless the same one was searched before for the same harvest in vain."""
        if len(text) < 3 or text in self._clean:
            return
        if self._look_into(place, text, text, 0):
            self._met.add(text)

    def _look_into(self, place: str, text: str, whole: str, depth: int) -> bool:
        """Look into a text and what it hides; whether no value stands in it as a word. Its bytes
        are searched with all others', for ``whole``, the text that came."""
        if len(text) < 3:
            return True
        kind = self._harvest.find_in_text(text)
        if kind is not None:
            self._note(place, kind)
        data = text.encode("utf-8", "surrogatepass")
        if len(data) >= MIN_PATTERN_BYTES:
            self._pending.append((place, data, whole))
        is_clean = kind is None
        if depth < 2 and len(text) >= 8:
            for hidden in hidden_texts(text):
                is_clean &= self._look_into(place, hidden, whole, depth + 1)
        return is_clean

    def scan_dataset(self, place: str, ds: Dataset, depth: int = 0) -> None:
        """Search every value of a data set and of its items, and its file meta."""
        if depth == 0:
            meta = getattr(ds, "file_meta", None)
            if meta is not None:
                self._scan_elements(f"{place} meta", meta, 1)
        self._scan_elements(place, ds, depth)
        self._search_pending()

    def _search_pending(self) -> None:
        """Search the bytes of all texts met, in one pass."""
        pending, self._pending = self._pending, []
        met, self._met = self._met, set()
        looked_at, self._looked_at = self._looked_at, []
        hit: list[int] = []
        if pending:
            starts = [0, *accumulate(len(data) + 8 for _, data, _ in pending)]
            joined = bytes(8).join(data for _, data, _ in pending)
            for position, kind, pattern in self._search.matches(joined):
                at = bisect_right(starts, position) - 1
                place, _, whole = pending[at]
                met.discard(whole)
                hit.append(at)
                if pattern not in self._written:
                    self._note(place, kind)
        if len(self._clean) > _MOST_CLEAN:
            self._clean.clear()
        self._clean.update(text for text in met if len(text) <= 256)
        self._clean.update(
            key for key, first, last in looked_at if not any(first <= at < last for at in hit)
        )

    def _note(self, place: str, kind: str) -> None:
        self._notes += 1
        self._found.add(Finding(place, kind))

    def _scan_elements(self, place: str, ds: Dataset, depth: int) -> None:
        for tag, raw in raw_items(ds):
            if tag >> 16 == 0x7FE0 or (getattr(raw, "length", 0) or 0) > MAX_PARSED_BYTES:
                continue
            # The same bytes of the same element were searched before for the same, in vain.
            key = raw_key(ds, raw)
            if key is not None and key in self._clean:
                continue
            notes, first = self._notes, len(self._pending)
            self._scan_element(place, ds, tag, depth)
            if key is not None and self._notes == notes:
                self._looked_at.append((key, first, len(self._pending)))

    def _scan_element(self, place: str, ds: Dataset, tag: BaseTag, depth: int) -> None:
        here = f"{place} {tag_text(tag)}"
        element = read_element(ds, tag)
        if element is None:
            self._note(here, "unreadable")
        elif element.VR == "SQ":
            for item in element.value or []:
                self._scan_elements(here, item, depth + 1)
        elif element.VR in BINARY_VRS or isinstance(element.value, bytes):
            data = bytes(element.value or b"")
            if len(data) >= _LEAST_BYTES:
                self.feed(here, data)
                self.finish(here)
            if len(data) <= 4096:
                for run in _PRINTABLE.findall(data):
                    self._scan_value(here, run.decode("latin-1"))
        elif element.VR in ("DA", "TM", "DT"):
            for text in texts_of(element):
                if squash(text) not in self._on_purpose:
                    self._scan_value(here, text)
                else:
                    # Clean for this instance alone.
                    self._notes += 1
        elif element.VR == "UI":
            for text in texts_of(element):
                if squash(text) in self._uids:
                    self._note(here, "uid")
                elif is_registered(text) and not is_listed(text):
                    self._scan_value(here, text)
        elif element.VR in ("DS", "IS", "US", "SS", "UL", "SL", "SV", "UV", "FL", "FD", "AT"):
            for value in values_of(element)[:65_536]:
                kind = self._harvest.find_in_number(str(value))
                if kind is not None:
                    self._note(here, kind)
        elif tag in _CODES and public_meaning(*code_of(ds)) is not None:
            # A part of a public code's digits is one by chance; another code's is looked for.
            self._notes += 1
            if kind := self._harvest.find_in_number(str(element.value)):
                self._note(here, kind)
        else:
            for text in texts_of(element):
                self._scan_value(here, text)

    def scan_mp4(self, place: str, stream: BinaryIO) -> None:
        """Search the texts in an MP4's boxes (ISO/IEC 14496-12); sample data is `feed`'s part."""
        end = stream.seek(0, 2)
        self._scan_boxes(place, stream, 0, end, 0)

    def _scan_boxes(self, place: str, stream: BinaryIO, start: int, end: int, depth: int) -> None:
        while start + 8 <= end and depth < 12:
            stream.seek(start)
            head = stream.read(16)
            size, name = int.from_bytes(head[:4], "big"), head[4:8]
            body = start + 8
            if size == 1:
                size, body = int.from_bytes(head[8:16], "big"), start + 16
            elif size == 0:
                size = end - start
            if size < body - start or start + size > end:
                return
            if name in _BOXES_WITH_BOXES:
                skip = 4 if name == b"meta" and head[8:12] == bytes(4) else 0
                self._scan_boxes(place, stream, body + skip, start + size, depth + 1)
            elif name not in _BOXES_OF_NUMBERS and size <= MAX_PARSED_BYTES:
                stream.seek(body)
                data = stream.read(start + size - body)
                here = f"{place} box {name.decode('latin-1') if name.isalnum() else 'other'}"
                for run in _PRINTABLE.findall(data):
                    for text in {run.decode("latin-1"), run.decode("utf-8", "replace")}:
                        self.scan_text(here, text)
            start += size


def _is_in_new_uid(data: bytes, position: int, pattern: bytes) -> bool:
    """Whether digits that were found are a part of one of our own UIDs: 38 digits drawn by a keyed
    hash hold any eight by chance, once in some hundred instances."""
    start = data.rfind(b"2.25.", max(0, position - 44), position)
    uid = _NEW_UID.match(data, start, start + 44) if start >= 0 else None
    return uid is not None and position + len(pattern) <= uid.end()


@lru_cache(1024)
def _prepared(kind: str, value: str) -> tuple[tuple[Prepared, str], ...]:
    caseless, exact = patterns_of(kind, value)
    kept = [pattern for pattern in caseless if pattern.decode("latin-1") not in STOP_WORDS]
    return ((prepare(kept, exact), kind),)


@dataclass(frozen=True)
class _Wanted:
    """What is looked for: the harvest, its search, and its values without separators. `clean`:
    texts, and elements by `raw_key`, that were searched for all of it in vain."""

    harvest: Harvest
    search: PatternSearch
    squashed: dict[str, list[tuple[str, str]]]
    loose: tuple[tuple[str, str, str], ...]
    uids: frozenset[str]
    clean: set[Hashable] = field(default_factory=set)
    others: dict[frozenset[tuple[str, str]], _Wanted] = field(default_factory=dict)

    def but_for(self, left_out: frozenset[tuple[str, str]]) -> _Wanted:
        """The same without these (kind, value) pairs; an instance's own are often its study's."""
        if left_out not in self.others:
            if len(self.others) >= 16:
                self.others.clear()
            self.others[left_out] = _Wanted.of(
                Harvest(
                    {
                        kind: {v for v in found if (kind, v) not in left_out}
                        for kind, found in self.harvest.values.items()
                    }
                )
            )
        return self.others[left_out]

    @classmethod
    def of(cls, harvest: Harvest) -> _Wanted:
        squashed: dict[str, list[tuple[str, str]]] = {}
        loose: list[tuple[str, str, str]] = []
        groups: set[tuple[Prepared, str]] = set()
        for kind, found in harvest.values.items():
            for value in found:
                folded = squash(value)
                if kind in ("private", "text"):
                    loose.append((folded, kind, value))
                else:
                    squashed.setdefault(folded, []).append((kind, value))
                if not _is_common(kind, value):
                    groups.update(_prepared(kind, value))
        uids = frozenset(squash(uid) for uid in harvest.values.get("uid", ()))
        return cls(harvest, PatternSearch(groups), squashed, tuple(loose), uids)

    def standing_in(self, written: set[str]) -> set[tuple[str, str]]:
        """Values that were written on purpose; loose text also as a part of one that was."""
        found = {pair for value in written for pair in self.squashed.get(value, ())}
        joined = "\n".join(written)
        return found | {(kind, value) for folded, kind, value in self.loose if folded in joined}


def _is_common(kind: str, value: str) -> bool:
    if kind in ("private", "text", "institution", "address"):
        return is_allowed_phrase(value) or set(tokens(value)) <= STOP_WORDS
    return False
