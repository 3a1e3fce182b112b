"""Digests that prove which picture a label belongs to, portable between exact decoders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from apps.deid.domain.picture_digest import DIGEST_BYTES, picture_digest, plane_bytes, plane_rows

from .decode import FrameReader
from .frame_index import WorkCancelled
from .index_format import FrameIndex

__all__ = [
    "CSV_HEADER",
    "DIGEST_BYTES",
    "digests",
    "frames_csv",
    "hex_digest",
    "picture_digest",
    "plane_bytes",
    "plane_rows",
    "sample_digest",
]
CSV_HEADER = "frame_index,dicom_frame_number,pts,time_base,time_s,digest"


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
