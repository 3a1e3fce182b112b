"""What a profile may not say: unknown words, and pairs that exclude one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_VR

OVERRIDE_ACTIONS = ("remove", "empty", "clean", "keep")
KNOWN_KEYS: dict[str, frozenset[str]] = {
    "private": frozenset({"keep_safe_list"}),
    "dates": frozenset({"method", "range_days", "with_time_of_day"}),
    "ages": frozenset({"cap"}),
    "pixels": frozenset({"ocr", "review", "out_of_body", "device_masks"}),
    "streams": frozenset({"audio", "subtitles", "timecode"}),
}
ALLOWED: dict[str, dict[str, tuple[Any, ...]]] = {
    "dates": {"method": ("shift",), "with_time_of_day": (True, False)},
    "private": {"keep_safe_list": (True, False)},
    "pixels": {
        "ocr": ("required",),
        "review": (1, 2),
        "out_of_body": ("blank", "keep"),
        "device_masks": ("apply", "required"),
    },
    "streams": {"audio": ("drop",), "subtitles": ("drop",), "timecode": ("zero",)},
}
REJECTABLE = frozenset({"encapsulated_pdf", "encapsulated_cda", "private_sop_class"})
# Written by the rules themselves: identity, markers, class and character set.
WRITTEN_BY_RULES = frozenset(
    {0x00080005, 0x00080016, 0x00080018, 0x00100010, 0x00100020, 0x00120062, 0x00120063,
     0x00120064, 0x00280301, 0x00280302, 0x00280303}
)  # fmt: skip


class ProfileError(ValueError):
    """A profile that cannot be used; the message names the field and the remedy."""


def fail(field_name: str, problem: str, remedy: str) -> None:
    raise ProfileError(f"{field_name}: {problem}; {remedy}")


def section(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One part of the profile, a mapping whose keys and values are known. Raises ProfileError."""
    found = raw.get(name) or {}
    if not isinstance(found, dict):
        fail(name, "not a mapping", "give names and values")
    if unknown := sorted(set(map(str, found)) - KNOWN_KEYS[name]):
        fail(name, f"unknown {', '.join(unknown)[:60]}", "remove it")
    for key, allowed in ALLOWED.get(name, {}).items():
        value = found.get(key)
        if key in found and not any(value is one or value == one for one in allowed):
            words = " or ".join(str(one).lower() for one in allowed)
            fail(f"{name}.{key}", "nothing that can be done", f"write {words}")
    return found


def check_pairs(raw: Mapping[str, Any], options: frozenset[str]) -> None:
    """Raise ProfileError for settings that contradict the options or one another."""
    if {"retain_full_dates", "retain_modified_dates"} <= options:
        fail("options", "full dates and modified dates exclude one another", "keep one of them")
    private = section(raw, "private")
    if bool(private.get("keep_safe_list", False)) != ("retain_safe_private" in options):
        fail("private.keep_safe_list", "disagrees with options", "set both or neither")
    if section(raw, "dates") and "retain_modified_dates" not in options:
        fail("dates", "given, but dates are not shifted", "add retain_modified_dates or remove it")
    ages_stay = "retain_patient_characteristics" in options
    # The usual cap is harmless where ages go by the table; only another one misleads.
    if section(raw, "ages").get("cap", 90) != 90 and not ages_stay:
        fail("ages.cap", "given, but ages are not kept", "add retain_patient_characteristics")
    pixels = section(raw, "pixels")
    section(raw, "streams")
    if pixels.get("out_of_body") == "keep" and "clean_visual_features" in options:
        fail("pixels.out_of_body", "keep against clean_visual_features", "blank, or drop the one")
    if pixels.get("ocr") is None and pixels and "clean_pixel_data" in options:
        fail("pixels.ocr", "missing against clean_pixel_data", "write required")
    reject = raw.get("reject") or []
    if not isinstance(reject, list) or set(map(str, reject)) - REJECTABLE:
        fail("reject", "not a list of known kinds", f"use {', '.join(sorted(REJECTABLE))}")


def check_overrides(overrides: Mapping[int, str], options: frozenset[str]) -> None:
    """Raise ProfileError for an override that the rules cannot carry out or that would break what
    an option promises (dates of one patient move together, UIDs agree in every reference)."""
    for tag, action in overrides.items():
        name = f"overrides ({tag >> 16:04X},{tag & 0xFFFF:04X})"
        if tag in WRITTEN_BY_RULES:
            fail(name, "written by the rules themselves", "remove the entry")
        if tag >> 16 & 1:
            fail(name, "a private attribute", "use private.keep_safe_list")
        if action in ("remove", "empty"):
            continue
        vr = dictionary_VR(tag) if dictionary_has_tag(tag) else ""
        if not vr or vr.startswith("O") or vr == "UN":
            fail(name, "cannot be looked at, so it cannot be kept", "remove the entry")
        if vr == "PN":
            fail(name, "a person's name, which no profile keeps", "remove the entry")
        if vr == "UI" and "retain_uids" not in options:
            fail(name, "one UID kept among replaced ones", "add retain_uids, or remove it")
        if vr in ("DA", "TM", "DT") and "retain_full_dates" not in options:
            fail(name, "one date kept among others", "use an option for dates")
