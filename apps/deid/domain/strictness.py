"""Where a profile is looser than the basic one: said in words, for the second approver."""

from __future__ import annotations

from pydicom.datadict import dictionary_has_tag, keyword_for_tag

from apps.deid.domain.profile import Profile
from apps.deid.domain.table import retains, rule_for, table_tags

_OPTION_WORDS = {
    "retain_full_dates": "dates and times stay as they are",
    "retain_modified_dates": "dates and times stay, shifted by one secret offset a patient",
    "retain_patient_characteristics": "age, sex, size, weight and the like stay",
    "retain_device_identity": "the device is named",
    "retain_uids": "original UIDs stay and link to the source",
    "retain_safe_private": "private attributes of the Safe Private list stay",
    "retain_institution_identity": "the institution is named",
}


def relaxations(profile: Profile) -> tuple[str, ...]:
    """What the profile keeps that the basic one would not, a sentence part each; empty where it is
    as strict or stricter. A profile that says any of this needs a second approver."""
    found = [words for option, words in _OPTION_WORDS.items() if profile.has(option)]
    for tag, action in sorted(profile.overrides.items()):
        if _is_looser(tag, action):
            name = keyword_for_tag(tag) if dictionary_has_tag(tag) else ""
            found.append(f"{name or 'an attribute'} ({tag >> 16:04X},{tag & 0xFFFF:04X}): {action}")
    if profile.keeps_out_of_body:
        found.append("spans out of the body are proposed to be kept")
    return tuple(found)


def attributes_retained(profile: Profile) -> tuple[str, ...]:
    """Keywords of the table's attributes that the options keep or clean, not remove."""
    names = (keyword_for_tag(tag) for tag in table_tags() if retains(profile, tag))
    return tuple(sorted(filter(None, names)))


def _is_looser(tag: int, action: str) -> bool:
    if action in ("remove", "empty"):
        return False
    # Without a row the rules let pass what they have looked at; only an unlooked-at copy is looser.
    return action == "keep" or rule_for(tag) is not None
