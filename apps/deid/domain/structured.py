"""Clean Structured Content: SR content items by PS3.15 Table E.3.4-1."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from apps.deid.domain.codes import code_of, unknown_code_item
from apps.deid.domain.elements import raw_items, read_element
from apps.deid.domain.profile import Profile
from apps.deid.domain.table import content_rule

_DUMMY_VALUES = {
    "TEXT": ("TextValue", "REMOVED"),
    "PNAME": ("PersonName", "Anonymous"),
    "DATE": ("Date", "19000101"),
    "TIME": ("Time", "000000"),
    "DATETIME": ("DateTime", "19000101000000"),
}
_VALUE_KEYWORDS = {
    "TEXT": "TextValue", "PNAME": "PersonName", "DATE": "Date", "TIME": "Time",
    "DATETIME": "DateTime", "CODE": "ConceptCodeSequence", "UIDREF": "UID",
}  # fmt: skip
_WITHOUT_VALUE_TO_CLEAN = frozenset(
    {"NUM", "CONTAINER", "SCOORD", "SCOORD3D", "TCOORD", "IMAGE", "COMPOSITE", "WAVEFORM", "TABLE",
     "NUMERIC"}
)  # fmt: skip


def has_references_by_position(ds: Dataset, depth: int = 0) -> bool:
    """Whether content items refer to others by position (0040,DB73): then none may drop out."""
    if 0x0040DB73 in ds:
        return True
    if depth > 32 or 0x0040A730 not in ds:
        return False
    element = read_element(ds, 0x0040A730)
    return (
        element is not None
        and element.VR == "SQ"
        and any(has_references_by_position(item, depth + 1) for item in element.value or [])
    )


def _value_type(item: Dataset) -> str:
    element = read_element(item, 0x0040A040)
    return str(element.value or "").strip() if element is not None else ""


def content_verdict(item: Dataset, cleaned: Dataset, profile: Profile) -> str:
    """ "keep", "drop" or "dummy" for a content item, after its attributes were cleaned.

    `item` is the original, `cleaned` what the header rules left. Without Clean Structured Content
    only what must stay for validity does: containers, and dummies.
    """
    value_type = _value_type(item)
    name = read_element(item, 0x0040A043)
    if name is not None and name.VR != "SQ":
        return "drop"
    concept = code_of(name.value[0]) if name is not None and name.value else ("", "")
    is_reference = 0x0040DB73 in item
    if is_reference:
        return "keep"
    if not profile.has("clean_structured_content"):
        return "keep" if value_type == "CONTAINER" else "drop"
    rule = content_rule(*concept, value_type)
    action = rule.action(profile.table_columns) if rule else None
    if action in ("X", "X/D"):
        return "drop"
    if name is not None and name.value and "ConceptNameCodeSequence" not in cleaned:
        return "drop"
    private_name = (
        name is not None and bool(name.value)
        and code_of(cleaned.ConceptNameCodeSequence[0]) != concept
    )  # fmt: skip
    if private_name and value_type != "CONTAINER":
        return "drop"
    if action == "D" and value_type in _DUMMY_VALUES:
        return "dummy"
    if value_type in _WITHOUT_VALUE_TO_CLEAN:
        return "keep"
    keyword = _VALUE_KEYWORDS.get(value_type)
    if keyword is None or keyword not in cleaned:
        return "drop"
    value = cleaned[keyword].value
    if not value or str(value) == str(_DUMMY_VALUES.get(value_type, ("", None))[1]):
        return "drop"
    if value_type == "CODE" and code_of(value[0]) == code_of(unknown_code_item()):
        return "drop"
    return "keep"


# Subject Age, Current chronological age, Age, and LOINC's.
_AGE_CONCEPTS = frozenset(
    {("DCM", "121033"), ("SCT", "424144002"), ("SCT", "397669002"), ("LN", "30525-0")}
)
_UNITS_A_YEAR = {"a": 1.0, "mo": 12.0, "wk": 52.18, "d": 365.25}


def cap_measured_age(cleaned: Dataset, cap_years: int) -> bool:
    """Write an age of `cap_years` and more as the cap, in its own unit, in a NUM content item;
    whether it did. An age whose unit is not known loses its value."""
    name = cleaned.get("ConceptNameCodeSequence")
    if not name or code_of(name[0]) not in _AGE_CONCEPTS:
        return False
    changed = False
    for measured in cleaned.get("MeasuredValueSequence") or []:
        units = measured.get("MeasurementUnitsCodeSequence")
        a_year = _UNITS_A_YEAR.get(code_of(units[0])[1] if units else "")
        try:
            is_under = a_year is not None and float(measured.NumericValue) < cap_years * a_year
        except (AttributeError, TypeError, ValueError):
            is_under = False
        if not is_under:
            measured.NumericValue = str(int(cap_years * (a_year or 1)))
            for tag in (0x0040A161, 0x0040A162, 0x0040A163):
                measured.pop(tag, None)
            changed = True
    return changed


def make_dummy(cleaned: Dataset) -> None:
    """Turn a cleaned content item into one of the same type that says nothing."""
    value_type = _value_type(cleaned)
    for tag, _ in list(raw_items(cleaned)):
        if tag in (0x0040A730, 0x0040A168, 0x0040A300, 0x00081199):
            del cleaned[tag]
    if value_type in _DUMMY_VALUES:
        keyword, dummy = _DUMMY_VALUES[value_type]
        setattr(cleaned, keyword, dummy)
    elif value_type == "CODE":
        cleaned.ConceptCodeSequence = Sequence([unknown_code_item()])
    elif value_type == "NUM":
        cleaned.MeasuredValueSequence = Sequence()
