"""Private attributes that PS3.15 Table E.3.10-1 lists as safe, where a profile keeps them."""

from __future__ import annotations

import re

from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from apps.deid.domain.acceptance import element_text
from apps.deid.domain.cleaning import Cleaning, clean_value
from apps.deid.domain.elements import read_element, texts_of
from apps.deid.domain.table import is_safe_creator, is_safe_private, safe_private_vr

# A version, a pitch ("1.375:1"): too short to be anybody's number.
_SHORT_NUMBER = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,2}(:[0-9]{1,3})?")


def safe_private(ds: Dataset, tag: int, cleaning: Cleaning) -> DataElement | None:
    """A listed attribute with what may stay of its value, or the creator of one; None: it goes."""
    group, element_no = tag >> 16, tag & 0xFFFF
    if element_no <= 0xFF:
        creator = element_text(ds, tag)
        return DataElement(tag, "LO", creator) if is_safe_creator(creator, group) else None
    creator = element_text(ds, Tag(group, element_no >> 8))
    element = _as_listed(ds, tag, safe_private_vr(creator, group, element_no & 0xFF))
    if element is None or not is_safe_private(creator, group, element_no & 0xFF, element.VR):
        return None
    value = clean_value(element, element.VR, "allow", cleaning)
    if value is None and element.VR in ("CS", "SH", "LO"):
        texts = texts_of(element)
        if all(_SHORT_NUMBER.fullmatch(t) and not cleaning.harvest.find_in_text(t) for t in texts):
            value = texts
    return DataElement(tag, element.VR, value) if value is not None else None


def _as_listed(ds: Dataset, tag: int, vr: str | None) -> DataElement | None:
    """The element; one whose VR nobody told (implicit VR, a creator unknown to pydicom) is read as
    the one that the table gives."""
    element = read_element(ds, tag)
    if element is None or element.VR != "UN" or vr in (None, "SQ", "OB"):
        return element
    value = bytes(element.value or b"")
    raw = RawDataElement(
        Tag(tag), vr, len(value), value, 0, False, ds.original_encoding[1] is not False
    )
    try:
        return DataElement(tag, vr, convert_raw_data_element(raw, ds=ds).value)  # type: ignore[arg-type]
    except Exception:
        return None
