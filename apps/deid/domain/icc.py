"""ICC profiles without their texts: colour stays, descriptions, dates and makers go."""

from __future__ import annotations

import struct

from apps.deid.domain.disguised import reads_as_text

_COLOUR_TYPES = frozenset(
    {b"XYZ ", b"curv", b"para", b"sf32", b"mft1", b"mft2", b"mAB ", b"mBA ", b"chrm", b"sig "}
)
# ICC.1:2010 section 9.2, those that say something of colour.
_COLOUR_TAGS = frozenset(
    {b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"gamt", b"wtpt", b"bkpt", b"lumi",
     b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"chad", b"chrm", b"tech",
     b"pre0", b"pre1", b"pre2", b"D2B0", b"D2B1", b"D2B2", b"D2B3", b"B2D0", b"B2D1", b"B2D2",
     b"B2D3", b"rig0", b"ciis"}
)  # fmt: skip
_PARAMETERS = (1, 3, 4, 5, 7)
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
        if kind in _COLOUR_TYPES and name in _COLOUR_TAGS:
            own = _own_part(name, data)
            if own is None:
                return None
            tags.append((name, own))
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


def _own_part(name: bytes, data: bytes) -> bytes | None:
    """A colour tag without what stands behind its own fields (ICC.1:2010 section 10); None: cut
    short, or a text."""
    kind, size = data[:4], len(data)
    if len(data) < 12:
        return None
    if kind == b"curv":
        size = 12 + 2 * int.from_bytes(data[8:12], "big")
    elif kind == b"para":
        form = int.from_bytes(data[8:10], "big")
        size = 12 + 4 * _PARAMETERS[form] if form < len(_PARAMETERS) else len(data) + 1
    elif kind == b"XYZ ":
        size = 20
    elif kind == b"sf32":
        size = 8 + 36 if name == b"chad" else len(data)
    elif kind == b"sig ":
        size = 12
    elif kind == b"chrm":
        size = 12 + 8 * int.from_bytes(data[8:10], "big")
    elif kind in (b"mft1", b"mft2"):
        size = _table_bytes(data)
    own = data[:4] + bytes(4) + data[8:size]
    return own if size <= len(data) and not reads_as_text(own[8:]) else None


def _table_bytes(data: bytes) -> int:
    """The size of a lut8Type or lut16Type (sections 10.8 and 10.9)."""
    if len(data) < 52:
        return len(data) + 1
    inputs, outputs, points = data[8], data[9], data[10]
    if data[:4] == b"mft1":
        return int(48 + 256 * inputs + points**inputs * outputs + 256 * outputs)
    first, last = struct.unpack_from(">HH", data, 48)
    return int(52 + 2 * (inputs * first + points**inputs * outputs + outputs * last))


def _fixed_text(kind: bytes) -> bytes:
    text = b"Profile\x00"
    if kind == b"text":
        return b"text" + bytes(4) + text
    if kind == b"desc":
        return b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)
    wide = "Profile".encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(wide), 28) + wide
