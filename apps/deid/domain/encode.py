"""Explicit VR little endian, as `pydicom.filewriter` writes it, without its cost an element."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

_ASCII_VRS = frozenset({"AE", "AS", "CS", "DA", "DT", "TM", "UI", "UR"})
_TEXT_VRS = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
_BYTES_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW"})
_FORMATS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
_LONG_VRS = frozenset(
    {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
)
_LUT_DESCRIPTORS = frozenset({0x00281101, 0x00281102, 0x00281103, 0x00283002})
_CHARACTER_SET = 0x00080005
_SHORT, _LONG = struct.Struct("<HH2sH"), struct.Struct("<HH2sHI")


class _Unusual(Exception):
    """An element that pydicom's writer is asked for."""


_ERRORS = (_Unusual, AttributeError, IndexError, TypeError, ValueError, struct.error)


def encode_elements(
    ds: Dataset, tags: Iterable[BaseTag], known: Callable[[Any], bytes | None] | None = None
) -> bytes:
    """These elements of a data set, in this order, text in UTF-8: byte for byte what pydicom's
    writer makes of them. `known`: the bytes of an element that was encoded before. Raises what
    pydicom's writer raises for values of a wrong kind."""
    held = ds._dict
    try:
        if known is None:
            return b"".join([_element(held[tag]) for tag in tags])
        return b"".join([known(held[tag]) or _element(held[tag]) for tag in tags])
    except _ERRORS:
        part = Dataset()
        for tag in tags:
            part[tag] = ds[tag]
        buffer = DicomBytesIO()
        buffer.is_little_endian = True
        buffer.is_implicit_VR = False
        write_dataset(buffer, part, parent_encoding="utf8")
        return bytes(buffer.getvalue())


def encode_element(element: DataElement) -> bytes | None:
    """One element as `encode_elements` writes it; None where that is left to pydicom."""
    try:
        return _element(element)
    except _ERRORS:
        return None


def _element(element: Any) -> bytes:
    if type(element) is not DataElement or element.is_undefined_length:
        raise _Unusual
    tag, vr = element.tag, element.VR
    value = element.value
    if vr == "SQ":
        data = b"".join([_item(item) for item in value or ()])
    elif value is None or (type(value) in (str, bytes, list, MultiValue) and not value):
        data = b""
    else:
        data = _value(tag, vr, value)
    number = int(tag)
    if vr in _LONG_VRS:
        return _LONG.pack(number >> 16, number & 0xFFFF, vr.encode(), 0, len(data)) + data
    if len(data) > 0xFFFF:
        raise _Unusual
    return _SHORT.pack(number >> 16, number & 0xFFFF, vr.encode(), len(data)) + data


def _item(item: Dataset) -> bytes:
    tags = sorted(item._dict, key=int.__int__)
    if item.is_undefined_length_sequence_item or _CHARACTER_SET in item._dict:
        raise _Unusual
    data = b"".join([_element(item._dict[tag]) for tag in tags])
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data


def _value(tag: int, vr: str, value: Any) -> bytes:
    is_many = isinstance(value, (list, tuple, MultiValue))
    if vr in _ASCII_VRS:
        text = "\\".join(value) if is_many else value
        return _even(text.encode("latin-1"), b"\0" if vr == "UI" else b" ")
    if vr in _TEXT_VRS:
        return _even(("\\".join(value) if is_many else value).encode("utf-8"))
    if vr == "PN":
        names = value if is_many else [value]
        return _even(b"\\".join([name.encode(["utf8"]) for name in names]))
    if vr in ("DS", "IS"):
        texts = [getattr(one, "original_string", None) or str(one) for one in
                 (value if is_many else [value])]  # fmt: skip
        return _even("\\".join(texts).encode("latin-1"))
    if vr in _BYTES_VRS:
        if type(value) is not bytes:
            raise _Unusual
        return _even(value, b"\0")
    if vr == "AT":
        tags = [int(one) for one in (value if is_many else [value])]
        return b"".join([struct.pack("<HH", one >> 16, one & 0xFFFF) for one in tags])
    kind = _FORMATS.get(vr)
    if kind is None or tag in _LUT_DESCRIPTORS:
        raise _Unusual
    return (
        struct.pack(f"<{len(value)}{kind}", *value) if is_many else struct.pack(f"<{kind}", value)
    )


def _even(data: bytes, pad: bytes = b" ") -> bytes:
    return data + pad if len(data) % 2 else data
