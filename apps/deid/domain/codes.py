"""Coded concepts that may stay: public schemes, with the Code Meaning written anew."""

from __future__ import annotations

import re
from functools import lru_cache

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping as snomed_mapping
from pydicom.tag import BaseTag

from apps.deid.domain.elements import read_element
from apps.deid.domain.quick_read import new_dataset

NEUTRAL_MEANING = "Coded concept"
CODE_VALUE_TAGS = (0x00080100, 0x00080119, 0x00080120)
_TAGS = {tag: BaseTag(tag) for tag in (0x00080100, 0x00080102, 0x00080104, 0x00080119)}
_CODE_SEQUENCE_MARKS = (*CODE_VALUE_TAGS, 0x00080102)

_PATTERNS = {
    "DCM": r"1[0-9]{5}|[A-Z]{1,12}",
    "SCT": r"[1-9][0-9]{5,17}",
    "SRT": r"[A-Z][0-9]?-[0-9A-F]{4,6}",
    "SNM3": r"[A-Z][0-9]?-[0-9A-F]{4,6}",
    "99SDM": r"[A-Z][0-9]?-[0-9A-F]{4,6}",
    "UCUM": r"[A-Za-z%0-9\[\]{}'\"./*_^+()-]{1,16}",
    "LN": r"[0-9]{1,5}-[0-9]",
    "FMA": r"[0-9]{4,6}",
    "NCIt": r"C[0-9]{4,6}",
    "UMLS": r"C[0-9]{7}",
    "RADLEX": r"RID[0-9]{1,5}",
    "MDC": r"[0-9]{1,6}",
    "I10": r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,2})?",
    "ISO639_1": r"[a-z]{2}",
    "ISO639_2": r"[a-z]{3}",
    "RFC5646": r"[a-z]{2,3}(-[A-Z]{2})?",
    "ISO3166_1": r"[A-Z]{2,3}",
    "IBSI": r"[0-9A-Z]{3,4}",
}  # fmt: skip
_UCUM_ATOM = (
    r"(%|1|10\*[0-9]{1,2}|\[(iU|lb_av|in_i|ft_i|diop|degF|hnsf'U|pH)\]|m{1,2}\[Hg\]"
    r"|\{(pixels?|frames?|ratio|counts?|beats?|pulse|breaths|points?|H\.B\.)\}"
    r"|(da|[YZEPTGMkhdcmunpfazy])?(mol|Hz|Pa|Ohm|rad|Cel|cd|lm|lx|Bq|Gy|Sv|bar|eV|Wb"
    r"|[msgKCNJWAVFSTHlLBtu])|min|deg|h|d|wk|mo|a)[+-]?[0-9]?"
)
_UCUM_UNIT = re.compile(rf"/?{_UCUM_ATOM}([./]{_UCUM_ATOM}){{0,4}}")


@lru_cache(1)
def _meanings() -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    by_scheme: dict[str, dict[str, dict[str, tuple[str, object]]]] = concepts  # type: ignore[assignment]
    for scheme, by_keyword in by_scheme.items():
        for by_code in by_keyword.values():
            for code, (meaning, _) in by_code.items():
                found.setdefault((scheme, code), meaning)
    return found


def public_meaning(scheme: str, code: str) -> str | None:
    """Code Meaning from pydicom's dictionary of the standard's context groups; None if absent."""
    if scheme in ("SRT", "SNM3", "99SDM"):
        code = snomed_mapping["SRT"].get(code, code)
        scheme = "SCT"
    return _meanings().get((scheme, code))


_VERHOEFF_MULTIPLY = tuple(
    tuple((a + b) % 5 if a < 5 and b < 5 else
          (a + b - 5) % 5 + 5 if a < 5 else
          (a - b) % 5 + 5 if b < 5 else (a - b) % 5 for b in range(10))
    for a in range(10)
)  # fmt: skip
_VERHOEFF_STEP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def verhoeff_holds(digits: str) -> bool:
    """Whether the check digit of a SNOMED CT identifier is right (Verhoeff's dihedral check)."""
    check = 0
    permutation = list(range(10))
    for char in reversed(digits):
        check = _VERHOEFF_MULTIPLY[check][permutation[int(char)]]
        permutation = [_VERHOEFF_STEP[p] for p in permutation]
    return check == 0


def _luhn_holds(code: str) -> bool:
    digits = [int(char) for char in code.replace("-", "")][::-1]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0


def is_public_code(scheme: str, code: str) -> bool:
    """Whether a code is of a public scheme, and known or at least well formed for it."""
    if scheme not in _PATTERNS:
        return False
    if public_meaning(scheme, code) is not None:
        return True
    if not re.fullmatch(_PATTERNS[scheme], code):
        return False
    if scheme == "SCT":
        return code[-3:-1] in ("00", "10") and verhoeff_holds(code)
    if scheme == "LN":
        return _luhn_holds(code)
    if scheme == "UCUM":
        return _UCUM_UNIT.fullmatch(code) is not None
    return scheme != "DCM" or code.isdigit()


def is_code_item(item: Dataset) -> bool:
    """Whether a sequence item is of the Code Sequence Macro (PS3.3 section 8.8)."""
    return any(tag in item._dict for tag in _CODE_SEQUENCE_MARKS)


def code_of(item: Dataset) -> tuple[str, str]:
    """(scheme, code) of an item of the Code Sequence Macro; empty strings where absent."""
    scheme = read_element(item, 0x00080102)
    found = [read_element(item, tag) for tag in CODE_VALUE_TAGS]
    values = [element.value for element in found if element is not None and element.value]
    return (
        str(scheme.value or "").strip() if scheme is not None else "",
        str(values[0]).strip() if values else "",
    )


def make_code_item(scheme: str, code: str) -> Dataset:
    """A new item with scheme, code and our own meaning: nothing of the old item is carried on."""
    return basic_code_item(scheme, code, (public_meaning(scheme, code) or NEUTRAL_MEANING)[:64])


def basic_code_item(scheme: str, code: str, meaning: str) -> Dataset:
    """An item of the Code Sequence Macro with these three, a code over 16 characters as Long."""
    vr, tag = ("SH", 0x00080100) if len(code) <= 16 else ("UC", 0x00080119)
    made = (
        DataElement(_TAGS[tag], vr, code, already_converted=True),
        DataElement(_TAGS[0x00080102], "SH", scheme, already_converted=True),
        DataElement(_TAGS[0x00080104], "LO", meaning, already_converted=True),
    )
    return new_dataset({element.tag: element for element in made})


def unknown_code_item() -> Dataset:
    """SCT 261665006 "Unknown": what stands where a code is required and none may stay."""
    return make_code_item("SCT", "261665006")
