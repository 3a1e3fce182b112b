"""What may not be cleaned at all: refused before anything is made."""

from __future__ import annotations

from collections.abc import Collection

from pydicom.dataset import Dataset

from apps.deid.domain.elements import (
    MetBefore,
    raw_items,
    raw_key,
    read_element,
    tag_text,
)
from apps.deid.domain.iod_types import iod_of
from apps.deid.domain.reasons import Reason, Refused
from apps.deid.domain.uids import is_registered

ILLEGAL_GROUPS = frozenset({*range(8), 0xFFFF})

_REFUSED: dict[int, Reason] = {
    0x04000500: Reason.ENCRYPTED_ATTRIBUTES,
    0x00420011: Reason.ENCAPSULATED_DOCUMENT,
}


def element_text(ds: Dataset, tag: int) -> str:
    """The text of one element, stripped; empty when it is absent or unreadable."""
    element = read_element(ds, tag)
    return str(element.value or "").strip().strip("\x00") if element is not None else ""


def check_acceptable(ds: Dataset, removed: Collection[int] = ()) -> str:
    """The SOP Class UID; Refused when the object may not be taken at all.

    ``removed``: tags that a rule takes out anyway, so that they are no ground for a refusal (of an
    illegal group, one names the whole). An object that is a document and nothing else stays one.
    """
    sop_class = element_text(ds, 0x00080016)
    if not sop_class or not element_text(ds, 0x00080018):
        raise Refused(Reason.UNPARSABLE, "(0008,0016) or (0008,0018) missing")
    if not is_registered(sop_class):
        raise Refused(Reason.PRIVATE_SOP_CLASS, "(0008,0016)")
    is_document = sop_class.startswith("1.2.840.10008.5.1.4.1.1.104.")
    if is_document or (0x00420011 in ds._dict and 0x00420011 not in removed):
        raise Refused(Reason.ENCAPSULATED_DOCUMENT, "(0042,0011)")
    if iod_of(sop_class) is None:
        raise Refused(Reason.UNSUPPORTED_IOD, "(0008,0016)")
    _check_groups(ds, 0, frozenset(removed))
    return sop_class


_ACCEPTABLE = MetBefore()


def _check_groups(ds: Dataset, depth: int, removed: frozenset[int]) -> None:
    if depth > 32:
        raise Refused(Reason.UNPARSABLE, "sequences nested too deep")
    for tag, raw in raw_items(ds):
        if tag in removed:
            continue
        if tag >> 16 in ILLEGAL_GROUPS:
            if tag >> 16 in {one >> 16 for one in removed}:
                continue
            raise Refused(Reason.ILLEGAL_GROUP, tag_text(tag))
        if tag in _REFUSED:
            raise Refused(_REFUSED[tag], tag_text(tag))
        if raw.VR in ("SQ", "UN", None):
            key = raw_key(ds, raw) if depth == 0 else None
            if key is not None and (key, removed) in _ACCEPTABLE:
                continue
            element = read_element(ds, tag)
            if element is not None and element.VR == "SQ":
                for item in element.value or []:
                    _check_groups(item, depth + 1, removed)
            if key is not None:
                _ACCEPTABLE.add((key, removed))
