"""What an instance's header is cleaned with, and what comes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from apps.deid.domain.cleaning import PixelChange
from apps.deid.domain.harvest import Harvest
from apps.deid.domain.profile import Profile
from apps.deid.domain.shared_elements import AsWritten


@dataclass(frozen=True)
class DeidContext:
    """What one instance's header is cleaned with.

    `uid_key`: 32 bytes, the subject's own (`uids.derive_subkey`). `pseudonym`: at most 64
    characters, from the vault. `date_offset_s`: whole seconds, needed when the profile shifts.
    `harvest`: of the study's and the patient's other instances; this one's own is always added.
    `pixels_confirmed`: the pixel decision about this instance was confirmed (or it has none).
    `visual_features_confirmed`: out-of-body spans were confirmed. `pixel_change`: set when the
    pixels are not those received.
    """

    profile: Profile
    uid_key: bytes = field(repr=False)
    pseudonym: str
    date_offset_s: int | None = field(default=None, repr=False)
    harvest: Harvest | None = field(default=None, repr=False)
    product: str = "ClinicalAnnot 0.1"
    pixels_confirmed: bool = False
    visual_features_confirmed: bool = False
    pixel_change: PixelChange | None = None

    def __post_init__(self) -> None:
        if len(self.uid_key) != 32:
            raise ValueError("uid_key: bytes of the wrong length; give 32 bytes")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.pseudonym):
            raise ValueError("pseudonym: not of letters, digits, - and _; draw another")
        if self.profile.dates == "shift" and self.date_offset_s is None:
            raise ValueError("date_offset_s: missing; the profile shifts dates, draw an offset")


@dataclass(frozen=True)
class HeaderResult:
    """The new data set (no pixel data, no file meta) and a report without values.

    `actions`: count by action. `kept`: keywords of root attributes that stayed. `removed`: tags
    (with their path) of what went. `written`: values written on purpose (pseudonym, moved dates),
    for the leak scan to leave alone. `as_written`: bytes of elements that another instance had too.
    """

    dataset: Dataset = field(repr=False)
    sop_instance_uid: str
    actions: dict[str, int]
    kept: tuple[str, ...]
    removed: tuple[str, ...]
    harvest: Harvest = field(repr=False)
    written: frozenset[str] = field(repr=False)
    as_written: AsWritten = field(repr=False)
