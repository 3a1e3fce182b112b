"""Text planted in every place of a single picture's code stream that a decoder passes over: JPEG,
JPEG-LS, JPEG 2000 and RLE. Written from the standards alone, without the application.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.domain.stream_plants import SECRET

Plant = Callable[[bytes], bytes]
SIDE_PX = 64


def picture(colour: bool = True) -> np.ndarray:
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    layers = [(x * 3 + y) % 256, (y * 4) % 256, (x + y * 2) % 256]
    return np.stack(layers, -1).astype(np.uint8) if colour else layers[0].astype(np.uint8)


def jpeg_ls() -> bytes:
    import jpeg_ls as codec  # pyjpegls

    return bytes(codec.encode_array(picture(False)))


def jpeg_2000(**options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture()).save(out, "JPEG2000", **options)
    return out.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


# Says that the components are YCbCr.
ADOBE = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01")


def jpeg(**options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture()).save(out, "JPEG", quality=90, **options)
    return at_start(ADOBE)(out.getvalue())


def at_start(data: bytes) -> Plant:
    return lambda stream: stream[:2] + data + stream[2:]


def before(marker: int, data: bytes) -> Plant:
    def plant(stream: bytes) -> bytes:
        at = stream.index(bytes([0xFF, marker]))
        return stream[:at] + data + stream[at:]

    return plant


def _extra_interval(stream: bytes) -> bytes:
    """One restart interval more than the picture has."""
    last = max(stream.rfind(bytes([0xFF, m])) for m in range(0xD0, 0xD8))
    following = 0xD0 + (stream[last + 1] - 0xD0 + 1) % 8
    return stream[:-2] + bytes([0xFF, following]) + SECRET + stream[-2:]


TABLE = (SECRET * 5)[:64]
JPEG_PLANTS: dict[str, Plant] = {
    "comment": at_start(segment(0xFE, SECRET)),
    "comment before the scan": before(0xDA, segment(0xFE, SECRET)),
    "thumbnail": at_start(segment(0xE0, b"JFXX\0\x13\x05\x01" + SECRET)),
    "exif": at_start(segment(0xE1, b"Exif\0\0" + SECRET)),
    "xmp": at_start(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)),
    "colour profile": at_start(segment(0xE2, b"ICC_PROFILE\0\x01\x01" + SECRET)),
    "photoshop": at_start(segment(0xED, b"Photoshop 3.0\0" + SECRET)),
    "behind adobe's fields": lambda s: s.replace(ADOBE, segment(0xEE, ADOBE[4:] + SECRET)),
    "other application": at_start(segment(0xEB, SECRET)),
    "reserved segment": at_start(segment(0xF0, SECRET)),
    "unused quantization table": before(0xDA, segment(0xDB, b"\x03" + TABLE)),
    "unused huffman table": before(
        0xDA, segment(0xC4, b"\x13" + bytes([0, 0, 0, 0, 0, 0, 0, 15, *[0] * 8]) + SECRET)
    ),
    "behind the end": lambda s: s + SECRET,
    "behind the end, another picture": lambda s: s + s[:2] + segment(0xFE, SECRET) + s[2:],
    "restart interval too many": _extra_interval,
}
JPEG_LS_PLANTS: dict[str, Plant] = {
    "comment": at_start(segment(0xFE, SECRET)),
    "application": at_start(segment(0xE8, b"mrfx" + SECRET)),
    "behind the end": lambda s: s + SECRET,
}


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _in_tile(stream: bytes) -> bytes:
    """A comment in the header of the first tile part."""
    at = stream.index(b"\xff\x90")
    added = segment(0x64, b"\0\1" + SECRET)
    size = struct.unpack_from(">I", stream, at + 6)[0]
    head = stream[: at + 6] + struct.pack(">I", size + len(added)) + stream[at + 10 : at + 12]
    return head + added + stream[at + 12 :]


def _before_code_stream(box: bytes) -> Plant:
    def plant(file: bytes) -> bytes:
        at = file.index(b"jp2c") - 4
        return file[:at] + box + file[at:]

    return plant


JPEG_2000_PLANTS: dict[str, Plant] = {
    "comment": before(0x90, segment(0x64, b"\0\1" + SECRET)),
    "comment of a tile": _in_tile,
    "behind the end": lambda s: s + SECRET,
}
JP2_PLANTS: dict[str, Plant] = {
    "xml box": _before_code_stream(_box(b"xml ", b"<p>" + SECRET + b"</p>")),
    "uuid box": _before_code_stream(_box(b"uuid", bytes(16) + SECRET)),
    "url box": _before_code_stream(_box(b"uinf", _box(b"url ", bytes(4) + SECRET))),
    "box behind the code stream": lambda f: f + _box(b"xml ", SECRET),
}


def rle() -> bytes:
    """One grey frame, one segment, rows as literal runs."""
    body = b"".join(bytes([SIDE_PX - 1]) + row.tobytes() for row in picture(False))
    return struct.pack("<16I", 1, 64, *[0] * 14) + body


RLE_PLANTS: dict[str, Plant] = {
    "behind the segment": lambda s: s + SECRET + b"\0",
    "unused offsets": lambda s: s[:12] + SECRET.ljust(16, b"\0") + s[28:],
    "gap before the segment": lambda s: (
        struct.pack("<2I", 1, 80) + s[8:64] + SECRET.ljust(16, b"\0") + s[64:]
    ),
}
