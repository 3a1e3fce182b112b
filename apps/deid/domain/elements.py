"""Reading elements of foreign data sets: no exception, no value in a warning, strict text."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

import pydicom.config
from pydicom.charset import convert_encodings, decode_bytes, python_encoding
from pydicom.datadict import dictionary_has_tag, dictionary_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import PersonName

from apps.deid.domain.converting import ASCII_COMPATIBLE, convert_quickly
from apps.deid.domain.quick_read import read_sequence, same_tag
from apps.deid.domain.reasons import Reason, Refused

# pydicom quotes values of elements in its warnings and log lines, and those may identify.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")

TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
STRING_VRS = TEXT_VRS | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_SINGLE = frozenset({str, bytes, int, float, UID, PersonName, BaseTag})
_MOST_KEYED_BYTES = 4096
_MOST_MET = 2048
_MOST_KEYS = 8192
MAX_PARSED_BYTES = 16 * 1024 * 1024
# Latin alphabet No. 9, which pydicom's table lacks (PS3.3 section C.12.1.1.2).
python_encoding.setdefault("ISO_IR 203", "iso8859_15")
python_encoding.setdefault("ISO 2022 IR 203", "iso8859_15")
# Designations that pydicom's decoder leaves in the text.
_ESCAPES_LEFT = re.compile("\x1b(?:\\$\\)[AC]|\\(B|\\(J|-[A-Z])")
_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C, 0x5C, 0x5E, 0x3D}


def tag_text(tag: int) -> str:
    """ "(gggg,eeee)", the way a report names a place."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def raw_items(ds: Dataset) -> list[tuple[BaseTag, DataElement | RawDataElement]]:
    """Elements as they were read, in order of their tags, without converting them."""
    found = ds._dict
    # Tags compare as whole numbers here: their own comparison is slow.
    return [(tag, found[tag]) for tag in sorted(found, key=int.__int__)]


class RawKey:
    """What stands for an element as it was read; equal to itself alone, and so looked up fast."""

    __slots__ = ()


_RAW_KEYS: dict[Hashable, RawKey] = {}


def raw_key(ds: Dataset, raw: DataElement | RawDataElement) -> RawKey | None:
    """All that an element's reading depends on, as it was read: elements of one key read the same
    (a key is forgotten in time, and the same element then has another). None where it may depend on
    its neighbours, for long values, and for what was not read."""
    if type(raw) is not RawDataElement:
        raw = raw.__dict__.get("as_read")  # type: ignore[assignment]
        if raw is None:
            return None
    # An element is asked for in each step; what was told of it stands beside it, that it lives on.
    told = ds.__dict__.get("raw_keys")
    if told is None:
        told = ds.__dict__["raw_keys"] = {}
    before = told.get(id(raw))
    if before is None or before[0] is not raw:
        # (In a deep copy the numbers of the objects are those of the first.)
        before = told[id(raw)] = raw, _key_of(ds, raw)  # type: ignore[arg-type]
    return before[1]  # type: ignore[no-any-return]


def _key_of(ds: Dataset, raw: RawDataElement) -> RawKey | None:
    tag, vr, length, value, _, _, is_little_endian = raw[:7]
    if vr is None or value is None or len(value) > _MOST_KEYED_BYTES:
        return None
    creator = None
    if vr == "UN":
        # The creator says what a private element is; a public one's VR may stand elsewhere.
        creator = _creator_as_read(ds, tag) if tag >> 16 & 1 and tag & 0xFFFF > 0xFF else None
        if creator is None:
            return None
    charset = ds._read_charset
    said = (
        tag,
        vr,
        value,
        length,
        is_little_endian,
        creator,
        charset if type(charset) is str else tuple(charset),
    )
    key = _RAW_KEYS.get(said)
    if key is None:
        if len(_RAW_KEYS) >= _MOST_KEYS:
            _RAW_KEYS.clear()
        key = _RAW_KEYS[said] = RawKey()
    return key


def _creator_as_read(ds: Dataset, tag: int) -> bytes | None:
    creator = ds._dict.get(same_tag(tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8))
    if type(creator) is not RawDataElement and creator is not None:
        creator = creator.__dict__.get("as_read")
    value = creator.value if creator is not None and creator.VR == "LO" else None
    return value if type(value) is bytes else None


class MetBefore:
    """Keys of elements in which a check found nothing wrong, forgotten when they grow too many."""

    def __init__(self) -> None:
        self._keys: set[Hashable] = set()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._keys

    def add(self, key: Hashable) -> None:
        if len(self._keys) >= _MOST_MET:
            self._keys.clear()
        self._keys.add(key)


def put(ds: Dataset, element: DataElement) -> None:
    """Add an element that was made with its tag, as ``ds[element.tag] = element`` does."""
    tag = element.tag
    if element.VR == "SQ" or tag >> 16 & 1 or tag >> 16 == 0x7FE0:
        ds[tag] = element
    else:
        ds._dict[tag] = element


def put_text(ds: Dataset, tag: int, vr: str, value: object) -> None:
    """Add an element of one text of its VR's own type, or of a MultiValue, in place of any."""
    own = same_tag(tag)
    ds._dict[own] = DataElement(own, vr, value, already_converted=True)


