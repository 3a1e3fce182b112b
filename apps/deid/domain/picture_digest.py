"""What a decoded picture is known by: SHA-256 of its samples in the coded pixel format."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

DIGEST_BYTES = 32


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


def decoder_name() -> str:
    """The decoder's versions: other ones need not give the same samples for every codec."""
    libraries = getattr(av, "library_versions", {})
    version = ".".join(str(part) for part in libraries.get("libavcodec", ()))
    return f"PyAV {av.__version__} libavcodec {version}"
