"""Grey PNG of 8 or 16 bits (label maps), whose bytes no image library decides.

The deflate stream is made by zlib at level 6 without a filter (PNG 1.2, section 6.2).
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode_grey_png(pixels: NDArray[Any]) -> bytes:
    """PNG of uint8 or uint16 (h, w); chunks IHDR, IDAT, IEND only. Raises ValueError for others."""
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"picture: {pixels.shape} {pixels.dtype} is not grey of 8 or 16 bits")
    depth = pixels.dtype.itemsize
    rows = np.ascontiguousarray(pixels, dtype=">u2" if depth == 2 else np.uint8)
    height, width = rows.shape
    packed = np.zeros((height, 1 + width * depth), np.uint8)
    packed[:, 1:] = rows.view(np.uint8).reshape(height, width * depth)
    head = struct.pack(">IIBBBBB", width, height, 8 * depth, 0, 0, 0, 0)
    body = zlib.compress(packed.tobytes(), 6)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
