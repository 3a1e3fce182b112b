"""Uncompressed samples as they came: boxes blanked, what is no sample zeroed, nothing encoded.

What lies behind the samples is left out, and so are bits above Bits Stored (PS3.5 section 8.1.1:
retired overlays stood there).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels
from pydicom.uid import UID

from .boxes import Box, check_box
from .cine import CineInfo
from .refusals import StreamRefusal


def fits(info: CineInfo, ds: Dataset) -> bool:
    """Whether the samples can be written as they came: RGB or MONOCHROME2, interleaved, of 8 or 16
    bits; single bits (which no lossless compression of DICOM's holds); signed ones, decoded."""
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


def redact(ds: Dataset, info: CineInfo, boxes: Sequence[Box]) -> bytes:
    """The samples of all frames, little endian, boxes zero in their frames.

    Raises StreamRefusal("truncated_stream") where samples are missing,
        ValueError for a box outside.
    """
    for box in boxes:
        check_box(box, info.width_px, info.height_px)
    shape: tuple[int, ...] = (info.n_frames, info.height_px, info.width_px)
    if info.samples_per_pixel == 3:
        shape += (3,)
    count = int(np.prod(shape, dtype=np.int64))
    size = (count + 7) // 8 if info.bits_allocated == 1 else count * (info.bits_allocated // 8)
    if int(ds.get("PixelRepresentation") or 0):
        return _signed(ds, info, boxes)
    data = ds.PixelData
    if len(data) < size:
        raise StreamRefusal("truncated_stream", "pixel data: frames are missing; send it again")
    array = _samples(data[: size + size % 2], ds, info, count)
    if info.bits_allocated > 1 and info.bits_stored < info.bits_allocated:
        array = array & array.dtype.type((1 << info.bits_stored) - 1)
    if not boxes and info.bits_allocated > 1:
        return array.tobytes()
    frames = array.reshape(shape)
    if boxes and not frames.flags.writeable:
        frames = frames.copy()
    for box in boxes:
        end = info.n_frames if box.end_frame is None else box.end_frame
        frames[box.start_frame : end, box.y_px : box.bottom_px, box.x_px : box.right_px] = 0
    if info.bits_allocated == 1:
        return np.packbits(frames.reshape(-1), bitorder="little").tobytes()
    return frames.tobytes()


def _signed(ds: Dataset, info: CineInfo, boxes: Sequence[Box]) -> bytes:
    """Signed samples, sign-extended to their words."""
    parts = []
    try:
        for index, array in enumerate(iter_pixels(ds, raw=True)):
            frame = np.array(array)
            for box in boxes:
                if box.covers_frame(index):
                    frame[box.y_px : box.bottom_px, box.x_px : box.right_px] = 0
            parts.append(frame.astype(f"<i{info.bits_allocated // 8}").tobytes())
    except Exception as error:
        # Decoders raise anything; their messages may quote values of the file.
        raise StreamRefusal(
            "decode_failed", "pixel data: a frame cannot be decoded; send the instance again"
        ) from error
    if len(parts) != info.n_frames:
        raise StreamRefusal("truncated_stream", "pixel data: frames are missing; send it again")
    return b"".join(parts)


def _samples(data: bytes, ds: Dataset, info: CineInfo, count: int) -> np.ndarray:
    little = UID(info.transfer_syntax_uid).is_little_endian
    as_words = not little and ds["PixelData"].VR == "OW" and info.bits_allocated < 16
    if as_words:
        data = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
    if info.bits_allocated == 1:
        return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:count]
    if info.bits_allocated == 8:
        return np.frombuffer(data, np.uint8)[:count]
    return np.frombuffer(data, "<u2" if little else ">u2").astype("<u2", copy=False)
