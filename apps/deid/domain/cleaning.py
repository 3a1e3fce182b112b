"""Cleaning of single values by VR: what may stay as it is, moved, mapped, or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from pydicom.datadict import keyword_dict
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from apps.deid.domain.chance import runs_of_digits
from apps.deid.domain.dates import (
    cap_age,
    shift_date,
    shift_date_and_time,
    shift_datetime,
    shift_time,
)
from apps.deid.domain.disguised import (
    are_letters,
    is_no_geometry,
    is_of_points,
    most_values,
    numbers_read_as_text,
    reads_as_text,
)
from apps.deid.domain.elements import keyword_of, raw_items, read_element, texts_of, values_of
from apps.deid.domain.encode import encode_element
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.hidden_texts import hidden_texts
from apps.deid.domain.icc import scrub_icc_profile
from apps.deid.domain.pattern_search import MIN_PATTERN_BYTES
from apps.deid.domain.profile import Profile
from apps.deid.domain.scan import LeakScanner, kinds_kept_on_purpose
from apps.deid.domain.text import is_allowed_phrase, is_coded_term, may_name_somebody
from apps.deid.domain.uids import is_listed, map_uid, replaced_uid

DUMMIES: dict[str, object] = {
    "AE": "REMOVED", "AS": "000Y", "CS": "UNKNOWN", "DA": "19000101", "DT": "19000101000000",
    "TM": "000000", "PN": "Anonymous", "LO": "REMOVED", "SH": "REMOVED", "ST": "REMOVED",
    "LT": "REMOVED", "UT": "REMOVED", "UC": "REMOVED", "UR": "urn:removed", "IS": "0", "DS": "0",
    "US": 0, "SS": 0, "UL": 0, "SL": 0, "FL": 0.0, "FD": 0.0, "UI": "2.25.0",
}  # fmt: skip
_BINARY_TO_KEEP = frozenset(
    {0x00281201, 0x00281202, 0x00281203, 0x00281204, 0x00281221, 0x00281222, 0x00281223,
     0x00283006, 0x00281408, 0x00660016, 0x00660021, 0x00660040, 0x00660041, 0x00660042}
)  # fmt: skip
_OF_A_DEVICE = frozenset({"device", "uid", "private", "text"})
# Manufacturer, its Model Name, Software Versions.
_OF_THE_MAKER = frozenset({0x00080070, 0x00081090, 0x00181020})
_ICC_PROFILE = 0x00282000
_MAY_BE_DATED = frozenset({"DA", "TM", "DT", "UN", None})
_MAX_BINARY_BYTES = 4 * 1024 * 1024
_DS = re.compile(r" *[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)? *")
_LONG_FRACTION = re.compile(r"\.(\d{8,})(?:[eE].*)?$")
_IS = re.compile(r" *[+-]?\d{1,12} *")


@dataclass(frozen=True)
class PixelChange:
    """How the pixels of the result differ from those received.

    `method`: Lossy Image Compression Method, such as "ISO_14496_10"; None when nothing was
    encoded again with loss. `ratio`: the new compression's own, uncompressed to compressed.
    """

    method: str | None = None
    ratio: float | None = None
    description: str = "Pixels redacted"


@dataclass
class Cleaning:
    """The state that cleaning values needs; `written` collects dates written on purpose."""

    profile: Profile
    uid_key: bytes = field(repr=False)
    offset_s: int = field(repr=False)
    local_zone: str | None
    harvest: Harvest = field(repr=False)
    big_endian: bool = False
    written: set[str] = field(default_factory=set, repr=False)
    _scanner: LeakScanner | None = field(default=None, repr=False)

    def is_named_in(self, data: bytes) -> bool:
        """Whether the search of the result would find an identifier in these bytes: they go
        then, rather than stop the instance."""
        scanner = self._scanner
        if scanner is None:
            scanner = LeakScanner(self.harvest, ignore_kinds=kinds_kept_on_purpose(self.profile))
        scanner.feed("value", data)
        scanner.finish("value")
        # One that found something is used up: its findings stay with it.
        self._scanner = None if scanner.findings else scanner
        return bool(scanner.findings)


@lru_cache(1024)
def _time_beside(keyword: str) -> int | None:
    """The tag of the time that belongs to a date."""
    return keyword_dict.get(keyword.replace("Date", "Time"))


def move_dates(ds: Dataset, cleaning: Cleaning) -> dict[int, list[str]]:
    """Shifted values of all DA, TM and DT of one data set or item, by tag.

    A date and its time ("StudyDate", "StudyTime") move together. An empty list: impossible.
    """
    texts: dict[int, tuple[str, str, list[str]]] = {}
    for found_tag, raw in raw_items(ds):
        # What is told to be of another VR is read as that one, and is no date.
        if raw.VR not in _MAY_BE_DATED or found_tag >> 16 & 1:
            continue
        element = read_element(ds, found_tag)
        if element is not None and element.VR in ("DA", "TM", "DT"):
            texts[int(found_tag)] = (element.VR, keyword_of(found_tag), texts_of(element))
    moved: dict[int, list[str | None]] = {}
    tag: int
    for tag, (vr, keyword, values) in texts.items():
        if tag in moved:
            continue
        partner = _time_beside(keyword) if vr == "DA" else None
        if vr == "DT":
            moved[tag] = [shift_datetime(v, cleaning.offset_s, cleaning.local_zone) for v in values]
        elif partner in texts and texts[partner][0] == "TM":
            pairs = [
                shift_date_and_time(da, tm, cleaning.offset_s)
                for da, tm in zip(values, texts[partner][2], strict=False)
            ]
            count = len(pairs)
            moved[tag] = [da for da, _ in pairs] + [
                shift_date(v, cleaning.offset_s) for v in values[count:]
            ]
            moved[partner] = [tm for _, tm in pairs] + [
                shift_time(v, cleaning.offset_s) for v in texts[partner][2][count:]
            ]
        elif vr == "DA":
            moved[tag] = [shift_date(v, cleaning.offset_s) for v in values]
    for tag, (vr, _, values) in texts.items():
        if vr == "TM" and tag not in moved:
            moved[tag] = [shift_time(v, cleaning.offset_s) for v in values]
    whole = {
        tag: [v for v in values if v is not None] if None not in values else []
        for tag, values in moved.items()
    }
    for values in whole.values():
        cleaning.written.update(value[:8] for value in values if len(value) >= 8)
        cleaning.written.update(values)
    return whole


def clean_value(element: DataElement, vr: str, action: str, cleaning: Cleaning) -> object | None:
    """The value that may stay, or None.

    `action`: "uid", "keep" (a retain option), "clean" (an option that cleans) or "allow" (no row
    in the table). Text under "keep" stays unless it holds a name, an ID, a date or the like.
    """
    values = values_of(element)
    if not values:
        return None
    if vr == "UI":
        return _clean_uids(element, action, cleaning)
    if isinstance(element.value, (bytes, bytearray)):
        return _clean_binary(element, cleaning)
    if vr in ("US", "SS", "UL", "SL", "SV", "UV", "FL", "FD", "AT", "US or SS", "US or OW"):
        most = most_values(int(element.tag))
        if most is not None and len(values) > most and not element.tag.is_private:
            return None
        if _numbers_identify(values, cleaning) or _stored_numbers_identify(element, cleaning):
            return None
        return element.value
    texts = texts_of(element)
    if vr in ("DS", "IS"):
        pattern = _DS if vr == "DS" else _IS
        if all(
            not text or (pattern.fullmatch(text) and len(text) <= 16) for text in texts
        ) and not (_numbers_identify(values, cleaning) or _digits_identify(texts, cleaning)):
            is_text = vr == "IS" and not is_of_points(element.tag) and are_letters(texts)
            return None if is_text else texts
        return None
    if vr == "CS":
        kept = [text for text in texts if not text or _may_stay_as_code(text, cleaning)]
        short = [text for text in kept if text.isdigit() or len(text) < 3]
        joined = " ".join(short)
        if len(short) > 1 and (
            cleaning.harvest.find_in_text(joined) or cleaning.harvest.find_in_number(joined)
        ):
            # An identifier in pieces, each too short to be one.
            kept = [text for text in kept if text not in short]
        return kept if any(kept) or not any(texts) else None
    if vr == "AS":
        ages = [cap_age(text, cleaning.profile.age_cap_years) for text in texts]
        return None if None in ages else ages
    if vr in ("DA", "TM", "DT"):
        return texts if cleaning.profile.dates == "keep" else None
    if vr in ("PN", "AE", "UR"):
        return None if action != "keep" or not _harmless(texts, cleaning) else texts
    if action == "keep":
        if not _harmless(texts, cleaning):
            return None
        cleaning.written.update(texts)
        return texts
    if all(
        is_allowed_phrase(text)
        and cleaning.harvest.find_in_text(text, strict=True) is None
        and (element.tag in _OF_THE_MAKER or not may_name_somebody(text))
        for text in texts
    ):
        return texts
    return None


def _may_stay_as_code(text: str, cleaning: Cleaning) -> bool:
    """A known term, or what a description might say as well ("FOOT", "NARROW BAND")."""
    said = text.replace("_", " ")
    return is_coded_term(text) or (
        is_allowed_phrase(said)
        and cleaning.harvest.find_in_text(said, strict=True) is None
        and not may_name_somebody(said)
    )


# Nothing that is searched for has fewer signs than this and one.
_FEW_SIGNS = 2
_INTEGERS = tuple(np.dtype(kind) for kind in ("u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8"))


def _numbers_identify(values: list[object], cleaning: Cleaning) -> bool:
    """Whether numbers are an identifier: one of them, all in a row, as letters, or as written."""
    texts = [str(value) for value in values]
    if any(cleaning.harvest.find_in_number(text) for text in texts):
        return True
    fractions = [found.group(1) for text in texts if (found := _LONG_FRACTION.search(text))]
    if any(cleaning.harvest.find_in_number(digits) for digits in fractions):
        return True
    if len(texts) < 2:
        return False
    if len(texts) <= 16 and cleaning.harvest.find_in_number("".join(texts)):
        return True
    if len(texts) == 3 and cleaning.harvest.find_in_number("".join(t.zfill(2) for t in texts)):
        # A date's year, month and day.
        return True
    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        return False
    if len(texts) < 3 or not (numbers == np.round(numbers)).all():
        return False
    if len(np.unique(numbers)) <= _FEW_SIGNS and np.abs(numbers).max() < 256:
        return False
    as_letters = "".join(chr(int(n)) for n in numbers if 32 <= n < 0xD800)
    least, most = numbers.min(), numbers.max()
    packed = [
        numbers.astype(d).tobytes()
        for d in _INTEGERS
        if np.iinfo(d).min <= least and most <= np.iinfo(d).max
    ]
    # Apart by more than a number's zeros, so that nothing is read across two of them.
    return cleaning.is_named_in(bytes(9).join([as_letters.encode(), *packed]))


def _digits_identify(texts: list[str], cleaning: Cleaning) -> bool:
    """Whether a number's digits before or behind its point are an identifier: the search of the
    result, which finds it there, is not to stop the instance."""
    return any(
        cleaning.harvest.find_in_number(run)
        for text in texts
        if len(text) > 8
        for run in runs_of_digits(text)
    )


def _stored_numbers_identify(element: DataElement, cleaning: Cleaning) -> bool:
    """Whether the bytes in which numbers are stored spell an identifier, as six and more may."""
    stored = encode_element(element)
    if stored is None:
        return False
    data = stored[8:]
    if numbers_read_as_text(values_of(element), data, are_floats=element.VR in ("FL", "FD")):
        return True
    if len(data) < MIN_PATTERN_BYTES or len(set(data) - {0}) <= _FEW_SIGNS:
        return False
    return cleaning.is_named_in(data)


def _harmless(texts: list[str], cleaning: Cleaning) -> bool:
    """Retained text may hold the device or the institution, but no person, number or date."""
    allowed: set[str] = set()
    if cleaning.profile.has("retain_device_identity"):
        allowed |= {"device", "private", "text"}
    if cleaning.profile.has("retain_institution_identity"):
        allowed |= {"institution", "address", "phone"}
    return all(
        len(text) <= 1024
        and all(
            cleaning.harvest.kinds_in_text(said) <= allowed for said in (text, *hidden_texts(text))
        )
        for text in texts
    )


def _clean_uids(element: DataElement, action: str, cleaning: Cleaning) -> list[str]:
    texts = texts_of(element)
    is_device = all(cleaning.harvest.kinds_in_text(text) <= _OF_A_DEVICE for text in texts)
    stay = cleaning.profile.has("retain_uids") or (action == "keep" and is_device)
    if stay and all(re.fullmatch(r"[0-9.]{1,64}", text) for text in texts):
        # A device's own UID counts as the device's name, and stays here as a UID.
        cleaning.written.update(texts)
        return texts
    return [
        # Digits of an ID below the standard's root make no registered UID of it.
        replaced_uid(cleaning.uid_key, text)
        if text and not is_listed(text) and cleaning.harvest.find_in_text(text)
        else map_uid(cleaning.uid_key, text)
        for text in texts
    ]


def _clean_binary(element: DataElement, cleaning: Cleaning) -> bytes | None:
    value = element.value
    if not isinstance(value, (bytes, bytearray)) or len(value) > _MAX_BINARY_BYTES:
        return None
    if element.tag == _ICC_PROFILE:
        return scrub_icc_profile(bytes(value))
    if element.tag not in _BINARY_TO_KEEP:
        return None
    if element.tag >> 16 == 0x0066:
        if cleaning.big_endian:
            value = np.frombuffer(value[: len(value) // 4 * 4], ">u4").astype("<u4").tobytes()
        if is_no_geometry(int(element.tag), bytes(value)):
            return None
    elif reads_as_text(bytes(value)):
        return None
    if cleaning.is_named_in(bytes(value)):
        return None
    for run in re.findall(rb"[\x20-\x7e]{6,}", value[:65_536]):
        if cleaning.harvest.find_in_text(run.decode("ascii")):
            return None
    if cleaning.big_endian and element.VR == "OW":
        return np.frombuffer(bytes(value[: len(value) // 2 * 2]), ">u2").astype("<u2").tobytes()
    return bytes(value)
