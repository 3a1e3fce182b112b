"""Uncompressed samples as they came: boxes blanked, what is no sample zeroed, nothing encoded.

What lies behind the samples is left out, and so are bits above Bits Stored (PS3.5 section 8.1.1:
retired overlays stood there).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from .boxes import Box, check_box
from .cine import CineInfo
from .cine_source import CineSource
from .refusals import StreamRefusal


def fits(info: CineInfo, ds: Dataset) -> bool:
    """Whether the samples can be written as they came: RGB or MONOCHROME2, interleaved, of 8 or 16
    bits; single bits and wide or floating samples (which no lossless compression of DICOM's holds);
    signed ones, decoded."""
    if info.bits_allocated > 16:
        return info.samples_per_pixel == 1
    if int(ds.get("PixelRepresentation") or 0):
        is_grey = info.photometric in ("MONOCHROME1", "MONOCHROME2")
        return is_grey and info.samples_per_pixel == 1 and info.bits_allocated in (8, 16)
    if UID(info.transfer_syntax_uid).is_encapsulated:
        return False
    if info.bits_allocated == 1:
        return info.samples_per_pixel == 1
    if info.samples_per_pixel == 3:
        interleaved = int(ds.get("PlanarConfiguration") or 0) == 0
        return info.photometric == "RGB" and interleaved and info.bits_allocated == 8
    high_bit = int(ds.get("HighBit") or info.bits_stored - 1)
    return (
        info.photometric == "MONOCHROME2"
        and info.bits_allocated in (8, 16)
        and high_bit == info.bits_stored - 1
    )


def size_bytes(info: CineInfo) -> int:
    """Of the samples of all frames."""
    count = info.n_frames * info.height_px * info.width_px * info.samples_per_pixel
    return (count * info.bits_allocated + 7) // 8


def redact(
    source: CineSource, info: CineInfo, boxes: Sequence[Box]
) -> Iterator[bytes | memoryview]:
    """The samples a few frames at a time, little endian, boxes zero in their frames.

    Raises StreamRefusal("truncated_stream") where samples are missing, "decode_failed";
        ValueError for a box outside.
    """
    for box in boxes:
        check_box(box, info.width_px, info.height_px)
    is_signed = bool(int(source.module.get("PixelRepresentation") or 0))
    if is_signed or info.bits_allocated > 16:
        return _decoded(source, info, boxes)
    return _as_stored(source, info, boxes)


def _as_stored(
    source: CineSource, info: CineInfo, boxes: Sequence[Box]
) -> Iterator[bytes | memoryview]:
    shape: tuple[int, ...] = (info.height_px, info.width_px)
    if info.samples_per_pixel == 3:
        shape += (3,)
    each = int(np.prod(shape, dtype=np.int64))
    for start, data in source.native():
        n = min(len(data) * 8 // (each * info.bits_allocated), info.n_frames - start)
        array = _samples(data, source, info, n * each)
        if info.bits_allocated > 1 and info.bits_stored < info.bits_allocated:
            array = array & array.dtype.type((1 << info.bits_stored) - 1)
        frames = array.reshape(n, *shape)
        inside = [box for box in boxes if _meets(box, start, start + n)]
        if inside and not frames.flags.writeable:
            frames = frames.copy()
        for box in inside:
            end = info.n_frames if box.end_frame is None else box.end_frame
            first, last = max(0, box.start_frame - start), min(n, end - start)
            frames[first:last, box.y_px : box.bottom_px, box.x_px : box.right_px] = 0
        if info.bits_allocated == 1:
            yield np.packbits(frames.reshape(-1), bitorder="little").tobytes()
        else:
            yield np.ascontiguousarray(frames).reshape(-1).view(np.uint8).data


def _meets(box: Box, start: int, end: int) -> bool:
    return box.start_frame < end and (box.end_frame is None or box.end_frame > start)


def _decoded(source: CineSource, info: CineInfo, boxes: Sequence[Box]) -> Iterator[bytes]:
    """Signed samples, sign-extended to their words; wide and floating ones as they are."""
    count = 0
    try:
        for index, array in enumerate(source.arrays(raw=True)):
            frame = np.array(array)
            for box in boxes:
                if box.covers_frame(index):
                    frame[box.y_px : box.bottom_px, box.x_px : box.right_px] = 0
            kind = frame.dtype.kind
            yield frame.astype(f"<{kind}{info.bits_allocated // 8}").tobytes()
            count += 1
    except StreamRefusal:
        raise
    except Exception as error:
        # Decoders raise anything; their messages may quote values of the file.
        raise StreamRefusal(
            "decode_failed", "pixel data: a frame cannot be decoded; send the instance again"
        ) from error
    if count != info.n_frames:
        raise StreamRefusal("truncated_stream", "pixel data: frames are missing; send it again")


def _samples(data: bytes | bytearray, source: CineSource, info: CineInfo, count: int) -> np.ndarray:
    little = UID(info.transfer_syntax_uid).is_little_endian
    if not little and source.vr == "OW" and info.bits_allocated < 16:
        data = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
    if info.bits_allocated == 1:
        return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:count]
    if info.bits_allocated == 8:
        return np.frombuffer(data, np.uint8)[:count]
    words = np.frombuffer(data[: count * 2], "<u2" if little else ">u2")
    return words.astype("<u2", copy=False)


class PartsReader(io.RawIOBase):
    """Parts as a stream, read once from front to end."""

    def __init__(self, parts: Iterator[bytes | memoryview]) -> None:
        super().__init__()
        self._parts = parts
        self._left: bytes | memoryview = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes | memoryview:  # type: ignore[override]
        """At most ``size`` bytes (not negative); none at the end."""
        if not self._left:
            self._left = next(self._parts, b"")
        wanted = len(self._left) if size is None or size < 0 else size
        data, self._left = self._left[:wanted], self._left[wanted:]
        return data
