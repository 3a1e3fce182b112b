"""Masks as DICOM Label Map Segmentation (PS3.3 A.51, Segmentation Type LABELMAP): a class map a
frame, whose pixel is the segment's number, 0 where nothing is.

A label map has no room for two segments on a pixel, so tracks that ever share one go to different
instances, as few as taking them in order finds. Nothing is given to one mask at the cost of
another: every mask comes back whole.
"""

from __future__ import annotations

from itertools import groupby
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from apps.annotation.domain import rle as masks
from apps.release.domain import dicom_bytes as b
from apps.release.domain.dicom_common import common_modules
from apps.release.domain.dicom_seg import (
    IN_TIME,
    NATIVE_LIMIT_BYTES,
    Row,
    SegReport,
    add_dimensions,
    add_segmentation,
    derivation_of,
    instance,
    overlapping,
    segment_item,
    transfer_syntax,
)
from apps.release.domain.freeze import ClipFreeze, Freeze
from apps.release.domain.objects import ClipLabels, Track

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.66.7"
# Readers hold an instance whole, and a class map is eight times a mask's bits.
PIXEL_DATA_LIMIT_BYTES = 1024 * 1024 * 1024
BACKGROUND = b.Code("125040", "DCM", "Background")
MAX_SEGMENTS_OF_8_BITS = 255


