"""Coded concepts: scheme, value and meaning checked against what is published.

Codes of SNOMED CT, DICOM (DCM) and UCUM are looked up in pydicom's concept dictionary (PS3.16).
The dictionary holds all of DCM and only a part of SNOMED CT: a SNOMED CT code that is not in it is
taken when its check digit holds, and reported by ``unchecked_codes``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

PUBLISHED_SCHEMES = ("SCT", "DCM", "UCUM")

_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_P = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """One reason against a definition: path of the field, what is wrong, what to do."""

    field: str
    message: str
    remedy: str


def code_problems(path: str, code: Any, own: set[str]) -> Iterator[Problem]:
    """Reasons against a code ``{"value", "scheme", "meaning"}``; ``own`` are private schemes."""
    if not isinstance(code, dict) or code.keys() != {"value", "scheme", "meaning"}:
        yield Problem(path, "is not a coded concept", "send value, scheme and meaning")
        return
    if any(not isinstance(v, str) or not v.strip() for v in code.values()):
        yield Problem(path, "has an empty part", "send value, scheme and meaning as texts")
        return
    value, scheme, meaning = code["value"], code["scheme"], code["meaning"]
    if not re.fullmatch(r"[!-\[\]-~]{1,16}", value):
        yield Problem(f"{path}.value", "does not fit a Code Value", "use 1 to 16 characters")
    if len(meaning) > 64 or "\\" in meaning:
        yield Problem(f"{path}.meaning", "does not fit a Code Meaning", "use 1 to 64 characters")
    if scheme.startswith("99"):
        if scheme not in own:
            yield Problem(f"{path}.scheme", "is not defined here", "add it to schemes with a UID")
        return
    if scheme not in PUBLISHED_SCHEMES:
        yield Problem(
            f"{path}.scheme", "is not known", "use SCT, DCM, UCUM, or an own scheme from 99"
        )
        return
    meanings = known_meanings(scheme, value)
    if meanings:
        if _plain(meaning) not in {_plain(m) for m in meanings}:
            yield Problem(
                f"{path}.meaning", "is not what this code means", f"write “{sorted(meanings)[0]}”"
            )
    elif scheme != "SCT":
        yield Problem(f"{path}.value", f"is no code of {scheme}", "look it up in PS3.16")
    elif not is_snomed_identifier(value):
        yield Problem(
            f"{path}.value", "is no SNOMED CT identifier (check digit)", "look it up; never guess"
        )


def unchecked_codes(definition: Mapping[str, Any]) -> list[str]:
    """Ids of classes whose SNOMED CT code pydicom's dictionary does not hold: have them read."""
    return [
        cls["id"]
        for cls in definition["classes"]
        if any(
            code and code["scheme"] == "SCT" and not known_meanings("SCT", code["value"])
            for code in (cls["code"], cls.get("category"))
        )
    ]


def known_meanings(scheme: str, value: str) -> frozenset[str]:
    """Meanings that PS3.16 gives the code; empty when pydicom's dictionary does not hold it."""
    return _dictionary(scheme).get(value, frozenset())


def is_snomed_identifier(value: str) -> bool:
    """6 to 18 digits whose last is the Verhoeff check digit (SNOMED CT, SCTID)."""
    if not re.fullmatch(r"[1-9][0-9]{5,17}", value):
        return False
    check = 0
    for place, digit in enumerate(reversed(value)):
        check = int(_D[check][int(_P[place % 8][int(digit)])])
    return check == 0


@lru_cache(maxsize=8)
def _dictionary(scheme: str) -> dict[str, frozenset[str]]:
    from pydicom.sr._concepts_dict import concepts

    meanings: dict[str, set[str]] = {}
    codes: Any
    for codes in concepts.get(scheme, {}).values():
        for value, (meaning, _) in codes.items():
            meanings.setdefault(value, set()).add(meaning)
    return {value: frozenset(held) for value, held in meanings.items()}


def _plain(meaning: str) -> str:
    return re.sub(r"\s*\([^()]*\)\s*\Z", "", meaning).strip().casefold()
