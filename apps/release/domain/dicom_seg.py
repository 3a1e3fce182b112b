"""Masks as DICOM Segmentation (PS3.3 A.51): BINARY, one segment a track, overlaps allowed.

Written without a Frame of Reference: each frame is tied to its picture by Derivation Image →
Source Image with Referenced Frame Number. Frames go to the file one by one, so memory stays
flat; Pixel Data is native, or the whole data set deflated when native would be too large.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import BinaryIO, Protocol

import cv2
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from apps.annotation.domain import rle as masks
from apps.release.domain import dicom_bytes as b
from apps.release.domain.codes import category_code, class_code, coding_schemes
from apps.release.domain.dicom_common import common_modules, source_reference
from apps.release.domain.freeze import ClipFreeze, Freeze
from apps.release.domain.objects import ClipLabels, Placed, Track

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
NATIVE_LIMIT_BYTES = 512 * 1024 * 1024
PIXEL_DATA_LIMIT_BYTES = 0xFFFFFFFE
DERIVATION = b.Code("113076", "DCM", "Segmentation")
IN_TIME = (0x00209128, 0x00209111, "Temporal Position Index")
PURPOSE = b.Code("121322", "DCM", "Source image for image processing operation")


@dataclass(frozen=True)
class SegReport:
    """What one SEG holds: segments, frames and the transfer syntax it was written in."""

    sop_instance_uid: str
    transfer_syntax_uid: str
    n_segments: int
    n_frames: int


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class _Deflating:
    """Raw deflate (PS3.5 section A.5), ended with a pad byte when odd."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self._size = out, 0
        self._packer = zlib.compressobj(3, zlib.DEFLATED, -15)

    def write(self, data: bytes, /) -> None:
        self._put(self._packer.compress(data))

    def finish(self) -> None:
        self._put(self._packer.flush())
        if self._size % 2:
            self._put(b"\0")

    def _put(self, data: bytes) -> None:
        self._size += len(data)
        self._out.write(data)


Row = tuple[Track, Placed]


