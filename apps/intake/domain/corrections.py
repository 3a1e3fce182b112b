"""What an archive says about instances that it sent before: rejection notes.

IHE Imaging Object Change Management: a Key Object Selection Document (PS3.3 A.35.4) whose title
(PS3.16 CID 7010) is one of four rejections; for quality reasons a modifier of CID 7011 says which.
The rejected instances stand in its evidence and in its content items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
REJECTIONS = {
    "113001": "Rejected for Quality Reasons",
    "113037": "Rejected for Patient Safety Reasons",
    "113038": "Incorrect Modality Worklist Entry",
    "113039": "Data Retention Policy Expired",
}
_MODIFIER = "113011"
_MOST_ITEMS = 100_000


@dataclass(frozen=True)
class Rejection:
    """``title`` is a code of ``REJECTIONS``, ``modifier`` one of CID 7011 or empty (both DCM);
    ``sop_instance_uids`` are original ones: they identify."""

    title: str
    modifier: str
    sop_instance_uids: frozenset[str] = field(repr=False)


def rejection_of(ds: Any) -> Rejection | None:
    """The rejection that a Key Object Selection Document states; None for another title ("Of
    Interest", say). ``ds``: a pydicom data set. Raises what pydicom raises on damaged items."""
    title = _code(ds.get("ConceptNameCodeSequence"))
    if str(ds.get("SOPClassUID", "")) != KEY_OBJECT_SELECTION or title not in REJECTIONS:
        return None
    modifier = ""
    for item in ds.get("ContentSequence") or ():
        if _code(item.get("ConceptNameCodeSequence")) == _MODIFIER:
            modifier = _code(item.get("ConceptCodeSequence"))
    return Rejection(title, modifier, frozenset(uid for uid in _named(ds) if uid))


def _code(sequence: Any) -> str:
    """The value of a DCM code; empty for another scheme's."""
    first = sequence[0] if sequence else None
    if first is None or str(first.get("CodingSchemeDesignator", "")).strip() != "DCM":
        return ""
    value = str(first.get("CodeValue", "")).strip()
    return value if value.isdigit() and len(value) <= 8 else ""


def _named(ds: Any) -> Iterator[str]:
    """Every referenced SOP Instance UID of evidence and content."""
    left = [ds]
    seen = 0
    while left and seen < _MOST_ITEMS:
        item = left.pop()
        seen += 1
        for name in (
            "CurrentRequestedProcedureEvidenceSequence",
            "ReferencedSeriesSequence",
            "ContentSequence",
        ):
            left.extend(item.get(name) or ())
        for reference in item.get("ReferencedSOPSequence") or ():
            yield str(reference.get("ReferencedSOPInstanceUID", "")).strip()
