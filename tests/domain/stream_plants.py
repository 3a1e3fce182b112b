"""Text planted in every place of a video stream that a decoder passes over. Written from the
standards alone: nothing of the application is used here.

Each plant takes a sound stream and gives the same pictures with the text in one place.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from tests.domain.video_clips import B_FRAMES, clip

SECRET = b"MORGAN-LEVY^ANA"
MPEG2 = {"bf": "2", "g": "12"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=12:bframes=2:pools=1"}


def escaped(rbsp: bytes) -> bytes:
    out, zeros = bytearray(), 0
    for byte in rbsp:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def ue(value: int) -> str:
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def packed(bits: str) -> bytes:
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def units(stream: bytes) -> list[bytes]:
    return [u.rstrip(b"\0") for u in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]]


def bytestream(found: list[bytes]) -> bytes:
    return b"".join(b"\0\0\0\1" + u for u in found)


def sei(kind: int, payload: bytes) -> bytes:
    return bytes([kind, len(payload)]) + payload + b"\x80"


# H.264 ---------------------------------------------------------------------------------------


def h264() -> bytes:
    return clip(24, container="h264", x264=f"{B_FRAMES}:keyint=12:nal-hrd=vbr", options={
        "maxrate": "2M", "bufsize": "2M"})  # fmt: skip


def _before_slices(unit: bytes) -> Callable[[bytes], bytes]:
    """The unit put before the first slice of every access unit."""

    def plant(stream: bytes) -> bytes:
        out = []
        for found in units(stream):
            if found[0] & 31 in (1, 5) and found[1] & 0x80:
                out.append(unit)
            out.append(found)
        return bytestream(out)

    return plant


def _behind(kinds: tuple[int, ...], kind_of: Callable[[bytes], int]) -> Callable[[bytes], bytes]:
    """The text behind the last bit of every unit of these kinds."""
    return lambda stream: bytestream(
        [u + SECRET if kind_of(u) in kinds else u for u in units(stream)]
    )


def _unused_sequence_set(stream: bytes) -> bytes:
    bits = f"{66:08b}{0:08b}{30:08b}" + ue(30) + ue(0) + ue(2) + ue(1) + "0" + ue(9) + ue(9)
    # VUI with nothing but timing: 64 bits of text.
    bits += "110" + "1" + "00001" + "".join(f"{b:08b}" for b in SECRET[-8:]) + "10000"
    return bytestream([*units(stream)[:1], b"\x67" + escaped(packed(bits)), *units(stream)[1:]])


def _unused_picture_set(stream: bytes) -> bytes:
    extra = b"\x68" + escaped(packed(ue(77) + ue(0) + "0000" + SECRET.hex()[:0])) + SECRET
    return bytestream([*units(stream)[:2], extra, *units(stream)[2:]])


def _kind(unit: bytes) -> int:
    return unit[0] & 31


H264: dict[str, Callable[[bytes], bytes]] = {
    "sei unregistered": _before_slices(b"\x06" + escaped(sei(5, bytes(range(1, 17)) + SECRET))),
    "sei registered": _before_slices(b"\x06" + escaped(sei(4, b"\xb5\x00\x31GA94" + SECRET))),
    "sei unknown": _before_slices(b"\x06" + escaped(sei(200, SECRET))),
    "sei beside recovery point": _before_slices(
        b"\x06" + escaped(sei(5, bytes(range(1, 17)) + SECRET)[:-1] + sei(6, b"\x80"))
    ),
    "access unit delimiter": _before_slices(b"\x09\xf0" + SECRET),
    "filler": _before_slices(b"\x0c" + SECRET + b"\x80"),
    "unspecified type": _before_slices(b"\x18" + SECRET),
    "reserved type": _before_slices(b"\x16" + SECRET),
    "auxiliary slice": _before_slices(b"\x13" + SECRET),
    "prefix unit": _before_slices(b"\x0e" + SECRET),
    "behind the sequence set": _behind((7,), _kind),
    "behind the picture set": _behind((8,), _kind),
    "behind end of sequence": lambda s: s + bytestream([b"\x0a" + SECRET]),
    "behind end of stream": lambda s: s + bytestream([b"\x0b" + SECRET]),
    "unused sequence set": _unused_sequence_set,
    "unused picture set": _unused_picture_set,
}

# HEVC ----------------------------------------------------------------------------------------


def hevc() -> bytes:
    return clip(16, codec="libx265", container="hevc", options=X265)


def hevc_10() -> bytes:
    return clip(16, codec="libx265", container="hevc", options=X265, pix_fmt="yuv420p10le")


def _hevc_kind(unit: bytes) -> int:
    return unit[0] >> 1 & 63


def _unit(kind: int, body: bytes, layer: int = 0) -> bytes:
    return bytes([kind << 1 | layer >> 5, (layer & 31) << 3 | 1]) + body


def _before_hevc(unit: bytes) -> Callable[[bytes], bytes]:
    def plant(stream: bytes) -> bytes:
        out = []
        for found in units(stream):
            if _hevc_kind(found) < 32 and found[2] & 0x80:
                out.append(unit)
            out.append(found)
        return bytestream(out)

    return plant


def _after_hevc(unit: bytes) -> Callable[[bytes], bytes]:
    return lambda s: bytestream([p for u in units(s) for p in (u, unit) if _hevc_kind(u) < 32 or p])


HEVC: dict[str, Callable[[bytes], bytes]] = {
    "sei prefix": _before_hevc(_unit(39, escaped(sei(5, bytes(range(1, 17)) + SECRET)))),
    "sei suffix": lambda s: s + bytestream([_unit(40, escaped(sei(5, bytes(16) + SECRET)))]),
    "sei time code": _before_hevc(_unit(39, escaped(sei(136, SECRET)))),
    "access unit delimiter": _before_hevc(_unit(35, b"\x50" + SECRET)),
    "filler": lambda s: s + bytestream([_unit(38, SECRET + b"\x80")]),
    "unspecified type": _before_hevc(_unit(50, SECRET)),
    "reserved type": _before_hevc(_unit(41, SECRET)),
    "other layer": lambda s: s + bytestream([_unit(1, b"\xd0" + SECRET, layer=1)]),
    "behind the video set": _behind((32,), _hevc_kind),
    "behind the sequence set": _behind((33,), _hevc_kind),
    "behind the picture set": _behind((34,), _hevc_kind),
    "behind end of sequence": lambda s: s + bytestream([_unit(36, SECRET)]),
}

# MPEG-2 --------------------------------------------------------------------------------------


def mpeg2() -> bytes:
    return clip(24, codec="mpeg2video", container="mpeg2video", options=MPEG2)


def _sections(stream: bytes) -> list[bytes]:
    return [b"\0\0\1" + part for part in stream.split(b"\0\0\1")[1:]]


def _after(code: int, text: bytes, kind: int | None = None) -> Callable[[bytes], bytes]:
    """The bytes behind every section of a start code (of an extension: of one kind)."""

    def plant(stream: bytes) -> bytes:
        return b"".join(
            s + text if s[3] == code and (kind is None or s[4] >> 4 == kind) else s
            for s in _sections(stream)
        )

    return plant


def _extra_picture(stream: bytes) -> bytes:
    out = []
    for section in _sections(stream):
        if section[3] == 0:
            head = 29 + {1: 0, 2: 4, 3: 8}[section[5] >> 3 & 7]
            bits = "".join(f"{b:08b}" for b in section[4:])[:head]
            bits += "".join(f"1{b:08b}" for b in SECRET) + "0"
            bits += "0" * (-len(bits) % 8)
            section = section[:4] + int(bits, 2).to_bytes(len(bits) // 8, "big")
        out.append(section)
    return b"".join(out)


def _extra_slice(stream: bytes) -> bytes:
    out = []
    for section in _sections(stream):
        if 1 <= section[3] <= 0xAF:
            bits = "".join(f"{b:08b}" for b in section[4:])
            extra = "1" + "10000000" + "".join(f"1{b:08b}" for b in SECRET)
            bits = bits[:5] + extra + bits[5:]
            bits += "0" * (-len(bits) % 8)
            section = section[:4] + int(bits, 2).to_bytes(len(bits) // 8, "big")
        out.append(section)
    return b"".join(out)


def _clock(stream: bytes) -> bytes:
    out = []
    for section in _sections(stream):
        if section[3] == 0xB8:
            word = int.from_bytes(section[4:8], "big") & 0x7F
            clock = 0 << 24 | 13 << 19 | 37 << 13 | 1 << 12 | 42 << 6 | 7
            section = section[:4] + (clock << 7 | word).to_bytes(4, "big")
        out.append(section)
    return b"".join(out)


USER = b"\0\0\1\xb2" + SECRET
MPEG2_PLANTS: dict[str, Callable[[bytes], bytes]] = {
    "user data of the sequence": _after(0xB5, USER, kind=1),
    "user data of the group": _after(0xB8, USER),
    "user data of the picture": _after(0xB5, USER, kind=8),
    "copyright extension": _after(0xB5, b"\0\0\1\xb5\x4f" + SECRET, kind=8),
    "camera extension": _after(0xB5, b"\0\0\1\xb5\xb1" + SECRET, kind=8),
    "behind the sequence extension": _after(0xB5, SECRET, kind=1),
    "behind the picture extension": _after(0xB5, SECRET, kind=8),
    "behind the group": _after(0xB8, SECRET),
    "extra information of pictures": _extra_picture,
    "extra information of slices": _extra_slice,
    "zeros and text behind slices": lambda s: b"".join(
        x + b"\0\0\0" + SECRET if 1 <= x[3] <= 0xAF else x for x in _sections(s)
    ),
    "behind the end": lambda s: s + b"\0\0\1\xb7" + SECRET,
}

# Boxes of MP4 and MOV --------------------------------------------------------------------------

PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
HEAD_BYTES = {b"stsd": 16, b"avc1": 86}


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def into(data: bytes, path: tuple[bytes, ...], new: bytes) -> bytes:
    """The file with ``new`` as the last child of the first box at ``path``. What moves must lie
    behind the media (libav writes moov last)."""
    if not path:
        return data + new
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == path[0]:
            head = HEAD_BYTES.get(kind, 8)
            inner = into(data[at + head : at + size], path[1:], new)
            grown = struct.pack(">I", head + len(inner)) + data[at + 4 : at + head] + inner
            return data[:at] + grown + data[at + size :]
        at += size
    raise AssertionError(path)


def mp4(container: str = "mp4") -> bytes:
    return clip(24, container=container, x264=f"{B_FRAMES}:keyint=12")


def _longer_media(data: bytes) -> bytes:
    return into(data, (b"mdat",), SECRET)


def _compressor_name(data: bytes) -> bytes:
    at = data.index(b"avc1") - 4 + 50
    return data[:at] + bytes([len(SECRET)]) + SECRET.ljust(31, b"\0") + data[at + 32 :]


def _behind_configuration(data: bytes) -> bytes:
    at = data.index(b"avcC") - 4
    size = struct.unpack_from(">I", data, at)[0]
    record = data[at : at + size]
    without = data[:at] + data[at + size :]
    without = _resized(without, -size)
    return into(without, (*PARENTS, b"stsd", b"avc1"), box(b"avcC", record[8:] + SECRET))


def _resized(data: bytes, change: int) -> bytes:
    """Sizes of the boxes around the first avc1 sample entry changed."""
    out = bytearray(data)
    for kind in (*PARENTS, b"stsd", b"avc1"):
        at = data.index(kind) - 4
        struct.pack_into(">I", out, at, struct.unpack_from(">I", data, at)[0] + change)
    return bytes(out)


TEXT = box(b"\xa9nam", struct.pack(">HH", len(SECRET), 0) + SECRET)
BOXES: dict[str, Callable[[bytes], bytes]] = {
    "free": lambda d: d + box(b"free", SECRET),
    "skip": lambda d: d + box(b"skip", SECRET),
    "uuid": lambda d: d + box(b"uuid", bytes(16) + SECRET),
    "unknown box": lambda d: d + box(b"ptnt", SECRET),
    "udta of the movie": lambda d: into(d, (b"moov",), box(b"udta", TEXT)),
    "udta of the track": lambda d: into(d, (b"moov", b"trak"), box(b"udta", TEXT)),
    "meta of the movie": lambda d: into(d, (b"moov",), box(b"meta", bytes(4) + TEXT)),
    "uuid of the track": lambda d: into(
        d, (b"moov", b"trak"), box(b"uuid", bytes(range(16)) + SECRET)
    ),
    "unknown box of the table": lambda d: into(d, PARENTS, box(b"xyzt", SECRET)),
    "colour profile": lambda d: into(
        d,
        (*PARENTS, b"stsd", b"avc1"),
        box(b"colr", b"prof" + struct.pack(">I", 132 + 15) + bytes(128) + SECRET),
    ),
    "unknown box of the entry": lambda d: into(
        d, (*PARENTS, b"stsd", b"avc1"), box(b"xtra", SECRET)
    ),
    "compressor's name": _compressor_name,
    "behind the configuration": _behind_configuration,
    "behind the samples": _longer_media,
}
