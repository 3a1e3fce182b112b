"""Multi-frame pixel data: pictures one by one, boxes blanked without loss beside them.

Sources are decoded to RGB or MONOCHROME2 once and stored as RLE Lossless (PS3.5 Annex G), so
what lies outside a box keeps each sample. A source of the JPEG family in which nothing is blanked
keeps its code streams, cleaned of all that no decoder needs.
"""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import apply_color_lut, get_decoder, iter_pixels
from pydicom.uid import JPEGExtended12Bit, RLELossless

from . import extended_jpeg, jpeg_2000_markers, jpeg_markers, lossless_jpeg
from .boxes import Box, check_box
from .pictures import Planes
from .refusals import StreamRefusal
from .remux import Cancelled, Progress, stop_if

_JPEG = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81))
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91))
_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 81, 91))
lossless_jpeg.install()
extended_jpeg.install()
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
    is_decoded = info.bits_allocated in (1, 8, 16) and not (
        is_extended and info.samples_per_pixel == 3
    )
    try:
        is_decoded = is_decoded and get_decoder(info.transfer_syntax_uid).is_available
    except NotImplementedError:
        is_decoded = False
    if not is_decoded:
        raise StreamRefusal(
            "unsupported_pixels", "pixel data: samples or compression not supported; convert it"
        )
    return info


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
    steps = [float(v) for v in np.atleast_1d(vector)] if vector is not None else []
    if len(steps) == n_frames and all(s >= 0 for s in steps):
        return tuple(float(t) for t in np.cumsum([0.0, *steps[1:]])), "frame_time_vector"
    step, source = 0.0, "assumed"
    if ds.get("FrameTime"):
        step, source = float(ds.FrameTime), "frame_time"
    elif ds.get("CineRate"):
        step, source = 1000 / float(ds.CineRate), "cine_rate"
    if not math.isfinite(step) or step <= 0:
        step, source = 40.0, "assumed"
    return tuple(i * step for i in range(n_frames)), source


def cine_frames(
    src: Dataset | BinaryIO, info: CineInfo, indices: Sequence[int] | None = None
) -> Iterator[np.ndarray]:
    """Frames as RGB (height, width, 3) or MONOCHROME2 (height, width), uint8 or uint16.

    ``src``: a data set with its pixel data, or a seekable file of it. YBR and palette become RGB,
    MONOCHROME1 is inverted. Raises ``StreamRefusal("decode_failed")``.
    """
    try:
        for array in iter_pixels(src, indices=indices):
            yield _normalised(array, src, info)
    except StreamRefusal:
        raise
    except Exception as error:
        # Decoders raise anything; their messages may quote values of the file.
        raise StreamRefusal(
            "decode_failed", "pixel data: a frame cannot be decoded; send the instance again"
        ) from error


def _normalised(array: np.ndarray, src: Any, info: CineInfo) -> np.ndarray:
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if info.photometric == "PALETTE COLOR":
        if not isinstance(src, Dataset):
            raise StreamRefusal("decode_failed", "pixel data: palette needs the data set; pass it")
        array = apply_color_lut(array, src)
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
    ds: Dataset,
    boxes: Sequence[Box] = (),
    keep_compressed: bool = True,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> CineRedaction:
    """New pixel data of a data set: boxes black in their frames, all else sample for sample.

    With ``keep_compressed`` a source of the JPEG family without boxes keeps its code streams,
    cleaned, if the first frame's samples are the same afterwards; else, and always for native and
    RLE sources and palettes, frames become RLE Lossless. Raises
    ``StreamRefusal`` from ``frames`` as :func:`cine_frames`; ``ValueError`` for a box outside.
    """
    info = read_cine_info(ds)
    for box in boxes:
        check_box(box, info.width_px, info.height_px)
    ds = _pixels_of(ds)
    syntax = info.transfer_syntax_uid
    if keep_compressed and not boxes and _is_cleanable(ds, info):
        frames = _cleaned_streams(ds, info, progress, cancelled)
        attributes: dict[str, Any] = {"LossyImageCompression": "01"} if info.is_lossy else {}
        return CineRedaction(frames, syntax, attributes, was_decoded=False)
    frames = _encoded(ds, info, boxes, progress, cancelled)
    return CineRedaction(frames, str(RLELossless), _attributes(ds, info), was_decoded=True)


