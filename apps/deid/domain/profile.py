"""A de-identification profile: read from YAML, checked, with a digest and its method codes."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from apps.deid.domain.profile_rules import (
    OVERRIDE_ACTIONS,
    ProfileError,
    check_overrides,
    check_pairs,
    section,
)
from apps.deid.domain.profile_rules import fail as _fail

__all__ = ["Profile", "ProfileError", "load_builtin", "load_profile", "method_codes"]

DATA_DIR = Path(__file__).resolve().parent.parent / "data"
PROFILES_DIR = Path(__file__).resolve().parent.parent / "profiles"

OPTION_CODES = {
    "clean_pixel_data": "113101",
    "clean_visual_features": "113102",
    "clean_graphics": "113103",
    "clean_structured_content": "113104",
    "clean_descriptors": "113105",
    "retain_full_dates": "113106",
    "retain_modified_dates": "113107",
    "retain_patient_characteristics": "113108",
    "retain_device_identity": "113109",
    "retain_uids": "113110",
    "retain_safe_private": "113111",
    "retain_institution_identity": "113112",
}
TABLE_COLUMNS = {
    "retain_full_dates": "retain_longitudinal_full_dates",
    "retain_modified_dates": "retain_longitudinal_modified_dates",
    "clean_graphics": "",  # done by removal, which is what the basic action says
}
BUILTIN = ("basic", "research")
TABLE_EDITION = "PS3.15-2026d"

_TAG = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)")
_KNOWN_KEYS = {
    "name", "version", "table", "options", "overrides", "private", "dates", "ages",
    "pixels", "streams", "reject",
}  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """One version of a profile. `sha256` is over its canonical JSON and names it in instances.

    `overrides`: tag → "remove" | "empty" | "clean" | "keep". `settings` holds what pixels and
    streams ask.
    """

    name: str
    version: int
    options: frozenset[str]
    sha256: str
    table: str = TABLE_EDITION
    overrides: dict[int, str] = field(default_factory=dict)
    date_range_days: tuple[int, int] = (-3650, -30)
    date_with_time_of_day: bool = True
    age_cap_years: int = 90
    settings: dict[str, Any] = field(default_factory=dict)

    def has(self, option: str) -> bool:
        """Whether an option is in force."""
        return option in self.options

    @property
    def table_columns(self) -> frozenset[str]:
        """Names of the option columns of Table E.1-1 in force."""
        return frozenset(TABLE_COLUMNS.get(option, option) for option in self.options) - {""}

    @property
    def dates(self) -> str:
        """ "remove", "shift" or "keep"."""
        if self.has("retain_modified_dates"):
            return "shift"
        return "keep" if self.has("retain_full_dates") else "remove"

    @property
    def n_reviewers(self) -> int:
        """How many people confirm the pictures of an instance: 1 or 2."""
        return int(self._pixels.get("review", 1))

    @property
    def keeps_out_of_body(self) -> bool:
        """Whether spans out of the body are proposed to be kept."""
        return self._pixels.get("out_of_body") == "keep"

    @property
    def needs_device_mask(self) -> bool:
        """Whether an instance of a device without a mask is held."""
        return self._pixels.get("device_masks") == "required"

    @property
    def _pixels(self) -> dict[str, Any]:
        return dict(self.settings.get("pixels") or {})

    @property
    def removed_tags(self) -> list[int]:
        """Tags that a rule of this profile removes whatever they hold."""
        return [tag for tag, what in self.overrides.items() if what == "remove"]

    def without(self, tags: frozenset[int]) -> Profile:
        """The same profile, and these tags removed as well (a person's choice for one instance).
        Its digest stays: what more went stands in the instance's report."""
        return replace(self, overrides={**self.overrides, **dict.fromkeys(tags, "remove")})


def _parse_overrides(raw: Any) -> dict[int, str]:
    overrides: dict[int, str] = {}
    for entry in raw or []:
        match = _TAG.fullmatch(str(entry.get("tag", ""))) if isinstance(entry, dict) else None
        if match is None:
            _fail("overrides", "an entry without a tag", 'write {tag: "(0008,103E)", action: …}')
        assert match is not None
        if unknown := sorted(set(map(str, entry)) - {"tag", "action"}):
            _fail("overrides", f"unknown {', '.join(unknown)[:60]}", "give tag and action alone")
        action = str(entry.get("action", ""))
        if action not in OVERRIDE_ACTIONS:
            _fail("overrides.action", "not a known action", "use remove, empty, clean or keep")
        overrides[int(match.group(1) + match.group(2), 16)] = action
    return overrides


def _range_days(raw: Any) -> tuple[int, int]:
    whole = isinstance(raw, (list, tuple)) and len(raw) == 2 and all(type(d) is int for d in raw)
    low, high = raw if whole else (0, 0)
    if not low <= high or low <= 0 <= high:
        _fail("dates.range_days", "empty, or holding 0", "give two days on one side of 0")
    return low, high


def load_profile(text: str) -> Profile:
    """A profile from YAML text. Raises ProfileError for unknown or impossible settings."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ProfileError("profile: not YAML; correct its syntax") from error
    if not isinstance(raw, dict):
        raise ProfileError("profile: not a mapping; give name, version and options")
    unknown = sorted(set(map(str, raw)) - _KNOWN_KEYS)
    if unknown:
        _fail("profile", f"unknown keys {', '.join(unknown)}", "remove them")
    name, version = raw.get("name"), raw.get("version")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
        _fail("name", "missing or not a slug", "use up to 31 of a-z, 0-9 and -")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        _fail("version", "missing or not a number", "count versions from 1")
    if raw.get("table", TABLE_EDITION) != TABLE_EDITION:
        _fail("table", "another edition", f"write {TABLE_EDITION}")
    listed = raw.get("options") or []
    if not isinstance(listed, list):
        _fail("options", "not a list", "list the names of the options")
    options = frozenset(map(str, listed))
    if bad := sorted(options - set(OPTION_CODES)):
        _fail("options", f"unknown {', '.join(bad)}", "use the names of the options")
    check_pairs(raw, options)
    dates, cap = section(raw, "dates"), section(raw, "ages").get("cap", 90)
    low, high = _range_days(dates.get("range_days", (-3650, -30)))
    if not isinstance(cap, int) or isinstance(cap, bool) or not 1 <= cap <= 90:
        _fail("ages.cap", "outside 1 to 90", "ages over 89 identify; use 90 or less")
    overrides = _parse_overrides(raw.get("overrides"))
    check_overrides(overrides, options)
    canonical = json.dumps(raw, sort_keys=True, separators=(",", ":"), default=str)
    return Profile(
        name=str(name),
        version=int(str(version)),
        options=options,
        sha256=hashlib.sha256(canonical.encode("utf-8")).hexdigest(),
        overrides=overrides,
        date_range_days=(low, high),
        date_with_time_of_day=bool(dates.get("with_time_of_day", True)),
        age_cap_years=int(str(cap)),
        settings={key: raw[key] for key in ("pixels", "streams", "reject") if key in raw},
    )


def load_builtin(name: str) -> Profile:
    """A profile that ships with the product: "basic" or "research"."""
    path = PROFILES_DIR / f"{name}.yaml"
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or not path.is_file():
        raise ProfileError("profile: no such profile; use basic or research")
    return load_profile(path.read_text("utf-8"))


@lru_cache(1)
def _cid_7050() -> dict[str, str]:
    rows = json.loads((DATA_DIR / "ps3.16-cid-7050.json").read_text("utf-8"))["rows"]
    return {row["code"]: row["meaning"] for row in rows}


def method_codes(
    profile: Profile, *, pixels_cleaned: bool, visual_features_cleaned: bool
) -> list[tuple[str, str]]:
    """(code, meaning) of CID 7050 for what was done to one instance, the Basic Profile first.

    113101 and 113102 only when the caller says that they were done to this instance.
    """
    left_out = set()
    if not pixels_cleaned:
        left_out.add("clean_pixel_data")
    if not visual_features_cleaned:
        left_out.add("clean_visual_features")
    codes = ["113100", *sorted(OPTION_CODES[option] for option in profile.options - left_out)]
    return [(code, _cid_7050()[code]) for code in codes]
