"""A data set in memory as the pipeline reads it from a file: frame by frame."""

from __future__ import annotations

import io
import struct

from pydicom.dataset import Dataset
from pydicom.encaps import parse_basic_offsets

from apps.deid.domain.cine_source import CineSource


def source_of(ds: Dataset) -> CineSource:
    element = ds["PixelData"]
    data = bytes(element.value)
    if not element.is_undefined_length:
        vr = str(element.VR) if element.VR in ("OB", "OW") else "OW"
        return CineSource(ds, io.BytesIO(data), [(0, len(data))], is_encapsulated=False, vr=vr)
    offsets = parse_basic_offsets(data)
    pieces, at = [], 8 + 4 * len(offsets)
    while at + 8 <= len(data) and data[at : at + 4] == b"\xfe\xff\x00\xe0":
        (size,) = struct.unpack_from("<I", data, at + 4)
        pieces.append((at + 8, size))
        at += 8 + size
    return CineSource(ds, io.BytesIO(data), pieces, offsets=offsets, is_encapsulated=True, vr="OB")
