"""Reads DICOM Segmentation (BINARY, LABELMAP) and TID 1500 reports back into labels.

A class is found by its code. `line` counts frames of a SEG and measurement groups of an SR.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from apps.annotation.domain import rle as masks
from apps.ontology.domain.geometries import INTERVALS
from apps.release.domain import dicom_labelmap, dicom_seg, dicom_sr
from apps.release.domain.given_files import uuid_of_uid
from apps.release.domain.import_report import Files, NotThisFormat, TooManyProblems
from apps.release.domain.importing import MALFORMED, Collector

SR_SOP_CLASSES = tuple(f"1.2.840.10008.5.1.4.1.1.88.{n}" for n in (22, 33, 34))
MAX_DEPTH = 30
SINGLE_PRECISION_PX = 1e-3  # what SCOORD's 32 bits may put two frames of one movement apart


def read_seg(files: Files, into: Collector) -> None:
    """SEG instances of the clip; several parts continue the same tracks. Label maps are taken where
    there is no SEG: a release may hold both, which say the same."""
    _read_masks(files, into, dicom_seg.SOP_CLASS, dicom_labelmap.SOP_CLASS)


def read_labelmap(files: Files, into: Collector) -> None:
    """As `read_seg`, with the label maps first."""
    _read_masks(files, into, dicom_labelmap.SOP_CLASS, dicom_seg.SOP_CLASS)


def _read_masks(files: Files, into: Collector, *kinds: str) -> None:
    """The instances of the first kind that is there. Each file is parsed to see its kind and, when
    it is to be taken, once more: held, their pictures would all be in memory."""
    names: dict[str, list[str]] = {kind: [] for kind in kinds}
    for name, data in sorted(files.items()):
        with into.at(name), _pydicom_errors():
            found = _read(data, kinds)
            if found is not None:
                names[found.file_meta.MediaStorageSOPClassUID].append(name)
    for name in next((held for held in names.values() if held), ()):
        with into.at(name), _pydicom_errors():
            found = _read(files[name], kinds)
            assert found is not None
            _take_seg(name, found, into)


def read_sr(files: Files, into: Collector) -> None:
    """Tips and boxes (SCOORD), and phases, events and tags (first and last frame number) of an
    SR."""
    into.alike_px = SINGLE_PRECISION_PX
    for name, data in sorted(files.items()):
        with into.at(name), _pydicom_errors():
            found = _read(data, SR_SOP_CLASSES)
            if found is not None:
                for line, group in enumerate(_groups(found, 0), 1):
                    with into.at(name, line):
                        _take_group(name, line, group, into)


@contextmanager
def _pydicom_errors() -> Iterator[None]:
    """pydicom reads lazily and raises whatever its parts raise."""
    try:
        yield
    except (TooManyProblems, *MALFORMED):
        raise
    except Exception as error:
        raise NotThisFormat(f"not readable as DICOM ({type(error).__name__})") from None


def _read(data: bytes, wanted: tuple[str, ...]) -> Dataset | None:
    """The data set, or None for another kind of object (the clip's own instance)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = dcmread(io.BytesIO(data))
        except InvalidDicomError:
            raise NotThisFormat("not a DICOM file") from None
        kind = found.file_meta.MediaStorageSOPClassUID
    return found if kind in wanted else None


def _class_of(
    file: str, line: int, item: Dataset, geometries: tuple[str, ...], into: Collector
) -> dict[str, Any] | None:
    value = item.get("CodeValue") or item.get("LongCodeValue") or item.get("URNCodeValue")
    for label_class in into.target.classes(*geometries):
        code = label_class["code"]
        if (str(code["value"]), str(code["scheme"])) == (
            str(value),
            str(item.get("CodingSchemeDesignator")),
        ):
            return label_class
    return into.label_class(file, line, None)


def _own_number(label: Any) -> int | None:
    found = re.search(r" ([1-9][0-9]{0,6})$", str(label or ""))
    return int(found.group(1)) if found else None


def _check_source(found: Any, into: Collector) -> None:
    wanted = into.target.sop_instance_uid
    if wanted and str(found) != wanted:
        raise NotThisFormat(
            "it refers to another instance than this clip", "give the objects of this clip"
        )


def _take_seg(file: str, found: Dataset, into: Collector) -> None:
    target = into.target
    if (found.Rows, found.Columns) != (target.rows, target.columns):
        raise NotThisFormat("another size than the clip", "give masks of the full picture")
    kind = str(found.SegmentationType)
    if kind not in ("BINARY", "LABELMAP"):
        raise NotThisFormat(f"{kind} is not taken", "give a BINARY or LABELMAP segmentation")
    segments = {}
    background = found.get("PixelPaddingValue") if kind == "LABELMAP" else None
    for item in found.SegmentSequence:
        number = int(item.SegmentNumber)
        if number == background:
            continue
        label_class = _class_of(file, 0, item.SegmentedPropertyTypeCodeSequence[0], ("mask",), into)
        if label_class is not None:
            segments[number] = (label_class, item)
    pixels = _frames(found, kind)
    for line, (group, picture) in enumerate(
        zip(found.PerFrameFunctionalGroupsSequence, pixels, strict=True), 1
    ):
        with into.at(file, line):
            source = group.DerivationImageSequence[0].SourceImageSequence[0]
            _check_source(source.ReferencedSOPInstanceUID, into)
            index = into.index(file, line, int(source.ReferencedFrameNumber) - 1)
            if kind == "BINARY":
                number = int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
                there = [(number, picture != 0)]
            else:
                there = [
                    (int(v), picture == v) for v in np.unique(picture) if v != (background or 0)
                ]
            for number, own in there:
                if number in segments and index is not None:
                    _take_mask(file, line, index, own, *segments[number], into)


def _take_mask(
    file: str, line: int, index: int, own: np.ndarray, label_class: dict[str, Any], item: Dataset,
    into: Collector,
) -> None:  # fmt: skip
    if not own.any():
        return
    uid = item.get("TrackingUID")
    number = _own_number(item.get("TrackingID") or item.get("SegmentLabel"))
    into.place(
        file, line, label_class, index, {"type": "mask", "rle": masks.encode(own)},
        key=str(uid) if uid else ("segment", int(item.SegmentNumber)), number=number,
        uid=uuid_of_uid(str(uid)) if uid else None,
    )  # fmt: skip


def _frames(found: Dataset, kind: str) -> Iterator[np.ndarray]:
    """Each frame's pixels (rows, columns); native Pixel Data only."""
    n = int(found.NumberOfFrames)
    rows, columns = int(found.Rows), int(found.Columns)
    data = found.PixelData
    if found.file_meta.TransferSyntaxUID.is_encapsulated:
        raise NotThisFormat("compressed pixel data", "give native or deflated Pixel Data")
    if kind == "LABELMAP":
        kind_of = np.dtype("<u2" if int(found.BitsAllocated) == 16 else "u1")
        if len(data) < n * rows * columns * kind_of.itemsize:
            raise NotThisFormat("the pixel data are too short")
        for i in range(n):
            yield np.frombuffer(
                data, kind_of, rows * columns, i * rows * columns * kind_of.itemsize
            ).reshape(rows, columns)
        return
    if int(found.BitsAllocated) != 1 or len(data) * 8 < n * rows * columns:
        raise NotThisFormat("the pixel data are too short")
    packed = np.frombuffer(data, np.uint8)
    for i in range(n):
        first, last = i * rows * columns, (i + 1) * rows * columns
        bits = np.unpackbits(packed[first // 8 : (last + 7) // 8], bitorder="little")
        yield bits[first % 8 : first % 8 + rows * columns].reshape(rows, columns)


SHAPES_OF_SR = ("tip", "box", "polyline", "polygon")


def _groups(item: Dataset, depth: int) -> Iterator[Dataset]:
    """Measurement groups, in order."""
    if depth > MAX_DEPTH:
        raise NotThisFormat("nested too deep")
    for child in item.get("ContentSequence") or []:
        name = _name(child)
        if child.get("ValueType") == "CONTAINER" and name == dicom_sr.MEASUREMENT_GROUP.value:
            yield child
        elif child.get("ValueType") == "CONTAINER":
            yield from _groups(child, depth + 1)


def _name(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    if not names:
        return ""
    return str(names[0].get("CodeValue") or names[0].get("LongCodeValue") or "")


def _value(item: Dataset) -> Dataset:
    found: Dataset = item.ConceptCodeSequence[0]
    return found


def _take_group(file: str, line: int, group: Dataset, into: Collector) -> None:
    items: dict[str, Dataset] = {}
    for child in group.ContentSequence:
        items.setdefault(_name(child), child)
    finding = items[dicom_sr.FINDING.value]
    uid_item = items.get(dicom_sr.TRACKING_UID.value)
    uid = str(uid_item.UID) if uid_item is not None else None
    label_item = items.get(dicom_sr.TRACKING_ID.value)
    label = str(label_item.TextValue) if label_item is not None else ""
    region = items.get(dicom_sr.IMAGE_REGION.value)
    geometries = SHAPES_OF_SR if region is not None else INTERVALS
    label_class = _class_of(file, line, _value(finding), geometries, into)
    if label_class is None:
        return
    attributes = _attributes(items, label_class)
    if region is None:
        image = items[dicom_sr.SOURCE.value].ReferencedSOPSequence[0]
        _check_source(image.ReferencedSOPInstanceUID, into)
        numbers = [int(v) for v in np.atleast_1d(image.ReferencedFrameNumber)]
        into.interval(file, line, label_class, min(numbers) - 1, max(numbers),
                      uid=uuid_of_uid(uid), attributes=attributes)  # fmt: skip
        return
    image = region.ContentSequence[0].ReferencedSOPSequence[0]
    _check_source(image.ReferencedSOPInstanceUID, into)
    index = into.index(file, line, int(image.ReferencedFrameNumber) - 1)
    if index is None:
        return
    state, origin = items.get(dicom_sr.STATE.value), items.get(dicom_sr.ORIGIN.value)
    into.place(
        file, line, label_class, index, _shape(region, label_class["geometry"]), key=uid or label,
        number=_own_number(label), uid=uuid_of_uid(uid), attributes=attributes,
        state=str(_value(state).CodeValue) if state is not None else "visible",
        interpolated=origin is not None and _value(origin).CodeValue == "interpolated",
    )  # fmt: skip


def _shape(region: Dataset, geometry: str) -> dict[str, Any]:
    numbers = [float(v) for v in region.GraphicData]
    if geometry in ("polyline", "polygon"):
        if region.GraphicType != "POLYLINE" or len(numbers) < 4 or len(numbers) % 2:
            raise NotThisFormat("the region is no line")
        points = [list(p) for p in zip(numbers[0::2], numbers[1::2], strict=True)]
        is_closed = geometry == "polygon" and points[0] == points[-1]
        return {"type": geometry, "points": points[:-1] if is_closed else points}
    if region.GraphicType == "POINT" and len(numbers) == 2:
        return {"type": "tip", "point": numbers}
    if region.GraphicType != "POLYLINE" or len(numbers) not in (8, 10):
        raise NotThisFormat("the region is neither a point nor a box")
    xs, ys = numbers[0::2], numbers[1::2]
    corners = set(zip(xs, ys, strict=True))
    if corners != {(x, y) for x in (min(xs), max(xs)) for y in (min(ys), max(ys))}:
        raise NotThisFormat("the polyline is no upright box")
    return {"type": "box", "box": [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]}


def _attributes(items: dict[str, Dataset], label_class: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in label_class.get("attributes") or []:
        item = items.get(attribute["id"])
        if item is None:
            continue
        if attribute["type"] == "number":
            value = float(item.MeasuredValueSequence[0].NumericValue)
            found[attribute["id"]] = int(value) if value.is_integer() else value
        elif attribute["type"] == "boolean":
            found[attribute["id"]] = _value(item).CodeValue == dicom_sr.YES.value
        else:
            code = str(_value(item).get("CodeValue") or _value(item).get("LongCodeValue"))
            found[attribute["id"]] = code.removeprefix(f"{attribute['id']}.")
    return found
