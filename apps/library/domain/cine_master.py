"""The master of a multi-frame cine: its pictures once, lossless, as RGB or MONOCHROME2.

File (all integers little-endian): b"CINE1\\0\\0\\0", one PNG after the other, then a footer of
JSON head, n+1 uint64 offsets, n int64 PTS, n x 32 bytes of digest, and the footer's length as
uint64. It is written front to back, so the writer need not seek.
"""

from __future__ import annotations

import io
import json
import math
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, iter_pixels

from apps.deid.domain import extended_jpeg, lossless_jpeg

from . import grey
from .decode import encode_png
from .digest import sample_digest
from .frame_index import Cancelled, Progress, WorkCancelled
from .index_format import FrameIndex, Warning_, index_of_times

MAGIC = b"CINE1\0\0\0"
TIME_BASE = (1, 1_000_000)
ASSUMED_FRAME_US = 40_000
KEPT_PICTURES = 32
Decode = Callable[..., Iterable[NDArray]]
lossless_jpeg.install()
extended_jpeg.install()


class NotACine(ValueError):
    """The instance's pixel data cannot become a cine master; the message names the attribute."""


def frame_times_us(ds: Dataset, n_frames: int) -> tuple[list[int], int, list[Warning_]]:
    """Times of a cine's frames: (PTS in µs from 0, duration of the last in µs, warnings).

    Frame Time Vector (0018,1065; increments in ms, the first belongs to frame 1 and is skipped),
    then Frame Time (0018,1063; ms), then Cine Rate (0018,0040) or Recommended Display Frame Rate
    (0008,2144; 1/s), PS3.3 C.7.6.5. Increments are added up before they are rounded. Warnings:
    frame_time_vector (unusable), no_frame_time (25 a second assumed), repeated_pts.
    """
    notes: list[Warning_] = []
    vector = _numbers(ds, "FrameTimeVector")
    if vector:
        steps = vector[1:n_frames]
        if len(vector) == n_frames and all(s >= 0 for s in steps):
            sums = [Decimal(0)]
            for step in steps:
                sums.append(sums[-1] + step)
            pts = [_micro(s) for s in sums]
            if any(a == b for a, b in pairwise(pts)):
                notes.append(("repeated_pts", "frames repeat the time of the one before"))
            last = _micro(steps[-1]) if steps else ASSUMED_FRAME_US
            return pts, last or ASSUMED_FRAME_US, notes
        notes.append(
            (
                "frame_time_vector",
                f"Frame Time Vector (0018,1065) has {len(vector)} values for {n_frames} "
                "frames, or one below 0; it is not followed",
            )
        )
    step = next(iter(_numbers(ds, "FrameTime")), Decimal(0))
    if step <= 0:
        rate = next(
            (
                r
                for name in ("CineRate", "RecommendedDisplayFrameRate")
                for r in _numbers(ds, name)
                if r > 0
            ),
            None,
        )
        step = Decimal(1000) / rate if rate else Decimal(0)
    if step <= 0:
        if n_frames > 1:
            notes.append(
                (
                    "no_frame_time",
                    "the instance does not say how long a frame stands; "
                    "25 frames a second are assumed",
                )
            )
        step = Decimal(ASSUMED_FRAME_US) / 1000
    return [_micro(step * i) for i in range(n_frames)], _micro(step), notes


def master_frames(ds: Dataset, decode: Decode | None = None) -> Iterator[NDArray[np.uint8]]:
    """Each frame as the master keeps it: uint8 (rows, columns) MONOCHROME2 or
    (rows, columns, 3) RGB.

    YBR becomes RGB here and nowhere else; MONOCHROME1 is inverted, palettes are applied, more
    than 8 bits go through rescale and window (PS3.3 C.11.2) or, without one, the stored range;
    floating samples and those of more than 16 bits through the range of a few frames' values.
    ``decode``: gives the frames as they are read from the file, all or those of some indices, where
    ``ds`` is without pixel data. Raises NotACine when the pixel data does not decode.
    """
    kind = str(ds.get("PhotometricInterpretation", ""))
    decode = decode or (lambda indices=None: iter_pixels(ds, raw=False, indices=indices))
    try:
        seen = None
        if grey.needs_range(ds):
            places = grey.frames_to_look_at(int(ds.get("NumberOfFrames") or 1))
            seen = grey.range_of(decode(places), ds)
        for frame in decode():
            yield _as_master(np.asarray(frame), ds, kind, seen)
    except NotACine:
        raise
    except Exception as error:  # decoders raise what they like; the stream is untrusted
        raise NotACine(
            f"PixelData (7FE0,0010): a frame does not decode ({type(error).__name__}); "
            "send the instance again, or in another transfer syntax"
        ) from None


