"""Types of attributes in the IODs that are accepted: decides X/Z/D (PS3.15 section E.3.1)."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from apps.deid.domain.profile import DATA_DIR

OPTIONAL, EMPTY_ALLOWED, REQUIRED = 3, 2, 1


@lru_cache(1)
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads((DATA_DIR / "iod-types.json").read_text("utf-8"))
    return data


def iod_of(sop_class_uid: str) -> str | None:
    """The IOD's key, such as "video-endoscopic-image"; None when it is not accepted."""
    return _data()["sop_classes"].get(sop_class_uid)


# What the modules that almost every IOD has ask for, even if it is empty (PS3.3 C.7). Where another
# attribute stands for one of them, that one stays away.
_GENERAL = {
    "StudyDate": (), "StudyTime": (), "AccessionNumber": (), "ReferringPhysicianName": (),
    "StudyID": (), "PatientBirthDate": (), "PatientSex": (), "SeriesNumber": (),
    "Manufacturer": (), "InstanceNumber": (), "PatientOrientation": ("ImageOrientationPatient",),
    "Laterality": (
        "ImageLaterality", "FrameLaterality", "BodyPartExamined", "AnatomicRegionSequence",
    ),
}  # fmt: skip


def missing_empties(iod: str, ds: Dataset) -> list[str]:
    """Keywords of the general modules that this IOD wants at least empty and `ds` lacks."""
    held = ds._dict
    return [
        keyword
        for keyword, tag, instead in _general()
        if tag not in held
        and not any(other in held for other in instead)
        and attribute_type(iod, (), keyword) == EMPTY_ALLOWED
    ]


@lru_cache(1)
def _general() -> list[tuple[str, BaseTag, tuple[BaseTag, ...]]]:
    return [
        (keyword, Tag(keyword), tuple(Tag(other) for other in instead))
        for keyword, instead in _GENERAL.items()
    ]


@lru_cache(32)
def _types(iod: str) -> tuple[dict[str, int], frozenset[str]]:
    types: dict[str, int] = {}
    for module in _data()["iods"][iod]:
        kinds = _data()["modules"][module]
        for name in kinds["2"]:
            types.setdefault(name, EMPTY_ALLOWED)
        for name in kinds["1"]:
            types[name] = REQUIRED
    items = frozenset(path.rpartition(".")[0] for path in types)
    return types, items


@lru_cache(16_384)
def attribute_type(iod: str, item_path: tuple[str, ...], keyword: str) -> int:
    """1, 2 or 3 (conditional ones count as required) of an attribute in an item.

    `item_path`: keywords of the sequences around it, outermost first. In an item that the IOD's
    modules do not describe, 1 is answered: a dummy keeps any object valid.
    """
    types, items = _types(iod)
    here = ".".join(item_path)
    known = types.get(f"{here}.{keyword}" if here else keyword)
    if known is not None:
        return known
    return OPTIONAL if here in items else REQUIRED
