"""Text that stands where numbers belong: in lists of numbers, tables and coordinates.

A harvested value is found there by the search; this is for what nobody else names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from pydicom.datadict import dictionary_has_tag, dictionary_VM
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from apps.deid.domain.elements import read_element, values_of

_RUN = re.compile(rb"[A-Za-z0-9 ,.^@:;/+=_'-]+")
_LETTERS = re.compile(rb"[A-Za-z]")
_WIDE = re.compile(rb"(?:[\xe1-\xef][\x80-\xbf]{2}){4,}")
_PRINTABLE = re.compile(rb"[\x20-\x7e]+\x00?")
# Of five numbers in a row every byte a sign: no surface has that by chance.
_PRINTABLE_FLOATS = re.compile(rb"[\x20-\x7e]{20}")
LEAST_LETTERS, LEAST_LETTERS_OF_FLOATS = 8, 12
_MOST_LOOKED_AT = 1 << 20
_COORDINATES = {0x00660016: "<f4", 0x00660021: "<f4"}
_INDICES = frozenset({0x00660040, 0x00660041, 0x00660042})
# Four letters as one number are more than any list of points has entries.
_MOST_POINTS = 1 << 29


def reads_as_text(data: bytes, least: int = LEAST_LETTERS) -> bool:
    """Whether a run of ``least`` letters and signs stands in the bytes (also as UTF-16) that is no
    ramp: in a table of words one of two neighbouring bytes rises or hardly changes."""
    data = data[:_MOST_LOOKED_AT]
    forms = [data]
    for half, other in ((data[::2], data[1::2]), (data[1::2], data[::2])):
        if other and other.count(other[0]) == len(other):
            forms.append(half)
    if _WIDE.search(data):
        return True
    return any(
        len(run) >= least and _is_no_ramp(run) for form in forms for run in _RUN.findall(form)
    )


def _is_no_ramp(run: bytes) -> bool:
    if 2 * len(_LETTERS.findall(run)) < len(run):
        return False
    values = np.frombuffer(run, np.uint8).astype(np.int16)
    halves = values[::2], values[1::2]
    return all(
        len(np.unique(half)) >= 3 and (np.diff(half) < 0).any() and (np.diff(half) > 0).any()
        for half in halves
    )


def numbers_read_as_text(values: list[object], data: bytes, *, are_floats: bool) -> bool:
    """Whether whole numbers are the letters of a text one by one, or together in ``data``, the
    bytes that they are stored in."""
    if not are_floats and all(isinstance(v, int) for v in values) and are_letters(values):
        return True
    least = LEAST_LETTERS_OF_FLOATS if are_floats else LEAST_LETTERS
    return len(data) >= least and reads_as_text(data, least)


def are_letters(values: Sequence[object]) -> bool:
    """Whether six whole numbers and more are the letters of a text, one by one."""
    codes = [float(v if isinstance(v, int) else str(v)) for v in values if v]
    if len(codes) < 6 or not all(code.is_integer() and 32 <= code < 0xD800 for code in codes):
        return False
    steps = np.diff(np.array(codes))
    letters = sum(chr(int(code)).isalpha() for code in codes)
    return bool(10 * letters >= 7 * len(codes) and (steps < 0).any() and (steps > 0).any())


def is_no_geometry(tag: int, data: bytes) -> bool:
    """Whether what is told to be points, normals or indices of a surface (PS3.3 C.27) is none."""
    kind = _COORDINATES.get(tag)
    if kind is not None:
        numbers = np.frombuffer(data[: len(data) // 4 * 4], kind)
        sizes = np.abs(numbers[numbers != 0])
        if len(data) % 4 or not bool(((sizes > 1e-12) & (sizes < 1e7)).all()):
            return True
        return _PRINTABLE.fullmatch(data) is not None or _PRINTABLE_FLOATS.search(data) is not None
    if tag in _INDICES:
        indices = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
        return len(data) % 4 != 0 or bool((indices >= _MOST_POINTS).any())
    return False


_DESCRIPTOR_OF = {
    0x00281201: 0x00281101, 0x00281202: 0x00281102, 0x00281203: 0x00281103,
    0x00281204: 0x00281104, 0x00283006: 0x00283002, 0x00281408: 0x00281407,
}  # fmt: skip
TABLES = frozenset(_DESCRIPTOR_OF)


def table_as_described(ds: Dataset, element: DataElement) -> object | None:
    """The entries of a look-up table that its descriptor beside it counts (PS3.3 C.7.6.3.1.5,
    C.11.1.1), without what stands behind them; None where there is no descriptor."""
    descriptor = read_element(ds, _DESCRIPTOR_OF[int(element.tag)])
    described = values_of(descriptor) if descriptor is not None else []
    if len(described) != 3:
        return None
    try:
        count, bits = int(str(described[0])) % 65536 or 65536, int(str(described[2]))
    except ValueError:
        return None
    value = element.value
    if isinstance(value, (bytes, bytearray)):
        # Entries of 8 bits stand two in a word, or one.
        is_packed = bits <= 8 and len(value) < 2 * count
        size = count + count % 2 if is_packed else 2 * count
        return bytes(value[:size])
    values = values_of(element)
    return values[:count] if len(values) > count else value


@lru_cache(8192)
def most_values(tag: int) -> int | None:
    """How many values an attribute may have; None: any number."""
    if not dictionary_has_tag(tag):
        return None
    last = dictionary_VM(tag).rpartition("-")[2]
    return int(last) if last.isdigit() else None


@lru_cache(8192)
def is_of_points(tag: int) -> bool:
    """Whether an attribute's values come in pairs or threes: places in a picture, any numbers."""
    return dictionary_has_tag(tag) and dictionary_VM(tag)[-2:] in ("2n", "3n")
