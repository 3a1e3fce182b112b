"""Multi-frame pixel data: pictures one by one, boxes blanked without loss beside them.

Sources are decoded to RGB or MONOCHROME2 once and stored as RLE Lossless (PS3.5 Annex G), so
what lies outside a box keeps each sample. A source of the JPEG family in which nothing is blanked
keeps its code streams, cleaned of all that no decoder needs.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.multival import MultiValue
from pydicom.pixels import apply_color_lut, get_decoder, iter_pixels
from pydicom.uid import UID, JPEGExtended12Bit, RLELossless

from . import extended_jpeg, jpeg_markers, lossless_jpeg, throughput_jpeg
from .boxes import Box, check_box
from .cine_source import CineSource, pixel_module
from .code_streams import stripper_of
from .pictures import Planes
from .refusals import StreamRefusal
from .remux import Cancelled, Progress, stop_if

# What may hold samples of 32 bits.
_WIDE = frozenset({str(RLELossless), *(f"1.2.840.10008.1.2.4.{n}" for n in (201, 202, 203))})
_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 81, 91, 203))
lossless_jpeg.install()
extended_jpeg.install()
throughput_jpeg.install()
_TIFF_STRIP_OFFSETS, _TIFF_STRIP_BYTES = 273, 279


@dataclass(frozen=True)
class CineInfo:
    """``times_ms``: time of each frame from the first. ``time_source``: ``frame_time_vector``,
    ``frame_time``, ``cine_rate`` or ``assumed`` (40 ms)."""

    n_frames: int
    width_px: int
    height_px: int
    samples_per_pixel: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    transfer_syntax_uid: str
    is_lossy: bool
    times_ms: tuple[float, ...]
    time_source: str

    @property
    def rate_fps(self) -> float:
        span_ms = self.times_ms[-1] - self.times_ms[0] if self.n_frames > 1 else 0.0
        return 1000 * (self.n_frames - 1) / span_ms if span_ms > 0 else 25.0


@dataclass(frozen=True)
class CineRedaction:
    """New pixel data: ``frames`` gives each frame's bytes once, to be encapsulated in order.

    ``attributes``: keyword to value for the data set (Image Pixel module, and Lossy Image
    Compression where the source was lossy). ``was_decoded`` False: the code streams are the
    source's own, cleaned.
    """

    frames: Iterator[bytes]
    transfer_syntax_uid: str
    attributes: dict[str, Any]
    was_decoded: bool


def read_cine_info(ds: Dataset) -> CineInfo:
    """What the pixel data is. Times: Frame Time Vector, then Frame Time, then Cine Rate
    (PS3.3 C.7.6.5). Raises ``StreamRefusal("no_video")`` without an Image Pixel module,
    ``unsupported_pixels`` for samples or a compression that nothing here decodes."""
    info = _cine_info(ds)
    is_extended = info.transfer_syntax_uid == JPEGExtended12Bit and info.bits_stored > 8
    is_wide = (
        info.bits_allocated in (32, 64)
        and info.samples_per_pixel == 1
        and info.photometric.startswith("MONOCHROME")
        and (info.transfer_syntax_uid in _WIDE or not UID(info.transfer_syntax_uid).is_encapsulated)
    )
    is_decoded = (info.bits_allocated in (1, 8, 16) or is_wide) and not (
        is_extended and info.samples_per_pixel == 3
    )
    if not is_decoded or not _has_decoder(info.transfer_syntax_uid):
        raise StreamRefusal(
            "unsupported_pixels", "pixel data: samples or compression not supported; convert it"
        )
    return info


@lru_cache(64)
def _has_decoder(transfer_syntax_uid: str) -> bool:
    try:
        return get_decoder(transfer_syntax_uid).is_available
    except NotImplementedError:
        return False


def _cine_info(ds: Dataset) -> CineInfo:
    try:
        n_frames = int(ds.get("NumberOfFrames") or 1)
        syntax = str(ds.file_meta.TransferSyntaxUID)
        times, source = _times_ms(ds, n_frames)
        return CineInfo(
            n_frames=n_frames,
            width_px=int(ds.Columns),
            height_px=int(ds.Rows),
            samples_per_pixel=int(ds.SamplesPerPixel),
            photometric=str(ds.PhotometricInterpretation),
            bits_allocated=int(ds.BitsAllocated),
            bits_stored=int(ds.get("BitsStored") or ds.BitsAllocated),
            transfer_syntax_uid=syntax,
            is_lossy=syntax in _LOSSY or str(ds.get("LossyImageCompression", "00")) == "01",
            times_ms=times,
            time_source=source,
        )
    except AttributeError as error:
        raise StreamRefusal(
            "no_video", "pixel data: an attribute of the Image Pixel module is missing; send again"
        ) from error


def _times_ms(ds: Dataset, n_frames: int) -> tuple[tuple[float, ...], str]:
    vector = ds.get("FrameTimeVector")
    values = vector if isinstance(vector, (list, tuple, MultiValue)) else [vector]
    steps = [float(value) for value in values] if vector is not None else []
    if len(steps) == n_frames and all(s >= 0 for s in steps):
        return tuple(accumulate([0.0, *steps[1:]])), "frame_time_vector"
    step, source = 0.0, "assumed"
    if ds.get("FrameTime"):
        step, source = float(ds.FrameTime), "frame_time"
    elif ds.get("CineRate"):
        step, source = 1000 / float(ds.CineRate), "cine_rate"
    if not math.isfinite(step) or step <= 0:
        step, source = 40.0, "assumed"
    return tuple(i * step for i in range(n_frames)), source


def cine_frames(
    source: CineSource, info: CineInfo, indices: Sequence[int] | None = None
) -> Iterator[np.ndarray]:
    """Frames as RGB (height, width, 3) or MONOCHROME2 (height, width), uint8 or uint16.

    YBR and palette become RGB, MONOCHROME1 is inverted; samples of 32 bits and floating ones are
    scaled to 8, for looking at only. Raises ``StreamRefusal("decode_failed")``.
    """
    try:
        for array in source.arrays(indices):
            yield _normalised(array, source.module, info)
    except StreamRefusal:
        raise
    except Exception as error:
        # Decoders raise anything; their messages may quote values of the file.
        raise StreamRefusal(
            "decode_failed", "pixel data: a frame cannot be decoded; send the instance again"
        ) from error


def _normalised(array: np.ndarray, module: Dataset, info: CineInfo) -> np.ndarray:
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind == "f" or array.dtype.itemsize > 2:
        array = _scaled(array)
        return 255 - array if info.photometric == "MONOCHROME1" else array
    if info.photometric == "PALETTE COLOR":
        array = apply_color_lut(array, module)
        return array if array.dtype == np.uint8 else (array >> 8).astype(np.uint8)
    if info.photometric == "MONOCHROME1" and array.dtype.kind == "u":
        # Within the bits stored (PS3.3 C.7.6.3.1.2): what lies above them is no sample.
        array = np.array((1 << info.bits_stored) - 1, array.dtype) - array
    if array.dtype in (np.int8, np.int16):
        # For looking at only: the lowest value is black. Signed samples are written as they are.
        unsigned = np.uint8 if array.dtype == np.int8 else np.uint16
        lowest = 1 << (info.bits_stored - 1)
        array = (array.astype(np.int32) + lowest).clip(0, 2 * lowest - 1).astype(unsigned)
    if array.dtype not in (np.uint8, np.uint16):
        raise StreamRefusal(
            "decode_failed", "pixel data: unsigned 8 or 16 bit samples expected; convert it first"
        )
    return array


def _scaled(array: np.ndarray) -> np.ndarray:
    """Wide samples for looking at: 8 bits between nearly the lowest and nearly the highest, so that
    a single value far away hides nothing."""
    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(array.shape, np.uint8)
    low, high = np.percentile(finite, (0.1, 99.9))
    if high <= low:
        low, high = float(finite.min()), float(finite.max())
    span = high - low if high > low else 1.0
    shown = np.nan_to_num((values - low) / span * 255, nan=0.0, posinf=255.0, neginf=0.0)
    return shown.clip(0, 255).astype(np.uint8)


def outside_region_boxes(ds: Dataset) -> list[Box]:
    """Boxes that hold all that lies outside every ultrasound region (PS3.3 C.8.5.5).

    Empty where the data set has no Sequence of Ultrasound Regions.
    """
    width, height = int(ds.Columns), int(ds.Rows)
    regions = []
    for item in ds.get("SequenceOfUltrasoundRegions") or []:
        left, top = int(item.RegionLocationMinX0), int(item.RegionLocationMinY0)
        right, bottom = int(item.RegionLocationMaxX1) + 1, int(item.RegionLocationMaxY1) + 1
        left, right = max(0, left), min(width, right)
        top, bottom = max(0, top), min(height, bottom)
        if right > left and bottom > top:
            regions.append((left, top, right, bottom))
    if not regions:
        return []
    edges = sorted({0, height, *(r[1] for r in regions), *(r[3] for r in regions)})
    boxes = []
    for top, bottom in pairwise(edges):
        reached = 0
        for left, _, right, _ in sorted(r for r in regions if r[1] <= top and r[3] >= bottom):
            if left > reached:
                boxes.append(Box(reached, top, left - reached, bottom - top))
            reached = max(reached, right)
        if reached < width:
            boxes.append(Box(reached, top, width - reached, bottom - top))
    return boxes


def redact_cine(
    source: CineSource,
    boxes: Sequence[Box] = (),
    keep_compressed: bool = True,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> CineRedaction:
    """New pixel data of a cine: boxes black in their frames, all else sample for sample.

    With ``keep_compressed`` a source of the JPEG family without boxes keeps its code streams,
    cleaned, if the first frame's samples are the same afterwards; else, and always for native and
    RLE sources and palettes, frames become RLE Lossless. Raises
    ``StreamRefusal`` from ``frames`` as :func:`cine_frames`; ``ValueError`` for a box outside.
    """
    info = read_cine_info(source.module)
    for box in boxes:
        check_box(box, info.width_px, info.height_px)
    syntax = info.transfer_syntax_uid
    if keep_compressed and not boxes and _is_cleanable(source, info):
        frames = _cleaned_streams(source, info, progress, cancelled)
        attributes: dict[str, Any] = {"LossyImageCompression": "01"} if info.is_lossy else {}
        return CineRedaction(frames, syntax, attributes, was_decoded=False)
    frames = _encoded(source, info, boxes, progress, cancelled)
    return CineRedaction(
        frames, str(RLELossless), _attributes(source.module, info), was_decoded=True
    )


def _attributes(ds: Dataset, info: CineInfo) -> dict[str, Any]:
    colour = info.samples_per_pixel == 3 or info.photometric == "PALETTE COLOR"
    bits = 8 if info.photometric == "PALETTE COLOR" else info.bits_allocated
    stored = 8 if bits == 8 else int(ds.BitsStored)
    attributes: dict[str, Any] = {
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": stored,
        "HighBit": stored - 1,
        "PixelRepresentation": 0,
        "NumberOfFrames": info.n_frames,
        "Rows": info.height_px,
        "Columns": info.width_px,
    }
    if colour:
        attributes["PlanarConfiguration"] = 0
    if info.is_lossy:
        attributes["LossyImageCompression"] = "01"
    return attributes


def _encoded(
    source: CineSource,
    info: CineInfo,
    boxes: Sequence[Box],
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> Iterator[bytes]:
    count = 0
    for index, array in enumerate(cine_frames(source, info)):
        stop_if(cancelled)
        array = np.array(array)
        for box in boxes:
            if box.covers_frame(index):
                array[box.y_px : box.bottom_px, box.x_px : box.right_px] = 0
        yield rle_frame(array)
        count += 1
        if progress:
            progress(count, info.n_frames)
    if count != info.n_frames:
        raise StreamRefusal("truncated_stream", "pixel data: frames are missing; send it again")


def _is_cleanable(source: CineSource, info: CineInfo) -> bool:
    """Whether the code streams can be cleaned without a change of samples (told by the first)."""
    strip = stripper_of(info.transfer_syntax_uid)
    if strip is None or info.photometric == "PALETTE COLOR":
        return False
    # A broken first frame is not told here but where it is decoded, or written.
    try:
        first = next(source.encoded())
        cleaned = strip(first)
    except (jpeg_markers.DamagedCodeStream, StopIteration, ValueError):
        return False
    one = pixel_module(source.module)
    one.NumberOfFrames = 1
    one.PixelData = encapsulate([cleaned])
    one["PixelData"].is_undefined_length = True
    try:
        before = next(source.arrays([0], raw=True))
        after = next(iter_pixels(one, raw=True))
    except Exception:
        return False
    return np.array_equal(before, after)


def _cleaned_streams(
    source: CineSource, info: CineInfo, progress: Progress | None, cancelled: Cancelled | None
) -> Iterator[bytes]:
    strip = stripper_of(info.transfer_syntax_uid)
    assert strip is not None
    count = 0
    for frame in source.encoded():
        stop_if(cancelled)
        try:
            cleaned = strip(frame)
        except jpeg_markers.DamagedCodeStream as error:
            raise StreamRefusal("decode_failed", str(error)) from error
        yield cleaned
        count += 1
        if progress:
            progress(count, info.n_frames)
    if count != info.n_frames:
        raise StreamRefusal("truncated_stream", "pixel data: frames are missing; send it again")


def rle_frame(array: np.ndarray) -> bytes:
    """One frame as RLE Lossless (PS3.5 Annex G): uint8 or uint16, (h, w) or (h, w, 3).

    One segment a byte plane, most significant first; even length.
    """
    samples = array[..., None] if array.ndim == 2 else array
    segments = []
    for channel in range(samples.shape[2]):
        plane = samples[..., channel]
        parts = [plane] if plane.dtype == np.uint8 else [plane >> 8, plane & 0xFF]
        segments += [_packbits(np.ascontiguousarray(p, np.uint8)) for p in parts]
    offsets, position = [], 64
    for segment in segments:
        offsets.append(position)
        position += len(segment)
    header = np.zeros(16, "<u4")
    header[0] = len(segments)
    header[1 : 1 + len(segments)] = offsets
    return header.tobytes() + b"".join(segments)


def _packbits(plane: np.ndarray) -> bytes:
    """PackBits by rows. TIFF and DICOM define the same bytes, and libtiff packs in C."""
    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, "TIFF", compression="packbits")
    data = buffer.getvalue()
    with Image.open(io.BytesIO(data)) as image:
        tags = image.tag_v2  # type: ignore[attr-defined]
        strips = zip(tags[_TIFF_STRIP_OFFSETS], tags[_TIFF_STRIP_BYTES], strict=True)
        packed = b"".join(data[start : start + size] for start, size in strips)
    return packed + b"\x00" * (len(packed) % 2)


class CinePictures:
    """A cine as ``pictures.Pictures``, for proposing and verifying."""

    def __init__(self, source: CineSource) -> None:
        self._source = source
        self._info = read_cine_info(source.module)
        self.n_frames = self._info.n_frames
        self.width_px, self.height_px = self._info.width_px, self._info.height_px
        self.rate_fps = self._info.rate_fps

    def planes(self) -> Iterator[Planes]:
        import cv2

        for index, array in enumerate(cine_frames(self._source, self._info)):
            ycrcb = cv2.cvtColor(rgb_8_bit(array, self._source.module), cv2.COLOR_RGB2YCrCb)
            luma = cv2.convertScaleAbs(ycrcb[..., 0], alpha=219 / 255, beta=16)
            half = np.ascontiguousarray(ycrcb[::2, ::2])
            yield Planes(index, luma, half[..., 2], half[..., 1])

    def rgb(self, indices: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        wanted = sorted({i for i in indices if 0 <= i < self.n_frames})
        if not wanted:
            return
        frames = cine_frames(self._source, self._info, wanted)
        for index, array in zip(wanted, frames, strict=True):
            yield index, rgb_8_bit(array, self._source.module)


def rgb_8_bit(array: np.ndarray, ds: Dataset) -> np.ndarray:
    """A frame for looking at: uint8 RGB; samples are scaled by Bits Stored."""
    stored = int(ds.get("BitsStored") or 8)
    if array.dtype == np.uint8 and stored < 8 and array.ndim == 2:
        array = (array & ((1 << stored) - 1)) * np.uint8(255 // ((1 << stored) - 1))
    if array.dtype == np.uint16:
        array = (array >> max(0, int(ds.BitsStored) - 8)).clip(0, 255).astype(np.uint8)
    return np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array