def _pixels_of(ds: Dataset) -> Dataset:
    """The pixel module alone: frames are made late, when the caller may have rewritten ``ds``."""
    own = Dataset()
    own.file_meta = copy.deepcopy(ds.file_meta)
    for element in ds.group_dataset(0x0028):
        own.add(copy.deepcopy(element))
    if "NumberOfFrames" not in own:
        own.NumberOfFrames = 1
    # Bytes are shared, not copied.
    pixels = ds["PixelData"]
    own.add(DataElement(pixels.tag, pixels.VR, pixels.value, already_converted=True))
    own["PixelData"].is_undefined_length = pixels.is_undefined_length
    return own


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
    ds: Dataset,
    info: CineInfo,
    boxes: Sequence[Box],
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> Iterator[bytes]:
    count = 0
    for index, array in enumerate(cine_frames(ds, info)):
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


def _stripper(info: CineInfo) -> Callable[[bytes], bytes]:
    if info.transfer_syntax_uid in _JPEG_2000:
        return jpeg_2000_markers.strip_jpeg_2000
    return jpeg_markers.strip_jpeg


def _is_cleanable(ds: Dataset, info: CineInfo) -> bool:
    """Whether the code streams can be cleaned without a change of samples (told by the first)."""
    if info.transfer_syntax_uid not in _JPEG | _JPEG_2000 or info.photometric == "PALETTE COLOR":
        return False
    # A broken first frame is not told here but where it is decoded, or written.
    try:
        first = next(generate_frames(ds.PixelData, number_of_frames=info.n_frames))
        cleaned = _stripper(info)(first)
    except (jpeg_markers.DamagedCodeStream, StopIteration, ValueError):
        return False
    one = _pixels_of(ds)
    one.NumberOfFrames = 1
    one.PixelData = encapsulate([cleaned])
    one["PixelData"].is_undefined_length = True
    try:
        before, after = (next(iter_pixels(d, indices=[0], raw=True)) for d in (ds, one))
    except Exception:
        return False
    return np.array_equal(before, after)


def _cleaned_streams(
    ds: Dataset, info: CineInfo, progress: Progress | None, cancelled: Cancelled | None
) -> Iterator[bytes]:
    strip = _stripper(info)
    count = 0
    for frame in generate_frames(ds.PixelData, number_of_frames=info.n_frames):
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

    def __init__(self, ds: Dataset) -> None:
        self._ds = ds
        self._info = read_cine_info(ds)
        self.n_frames = self._info.n_frames
        self.width_px, self.height_px = self._info.width_px, self._info.height_px
        self.rate_fps = self._info.rate_fps

    def planes(self) -> Iterator[Planes]:
        import cv2

        for index, array in enumerate(cine_frames(self._ds, self._info)):
            ycrcb = cv2.cvtColor(rgb_8_bit(array, self._ds), cv2.COLOR_RGB2YCrCb)
            luma = cv2.convertScaleAbs(ycrcb[..., 0], alpha=219 / 255, beta=16)
            half = np.ascontiguousarray(ycrcb[::2, ::2])
            yield Planes(index, luma, half[..., 2], half[..., 1])

    def rgb(self, indices: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        wanted = sorted({i for i in indices if 0 <= i < self.n_frames})
        if not wanted:
            return
        frames = cine_frames(self._ds, self._info, wanted)
        for index, array in zip(wanted, frames, strict=True):
            yield index, rgb_8_bit(array, self._ds)


def rgb_8_bit(array: np.ndarray, ds: Dataset) -> np.ndarray:
    """A frame for looking at: uint8 RGB; 16-bit samples are scaled by Bits Stored."""
    if array.dtype == np.uint16:
        array = (array >> max(0, int(ds.BitsStored) - 8)).clip(0, 255).astype(np.uint8)
    return np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array