def write_cine_master(
    ds: Dataset,
    out: BinaryIO,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    decode: Decode | None = None,
) -> FrameIndex:
    """Writes the master of a de-identified multi-frame instance to an append-only writer.
    ``decode`` as in ``master_frames``.

    Returns its frame index (time base 1/1000000, warnings of `frame_times_us`, number_of_frames,
    assumed_window). Raises NotACine, WorkCancelled.
    """
    claimed = int(ds.get("NumberOfFrames", 1) or 1)

    def times(n: int) -> tuple[list[int], int, list[Warning_]]:
        pts, last, notes = frame_times_us(ds, n)
        if claimed != n:
            notes.append(
                (
                    "number_of_frames",
                    f"Number of Frames (0028,0008) says {claimed}, "
                    f"the pixel data holds {n}; the pixel data is followed",
                )
            )
        if grey.needs_range(ds):
            notes.append(
                (
                    "assumed_window",
                    "the instance does not say which of its values are to be seen; they are "
                    "shown from nearly the lowest to nearly the highest",
                )
            )
        return pts, last, notes

    return _write(master_frames(ds, decode), times, claimed, out, progress, cancelled)


def _write(frames: Iterable, times, claimed: int, out: BinaryIO, progress, cancelled):
    out.write(MAGIC)
    offsets, hashes, shape = [len(MAGIC)], [], None
    for frame in frames:
        if cancelled and cancelled():
            raise WorkCancelled
        if shape is not None and frame.shape != shape:
            raise NotACine("PixelData (7FE0,0010): frames differ in size; send one size")
        shape = frame.shape
        blob = encode_png(frame)
        out.write(blob)
        offsets.append(offsets[-1] + len(blob))
        hashes.append(sample_digest(frame))
        if progress:
            progress(min(len(hashes), claimed), claimed)
    if shape is None:
        raise NotACine("PixelData (7FE0,0010): no frame; send the whole instance")
    n = len(hashes)
    pts, last, notes = times(n)
    head = json.dumps(
        {
            "n_frames": n,
            "height_px": shape[0],
            "width_px": shape[1],
            "photometric": "RGB" if len(shape) == 3 else "MONOCHROME2",
            "time_base": list(TIME_BASE),
            "duration_of_last": last,
            "warnings": notes,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    footer = b"".join(
        (
            struct.pack("<I", len(head)),
            head,
            np.asarray(offsets, "<u8").tobytes(),
            np.asarray(pts, "<i8").tobytes(),
            *hashes,
        )
    )
    out.write(footer + struct.pack("<Q", len(footer)))
    return _index(pts, last, notes, np.asarray(offsets, np.int64))


class CineReader:
    """Pictures of a cine master by frame index; the same interface as FrameReader's.

    Raises NotACine when the file is not a whole cine master.
    """

    def __init__(self, f: BinaryIO) -> None:
        self._f = f
        size = f.seek(0, io.SEEK_END)
        try:
            f.seek(0)
            if f.read(len(MAGIC)) != MAGIC:
                raise ValueError
            f.seek(size - 8)
            (length,) = struct.unpack("<Q", f.read(8))
            f.seek(size - 8 - length)
            footer = f.read(length)
            (head_bytes,) = struct.unpack_from("<I", footer)
            head = json.loads(footer[4 : 4 + head_bytes])
            n, at = int(head["n_frames"]), 4 + head_bytes
            if len(footer) != at + (n + 1) * 8 + n * 40:
                raise ValueError
            self._offsets = np.frombuffer(footer, "<u8", n + 1, at).astype(np.int64)
            pts = np.frombuffer(footer, "<i8", n, at + (n + 1) * 8)
            self._digests = footer[at + (2 * n + 1) * 8 :]
            self.width_px, self.height_px = int(head["width_px"]), int(head["height_px"])
            self.photometric = str(head["photometric"])
        except (ValueError, KeyError, OSError, OverflowError, struct.error):
            raise NotACine("cine master: not a whole CINE1 file; make it again") from None
        self.index = _index(
            pts.tolist(),
            int(head["duration_of_last"]),
            [(c, m) for c, m in head["warnings"]],
            self._offsets,
        )
        self.n_frames = n
        self._kept: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()

    def __enter__(self) -> CineReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forgets kept pictures; the file object stays open."""
        self._kept.clear()

    def picture(self, i: int) -> NDArray[np.uint8]:
        """The master's own samples: uint8 (h, w) MONOCHROME2 or (h, w, 3) RGB. Read-only."""
        if i not in self._kept:
            blob = np.frombuffer(self.png_bytes(i), np.uint8)
            stored = cv2.imdecode(blob, cv2.IMREAD_UNCHANGED)
            if stored is None:
                raise NotACine("cine master: a picture does not decode; make it again")
            ordered = np.ascontiguousarray(stored[..., ::-1] if stored.ndim == 3 else stored)
            pixels: NDArray[np.uint8] = ordered.astype(np.uint8, copy=False)
            pixels.flags.writeable = False
            self._kept[i] = pixels
            if len(self._kept) > KEPT_PICTURES:
                self._kept.popitem(last=False)
        return self._kept[i]

    def rgb(self, i: int) -> NDArray[np.uint8]:
        """uint8 (height_px, width_px, 3)."""
        pixels = self.picture(i)
        return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)

    def png_bytes(self, i: int) -> bytes:
        """The frame as PNG, as it is stored. IndexError outside 0..n_frames-1."""
        if not 0 <= i < self.n_frames:
            raise IndexError(f"frame index: {i} lies outside 0..{self.n_frames - 1}")
        start, end = int(self._offsets[i]), int(self._offsets[i + 1])
        self._f.seek(start)
        return self._f.read(end - start)

    def digest(self, i: int) -> str:
        """Lower-case hex SHA-256 of the picture, computed from the stored samples."""
        return sample_digest(self.picture(i)).hex()

    def digests(self) -> bytes:
        """32 bytes a picture as recorded when the master was made."""
        return self._digests

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        return ((i, self.picture(i)) for i in range(self.n_frames))


def _as_master(
    frame: NDArray, ds: Dataset, kind: str, seen: grey.Range | None
) -> NDArray[np.uint8]:
    if kind == "PALETTE COLOR":
        frame = apply_color_lut(frame, ds)
        return (frame >> 8 if frame.dtype == np.uint16 else frame).astype(np.uint8)[..., :3]
    if frame.ndim == 3 and frame.shape[-1] == 1:
        frame = frame[..., 0]
    if frame.ndim == 3:
        if frame.dtype not in (np.uint8, np.uint16) or frame.shape[-1] != 3:
            raise NotACine("BitsAllocated (0028,0100): colour must be 3 samples of 8 or 16 bits")
        if frame.dtype == np.uint16:
            deeper = max(0, int(ds.get("BitsStored") or 16) - 8)
            frame = np.minimum(frame >> np.uint16(deeper), 255).astype(np.uint8)
        return frame
    if not kind.startswith("MONOCHROME"):
        raise NotACine("PhotometricInterpretation (0028,0004): not one a cine can have")
    if frame.dtype != np.uint8 or "WindowCenter" in ds:
        frame = grey.shown(frame, ds, seen)
    return 255 - frame if kind == "MONOCHROME1" else frame


def _index(pts: list[int], last: int, notes: list[Warning_], offsets: NDArray) -> FrameIndex:
    return index_of_times(
        pts, TIME_BASE, last, notes, np.diff(offsets).tolist(), offsets[:-1].tolist()
    )


def _numbers(ds: Dataset, keyword: str) -> list[Decimal]:
    value = ds.get(keyword)
    if value is None or value == "":
        return []
    values = (
        value
        if isinstance(value, (list, tuple))
        or (hasattr(value, "__len__") and not (isinstance(value, str)))
        else [value]
    )
    try:
        numbers = [Decimal(str(v)) for v in values]
    except InvalidOperation:
        return []
    return numbers if all(math.isfinite(v) for v in numbers) else []


def _micro(milliseconds: Decimal) -> int:
    return round(milliseconds * 1000)
