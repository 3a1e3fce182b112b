"""Values of elements as pydicom converts them, for the kinds that most elements are of.

pydicom looks up hooks, settings and warnings for each element anew; here the value's own work is
done alone. What is out of the common (another VR, an escape sequence, bytes that do not decode, an
odd length) is left to pydicom.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID
from pydicom.values import convert_DS_string, convert_IS_string, convert_PN

# pydicom's names of those encodings in which bytes below 128 are ASCII and nothing shifts.
ASCII_COMPATIBLE = frozenset(
    {"iso8859", "latin_1", "UTF8", "utf8", "GB18030", "GBK", "GB2312", "euc_kr", "iso_ir_58",
     *(f"iso8859_{n}" for n in (2, 3, 4, 15)),
     *(f"iso_ir_{n}" for n in (126, 127, 138, 144, 148, 166))}
)  # fmt: skip
_LUT_DESCRIPTORS = frozenset({0x00281101, 0x00281102, 0x00281103, 0x00283002})
_FORMATS = {
    "US": ("H", 2), "SS": ("h", 2), "UL": ("I", 4), "SL": ("i", 4), "FL": ("f", 4),
    "FD": ("d", 8), "SV": ("q", 8), "UV": ("Q", 8),
}  # fmt: skip
_Converter = Callable[[bytes, str], Any]


def _string(value: bytes, _: str) -> Any:
    items = value.decode("latin-1").rstrip(" \x00").split("\\")
    return items[0] if len(items) == 1 else MultiValue(str, items)


def _title(value: bytes, _: str) -> Any:
    items = [item.strip() for item in value.decode("latin-1").split("\\")]
    return items[0] if len(items) == 1 else MultiValue(str, items)


def _uid(value: bytes, _: str) -> Any:
    items = value.decode("latin-1").rstrip(" \x00").split("\\")
    return UID(items[0]) if len(items) == 1 else MultiValue(UID, items)


def _address(value: bytes, _: str) -> Any:
    return value.decode("latin-1").rstrip()


def _texts(value: bytes, encoding: str) -> Any:
    items = [item.rstrip("\0 ") for item in value.decode(encoding).split("\\")]
    return items[0] if len(items) == 1 else MultiValue(str, items)


def _one_text(value: bytes, encoding: str) -> Any:
    return value.decode(encoding).rstrip("\0 ")


def _name(value: bytes, encoding: str) -> Any:
    return convert_PN(value, [encoding])


def _whole_number(value: bytes, _: str) -> Any:
    return convert_IS_string(value, True)


def _decimal(value: bytes, _: str) -> Any:
    return convert_DS_string(value, True)


def _tags(value: bytes, _: str) -> Any:
    if len(value) % 4:
        raise ValueError
    pairs = struct.iter_unpack("<HH", value)
    tags = [BaseTag(group << 16 | element) for group, element in pairs]
    return tags[0] if len(tags) == 1 else MultiValue(Tag, tags)


def _bytes(value: bytes, _: str) -> Any:
    return value


_CONVERTERS: dict[str, _Converter] = {
    **dict.fromkeys(("AS", "CS", "DA", "DT", "TM"), _string),
    "AE": _title, "AT": _tags, "UI": _uid, "UR": _address, "PN": _name,
    "IS": _whole_number, "DS": _decimal,
    **dict.fromkeys(("LO", "SH", "UC"), _texts),
    **dict.fromkeys(("LT", "ST", "UT"), _one_text),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW"), _bytes),
}  # fmt: skip
_IN_CHARACTER_SET = frozenset({"PN", "LO", "SH", "UC", "LT", "ST", "UT"})
_EMPTY_TEXT = frozenset(_CONVERTERS) - {"AT", "PN", "IS", "DS", "OB", "OD", "OF", "OL", "OV", "OW"}


@lru_cache(8192)
def _dictionary_vr(tag: int) -> str | None:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


def convert_quickly(raw: RawDataElement, encodings: object) -> DataElement | None:
    """The converted element; None where pydicom has to be asked. ``encodings``: Python encodings
    of the data set's character set, the first one's in force."""
    vr, value = raw.VR, raw.value
    if vr is None:
        vr = _dictionary_vr(raw.tag)
    if vr is None or value is None:
        return None
    made: Any
    if not value:
        if raw.length or vr not in _EMPTY_TEXT:
            return None
        made = ""
    elif (converter := _CONVERTERS.get(vr)) is not None:
        encoding = encodings if isinstance(encodings, str) else encodings[0]  # type: ignore[index]
        if vr == "AT" and not raw.is_little_endian:
            return None
        if vr in _IN_CHARACTER_SET and (b"\x1b" in value or encoding not in ASCII_COMPATIBLE):
            return None
        try:
            made = converter(value, encoding)
        except Exception:
            # pydicom then tries other VRs, one after the other.
            return None
    elif (form := _FORMATS.get(vr)) is not None:
        letter, size = form
        if len(value) % size or raw.tag in _LUT_DESCRIPTORS:
            return None
        order = "<" if raw.is_little_endian else ">"
        numbers = struct.unpack(f"{order}{len(value) // size}{letter}", value)
        made = numbers[0] if len(numbers) == 1 else list(numbers)
    else:
        return None
    return DataElement(
        raw.tag, vr, made, raw.value_tell, raw.length == 0xFFFFFFFF, already_converted=True
    )
