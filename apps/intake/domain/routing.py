"""Which rule takes an arriving instance: called and calling AE title and what its header says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

from pydicom import dcmread

# What tells of the place, the device and the examination, not of the patient.
KEYWORDS = (
    "Modality", "SOPClassUID", "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber",
    "StationName", "InstitutionName", "InstitutionalDepartmentName", "StudyDescription",
    "SeriesDescription", "ProtocolName", "BodyPartExamined",
)  # fmt: skip
WAYS = ("is", "begins", "contains")
CONDITIONS = 3
T = TypeVar("T")


@dataclass(frozen=True)
class Condition:
    """``keyword`` of KEYWORDS, ``way`` of WAYS; ``value`` is compared without regard to case."""

    keyword: str
    way: str
    value: str

    def holds(self, attributes: Mapping[str, tuple[str, ...]]) -> bool:
        wanted = self.value.strip().casefold()
        for value in attributes.get(self.keyword, ()):
            held = value.strip().casefold()
            if (
                (self.way == "is" and held == wanted)
                or (self.way == "begins" and held.startswith(wanted))
                or (self.way == "contains" and wanted in held)
            ):
                return True
        return False


@dataclass(frozen=True)
class Rule:
    """All that is given must hold. A title may end in ``*``; an empty one does not count."""

    called_ae: str = ""
    calling_ae: str = ""
    conditions: tuple[Condition, ...] = field(default=())

    def fits_titles(self, called_ae: str, calling_ae: str) -> bool:
        return _fits(self.called_ae, called_ae) and _fits(self.calling_ae, calling_ae)


Attributes = Callable[[], Mapping[str, tuple[str, ...]]]


def first(
    rules: Iterable[tuple[Rule, T]], called_ae: str, calling_ae: str, attributes: Attributes | None
) -> T | None:
    """What belongs to the first rule that takes the instance. ``attributes`` is asked for once, and
    only by a rule whose titles fit; None (before there is an instance) passes such rules over."""
    read: Mapping[str, tuple[str, ...]] | None = None
    for rule, target in rules:
        if not rule.fits_titles(called_ae, calling_ae):
            continue
        if not rule.conditions:
            return target
        if attributes is None:
            continue
        if read is None:
            read = attributes()
        if all(condition.holds(read) for condition in rule.conditions):
            return target
    return None


def _fits(pattern: str, title: str) -> bool:
    if not pattern:
        return True
    if pattern.endswith("*"):
        return title.startswith(pattern[:-1])
    return title == pattern


def attributes_of(source: BinaryIO) -> dict[str, tuple[str, ...]]:
    """The attributes of KEYWORDS in a Part 10 file, each with its values; nothing of what cannot
    be read."""
    try:
        ds = dcmread(
            source, stop_before_pixels=True, specific_tags=["SpecificCharacterSet", *KEYWORDS]
        )
        return {word: _values(ds.get(word)) for word in KEYWORDS if word in ds}
    except Exception:
        # Whatever is wrong with it, no rule by attributes takes it.
        return {}


def _values(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return (str(value),)
    return tuple(str(one) for one in value)
