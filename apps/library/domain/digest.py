"""Digests that prove which picture a label belongs to, portable between exact decoders."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from .decode import FrameReader
from .frame_index import WorkCancelled
from .index_format import FrameIndex

DIGEST_BYTES = 32
CSV_HEADER = "frame_index,dicom_frame_number,pts,time_base,time_s,digest"


def plane_bytes(plane: VideoPlane) -> NDArray[np.uint8]:
    """A view of one plane as uint8 (rows, line size in bytes), padding included."""
    held = np.frombuffer(memoryview(plane), np.uint8)  # type: ignore[arg-type]
    rows = len(held) // plane.line_size
    return held[: rows * plane.line_size].reshape(rows, plane.line_size)


def plane_rows(frame: av.VideoFrame) -> Iterator[NDArray[np.uint8]]:
    """Each plane as contiguous uint8 (rows, bytes a row) without padding, planes in order.

    Samples over 8 bits are little-endian 16 bits. Raises ValueError for pixel formats that are
    not made of whole bytes.
    """
    fmt = frame.format
    if fmt.is_bit_stream or fmt.has_palette or fmt.is_bayer:
        raise ValueError(f"picture: pixel format {fmt.name} has no digest; encode the master once")
    wide = max(c.bits for c in fmt.components) > 8
    for number, plane in enumerate(frame.planes):
        parts = [c for c in fmt.components if c.plane == number]
        rows = parts[0].height if fmt.is_planar else frame.height
        width_bytes = sum(c.width for c in parts) * (2 if wide else 1)
        if not fmt.is_planar and len(fmt.components) > 1:
            width_bytes = frame.width * fmt.padded_bits_per_pixel // 8
        tight = np.ascontiguousarray(plane_bytes(plane)[:rows, :width_bytes])
        if wide and fmt.is_big_endian != (sys.byteorder == "big"):
            tight = tight.view(np.uint16).byteswap().view(np.uint8)
        yield tight


def picture_digest(frame: av.VideoFrame) -> bytes:
    """SHA-256 (32 bytes) of the decoded picture in its coded pixel format.

    Equals a line of `ffmpeg -noautorotate -i FILE -map 0:v:0 -fps_mode passthrough
    -f framehash -hash sha256 -` for streams without rotation.
    """
    sha = hashlib.sha256()
    for rows in plane_rows(frame):
        sha.update(rows.data)
    return sha.digest()


def sample_digest(pixels: NDArray[np.uint8]) -> bytes:
    """SHA-256 (32 bytes) over a cine master's picture: uint8 (h, w) or (h, w, 3), row by row,
    interleaved."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise ValueError("picture: a cine master holds uint8 (h, w) or (h, w, 3)")
    return hashlib.sha256(np.ascontiguousarray(pixels).data).digest()


def digests(
    f: BinaryIO,
    index: FrameIndex,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> bytes:
    """32 bytes a picture in presentation order, n_frames × 32, in one pass over the video.

    Raises PictureMissing when decoder and index disagree, WorkCancelled.
    """
    out = bytearray()
    with FrameReader(f, index) as reader:
        for i, frame in reader:
            out += picture_digest(frame)
            if progress and i % 25 == 0:
                progress(i, index.n_frames)
            if cancelled and cancelled():
                raise WorkCancelled
    if progress:
        progress(index.n_frames, index.n_frames)
    return bytes(out)


def hex_digest(all_digests: bytes, i: int) -> str:
    """Lower-case hex of picture i out of what `digests` gave."""
    if not 0 <= i < len(all_digests) // DIGEST_BYTES:
        raise IndexError(f"frame index: {i} has no digest")
    return all_digests[i * DIGEST_BYTES : (i + 1) * DIGEST_BYTES].hex()


def frames_csv(index: FrameIndex, all_digests: bytes) -> Iterator[str]:
    """Lines (with their newline) of a clip's frame index as a release holds it.

    Header, then one line a picture; dicom_frame_number = frame_index + 1; time_base as num/den.
    Raises ValueError when there is not one digest a picture.
    """
    if len(all_digests) != index.n_frames * DIGEST_BYTES:
        raise ValueError(
            f"digests: {len(all_digests) // DIGEST_BYTES} for {index.n_frames} pictures; "
            "compute them again for this index"
        )
    num, den = index.time_base
    yield CSV_HEADER + "\n"
    for i in range(index.n_frames):
        yield (
            f"{i},{i + 1},{int(index.pts[i])},{num}/{den},{index.time_text(i)},"
            f"{hex_digest(all_digests, i)}\n"
        )
