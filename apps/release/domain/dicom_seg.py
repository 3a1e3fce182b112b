"""Masks as DICOM Segmentation (PS3.3 A.51): BINARY, one segment a track, overlaps allowed.

Written without a Frame of Reference: each frame is tied to its picture by Derivation Image →
Source Image with Referenced Frame Number. Frames go to the file one by one, so memory stays
flat; Pixel Data is native, or the whole data set deflated when native would be too large.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
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
PURPOSE = b.Code("121322", "DCM", "Source image for image processing operation")


@dataclass(frozen=True)
class SegReport:
    """What one SEG holds: segments, frames and the transfer syntax it was written in."""

    sop_instance_uid: str
    transfer_syntax_uid: str
    n_segments: int
    n_frames: int


class _Sink(Protocol):
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
    deflated = n_bytes > native_limit_bytes
    syntax = DEFLATED_LITTLE if deflated else EXPLICIT_LITTLE
    uid = seg_instance_uid(freeze, clip, part)
    out.write(b.file_head(SOP_CLASS, uid, syntax))
    packer = _Deflating(out) if deflated else None
    sink: _Sink = packer if packer is not None else out
    sink.write(b.encode(_header(freeze, clip, tracks, len(rows), part, _overlap(rows))))
    sink.write(b.open_sequence(0x52009230))
    for item in _functional_groups(clip, rows, numbers):
        sink.write(item)
    sink.write(b.SEQUENCE_END)
    sink.write(b.header(0x7FE00010, "OB", n_bytes))
    for chunk in _packed(rows, n_bytes):
        sink.write(chunk)
    if packer is not None:
        packer.finish()
    return SegReport(uid, syntax, len(tracks), len(rows))


def _header(
    freeze: Freeze,
    clip: ClipFreeze,
    tracks: list[Track],
    n_frames: int,
    part: int,
    overlap: bool,
) -> Dataset:
    drawn = freeze.uids["clips"][clip.id]
    result = common_modules(
        freeze, clip, sop_class_uid=SOP_CLASS,
        sop_instance_uid=seg_instance_uid(freeze, clip, part), series_uid=drawn["seg_series"],
        modality="SEG", series_number=1001, instance_number=part, description="Segmentation",
    )  # fmt: skip
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
    result.BitsAllocated = result.BitsStored = 1
    result.HighBit = 0
    result.PixelRepresentation = 0
    lossy = clip.header.get("LossyImageCompression") or "00"
    result.LossyImageCompression = lossy
    if lossy == "01":
        for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if clip.header.get(keyword):
                setattr(result, keyword, clip.header[keyword])
    result.SegmentationType = "BINARY"
    result.SegmentsOverlap = "YES" if overlap else "NO"
    result.ContentLabel = "SEGMENTATION"
    result.ContentDescription = f"Adjudicated masks of {clip.name}"[:64]
    signature = clip.label_set.signature
    result.ContentCreatorName = signature.signer_pseudonym if signature else ""

    result.SegmentSequence = Sequence(
        [_segment(freeze, number, track) for number, track in enumerate(tracks, 1)]
    )
    organization = Dataset()
    organization.DimensionOrganizationUID = drawn["dimension_organization"]
    result.DimensionOrganizationSequence = Sequence([organization])
    result.DimensionIndexSequence = Sequence(
        [
            _dimension(drawn, 0x0062000B, 0x0062000A, "Referenced Segment Number"),
            _dimension(drawn, 0x00209128, 0x00209111, "Temporal Position Index"),
        ]
    )
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
    return result


def _segment_codes(freeze: Freeze, track: Track) -> tuple[b.Code, b.Code]:
    label_class = freeze.class_by_id(track.class_id)
    return category_code(label_class), class_code(label_class)


def _segment(freeze: Freeze, number: int, track: Track) -> Dataset:
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


def _dimension(drawn: dict[str, str], pointer: int, group: int, label: str) -> Dataset:
    result = Dataset()
    result.DimensionOrganizationUID = drawn["dimension_organization"]
    result.DimensionIndexPointer = pointer
    result.FunctionalGroupPointer = group
    result.DimensionDescriptionLabel = label
    return result


def _overlap(rows: list[Row]) -> bool:
    """Whether two segments share a pixel on some frame."""
    by_frame: dict[int, list[Placed]] = {}
    for _, placed in rows:
        by_frame.setdefault(placed.frame_index, []).append(placed)
    return any(_share_a_pixel(there) for there in by_frame.values() if len(there) > 1)


def _share_a_pixel(there: list[Placed]) -> bool:
    boxes = [masks.bbox(placed.shape["rle"]) for placed in there]
    return any(
        x < x2 + w2 and x2 < x + w and y < y2 + h2 and y2 < y + h
        and masks.intersection_area(there[i].shape["rle"], there[j].shape["rle"]) > 0
        for j, (x2, y2, w2, h2) in enumerate(boxes)
        for i, (x, y, w, h) in enumerate(boxes[:j])
    )  # fmt: skip


def _functional_groups(
    clip: ClipFreeze, rows: list[Row], numbers: dict[str, int]
) -> Iterator[bytes]:
    """Per-Frame Functional Groups items: Derivation Image, Frame Content, Segment."""
    times = {index: i for i, index in enumerate(sorted({p.frame_index for _, p in rows}), 1)}
    source = b.dataset(
        b.text(0x00081150, "UI", clip.sop_class_uid),
        b.text(0x00081155, "UI", clip.sop_instance_uid),
    )
    preserved = b.text(0x0028135A, "CS", "YES")
    purpose = b.sequence(0x0040A170, b.code_item(PURPOSE))
    derivation = b.sequence(0x00089215, b.code_item(DERIVATION))
    for track, placed in rows:
        number = numbers[track.id]
        image = b.item(
            source + b.text(0x00081160, "IS", str(placed.frame_index + 1)), preserved, purpose
        )
        content = b.item(
            b.numbers(0x00209128, "UL", times[placed.frame_index]),
            b.numbers(0x00209157, "UL", number, times[placed.frame_index]),
        )
        yield b.item(
            b.sequence(0x00089124, b.item(b.sequence(0x00082112, image), derivation)),
            b.sequence(0x00209111, content),
            b.sequence(0x0062000A, b.item(b.numbers(0x0062000B, "US", number))),
        )


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
