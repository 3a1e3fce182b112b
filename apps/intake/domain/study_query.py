"""What a steward may ask a PACS: a few exact criteria, never everything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

WIDEST = timedelta(days=31)
_CODE = re.compile(r"[A-Z0-9_]{1,16}")


class UnfitCriterion(ValueError):
    """``field`` names the criterion; the text says what is wrong without its value."""

    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.field, self.message, self.remedy = field, message, remedy


def criteria(form: Mapping[str, str]) -> dict[str, str]:
    """DICOM matching keys (keyword → value, PS3.4 C.2.2.2) of a form's ``patient_id``, ``name``,
    ``date_from``, ``date_to``, ``modality`` and ``accession``. Raises UnfitCriterion.

    Patient ID and accession number match exactly; a name matches from its beginning and may hold
    wildcards after two letters; days alone may span ``WIDEST``.
    """
    asked: dict[str, str] = {}
    for field, keyword in (("patient_id", "PatientID"), ("accession", "AccessionNumber")):
        value = _text(form, field)
        if "*" in value or "?" in value:
            raise UnfitCriterion(field, "A number is matched exactly.", "Leave * and ? out.")
        if value:
            asked[keyword] = value
    name = _text(form, "name")
    if name:
        if len(re.sub(r"[*?^\s]", "", name)) < 2:
            raise UnfitCriterion("name", "A name needs two letters at least.", "Add letters.")
        asked["PatientName"] = name if name.endswith("*") else f"{name}*"
    modality = _text(form, "modality").upper()
    if modality:
        if not _CODE.fullmatch(modality):
            raise UnfitCriterion("modality", "This is no modality's code.", "For example ES, US.")
        asked["ModalitiesInStudy"] = modality
    span = _span(
        _day(form, "date_from"), _day(form, "date_to"), bool(set(asked) - {"ModalitiesInStudy"})
    )
    if span:
        asked["StudyDate"] = span
    if not set(asked) - {"ModalitiesInStudy"}:
        raise UnfitCriterion(
            "patient_id",
            "A patient ID, a name, an accession number or days are needed.",
            "Fill one of them in.",
        )
    return asked


def _text(form: Mapping[str, str], field: str) -> str:
    value = form.get(field, "").strip()
    if len(value) > 64 or "\\" in value or not value.isprintable():
        raise UnfitCriterion(field, "At most 64 characters, and no backslash.", "Shorten it.")
    return value


def _day(form: Mapping[str, str], field: str) -> date | None:
    value = form.get(field, "").strip()
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise UnfitCriterion(field, "This is no day.", "Write it as 2026-01-31.") from None


def _span(first: date | None, last: date | None, is_narrow: bool) -> str:
    if first is None and last is None:
        return ""
    first, last = first or last, last or first
    assert first is not None and last is not None
    if last < first:
        raise UnfitCriterion("date_to", "The last day is before the first.", "Swap them.")
    if not is_narrow and last - first > WIDEST:
        raise UnfitCriterion(
            "date_to", "Days alone may span 31 at most.", "Narrow them, or add a name or number."
        )
    return f"{first:%Y%m%d}" if first == last else f"{first:%Y%m%d}-{last:%Y%m%d}"