@lru_cache(8192)
def keyword_of(tag: int) -> str:
    """The attribute's keyword; empty for a private or unknown tag."""
    return dictionary_keyword(tag) if dictionary_has_tag(tag) else ""


def read_element(ds: Dataset, tag: int) -> DataElement | None:
    """One converted element; None when pydicom cannot make sense of it or it was not loaded."""
    raw = ds._dict.get(same_tag(tag))
    if raw is None or not isinstance(raw, RawDataElement):
        return raw
    if raw.value is None and raw.length:
        return None
    if (made := _read_quickly(ds, raw)) is not None:
        return made
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ds[tag]
    except Exception:
        return None


def _read_quickly(ds: Dataset, raw: RawDataElement) -> DataElement | None:
    encodings: Any = ds._read_charset or ds._character_set
    if raw.VR == "SQ":
        items = read_sequence(raw, encodings) if raw.value else None
        if items is None:
            return None
        made = DataElement(raw.tag, "SQ", items, raw.value_tell, already_converted=True)
        made.__dict__["as_read"] = raw
        ds[raw.tag] = made
        ds._set_pixel_representation(made)
        return made
    quick = convert_quickly(raw, encodings)
    if quick is not None:
        # The value of what was read is never set, so that this stays true of it.
        quick.__dict__["as_read"] = raw
        ds._dict[raw.tag] = quick
    return quick


def python_encodings(charset: object, inherited: list[str]) -> list[str] | None:
    """Python encodings of a Specific Character Set value; None when it names an unknown one."""
    if charset is None:
        return inherited
    terms = [str(t).strip() for t in (charset if isinstance(charset, MultiValue) else [charset])]
    if any(term and term not in python_encoding for term in terms):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return convert_encodings(terms)


def decode_strictly(value: bytes, encodings: list[str]) -> str | None:
    """Text in any character set with its escape sequences (PS3.5 section 6.1.2); None: undecodable.

    Bytes over 127 without a declared character set are taken as Latin-1, as most writers meant.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = decode_bytes(value, encodings, _DELIMITERS)
        except Exception:
            return None
    text = _ESCAPES_LEFT.sub("", text)
    return None if "\ufffd" in text or "\x1b" in text else text


_DECODABLE = MetBefore()


def check_character_sets(
    ds: Dataset, inherited: list[str] | None = None, place: str = "", depth: int = 0
) -> None:
    """Raise Refused(CHARSET_UNDECODABLE) for the first text that its character set cannot hold.

    Reaches every item of every sequence but private ones, which go unread. Refused(UNPARSABLE)
    below 32 levels.
    """
    if depth > 32:
        raise Refused(Reason.UNPARSABLE, "sequences nested too deep")
    charset = read_element(ds, 0x00080005)
    encodings = python_encodings(
        charset.value if charset is not None else None, inherited or ["iso8859"]
    )
    if encodings is None:
        raise Refused(Reason.CHARSET_UNDECODABLE, f"{place}(0008,0005)")
    # What is ASCII in every byte reads the same in all of these: nothing to try.
    ascii_is_ascii = encodings[0] in ASCII_COMPATIBLE
    for tag, raw in raw_items(ds):
        if tag >> 16 & 1:
            continue
        key = raw_key(ds, raw) if raw.VR == "SQ" and depth == 0 else None
        if key is not None:
            if key in _DECODABLE:
                continue
        elif isinstance(raw, RawDataElement):
            if raw.VR in TEXT_VRS and isinstance(raw.value, bytes):
                if raw.value.isascii() and b"\x1b" not in raw.value and ascii_is_ascii:
                    continue
                if decode_strictly(raw.value, encodings) is None:
                    raise Refused(Reason.CHARSET_UNDECODABLE, place + tag_text(tag))
                continue
            if raw.VR is not None and raw.VR not in ("SQ", "UN"):
                continue
        element = read_element(ds, tag)
        if element is None:
            continue
        if element.VR == "SQ":
            for item in element.value or []:
                check_character_sets(item, encodings, place + tag_text(tag), depth + 1)
            if key is not None:
                _DECODABLE.add(key)
        elif element.VR in TEXT_VRS and "\ufffd" in text_of(element):
            raise Refused(Reason.CHARSET_UNDECODABLE, place + tag_text(tag))


def values_of(element: DataElement) -> list[object]:
    """The values of an element as a list; empty for an empty one."""
    value = element.value
    if value is None or (isinstance(value, (str, bytes, PersonName)) and not value):
        return []
    if type(value) in _SINGLE:
        return [value]
    if isinstance(value, (list, tuple, MultiValue)):
        return list(value)
    return [value]


def texts_of(element: DataElement) -> list[str]:
    """The values as stripped text, for string VRs and numbers; nothing for binary and SQ."""
    if element.VR in BINARY_VRS or element.VR == "SQ":
        return []
    value = element.value
    values = [value] if type(value) is str and value else values_of(element)
    texts = [str(value).strip(" \x00\r\n\t") for value in values]
    return [_ESCAPES_LEFT.sub("", text) if "\x1b" in text else text for text in texts]


def text_of(element: DataElement) -> str:
    """All values of a string element joined by a backslash."""
    return "\\".join(texts_of(element))