def seg_parts(
    clip: ClipFreeze, labels: ClipLabels, limit_bytes: int = PIXEL_DATA_LIMIT_BYTES
) -> list[list[Row]]:
    """The clip's mask frames, segment-major, a list an instance (one nearly always, none when
    the clip has no mask): native Pixel Data has a 32-bit length, so long clips take several."""
    rows = [(t, placed) for t in labels.of("mask") for placed in t.frames]
    most = max(1, limit_bytes * 8 // (clip.rows * clip.columns))
    return [rows[i : i + most] for i in range(0, len(rows), most)]


def seg_instance_uid(freeze: Freeze, clip: ClipFreeze, part: int) -> str:
    """SOP Instance UID of the clip's SEG number `part` (from 1): the drawn one, then derived."""
    first: str = freeze.uids["clips"][clip.id]["seg_instance"]
    return first if part == 1 else b.derived_uid(first, part)


def write_seg(
    freeze: Freeze,
    clip: ClipFreeze,
    rows: list[Row],
    out: BinaryIO,
    part: int = 1,
    native_limit_bytes: int = NATIVE_LIMIT_BYTES,
) -> SegReport:
    """Write one of `seg_parts` as a SEG instance.

    Segment n is the n-th mask track of the rows, in the ontology's order; frames only where the
    mask has a pixel. `highdicom.seg.segread` returns every mask exactly.
    """
    tracks = list({t.id: t for t, _ in rows}.values())
    numbers = {t.id: number for number, t in enumerate(tracks, 1)}
    n_bytes = (len(rows) * clip.rows * clip.columns + 7) // 8
    n_bytes += n_bytes % 2
    uid = seg_instance_uid(freeze, clip, part)
    syntax = transfer_syntax(n_bytes, native_limit_bytes)
    with instance(out, SOP_CLASS, uid, syntax) as sink:
        sink.write(b.encode(_header(freeze, clip, tracks, len(rows), part, rows)))
        sink.write(b.open_sequence(0x52009230))
        for item in _functional_groups(clip, rows, numbers):
            sink.write(item)
        sink.write(b.SEQUENCE_END)
        sink.write(b.header(0x7FE00010, "OB", n_bytes))
        for chunk in _packed(rows, n_bytes):
            sink.write(chunk)
    return SegReport(uid, syntax, len(tracks), len(rows))


def transfer_syntax(n_bytes: int, native_limit_bytes: int) -> str:
    """The UID of the syntax for that much Pixel Data: deflated above the limit."""
    return DEFLATED_LITTLE if n_bytes > native_limit_bytes else EXPLICIT_LITTLE


@contextmanager
def instance(out: BinaryIO, sop_class_uid: str, uid: str, syntax: str) -> Iterator[Sink]:
    """What takes the data set of an instance whose head is written; ended when the block is."""
    out.write(b.file_head(sop_class_uid, uid, syntax))
    if syntax != DEFLATED_LITTLE:
        yield out
        return
    packer = _Deflating(out)
    yield packer
    packer.finish()


def _header(
    freeze: Freeze, clip: ClipFreeze, tracks: list[Track], n_frames: int, part: int, rows: list[Row]
) -> Dataset:
    drawn = freeze.uids["clips"][clip.id]
    result = common_modules(
        freeze, clip, sop_class_uid=SOP_CLASS,
        sop_instance_uid=seg_instance_uid(freeze, clip, part), series_uid=drawn["seg_series"],
        modality="SEG", series_number=1001, instance_number=part, description="Segmentation",
    )  # fmt: skip
    result.BitsAllocated = result.BitsStored = 1
    result.HighBit = 0
    result.SegmentationType = "BINARY"
    result.SegmentsOverlap = "YES" if overlapping(rows, at_most=1) else "NO"
    result.SegmentSequence = Sequence(
        [segment_item(freeze, number, track) for number, track in enumerate(tracks, 1)]
    )
    add_segmentation(freeze, clip, tracks, n_frames, result)
    organization = drawn["dimension_organization"]
    add_dimensions(
        organization, [(0x0062000B, 0x0062000A, "Referenced Segment Number"), IN_TIME], result
    )
    return result


def add_segmentation(
    freeze: Freeze, clip: ClipFreeze, tracks: list[Track], n_frames: int, result: Dataset
) -> None:
    """What segmentations of either kind say alike: source, picture, content, coding schemes."""
    result.ImageType = ["DERIVED", "PRIMARY"]
    result.PatientOrientation = None
    series = Dataset()
    series.SeriesInstanceUID = clip.series_uid
    series.ReferencedInstanceSequence = Sequence([source_reference(clip)])
    result.ReferencedSeriesSequence = Sequence([series])

    result.SamplesPerPixel = 1
    result.PhotometricInterpretation = "MONOCHROME2"
    result.NumberOfFrames = n_frames
    result.Rows, result.Columns = clip.rows, clip.columns
    result.PixelRepresentation = 0
    lossy = clip.header.get("LossyImageCompression") or "00"
    result.LossyImageCompression = lossy
    if lossy == "01":
        for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if clip.header.get(keyword):
                setattr(result, keyword, clip.header[keyword])
    result.ContentLabel = "SEGMENTATION"
    result.ContentDescription = f"Adjudicated masks of {clip.name}"[:64]
    signature = clip.label_set.signature
    result.ContentCreatorName = signature.signer_pseudonym if signature else ""
    # Without a Frame of Reference it says nothing of the patient, but the Cornerstone adapters read
    # no SEG that has none, and take pictures without geometry for lying so.
    rows_and_columns, shared = Dataset(), Dataset()
    rows_and_columns.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = Sequence([rows_and_columns])
    result.SharedFunctionalGroupsSequence = Sequence([shared])
    codes = [c for t in tracks for c in _segment_codes(freeze, t)]
    result.CodingSchemeIdentificationSequence = Sequence(
        coding_schemes(freeze, {c.scheme for c in codes} | {"DCM"})
    )


def _segment_codes(freeze: Freeze, track: Track) -> tuple[b.Code, b.Code]:
    label_class = freeze.class_by_id(track.class_id)
    return category_code(label_class), class_code(label_class)


def segment_item(freeze: Freeze, number: int, track: Track) -> Dataset:
    """The Segment Sequence item of a track (PS3.3 C.8.20.4)."""
    category, kind = _segment_codes(freeze, track)
    result = Dataset()
    result.SegmentNumber = number
    result.SegmentLabel = track.tracking_id[:64]
    result.SegmentAlgorithmType = "MANUAL"
    result.SegmentedPropertyCategoryCodeSequence = Sequence([b.code_dataset(category)])
    result.SegmentedPropertyTypeCodeSequence = Sequence([b.code_dataset(kind)])
    result.TrackingID = track.tracking_id
    result.TrackingUID = track.tracking_uid
    return result


def add_dimensions(
    organization_uid: str, dimensions: list[tuple[int, int, str]], result: Dataset
) -> None:
    """Dimension Organization and Index (PS3.3 C.7.6.17): pointer, functional group, label each."""
    organization = Dataset()
    organization.DimensionOrganizationUID = organization_uid
    result.DimensionOrganizationSequence = Sequence([organization])
    items = []
    for pointer, group, label in dimensions:
        item = Dataset()
        item.DimensionOrganizationUID = organization_uid
        item.DimensionIndexPointer = pointer
        item.FunctionalGroupPointer = group
        item.DimensionDescriptionLabel = label
        items.append(item)
    result.DimensionIndexSequence = Sequence(items)


def overlapping(rows: list[Row], at_most: int | None = None) -> set[tuple[int, int]]:
    """Pairs of tracks that share a pixel on some frame, by their place among the rows' tracks,
    lower first; not more than `at_most` of them."""
    places = {track_id: n for n, track_id in enumerate(dict.fromkeys(t.id for t, _ in rows))}
    by_frame: dict[int, list[Row]] = {}
    for track, placed in rows:
        by_frame.setdefault(placed.frame_index, []).append((track, placed))
    found: set[tuple[int, int]] = set()
    for there in by_frame.values():
        for one, two in combinations(there, 2) if len(there) > 1 else ():
            pair = places[one[0].id], places[two[0].id]
            ordered = (min(pair), max(pair))
            if ordered not in found and _share_a_pixel(one[1], two[1]):
                found.add(ordered)
                if len(found) == at_most:
                    return found
    return found


def _share_a_pixel(one: Placed, two: Placed) -> bool:
    a, b = one.shape["rle"], two.shape["rle"]
    (x, y, w, h), (x2, y2, w2, h2) = masks.bbox(a), masks.bbox(b)
    apart = x >= x2 + w2 or x2 >= x + w or y >= y2 + h2 or y2 >= y + h
    return not apart and masks.intersection_area(a, b) > 0


def _functional_groups(
    clip: ClipFreeze, rows: list[Row], numbers: dict[str, int]
) -> Iterator[bytes]:
    """Per-Frame Functional Groups items: Derivation Image, Frame Content, Segment."""
    times = {index: i for i, index in enumerate(sorted({p.frame_index for _, p in rows}), 1)}
    from_frame = derivation_of(clip)
    for track, placed in rows:
        number = numbers[track.id]
        content = b.item(
            b.numbers(0x00209128, "UL", times[placed.frame_index]),
            b.numbers(0x00209157, "UL", number, times[placed.frame_index]),
        )
        yield b.item(
            from_frame(placed.frame_index),
            b.sequence(0x00209111, content),
            b.sequence(0x0062000A, b.item(b.numbers(0x0062000B, "US", number))),
        )


def derivation_of(clip: ClipFreeze) -> Callable[[int], bytes]:
    """What makes the Derivation Image sequence of a frame index: the frame of the clip's instance
    by its frame number, from 1."""
    source = b.dataset(
        b.text(0x00081150, "UI", clip.sop_class_uid),
        b.text(0x00081155, "UI", clip.sop_instance_uid),
    )
    preserved = b.text(0x0028135A, "CS", "YES")
    purpose = b.sequence(0x0040A170, b.code_item(PURPOSE))
    derivation = b.sequence(0x00089215, b.code_item(DERIVATION))

    def of(frame_index: int) -> bytes:
        number = b.text(0x00081160, "IS", str(frame_index + 1))
        image = b.item(source + number, preserved, purpose)
        return b.sequence(0x00089124, b.item(b.sequence(0x00082112, image), derivation))

    return of


def _packed(rows: list[Row], n_bytes: int) -> Iterator[bytes]:
    """Frames as one run of bits, least significant first, frames not byte-aligned (PS3.5 8.1.1)."""
    rest = np.zeros(0, dtype=bool)
    written = 0
    for _, placed in rows:
        height, width = placed.shape["rle"]["size"]
        if width % 8 == 0:
            # Each row is whole bytes, so each frame is: only the mask's own box is unpacked.
            chunk = _packed_box(placed.shape["rle"], height, width)
        else:
            flat = np.ravel(masks.decode(placed.shape["rle"]), order="C")
            bits = np.concatenate((rest, flat)) if rest.size else flat
            whole = bits.size - bits.size % 8
            chunk = np.packbits(bits[:whole], bitorder="little").tobytes()
            rest = bits[whole:].copy()
        written += len(chunk)
        yield chunk
    if rest.size:
        written += 1
        yield np.packbits(rest, bitorder="little").tobytes()
    if written < n_bytes:
        yield b"\0" * (n_bytes - written)


def _packed_box(rle: masks.Rle, height: int, width: int) -> bytes:
    """A frame of whole bytes a row, from the pixels of the mask's box alone."""
    (x, y), pixels = masks.decode_box(rle)
    picture = np.zeros((height, width // 8), np.uint8)
    rows, columns = pixels.shape
    if pixels.size:
        before, after = x % 8, -(x + columns) % 8
        wide = np.zeros((rows, before + columns + after), np.uint8)
        cv2.transpose(pixels.T.view(np.uint8), wide[:, before : before + columns])
        left = (x - before) // 8
        picture[y : y + rows, left : left + wide.shape[1] // 8] = np.packbits(
            wide, axis=1, bitorder="little"
        )
    return picture.tobytes()
