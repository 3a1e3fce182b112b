"""The judge: reads a result with pydicom and by its own search of the bytes, never with `apps`."""

from __future__ import annotations

import base64
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset

from .people import Sample

OFFSET_S = -101 * 86_400 - 4_321


@dataclass
class Verdict:
    leaks: list[str] = field(default_factory=list)
    destroyed: list[str] = field(default_factory=list)


def fold(text: str) -> str:
    text = unicodedata.normalize("NFKD", text)
    return "".join(c for c in text if not unicodedata.combining(c)).lower()


def squash(text: str) -> str:
    return re.sub(r"[\W_]+", "", fold(text))


def elements(ds: Dataset, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every element at any depth with its path."""
    for one in ds:
        here = f"{path}/{one.tag}"
        if one.VR == "SQ":
            for item in one.value:
                yield from elements(item, here)
        else:
            yield here, one


def _spelled(needle: str) -> set[bytes]:
    """The needle as bytes, in lower case, in the ways that a byte search would look for."""
    found: set[bytes] = set()
    for text in {needle, fold(needle)}:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "latin-1", "gb18030"):
            try:
                data = text.lower().encode(encoding)
            except UnicodeEncodeError:
                continue
            found.add(data)
        found.add(text.encode().hex().encode())
        found.add(text.lower().encode().hex().encode())
    return found


def _base64(needle: str) -> set[bytes]:
    found = set()
    for text in (needle, needle.upper(), needle.lower()):
        for shift in range(3):
            data = base64.b64encode(bytes(shift) + text.encode())
            whole = (len(text.encode()) + shift) // 3 * 4
            part = data[(0, 2, 3)[shift] : whole]
            if len(part) >= 7:
                found.add(part)
    return found


def _inflated(data: bytes) -> bytes:
    out = b""
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", data):
        inflater = zlib.decompressobj(47)
        try:
            out += inflater.decompress(data[match.start() :], 1 << 20) + b"\0"
        except zlib.error:
            continue
    return out


def judge(sample: Sample, result: bytes) -> Verdict:
    """What of the planted is left in the result, and what that was to stay is not there."""
    verdict = Verdict()
    new = pydicom.dcmread(BytesIO(result))
    old = pydicom.dcmread(BytesIO(sample.data), force=True)
    raw = result.lower() + _inflated(result).lower()
    texts, numbers = [], []
    for path, one in [*elements(new), *elements(new.file_meta, "meta")]:
        if one.tag.group == 0x7FE0:
            continue
        values = (
            one.value if isinstance(one.value, (list, pydicom.multival.MultiValue)) else [one.value]
        )
        for value in values:
            if isinstance(value, bytes):
                texts.append((path, squash(value.decode("utf-8", "replace"))))
                texts.append((path, squash(value[::2].decode("latin-1"))))
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                numbers.append((path, float(value)))
            if not isinstance(value, bytes) and value is not None:
                text = str(value)
                if one.VR != "UI" or not text.startswith("2.25."):
                    texts.append((path, squash(text)))
        if len(values) > 5 and all(isinstance(v, int) for v in values):
            texts.append((path, squash("".join(chr(v) for v in values if 0 < v < 0x3000))))
    everything = "\n".join(text for _, text in texts)
    only_shifted = {
        str(v)[:8]
        for path, one in elements(new)
        if one.VR in ("DA", "DT", "TM")
        for v in (
            [one.value] if not isinstance(one.value, pydicom.multival.MultiValue) else one.value
        )
    }
    for plant in sample.plants:
        for needle in plant.needles:
            if needle.startswith("#"):
                hit = next((p for p, n in numbers if n == float(needle[1:])), None)
                if hit:
                    verdict.leaks.append(f"{plant.kind} at {hit}")
                continue
            short = squash(needle)
            if len(short) >= 5 and short in everything:
                where = next(p for p, t in texts if short in t)
                verdict.leaks.append(f"{plant.kind} at {where}")
            elif len(needle) >= 6 and any(s in raw for s in _spelled(needle)):
                if needle in only_shifted:
                    continue
                verdict.leaks.append(f"{plant.kind} in the bytes")
            elif len(needle) >= 6 and any(s in result for s in _base64(needle)):
                verdict.leaks.append(f"{plant.kind} in base64")
    for name, holds in sample.holds.items():
        try:
            is_so = holds(old, new)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            is_so, name = False, f"{name} ({type(error).__name__})"
        if not is_so:
            verdict.destroyed.append(name)
    return verdict


def same(*path: Any) -> Callable[[Dataset, Dataset], bool]:
    """Whether what stands at a path (keywords and item numbers) is as before, where it was."""

    def holds(old: Dataset, new: Dataset) -> bool:
        was, now = _at(old, path), _at(new, path)
        if was is None:
            return True
        return bool(was == now) or str(was) == str(now)

    return holds


def _at(ds: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        if ds is None:
            return None
        ds = ds[step] if isinstance(step, int) else ds.get(step)
    return ds


def moment(ds: Dataset, day: str, time: str = "") -> datetime:
    """A date with its time, or a DT, as a moment."""
    text = f"{ds[day].value}{ds[time].value}" if time else str(ds[day].value).split("+")[0]
    whole, _, part = text.partition(".")
    return datetime.strptime(whole, "%Y%m%d%H%M%S") + timedelta(seconds=float("0." + (part or "0")))


def moved(day: str, time: str = "") -> Callable[[Dataset, Dataset], bool]:
    return lambda old, new: (
        (moment(new, day, time) - moment(old, day, time)).total_seconds() == OFFSET_S
    )


def same_pixels(old: Dataset, new: Dataset) -> bool:
    """Native samples as before."""
    return np.array_equal(old.pixel_array, new.pixel_array)


def standard_holds(
    profile: str, *, has_pixels: bool = True
) -> dict[str, Callable[[Any, Any], bool]]:
    """What a researcher needs of any of our images."""
    holds: dict[str, Callable[[Any, Any], bool]] = {
        k: same(k)
        for k in (
            "PixelSpacing",
            "SliceThickness",
            "KVP",
            "ImagePositionPatient",
            "Rows",
            "Columns",
            "ImageOrientationPatient",
            "FrameTime",
            "BodyPartExamined",
            "SeriesDescription",
            "Modality",
            "NumberOfFrames",
            "SeriesNumber",
            "InstanceNumber",
            "ImageType",
        )
    }
    for k in (
        "PhysicalDeltaX",
        "ReferencePixelY0",
        "RegionLocationMaxX1",
        "TransducerFrequency",
        "PhysicalUnitsXDirection",
        "RegionFlags",
    ):
        holds[f"region {k}"] = same("SequenceOfUltrasoundRegions", 0, k)
    holds["anatomy"] = same("AnatomicRegionSequence", 0, "CodeValue")
    if has_pixels:
        holds["pixels"] = same_pixels
    holds["patient identity removed"] = lambda old, new: new.PatientIdentityRemoved == "YES"
    if profile == "research":
        for k in (
            "PatientSex",
            "PatientAge",
            "PatientSize",
            "PatientWeight",
            "Manufacturer",
            "ManufacturerModelName",
            "SoftwareVersions",
            "DeviceSerialNumber",
        ):
            holds[k] = same(k)
        holds["study's moment"] = moved("StudyDate", "StudyTime")
        holds["series' moment"] = moved("SeriesDate", "SeriesTime")
        holds["acquisition's moment"] = moved("AcquisitionDateTime")
    return holds
