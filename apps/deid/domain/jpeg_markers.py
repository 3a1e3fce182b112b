"""Code streams of single pictures without comments and application segments, samples untouched.

Covers the JPEG family with two-byte markers (baseline, extended, lossless, JPEG-LS; ITU-T T.81
Annex B, T.87) and JPEG 2000 (ITU-T T.800 Annex A). What follows the end marker is cut off.
"""

from __future__ import annotations

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_JFIF_BYTES, _ADOBE_BYTES = 14, 12
_J2K_SOT, _J2K_SOD, _J2K_EOC, _J2K_COM, _J2K_TLM = 0xFF90, 0xFF93, 0xFFD9, 0xFF64, 0xFF55


class DamagedCodeStream(ValueError):
    """The code stream cannot be followed to its end."""


def strip_jpeg(data: bytes) -> bytes:
    """The JPEG or JPEG-LS picture without COM and APPn.

    Kept of APPn is only what a decoder needs to know the colours: JFIF's fixed fields without
    thumbnail, and Adobe's transform flag. Raises ``DamagedCodeStream``.
    """
    if data[:2] != bytes([0xFF, _SOI]):
        raise DamagedCodeStream("frame: does not begin as JPEG does; decode it instead")
    out, position = bytearray(data[:2]), 2
    while True:
        marker, position = _next_marker(data, position)
        if marker == _EOI:
            return bytes(out) + bytes([0xFF, _EOI])
        end = position + int.from_bytes(data[position : position + 2], "big")
        if end > len(data) or end < position + 2:
            raise DamagedCodeStream("frame: a segment is cut short; send it again")
        payload = _kept_payload(marker, data[position + 2 : end])
        if payload is not None:
            out += bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload
        position = end
        if marker == _SOS:
            end = _scan_end(data, position)
            out += data[position:end]
            position = end


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    if position + 1 >= len(data) or data[position] != 0xFF:
        raise DamagedCodeStream("frame: a marker is missing; send it again")
    while position < len(data) and data[position] == 0xFF:
        position += 1
    if position >= len(data):
        raise DamagedCodeStream("frame: ends within a marker; send it again")
    return data[position], position + 1


def _kept_payload(marker: int, payload: bytes) -> bytes | None:
    if marker == _COM:
        return None
    if 0xE0 <= marker <= 0xEF:
        if marker == 0xE0 and payload[:5] == b"JFIF\0" and len(payload) >= _JFIF_BYTES:
            return payload[: _JFIF_BYTES - 2] + b"\0\0"
        if marker == 0xEE and payload[:5] == b"Adobe" and len(payload) >= _ADOBE_BYTES:
            return payload[:_ADOBE_BYTES]
        return None
    return payload


def _scan_end(data: bytes, position: int) -> int:
    """Where entropy-coded data ends: a byte after FF below 80 is data, as restart markers are."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            raise DamagedCodeStream("frame: the picture data has no end; send it again")
        following = data[position + 1]
        if following >= 0x80 and not 0xD0 <= following <= 0xD7 and following != 0xFF:
            return position
        position += 1 if following == 0xFF else 2


def strip_jpeg_2000(data: bytes) -> bytes:
    """The JPEG 2000 code stream without COM (main and tile-part headers) and without TLM.

    Raises ``DamagedCodeStream``, also for a JP2 file around the code stream.
    """
    if data[:4] != b"\xff\x4f\xff\x51":
        raise DamagedCodeStream("frame: not a bare JPEG 2000 code stream; decode it instead")
    header, position = _j2k_header(data, 2, _J2K_SOT)
    out = bytearray(data[:2] + header)
    while int.from_bytes(data[position : position + 2], "big") == _J2K_SOT:
        start, size = position, int.from_bytes(data[position + 6 : position + 10], "big")
        end = start + size if size else data.rfind(b"\xff\xd9")
        if end > len(data) or end < start + 14:
            raise DamagedCodeStream("frame: a tile is cut short; send it again")
        header, position = _j2k_header(data, start + 12, _J2K_SOD)
        body = data[position:end]
        new_size = (12 + len(header) + len(body)).to_bytes(4, "big")
        out += data[start : start + 6] + new_size + data[start + 10 : start + 12] + header + body
        position = end
    if int.from_bytes(data[position : position + 2], "big") != _J2K_EOC:
        raise DamagedCodeStream("frame: the end marker is missing; send it again")
    return bytes(out) + b"\xff\xd9"


def _j2k_header(data: bytes, position: int, until: int) -> tuple[bytes, int]:
    """Marker segments without COM and TLM up to ``until``, and that marker's position."""
    out = bytearray()
    while True:
        marker = int.from_bytes(data[position : position + 2], "big")
        if marker == until:
            return bytes(out), position
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker < 0xFF00 or end > len(data) or end < position + 4:
            raise DamagedCodeStream("frame: a header is cut short; send it again")
        if marker not in (_J2K_COM, _J2K_TLM):
            out += data[position:end]
        position = end
