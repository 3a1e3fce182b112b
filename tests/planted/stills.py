"""Pictures of one frame or several, with identifiers in their code streams."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from .identities import Person, Planter
from .wire import encapsulated

JPEG, JPEG_LS, JPEG_LS_NEAR = (
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
)
J2K_LOSSLESS, J2K, RLE = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.5"


def pictures(p: Planter, frames: int, rows: int, columns: int, colour: bool) -> np.ndarray:
    """Smooth noise, uint8 (frames, rows, columns[, 3])."""
    rng = np.random.default_rng(p.rng.randrange(1 << 30))
    y, x = np.mgrid[0:rows, 0:columns]
    base = 110 + 50 * np.sin(x / 9) * np.cos(y / 7)
    shape = (frames, rows, columns, 3) if colour else (frames, rows, columns)
    smooth = base[None, ..., None] if colour else base[None]
    return (smooth + rng.normal(0, 4, shape)).clip(0, 255).astype(np.uint8)


def burn(array: np.ndarray, said: str) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """The pictures with a line of text, and the box (x, y, width, height) to be blanked."""
    from PIL import ImageDraw

    box = (0, 0, array.shape[2] * 3 // 4, 16)
    out = array.copy()
    for frame in out:
        image = Image.fromarray(frame)
        ImageDraw.Draw(image).text((2, 2), said, fill=(250,) * 3 if frame.ndim == 3 else 250)
        frame[...] = np.asarray(image)
    return out, box


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def _jpeg_places(p: Planter, person: Person, kind: str) -> bytes:
    word = lambda place: p.a_word(f"{kind} {place}").encode()  # noqa: E731
    exif = b"Exif\0\0" + b"II*\0\x08\0\0\0\x01\0\x3b\x01\x02\0" + b"\x20\0\0\0\x1a\0\0\0\0\0\0\0"
    return b"".join((
        _segment(0xFE, word("COM")), _segment(0xE1, exif + word("APP1 Exif artist")),
        _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + word("APP1 XMP") + b"</x>"),
        _segment(0xED, b"Photoshop 3.0\x008BIM" + word("APP13 IPTC")),
        _segment(0xE2, b"MPF\0" + word("APP2 MPF")), _segment(0xEF, word("APP15")),
        _segment(0xE0, b"JFXX\0\x10" + word("JFXX thumbnail")),
    ))  # fmt: skip


def jpeg(p: Planter, person: Person, array: np.ndarray) -> bytes:
    """Baseline JPEG, each frame with comments, application segments, a tail and odd markers."""
    frames = []
    for frame in array:
        out = io.BytesIO()
        Image.fromarray(frame).save(out, "JPEG", quality=88, subsampling=0)
        data = out.getvalue()
        tail = b"\xff\xd8 " + p.a_word("JPEG second picture behind EOI").encode()
        frames.append(data[:2] + _jpeg_places(p, person, "JPEG") + data[2:] + tail)
    table = p.a_word("Basic Offset Table").encode().ljust(4 * len(frames), b"\0")[: 4 * len(frames)]
    return encapsulated(frames, table if len(frames) > 3 else b"")


def jpeg_ls(p: Planter, person: Person, array: np.ndarray, near: int) -> bytes:
    import jpeg_ls as codec

    frames = []
    for frame in array:
        data = bytes(codec.encode_array(frame, near, interleave_mode=2 if frame.ndim == 3 else 0))
        places = _segment(0xFE, p.a_word("JPEG-LS COM").encode())
        places += _segment(0xE8, b"mrfx" + p.a_word("JPEG-LS APP8").encode())
        frames.append(data[:2] + places + data[2:] + p.a_word("JPEG-LS behind EOI").encode())
    return encapsulated(frames)


def jpeg_2000(p: Planter, person: Person, array: np.ndarray, lossy: bool) -> bytes:
    frames = []
    for frame in array:
        out = io.BytesIO()
        options = {"irreversible": True, "quality_layers": [8]} if lossy else {}
        Image.fromarray(frame).save(
            out, "JPEG2000", no_jp2=True, mct=0 if frame.ndim == 2 else 1, **options
        )
        data = out.getvalue()
        comment = p.a_word("JPEG 2000 COM").encode()
        segment = b"\xff\x64" + struct.pack(">HH", len(comment) + 4, 1) + comment
        place = data.index(b"\xff\x52")
        tail = p.a_word("JPEG 2000 behind EOC").encode()
        frames.append(data[:place] + segment + data[place:] + tail)
    return encapsulated(frames)


def jp2_boxes(p: Planter, person: Person, array: np.ndarray) -> bytes:
    """Whole JP2 files as frames, as some devices write them, with boxes of text."""
    frames = []
    for frame in array:
        out = io.BytesIO()
        Image.fromarray(frame).save(out, "JPEG2000", mct=0 if frame.ndim == 2 else 1)
        data = out.getvalue()
        body = p.a_word("JP2 xml box").encode()
        box = struct.pack(">I", len(body) + 8) + b"xml " + body
        body = bytes(16) + p.a_word("JP2 uuid box").encode()
        box += struct.pack(">I", len(body) + 8) + b"uuid" + body
        place = data.index(b"jp2c") - 4
        size = struct.unpack(">I", data[place : place + 4])[0]
        if size == 0:
            data = data[:place] + struct.pack(">I", len(data) - place) + data[place + 4 :]
        frames.append(data[:place] + box + data[place:])
    return encapsulated(frames)


def rle(p: Planter, person: Person, array: np.ndarray) -> bytes:
    """RLE Lossless with text behind the segments and in the header's unused offsets."""
    from pydicom.pixels.encoders import RLELosslessEncoder

    frames = []
    for frame in array:
        colour = frame.ndim == 3
        data = RLELosslessEncoder.encode(
            frame, rows=frame.shape[0], columns=frame.shape[1],
            samples_per_pixel=3 if colour else 1, bits_allocated=frame.itemsize * 8,
            bits_stored=8 if frame.itemsize == 1 else 12, pixel_representation=0,
            photometric_interpretation="RGB" if colour else "MONOCHROME2", number_of_frames=1,
            **({"planar_configuration": 0} if colour else {}),
        )  # fmt: skip
        word = p.a_word("RLE unused header offsets").encode()[:12].ljust(12, b"!")
        data = data[:52] + word + data[64:]
        frames.append(data + p.a_word("RLE behind the segments").encode())
    return encapsulated(frames)


def native(p: Planter, person: Person, array: np.ndarray) -> bytes:
    """Samples with text behind them."""
    tail = p.a_word("native bytes behind the samples").encode()
    return array.tobytes() + tail + bytes(len(tail) % 2)


def high_bits(p: Planter, array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """12-bit samples in 16, a word in the four high bits of every frame: (as sent, as meant)."""
    meant = (array.astype(np.uint16) << 4 | 5) & 0x0FFF
    sent = meant.copy()
    word = p.a_word("high bits over Bits Stored").encode()
    nibbles = [n for byte in word for n in (byte >> 4, byte & 15)]
    for frame in sent:
        flat = frame.reshape(-1)
        flat[: len(nibbles)] |= np.array(nibbles, np.uint16) << 12
    return sent, meant
