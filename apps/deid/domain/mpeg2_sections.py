"""What may stay of an MPEG-2 (or MPEG-1) access unit: sections between start codes, each cut to its
own length (ISO/IEC 13818-2 6.2).

Fail-closed: a section stays when its start code is on the list of what decoding needs. User data,
reserved and system start codes, the extensions that carry numbers no decoder needs, the extra
information of picture and slice headers, and bytes behind a section's end go.
"""

from __future__ import annotations

from collections.abc import Iterator

PICTURE, SEQUENCE, USER_DATA, EXTENSION = 0x00, 0xB3, 0xB2, 0xB5
SEQUENCE_END, GROUP = 0xB7, 0xB8
PICTURE_START = b"\x00\x00\x01\x00"
_FIRST_SLICE, _LAST_SLICE = 0x01, 0xAF
_TALL_PX = 2800

# Not kept: copyright, picture display (pan and scan), camera, ITU-T, scalable extensions.
_SEQUENCE_EXTENSION, _SEQUENCE_DISPLAY, _QUANT_MATRIX, _PICTURE_CODING = 1, 2, 3, 8


def clean_mpeg2(data: bytes, first_picture: int, pictures_per_s: int, height_px: int = 0) -> bytes:
    """An access unit without user data, its GOP time code a running count.

    ``first_picture`` counts the pictures before this unit; the time code (ISO/IEC 13818-2
    6.3.8) becomes that count at ``pictures_per_s``, drop-frame flag off. ``height_px``: slices
    are numbered otherwise in pictures over 2800 lines.
    """
    out = bytearray()
    for section in sections(data):
        code = section[3]
        if _FIRST_SLICE <= code <= _LAST_SLICE:
            out += _slice(section, height_px)
        elif code == PICTURE:
            out += _picture(section)
        elif code == GROUP and len(section) >= 8:
            out += _group_header(section, first_picture, pictures_per_s)
        elif code == SEQUENCE:
            out += _with_matrices(section, 62)
        elif code == EXTENSION and len(section) > 4:
            out += _extension(section)
        elif code == SEQUENCE_END:
            out += section[:4]
    return bytes(out)


def sections(data: bytes) -> Iterator[bytes]:
    """Sections with their start codes; what lies before the first start code is left out."""
    start = data.find(b"\x00\x00\x01")
    while start >= 0:
        end = data.find(b"\x00\x00\x01", start + 3)
        section = data[start : end if end >= 0 else len(data)]
        if len(section) > 3:
            yield section
        start = end


def user_data(data: bytes) -> Iterator[bytes]:
    """The user data sections of an access unit, start codes taken off."""
    return (section[4:] for section in sections(data) if section[3] == USER_DATA)


def _bit(section: bytes, at: int) -> int:
    """Bit ``at`` behind the start code; 0 past the end."""
    byte = 4 + at // 8
    return section[byte] >> 7 - at % 8 & 1 if byte < len(section) else 0


def _with_matrices(section: bytes, first_flag: int, n_flags: int = 2) -> bytes:
    """A section that ends with optional matrices of 64 bytes, each behind a flag."""
    bits = first_flag
    for _ in range(n_flags):
        bits += 1 + 512 * _bit(section, bits)
    return section[: 4 + -(-bits // 8)]


def _cut(section: bytes, n_bits: int) -> bytes:
    """The first bits behind the start code, filled up with zeros."""
    kept = bytearray(section[: 4 + -(-n_bits // 8)])
    if len(kept) == 4 + -(-n_bits // 8) and n_bits % 8:
        kept[-1] &= 0xFF << 8 - n_bits % 8 & 0xFF
    return bytes(kept)


def _extension(section: bytes) -> bytes:
    kind = section[4] >> 4
    if kind == _SEQUENCE_EXTENSION:
        return _cut(section, 48)
    if kind == _SEQUENCE_DISPLAY:
        return _cut(section, 61 if section[4] & 1 else 37)
    if kind == _QUANT_MATRIX:
        return _with_matrices(section, 4, 4)
    if kind == _PICTURE_CODING and len(section) >= 9:
        # The fields of an analogue source (20 bits behind composite_display_flag) go.
        return section[:8] + bytes([section[8] & 0x80])
    return b""


def _picture(section: bytes) -> bytes:
    """A picture header up to its extra information, then extra_bit_picture 0."""
    kind = section[5] >> 3 & 7 if len(section) > 5 else 0
    # Type 2 (P) brings 4 bits of motion vector code, type 3 (B) 8.
    return _cut(section, 29 + {2: 4, 3: 8}.get(kind, 0))


def _slice(section: bytes, height_px: int) -> bytes:
    """A slice without extra information, up to the zeros that end it."""
    at = 5 + (3 if height_px > _TALL_PX else 0)
    if _bit(section, at):
        end = at + 9
        while _bit(section, end):
            end += 9
        reserved = any(_bit(section, bit) for bit in range(at + 2, at + 9))
        if end > at + 9 or reserved:
            section = _without_bits(section, at, end)
    # 23 zero bits end a slice, so three zero bytes are never inside one.
    stop = section.find(b"\x00\x00\x00", 4)
    return section if stop < 0 else section[: stop + 1]


def _without_bits(section: bytes, at: int, end: int) -> bytes:
    """The slice with intra_slice_flag and intra_slice kept, reserved bits 0, and what follows up to
    ``end`` taken out."""
    n_bits = 8 * (len(section) - 4)
    bits = f"{int.from_bytes(section[4:], 'big'):0{n_bits}b}"
    kept = bits[: at + 2] + "0" * 7 + bits[end:]
    kept += "0" * (-len(kept) % 8)
    return section[:4] + int(kept, 2).to_bytes(len(kept) // 8, "big")


def _group_header(section: bytes, picture: int, pictures_per_s: int) -> bytes:
    seconds, pictures = divmod(picture, max(1, pictures_per_s))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    time_code = hours % 24 << 19 | minutes << 13 | 1 << 12 | seconds << 6 | min(pictures, 59)
    flags = section[7] >> 5 & 0b11
    word = time_code << 7 | flags << 5
    return section[:4] + word.to_bytes(4, "big")
