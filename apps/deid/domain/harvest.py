"""Harvest: what identifies, collected from everything that came with an instance.

The header rules ask it before they keep a text, and the leak scan searches the result for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from apps.deid.domain.elements import (
    MAX_PARSED_BYTES,
    raw_items,
    raw_key,
    read_element,
    text_of,
    texts_of,
)
from apps.deid.domain.harvest_index import GRAM, KINDS, STOP_WORDS, Index, build_index
from apps.deid.domain.table import is_safe_creator, rule_for
from apps.deid.domain.text import (
    coded_terms,
    fold,
    is_allowed_phrase,
    squash,
    tokens,
)
from apps.deid.domain.uids import is_registered

T = TypeVar("T")
_PLACEHOLDER_DATES = frozenset({"19000101", "00010101", "18000101"})
_KEYWORD_KINDS = (
    ("phone", re.compile(r"Telephone|Telecom|Phone|Fax")),
    ("address", re.compile(r"Address|CountryOfResidence|RegionOfResidence|Postal")),
    ("institution", re.compile(r"Institution|Department|Location|Facility|Hospital")),
    ("device", re.compile(r"Serial|StationName|DeviceID|DeviceUID|DetectorID|PlateID"
                          r"|CassetteID|GantryID|UDI")),
    ("id", re.compile(r"ID$|IDs$|Identifier|AccessionNumber|OrderNumber|PlacerOrder|FillerOrder"
                      r"|Insurance|Issuer|LotNumber")),
)  # fmt: skip
_NOT_IDENTIFYING = frozenset(
    {"Manufacturer", "ManufacturerModelName", "SoftwareVersions", "Modality", "BodyPartExamined",
     "ImageType", "SpecificCharacterSet", "ConversionType", "ImplementationVersionName",
     "PrivateInformationCreatorUID", "CodeMeaning", "CodeValue", "CodingSchemeDesignator"}
)  # fmt: skip
_DEVICE_UIDS = frozenset({"DeviceUID", "ManufacturerDeviceClassUID"})
_NUMERIC = re.compile(r"[-+0-9.eE\\ ]*")


@dataclass
class Harvest:
    """Identifying values by kind. Holds PHI: keep it encrypted (`to_bytes`)."""

    values: dict[str, set[str]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Harvest({sum(map(len, self.values.values()))} values)"

    def add(self, kind: str, value: str) -> None:
        """Note one value under one of KINDS; blanks are left out."""
        value = value.strip(" \x00\r\n\t")
        if value and len(value) <= 4096:
            self.values.setdefault(kind, set()).add(value)
            self.__dict__.pop("_index", None)
            self.__dict__.pop("_views", None)

    def view(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made of this harvest before under `key`, or `make()`: kept until a value is
        added, so that a patient's instances share it."""
        views: dict[Hashable, T] = self.__dict__.setdefault("_views", {})
        if key not in views:
            views[key] = make()
        return views[key]

    def holds(self, other: Harvest) -> bool:
        """Whether every value of `other` is known here."""
        return all(found <= self.values.get(kind, set()) for kind, found in other.values.items())

    def merge(self, other: Harvest) -> Harvest:
        """A harvest with the values of both (a patient's other instances)."""
        if self.holds(other):
            return self
        if other.holds(self):
            return other
        merged = Harvest({kind: set(found) for kind, found in self.values.items()})
        for kind, found in other.values.items():
            merged.values.setdefault(kind, set()).update(found)
        return merged

    def without(self, kinds: Iterable[str]) -> Harvest:
        """The same without some kinds: what a profile's retain options keep on purpose."""
        left_out = set(kinds)
        return Harvest({k: set(v) for k, v in self.values.items() if k not in left_out})

    def to_bytes(self) -> bytes:
        """UTF-8 JSON, for a caller that encrypts it."""
        return json.dumps({k: sorted(v) for k, v in sorted(self.values.items())}).encode("utf-8")

    @classmethod
    def from_bytes(cls, data: bytes) -> Harvest:
        """The inverse of `to_bytes`. Raises ValueError for anything else."""
        raw = json.loads(data.decode("utf-8"))
        if not isinstance(raw, dict) or set(raw) - set(KINDS):
            raise ValueError("harvest: unknown kinds; give what to_bytes wrote")
        return cls({kind: set(map(str, found)) for kind, found in raw.items()})

    def _indexed(self) -> Index:
        index: Index | None = self.__dict__.get("_index")
        if index is None:
            index = self.__dict__["_index"] = build_index(self.values)
        return index

    def find_in_text(self, text: str, *, strict: bool = False) -> str | None:
        """The kind of an identifier that stands in this text; None when there is none.

        Case, accents, order and separators do not matter. `strict` also finds name parts that are
        common words ("long"): right for deciding what to keep, too eager for a verdict.
        """
        return next(self._kinds_in(text, strict), None)

    def kinds_in_text(self, text: str) -> set[str]:
        """The kinds of all identifiers that stand in this text, common words too."""
        return set(self._kinds_in(text, True))

    def _kinds_in(self, text: str, strict: bool) -> Iterator[str]:
        index = self._indexed()
        found = tokens(text)
        for token in found:
            kind = index.words.get(token) or (index.common.get(token) if strict else None)
            if kind:
                yield kind
        squashed = "".join(found)
        by_gram = index.by_gram
        for at in range(len(squashed) - GRAM + 1):
            gram = squashed[at : at + GRAM]
            if gram in by_gram:
                for phrase in by_gram[gram]:
                    if squashed.startswith(phrase, at):
                        yield index.phrases[phrase]

    def find_in_number(self, text: str) -> str | None:
        """The kind of an identifier that this whole number is: at least five digits, no name.

        It is the same number as "00123456", "123456.0", "-123456" and "1.23456e5".
        """
        if len(text) < 5 and text.isascii():
            return None
        numbers = self._indexed().numbers
        squashed = squash(text)
        if squashed.isdigit() and (kind := numbers.get(squashed.lstrip("0"))):
            return kind
        if "." not in text and "e" not in text and "E" not in text:
            return None
        try:
            value = abs(float(text))
        except ValueError:
            return None
        return numbers.get(str(int(value))) if value < 1e18 and value == int(value) else None


