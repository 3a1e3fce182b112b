"""ICC profiles without their texts: colour stays, descriptions, dates and makers go."""

from __future__ import annotations

import struct

_COLOUR_TYPES = frozenset(
    {b"XYZ ", b"curv", b"para", b"sf32", b"mft1", b"mft2", b"mAB ", b"mBA ", b"chrm", b"sig "}
)
_TEXT_TYPES = frozenset({b"desc", b"text", b"mluc"})


def scrub_icc_profile(profile: bytes) -> bytes | None:
    """The profile rebuilt from its colour tags alone (ICC.1:2010 section 7); None: not a profile.

    Description and copyright, which readers ask for, become a fixed text. Creation date, maker,
    model, creator and profile ID in the header are zeroed.
    """
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return None
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > 100 or 132 + 12 * count > len(profile):
        return None
    tags: list[tuple[bytes, bytes]] = []
    for n in range(count):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * n)
        data = profile[offset : offset + size]
        if len(data) != size or size < 8:
            return None
        kind = data[:4]
        if kind in _COLOUR_TYPES:
            tags.append((name, data))
        elif kind in _TEXT_TYPES and name in (b"desc", b"cprt"):
            tags.append((name, _fixed_text(kind)))
    header = bytearray(profile[:128])
    header[4:8] = bytes(4)
    header[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    header[40:44] = bytes(4)
    header[48:56] = bytes(8)
    header[80:128] = bytes(48)
    table, body = b"", b""
    start = 132 + 12 * len(tags)
    for name, data in tags:
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header[0:4] = struct.pack(">I", start + len(body))
    return bytes(header) + struct.pack(">I", len(tags)) + table + body


def _fixed_text(kind: bytes) -> bytes:
    text = b"Profile\x00"
    if kind == b"text":
        return b"text" + bytes(4) + text
    if kind == b"desc":
        return b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)
    wide = "Profile".encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(wide), 28) + wide
