"""What the header rules decide of an attribute by its tag alone, and the making of elements."""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from apps.deid.domain.acceptance import ILLEGAL_GROUPS
from apps.deid.domain.profile import Profile

PIXEL_TAGS = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00008, 0x7FE00009, 0x7FE00010})
_REMOVED_ALWAYS = frozenset(
    {0x00080005, 0x00120062, 0x00120063, 0x00120064, 0x00280301, 0x00280302, 0x00280303,
     0x00700001, 0x00880200, 0x00080121, 0x04000561, 0x00080300, 0x00080301}
)  # fmt: skip
_PLAIN_TEXT = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UT"})


def made_element(tag: int, vr: str, value: object) -> DataElement:
    """An element of a cleaned value; one text needs no conversion."""
    if vr in _PLAIN_TEXT and isinstance(value, list) and len(value) == 1:
        (text,) = value
        if type(text) is str and "\\" not in text:
            return DataElement(tag, vr, text, already_converted=True)
    return DataElement(tag, vr, value)


_Actions = dict[tuple[int, int], str]
_ACTIONS: list[tuple[Profile, _Actions, int]] = []
_numbers = count(1)


def decided_actions(profile: Profile) -> tuple[_Actions, int]:
    """What was decided under this profile by tag and type, shared by its instances, and a number
    that no other profile has in this process."""
    for one, decided, number in _ACTIONS:
        if one is profile or one == profile:
            return decided, number
    _ACTIONS.insert(0, (profile, {}, next(_numbers)))
    del _ACTIONS[8:]
    return _ACTIONS[0][1:]


@lru_cache(8192)
def known_attribute(tag: int) -> tuple[str, tuple[str, ...]] | None:
    """(keyword, VRs) of an attribute of an even group that may be looked at; None: removed."""
    group = tag >> 16
    if (
        group & 0xFF00 in (0x5000, 0x6000)
        or group in ILLEGAL_GROUPS
        or tag & 0xFFFF == 0
        or tag in _REMOVED_ALWAYS
        or tag in PIXEL_TAGS
        or not dictionary_has_tag(tag)
    ):
        return None
    return dictionary_keyword(tag), tuple(dictionary_VR(tag).split(" or "))


_NUMBER_STRINGS = frozenset({"IS", "DS", "CS", "LO", "SH", "UN", "AS", "ST", "LT", "UT"})


@lru_cache(4096)
def vr_fits(found: str, expected: tuple[str, ...]) -> bool:
    """Whether a value of VR `found` may be read as the dictionary's VR."""
    if found in expected or found == " or ".join(expected):
        return True
    if " or " in found:
        return bool(set(found.split(" or ")) & set(expected))
    if expected[0] in ("IS", "DS", "CS", "LO", "SH", "ST", "LT", "UT", "UC", "AS"):
        return found in _NUMBER_STRINGS - {"UN"}
    return False


def is_ambiguous(ds: Any) -> bool:
    """Whether the VR of an element, at any depth, is still one of two."""
    return any(is_ambiguous_element(element) for element in ds._dict.values())


def is_ambiguous_element(element: Any) -> bool:
    """Whether its VR, or that of one in its items, is still one of two."""
    vr = element.VR
    return len(vr or "") != 2 or (
        vr == "SQ" and any(is_ambiguous(item) for item in element._value or ())
    )


def drop_ambiguous(ds: Dataset) -> None:
    """Elements whose VR could not be settled ("US or SS" with no Pixel Representation) go."""
    for element in list(ds):
        if " or " in element.VR:
            del ds[element.tag]
        elif element.VR == "SQ":
            for item in element.value:
                drop_ambiguous(item)