_RECENT: list[Harvest] = []


def as_before(harvest: Harvest) -> Harvest:
    """This harvest, or an equal one that was at work just before with its searches made: a
    study's instances come one after the other, each with the harvest opened anew."""
    for one in _RECENT:
        if one.values == harvest.values:
            return one
    _RECENT.insert(0, harvest)
    del _RECENT[2:]
    return harvest


@lru_cache(8192)
def _entry(tag: int) -> tuple[str, str]:
    """(keyword, VR) of the data dictionary; empty for a private or unknown tag."""
    if tag >> 16 & 1 or not dictionary_has_tag(tag):
        return "", ""
    return dictionary_keyword(tag), dictionary_VR(tag)


@lru_cache(8192)
def _kind_of(keyword: str, vr: str) -> str | None:
    if vr == "PN":
        return "name"
    if vr in ("DA", "DT", "TM"):
        return "date" if vr != "TM" else "time"
    if vr == "UI":
        return "uid"
    if vr == "AE":
        return "ae"
    if vr in ("LO", "SH", "ST", "LT", "UT", "UC", "UR", "CS", "IS"):
        for kind, pattern in _KEYWORD_KINDS:
            if pattern.search(keyword):
                return kind
    return None


def _add_loose_text(harvest: Harvest, kind: str, text: str, known: frozenset[str]) -> None:
    """Free text without a meaning of its own: as a whole, and its long numbers and codes."""
    text = text.strip(" \x00\r\n\t")
    if not text or (_NUMERIC.fullmatch(text) and not text.isdigit()):
        return
    if squash(text) in known or text in coded_terms() or is_allowed_phrase(text):
        return
    if 6 <= len(squash(text)) <= 120 and not set(tokens(text)) <= STOP_WORDS:
        harvest.add(kind, text)
    for token in tokens(text):
        if sum(c.isdigit() for c in token) >= 6 and token not in known:
            harvest.add(kind, token)


def _add_dated(harvest: Harvest, kind: str, text: str) -> None:
    if kind == "date":
        digits = re.sub(r"[.\-/]", "", text.split("+")[0])[:8]
        if re.fullmatch(r"[12]\d{7}", digits) and digits not in _PLACEHOLDER_DATES:
            harvest.add("date", digits)
    elif re.fullmatch(r"\d{6}\.\d{2,6}", text) and set(text) - set("0."):
        harvest.add("time", text)


def _add_element(
    harvest: Harvest, element: DataElement, keyword: str, known: frozenset[str]
) -> None:
    vr = element.VR
    if element.tag.is_private or not keyword:
        texts = texts_of(element)
        if element.tag.is_private_creator and is_safe_creator(text_of(element), element.tag.group):
            # A vendor's name of a block, from the standard's own table.
            return
        if isinstance(element.value, bytes) and len(element.value) <= 4096:
            latin = element.value.decode("latin-1")
            texts = re.findall(r"[\x20-\x7e\xa0-\xff]{4,}", latin)
        for text in texts:
            kind = _kind_of("", vr)
            if kind in ("name", "ae"):
                harvest.add(kind, text)
            elif kind in ("date", "time"):
                _add_dated(harvest, kind, text)
            elif kind == "uid":
                if not is_registered(text) and len(text) >= 8:
                    harvest.add("uid", text)
            elif vr not in ("DS", "FD", "FL", "IS", "SL", "SS", "UL", "US", "AT", "CS"):
                _add_loose_text(harvest, "private", text, known)
        return
    kind = _kind_of(keyword, vr)
    if kind is None or keyword in _NOT_IDENTIFYING or keyword == "ImplementationClassUID":
        if vr in ("LO", "SH", "ST", "LT", "UT", "UC") and keyword not in _NOT_IDENTIFYING:
            for text in texts_of(element):
                for token in tokens(text):
                    if sum(c.isdigit() for c in token) >= 6 and token not in known:
                        harvest.add("text", token)
        return
    for text in texts_of(element):
        if kind in ("date", "time"):
            _add_dated(harvest, kind, text)
        elif kind == "name" and not text.isprintable():
            # A sequence that only calls itself a name: its words are looked at one by one.
            for run in re.findall(r"[^\x00-\x1f\x7f-\x9f]{4,}", text):
                _add_loose_text(harvest, "text", run, known)
        elif kind == "uid":
            if not is_registered(text) and len(text) >= 8:
                harvest.add("device" if keyword in _DEVICE_UIDS else "uid", text)
        elif vr in ("IS", "CS") and rule_for(int(element.tag)) is None:
            continue
        elif squash(text) not in known and text not in coded_terms():
            harvest.add(kind, text)