def labelmap_parts(
    clip: ClipFreeze, labels: ClipLabels, limit_bytes: int = PIXEL_DATA_LIMIT_BYTES
) -> list[list[Row]]:
    """The clip's mask frames by time, a list an instance: no pixel of one belongs to two tracks,
    and its Pixel Data are within the limit (none when the clip has no mask)."""
    rows = [(t, placed) for t in labels.of("mask") for placed in t.frames]
    parts: list[list[Row]] = []
    for group in _apart(rows):
        mine = sorted((r for r in rows if r[0].id in group), key=lambda r: r[1].frame_index)
        n_bytes = clip.rows * clip.columns * _dtype(len(group)).itemsize
        most = max(1, limit_bytes // n_bytes)
        frames = [list(there) for _, there in groupby(mine, key=lambda r: r[1].frame_index)]
        parts += [
            [row for there in frames[i : i + most] for row in there]
            for i in range(0, len(frames), most)
        ]
    return parts


def _apart(rows: list[Row]) -> list[set[str]]:
    """Tracks in groups without an overlap within; each joins the first that it can."""
    tracks = list(dict.fromkeys(t.id for t, _ in rows))
    touching = overlapping(rows)
    groups: list[list[int]] = []
    for place in range(len(tracks)):
        for group in groups:
            if not any((other, place) in touching for other in group):
                group.append(place)
                break
        else:
            groups.append([place])
    return [{tracks[place] for place in group} for group in groups]


def labelmap_instance_uid(freeze: Freeze, clip: ClipFreeze, part: int) -> str:
    """SOP Instance UID of the clip's label map number `part` (from 1)."""
    return b.derived_uid(freeze.uids["clips"][clip.id]["seg_instance"], "labelmap", part)


def write_labelmap(
    freeze: Freeze,
    clip: ClipFreeze,
    rows: list[Row],
    out: BinaryIO,
    part: int = 1,
    native_limit_bytes: int = NATIVE_LIMIT_BYTES,
) -> SegReport:
    """Write one of `labelmap_parts` as an instance: 8 bits a pixel, 16 from 256 segments on.

    Segment n is the n-th mask track of the rows, in the ontology's order; frames only where a mask
    has a pixel. `highdicom.seg.segread` returns every mask exactly.
    """
    tracks = _in_order(freeze, rows)
    numbers = {t.id: number for number, t in enumerate(tracks, 1)}
    pixel = _dtype(len(tracks))
    frames = [(index, list(there)) for index, there in
              groupby(rows, key=lambda row: row[1].frame_index)]  # fmt: skip
    n_bytes = len(frames) * clip.rows * clip.columns * pixel.itemsize
    n_bytes += n_bytes % 2
    uid = labelmap_instance_uid(freeze, clip, part)
    syntax = transfer_syntax(n_bytes, native_limit_bytes)
    with instance(out, SOP_CLASS, uid, syntax) as sink:
        sink.write(b.encode(_header(freeze, clip, tracks, len(frames), part)))
        sink.write(b.open_sequence(0x52009230))
        from_frame = derivation_of(clip)
        for place, (index, _) in enumerate(frames, 1):
            content = b.item(b.numbers(0x00209128, "UL", place), b.numbers(0x00209157, "UL", place))
            sink.write(b.item(from_frame(index), b.sequence(0x00209111, content)))
        sink.write(b.SEQUENCE_END)
        sink.write(b.header(0x7FE00010, "OB" if pixel.itemsize == 1 else "OW", n_bytes))
        for _, there in frames:
            sink.write(_class_map(clip, there, numbers, pixel).tobytes())
        if len(frames) * clip.rows * clip.columns * pixel.itemsize < n_bytes:
            sink.write(b"\0")
    return SegReport(uid, syntax, len(tracks), len(frames))


def _in_order(freeze: Freeze, rows: list[Row]) -> list[Track]:
    """The rows' tracks in the ontology's order, as every format has them."""
    places = {c["id"]: place for place, c in enumerate(freeze.ontology["classes"])}
    tracks = {t.id: t for t, _ in rows}.values()
    return sorted(tracks, key=lambda t: (places[t.class_id], t.number, t.id))


def _dtype(n_segments: int) -> np.dtype[np.unsignedinteger]:
    return np.dtype("u1" if n_segments <= MAX_SEGMENTS_OF_8_BITS else "<u2")


def _class_map(
    clip: ClipFreeze, there: list[Row], numbers: dict[str, int],
    pixel: np.dtype[np.unsignedinteger],
) -> NDArray[np.unsignedinteger]:  # fmt: skip
    """(rows, columns): each pixel the number of its segment."""
    picture = np.zeros((clip.rows, clip.columns), pixel)
    for track, placed in there:
        (x, y), inside = masks.decode_box(placed.shape["rle"])
        height, width = inside.shape
        picture[y : y + height, x : x + width][inside] = numbers[track.id]
    return picture


def _header(
    freeze: Freeze, clip: ClipFreeze, tracks: list[Track], n_frames: int, part: int
) -> Dataset:
    drawn = freeze.uids["clips"][clip.id]
    result = common_modules(
        freeze, clip, sop_class_uid=SOP_CLASS,
        sop_instance_uid=labelmap_instance_uid(freeze, clip, part),
        series_uid=b.derived_uid(drawn["seg_series"], "labelmap"), modality="SEG",
        series_number=1003, instance_number=part, description="Label map segmentation",
    )  # fmt: skip
    bits = 8 * _dtype(len(tracks)).itemsize
    result.BitsAllocated = result.BitsStored = bits
    result.HighBit = bits - 1
    result.PixelPaddingValue = 0
    result.SegmentationType = "LABELMAP"
    result.SegmentsOverlap = "NO"
    result.SegmentSequence = Sequence(
        [_background(), *(segment_item(freeze, n, track) for n, track in enumerate(tracks, 1))]
    )
    add_segmentation(freeze, clip, tracks, n_frames, result)
    organization = b.derived_uid(drawn["dimension_organization"], "labelmap")
    add_dimensions(organization, [IN_TIME], result)
    return result


def _background() -> Dataset:
    """The segment that Pixel Padding Value names, as highdicom writes it."""
    result = Dataset()
    result.SegmentNumber = 0
    result.SegmentLabel = "Background"
    result.SegmentAlgorithmType = "MANUAL"
    result.SegmentedPropertyCategoryCodeSequence = Sequence([b.code_dataset(BACKGROUND)])
    result.SegmentedPropertyTypeCodeSequence = Sequence([b.code_dataset(BACKGROUND)])
    return result
