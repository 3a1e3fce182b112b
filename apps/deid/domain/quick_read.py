"""Explicit VR little endian read out of memory, for data sets in which nothing is out of the way.

Gives what pydicom's reader gives. Whatever is not plain (a VR that is none, an undefined length, a
value that runs over the end) is answered with None: then pydicom's reader is asked, which decides.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pydicom.charset import convert_encodings
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.values import convert_string

_LONG_VRS = frozenset(
    {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
)
_TEXT_VRS = frozenset(
    {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
_VRS = {
    vr.encode(): (vr, vr in _LONG_VRS, b"" if vr in _TEXT_VRS or vr == "SQ" else None)
    for vr in (*_TEXT_VRS, *_LONG_VRS, "AT", "DS", "FD", "FL", "IS", "SL", "SS", "UL", "US")
}
_HEAD, _LENGTH, _ITEM = struct.Struct("<HH2sH"), struct.Struct("<I"), struct.Struct("<HHI")
_UNDEFINED = 0xFFFFFFFF
_CHARACTER_SET = 0x00080005
_DEFAULT = "iso8859"
# The same tag is the same object: a look-up need not compare it, which is slow in pydicom.
same_tag = lru_cache(8192)(BaseTag)
Elements = dict[BaseTag, RawDataElement]
# The class's own way to make one of its fields, without the cost of naming them.
_raw = RawDataElement._make
_AS_READ = RawDataElement(BaseTag(0), None, 0, None, 0, False, True)[7:]
StopsAt = Callable[[int], bool]


def read_elements(
    data: bytes, start: int, end: int, tell: int, stops_at: StopsAt | None = None
) -> tuple[Elements, int] | None:
    """Elements between two positions, and where the reading stopped: at ``end``, or before the
    first element whose tag ``stops_at`` names. ``tell``: what position 0 is in the file."""
    found: Elements = {}
    while start < end:
        if start + 8 > end:
            return None
        group, element, code, length = _HEAD.unpack_from(data, start)
        number = group << 16 | element
        if stops_at is not None and stops_at(number):
            return found, start
        known = _VRS.get(code)
        if known is None or group == 0xFFFE:
            return None
        vr, is_long, empty = known
        value_at = start + 8
        if is_long:
            if start + 12 > end:
                return None
            value_at = start + 12
            (length,) = _LENGTH.unpack_from(data, start + 8)
        start = value_at + length
        if length == _UNDEFINED or start > end:
            return None
        tag = same_tag(number)
        value = data[value_at:start] if length else empty
        found[tag] = _raw((tag, vr, length, value, tell + value_at, False, True, *_AS_READ))
    return found, start


_FRESH = dict(Dataset().__dict__)
_OWN = {name: value for name, value in _FRESH.items() if isinstance(value, dict)}


def new_dataset(elements: Any = None, parent: str | list[str] = _DEFAULT) -> Dataset:
    """A data set as its class makes it, without the cost of setting each attribute by name."""
    ds = Dataset.__new__(Dataset)
    state = ds.__dict__
    state.update(_FRESH)
    for name, value in _OWN.items():
        state[name] = value.copy()
    state["_dict"] = {} if elements is None else elements
    state["_parent_encoding"] = parent
    return ds


_FRESH_FILE = dict(FileDataset("", {}, preamble=None).__dict__)


def new_file_dataset(
    elements: Any, file_meta: Dataset, implicit: bool, little: bool, charset: Any
) -> FileDataset:
    """A file's data set as its class makes it, with the encoding that it was read in."""
    ds = FileDataset.__new__(FileDataset)
    state = ds.__dict__
    state.update(_FRESH_FILE)
    for name, value in _OWN.items():
        state[name] = value.copy()
    state["_dict"], state["file_meta"] = elements, file_meta
    state["_read_implicit"], state["_read_little"] = implicit, little
    state["_read_charset"] = charset
    return ds


def dataset_of(elements: Elements, parent: str | list[str] = _DEFAULT) -> Dataset:
    """A data set of elements that were read here, with its character set."""
    ds = new_dataset(elements, parent)
    charset = elements.get(_CHARACTER_SET)  # type: ignore[call-overload]
    state = ds.__dict__
    state["_read_implicit"], state["_read_little"] = False, True
    state["_read_charset"] = parent if charset is None else _encodings(charset.value or b"")
    return ds


@lru_cache(256)
def _encodings(value: bytes) -> list[str]:
    return convert_encodings(convert_string(value, True) if value else None)  # type: ignore[arg-type]


def read_sequence(raw: RawDataElement, encodings: str | list[str]) -> Sequence | None:
    """The items of a sequence of defined length, theirs defined as well."""
    data = raw.value
    if data is None or raw.is_implicit_VR or not raw.is_little_endian or raw.length == _UNDEFINED:
        return None
    items, at = [], 0
    while at < len(data):
        if at + 8 > len(data):
            return None
        group, element, length = _ITEM.unpack_from(data, at)
        end = at + 8 + length
        if (group, element) != (0xFFFE, 0xE000) or length == _UNDEFINED or end > len(data):
            return None
        read = read_elements(data, at + 8, end, 0)
        if read is None:
            return None
        item = dataset_of(read[0], encodings)
        item.__dict__["seq_item_tell"] = item.__dict__["file_tell"] = at + raw.value_tell
        items.append(item)
        at = end
    made = Sequence(items)
    made.is_undefined_length = False
    return made