def _known_values(ds: Dataset) -> frozenset[str]:
    known: set[str] = set()
    # Manufacturer, its Model Name, Software Versions, Modality.
    for tag in (0x00080070, 0x00081090, 0x00181020, 0x00080060):
        element = read_element(ds, tag)
        if element is not None:
            known.update(squash(text) for text in texts_of(element))
            known.update(token for text in texts_of(element) for token in tokens(text))
    return frozenset(known)


_MOST_HARVESTED = 4096
_Pairs = tuple[tuple[str, str], ...]


@lru_cache(16)
def _harvested(known: frozenset[str]) -> dict[Hashable, _Pairs]:
    """(kind, value) pairs by `raw_key`, of elements met beside these known values."""
    return {}


def _harvest_into(harvest: Harvest, ds: Dataset, known: frozenset[str], depth: int) -> None:
    values, before = harvest.values, _harvested(known) if depth == 0 else {}
    for tag, raw in raw_items(ds):
        if (getattr(raw, "length", 0) or 0) > MAX_PARSED_BYTES or tag >> 16 == 0x7FE0:
            continue
        key = raw_key(ds, raw) if depth == 0 else None
        if key is None:
            _harvest_element(harvest, ds, tag, known, depth)
            continue
        # A study's instances share most of their elements, byte for byte.
        pairs = before.get(key)
        if pairs is None:
            own = Harvest()
            _harvest_element(own, ds, tag, known, depth)
            pairs = tuple((kind, value) for kind, found in own.values.items() for value in found)
            if len(before) >= _MOST_HARVESTED:
                before.clear()
            before[key] = pairs
        for kind, value in pairs:
            if kind in values:
                values[kind].add(value)
            else:
                harvest.add(kind, value)


def _harvest_element(
    harvest: Harvest, ds: Dataset, tag: BaseTag, known: frozenset[str], depth: int
) -> None:
    raw = ds._dict[tag]
    element = read_element(ds, tag)
    if element is None:
        value = getattr(raw, "value", None)
        if isinstance(value, bytes):
            for text in re.findall(r"[\x20-\x7e\xa0-\xff]{4,}", value[:4096].decode("latin-1")):
                _add_loose_text(harvest, "private", text, known)
    elif element.VR == "SQ":
        if depth < 32:
            for item in element.value or []:
                _harvest_into(harvest, item, known, depth + 1)
    else:
        keyword, expected = _entry(tag)
        _add_element(harvest, element, keyword, known)
        if expected == "PN" and isinstance(element.value, str) and element.VR != "PN":
            harvest.add("name", element.value)


def harvest_identifiers(
    ds: Dataset,
    extra_texts: Iterable[str] = (),
    *,
    file_meta: Dataset | None = None,
    preamble: bytes = b"",
) -> Harvest:
    """All identifying values of an instance, at every depth.

    `extra_texts`: container tags, SEI user data, text read in the picture. `file_meta` is taken
    from the data set when it has one. Never raises for odd elements; call `check_character_sets`
    before, so that text was decoded rightly.
    """
    harvest = Harvest()
    known = _known_values(ds)
    _harvest_into(harvest, ds, known, 0)
    meta = file_meta if file_meta is not None else getattr(ds, "file_meta", None)
    if meta is not None:
        _harvest_into(harvest, meta, known, 0)
    if preamble.strip(b"\x00"):
        for text in re.findall(r"[\x20-\x7e\xa0-\xff]{4,}", preamble.decode("latin-1")):
            _add_loose_text(harvest, "private", text, known)
    for text in extra_texts:
        _add_loose_text(harvest, "text", text, known)
        for token in re.findall(r"[12]\d{3}[-./]\d{2}[-./]\d{2}", fold(text)):
            _add_dated(harvest, "date", token)
    return harvest
