"""Pictures whose code streams, tables, fragments and paddings hold identifiers."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.encaps import encapsulate

from .headers import Planter, identity, needed, part10, pixels
from .judging import standard_holds
from .people import Person, Sample

SC = "1.2.840.10008.5.1.4.1.1.7"
VL = "1.2.840.10008.5.1.4.1.1.77.1.1"
US = "1.2.840.10008.5.1.4.1.1.3.1"
TRUE = "1.2.840.10008.5.1.4.1.1.7.4"
BASELINE, PROGRESSIVE_LIKE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
LOSSLESS, JLS, JLS_NEAR = (
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
)
J2K, J2K_LOSSY, HT = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.201"
RLE = "1.2.840.10008.1.2.5"
SIZE = 64


class Hider:
    """Gives text to hide, a new person each time, noted by the place where it goes."""

    def __init__(self, rng: random.Random, planter: Planter) -> None:
        self.rng, self.planter = rng, planter

    def text(self, kind: str) -> bytes:
        who = self.planter.patient if self.rng.random() < 0.4 else Person(self.rng)
        words = f"{who.given} {who.family} {who.number}"
        self.planter.note(kind, who.family, who.number)
        form = self.rng.randrange(4)
        if form == 1:
            return words.encode("utf-16-le")
        if form == 2:
            return zlib.compress(words.encode())
        return words.encode()


def picture(rng: random.Random, channels: int) -> np.ndarray:
    """A smooth picture with some noise and no text, uint8 (SIZE, SIZE[, 3])."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    noise = np.random.default_rng(rng.randrange(1 << 30)).integers(0, 12, (SIZE, SIZE, 3))
    base = np.stack([x * 2 + 40, y * 2 + 30, x + y + 20], -1) + noise
    array = np.clip(base, 0, 255).astype(np.uint8)
    return array if channels == 3 else np.ascontiguousarray(array[..., 0])


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def jpeg_with_plants(data: bytes, hide: Hider) -> bytes:
    """A JPEG with text in every segment that may hold some, before, between and behind."""
    t = hide.text
    thumbnail = t("JFIF thumbnail")
    count = -(-len(thumbnail) // 3)
    front = b"".join(
        (
            segment(
                0xE0,
                b"JFIF\0\x01\x02\0\0\x01\0\x01" + bytes([count, 1]) + thumbnail.ljust(3 * count),
            ),
            segment(0xE0, b"JFXX\0\x10" + t("JFXX thumbnail")),
            segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + t("EXIF")),
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + t("XMP")),
            segment(0xE2, b"ICC_PROFILE\0\x01\x01" + t("APP2 profile")),
            segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + t("IPTC")),
            *(segment(0xE0 + n, t(f"APP{n}")) for n in (3, 4, 5, 6, 7, 9, 10, 11, 12, 15)),
            segment(0xFE, t("JPEG COM at the front")),
            segment(0xF1, t("JPEG extension segment")),
            segment(0xDB, b"\x03" + t("JPEG unused quantization table").ljust(64, b" ")[:64]),
            b"\xff\xff\xff",
        )
    )
    body = data[2:]
    assert body[-2:] == b"\xff\xd9"
    sos = body.find(b"\xff\xda")
    head, scan = body[:sos], body[sos:-2]
    huffman = (
        bytes([0x13])
        + bytes([0] * 4 + [60] + [0] * 11)
        + t("JPEG unused Huffman table").ljust(60)[:60]
    )
    return (
        data[:2]
        + front
        + head
        + segment(0xC4, huffman)
        + segment(0xFE, t("JPEG COM before the scan"))
        + scan
        + segment(0xFE, t("JPEG COM behind the scan"))
        + segment(0xEA, t("APP10 behind the scan"))
        + b"\xff\xd9"
        + t("JPEG tail")
        + data[:2]
        + segment(0xFE, t("second JPEG behind the first"))
        + data[2:]
    )


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def j2k_with_plants(data: bytes, hide: Hider, *, wrap: bool, size: tuple[int, int, int]) -> bytes:
    """A JPEG 2000 code stream with comments in both headers, boxes around and bytes behind."""
    t = hide.text

    def seg(marker: int, payload: bytes) -> bytes:
        return struct.pack(">HH", marker, len(payload) + 2) + payload

    sot = data.find(b"\xff\x90\x00\x0a")
    siz_end = 4 + struct.unpack(">H", data[4:6])[0]
    length = struct.unpack(">I", data[sot + 6 : sot + 10])[0]
    extra = seg(0xFF64, b"\0\x01" + t("J2K COM in a tile header")) + seg(
        0xFF58, b"\0" + t("J2K PLT")
    )
    sod = data.find(b"\xff\x93", sot)
    tile = (
        data[sot : sot + 6]
        + struct.pack(">I", length + len(extra) if length else 0)
        + data[sot + 10 : sod]
    )
    stream = (
        data[:siz_end]
        + seg(0xFF64, b"\0\x01" + t("J2K COM in the main header"))
        + seg(0xFF64, b"\0\0" + t("J2K binary COM"))
        + data[siz_end:sot]
        + seg(0xFF63, t("J2K CRG"))
        + tile
        + extra
        + data[sod:]
    )
    if not wrap:
        return stream + t("J2K tail")
    height, width, channels = size
    header = box(b"ihdr", struct.pack(">IIHBBBB", height, width, channels, 7, 7, 0, 0))
    header += box(b"colr", b"\x01\0\0" + struct.pack(">I", 16 if channels == 3 else 17))
    return (
        box(b"jP  ", b"\r\n\x87\n")
        + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
        + box(b"jp2h", header)
        + box(b"xml ", b"<p>" + t("JP2 xml box") + b"</p>")
        + box(b"uuid", bytes(range(16)) + t("JP2 uuid box"))
        + box(b"uinf", box(b"url ", t("JP2 url box")))
        + box(b"free", t("JP2 free box"))
        + box(b"jp2c", stream)
        + box(b"jp2i", t("JP2 jp2i box"))
    )


def jls_with_plants(data: bytes, hide: Hider) -> bytes:
    t = hide.text
    spiff = segment(0xE8, b"SPIFF\0\x01\0" + bytes(22)) + segment(
        0xE8, struct.pack(">I", 7) + t("SPIFF entry")
    )
    table = segment(0xF8, b"\x02\x05\x01" + t("JPEG-LS unused mapping table"))
    return (
        data[:2]
        + spiff
        + segment(0xFE, t("JPEG-LS COM"))
        + table
        + segment(0xE9, t("JPEG-LS APP9"))
        + data[2:]
        + t("JPEG-LS tail")
    )


def rle_with_plants(array: np.ndarray, hide: Hider) -> bytes:
    """RLE Lossless with text in the unused offsets, before the first segment, within and behind."""
    t = hide.text
    planes = [array] if array.ndim == 2 else [array[..., c] for c in range(3)]
    gap = t("RLE gap before the first segment")
    segments = []
    for n, plane in enumerate(planes):
        body = b"".join(_packed(row.tobytes()) for row in plane)
        if n == len(planes) - 1:
            tail = t("RLE segment's tail")[:120]
            body += bytes([len(tail) - 1]) + tail
        segments.append(body + bytes(len(body) % 2))
    offsets, at = [], 64 + len(gap)
    for body in segments:
        offsets.append(at)
        at += len(body)
    unused = t("RLE unused offsets").ljust(60)[: 60 - 4 * len(offsets)]
    if not any(n in unused.decode("latin-1") for n in hide.planter.plants[-1].needles):
        hide.planter.plants.pop()
    head = struct.pack(f"<{1 + len(offsets)}I", len(offsets), *offsets) + unused
    return head.ljust(64) + gap + b"".join(segments) + t("RLE tail")


def _packed(row: bytes) -> bytes:
    out = b""
    for start in range(0, len(row), 128):
        part = row[start : start + 128]
        out += bytes([len(part) - 1]) + part
    return out


def _streams(
    rng: random.Random, syntax: str, arrays: list[np.ndarray], hide: Hider
) -> tuple[list[bytes], list[bytes]]:
    """(clean code streams, those with plants)."""
    clean, dirty = [], []
    for n, array in enumerate(arrays):
        if syntax in (BASELINE, PROGRESSIVE_LIKE):
            buffer = io.BytesIO()
            Image.fromarray(array).save(buffer, "JPEG", quality=90, subsampling=rng.choice([0, 2]))
            clean.append(buffer.getvalue())
            dirty.append(jpeg_with_plants(clean[-1], hide))
        elif syntax == LOSSLESS:
            clean.append(
                imagecodecs.ljpeg_encode(array)
                if array.ndim == 2
                else imagecodecs.jpeg8_encode(array, lossless=True, predictor=1)
            )
            dirty.append(jpeg_with_plants(clean[-1], hide))
        elif syntax in (JLS, JLS_NEAR):
            clean.append(imagecodecs.jpegls_encode(array, level=2 if syntax == JLS_NEAR else 0))
            dirty.append(jls_with_plants(clean[-1], hide))
        elif syntax in (J2K, J2K_LOSSY):
            clean.append(
                imagecodecs.jpeg2k_encode(
                    array,
                    codecformat="j2k",
                    reversible=syntax == J2K,
                    level=0 if syntax == J2K else 40,
                )
            )
            shape = (*array.shape, 1)[:3]
            dirty.append(j2k_with_plants(clean[-1], hide, wrap=n % 2 == 1, size=shape))
        elif syntax == HT:
            clean.append(imagecodecs.htj2k_encode(array, reversible=True))
            dirty.append(j2k_with_plants(clean[-1], hide, wrap=False, size=(*array.shape, 1)[:3]))
        else:
            clean.append(
                rle_with_plants(
                    array, Hider(random.Random(0), Planter(random.Random(0), "", False))
                )
            )
            dirty.append(rle_with_plants(array, hide))
    return clean, dirty


_WAYS = [
    (SC, BASELINE, 3, 1),
    (VL, BASELINE, 3, 1),
    (US, BASELINE, 3, 3),
    (VL, LOSSLESS, 1, 1),
    (SC, JLS, 3, 1),
    (US, JLS_NEAR, 1, 3),
    (VL, J2K, 3, 1),
    (US, J2K_LOSSY, 3, 3),
    (TRUE, J2K, 3, 2),
    (SC, RLE, 3, 1),
    (US, RLE, 1, 3),
    (VL, HT, 1, 1),
    (TRUE, BASELINE, 3, 2),
    (SC, JLS, 1, 1),
]


def coded(seed: int, which: int) -> Sample:
    """A picture or cine in an encapsulated syntax."""
    rng = random.Random(f"{seed} coded {which}")
    sop_class, syntax, channels, frames = _WAYS[which % len(_WAYS)]
    profile = ("basic", "research")[which % 2]
    planter = Planter(rng, "ISO_IR 192", profile == "research")
    hide = Hider(rng, planter)
    ds = Dataset()
    identity(ds, planter, sop_class)
    ds.Modality = "US" if sop_class == US else "ES"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    pixels(ds, rng, frames, SIZE)
    ds.SamplesPerPixel = channels
    if channels == 3:
        ds.PlanarConfiguration = 0
        is_ybr = syntax == BASELINE
        ds.PhotometricInterpretation = "YBR_FULL_422" if is_ybr else "RGB"
        if syntax == J2K:
            ds.PhotometricInterpretation = "YBR_RCT"
        if syntax == J2K_LOSSY:
            ds.PhotometricInterpretation = "YBR_ICT"
    needed(ds, rng)
    region = ds.SequenceOfUltrasoundRegions[0]
    region.RegionLocationMaxX1 = region.RegionLocationMaxY1 = SIZE - 1
    icon = Dataset()
    pixels(icon, rng, 1, 16)
    icon.PixelData = hide.text("icon image").ljust(256)
    icon["PixelData"].VR = "OB"
    ds.IconImageSequence = [icon]
    clean, dirty = _streams(rng, syntax, [picture(rng, channels) for _ in range(frames)], hide)
    reference = Dataset()
    reference.update({e.tag: e for e in ds})
    reference.PixelData = encapsulate(clean)
    reference["PixelData"].VR, reference["PixelData"].is_undefined_length = "OB", True
    import pydicom

    expected = pydicom.dcmread(io.BytesIO(part10(reference, syntax))).pixel_array.copy()
    ds.PixelData, table = _fragments(rng, dirty, hide, frames)
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    if table:
        ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = table
    holds = standard_holds(profile, has_pixels=False)
    holds["pixels"] = lambda old, new: np.array_equal(new.pixel_array, expected)
    return Sample(
        f"coded {which} {syntax[-5:]}",
        part10(ds, syntax, planter),
        sop_class,
        syntax,
        profile,
        planter.plants,
        holds,
        picture="coded",
    )


def _fragments(
    rng: random.Random, streams: list[bytes], hide: Hider, frames: int
) -> tuple[bytes, tuple[bytes, bytes] | None]:
    """Items: one frame over several fragments with empty ones between, or one fragment a frame with
    an offset table; extended tables and paddings may hold text."""

    def fragment(data: bytes) -> bytes:
        return (
            struct.pack("<HHI", 0xFFFE, 0xE000, len(data) + len(data) % 2)
            + data
            + bytes(len(data) % 2)
        )

    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    if frames == 1:
        cut = len(streams[0]) // 3 // 2 * 2
        parts = [streams[0][:cut], b"", streams[0][cut : 2 * cut], streams[0][2 * cut :]]
        return fragment(b"") + b"".join(map(fragment, parts)) + end, None
    bodies = [fragment(s) for s in streams]
    offsets, at = [], 0
    for body in bodies:
        offsets.append(at)
        at += len(body)
    if rng.random() < 0.5:
        lengths = struct.pack(f"<{frames}Q", *[len(s) for s in streams])
        return fragment(b"") + b"".join(bodies) + end, (
            struct.pack(f"<{frames}Q", *offsets),
            lengths,
        )
    return fragment(struct.pack(f"<{frames}I", *offsets)) + b"".join(bodies) + end, None


def native(seed: int, which: int) -> Sample:
    """Native pixels: text in unused bits, behind the last sample, in colour tables, in a cine."""
    rng = random.Random(f"{seed} native {which}")
    syntax = (
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
    )[which % 4]
    profile = ("research", "basic")[which % 2]
    planter = Planter(rng, "ISO_IR 100", profile == "research")
    hide = Hider(rng, planter)
    ds = Dataset()
    sop_class = (VL, "1.2.840.10008.5.1.4.1.1.2", US, SC)[which % 4]
    identity(ds, planter, sop_class)
    ds.Modality, ds.ImageType = "OT", ["ORIGINAL", "PRIMARY"]
    way = which % 4
    pixels(ds, rng, 3 if way == 2 else 1, SIZE)
    needed(ds, rng)
    region = ds.SequenceOfUltrasoundRegions[0]
    region.RegionLocationMaxX1 = region.RegionLocationMaxY1 = SIZE - 1
    holds = standard_holds(profile)
    if way == 1:
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
        low = np.arange(SIZE * SIZE, dtype=np.uint16) % 4096
        text = (hide.text("unused bits") * 400)[: SIZE * SIZE // 2]
        high = np.array([n for b in text for n in (b >> 4, b & 15)], np.uint16)
        high = np.resize(high, SIZE * SIZE)
        order = "<u2" if syntax != "1.2.840.10008.1.2.2" else ">u2"
        ds.PixelData = (low | high << 12).astype(order).tobytes()
        ds["PixelData"].VR = "OW"
        holds["pixels"] = lambda old, new: np.array_equal(new.pixel_array.reshape(-1) & 4095, low)
        holds["unused bits are empty"] = lambda old, new: (
            not (np.frombuffer(new.PixelData, "<u2") & 0xF000).any()
        )
    elif way == 3:
        ds.PhotometricInterpretation = "PALETTE COLOR"
        for n, colour in enumerate(("Red", "Green", "Blue")):
            setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            ramp = np.roll(np.arange(256, dtype=np.uint16) * 256, 7 * n).astype("<u2").tobytes()
            tail = hide.text(f"{colour.lower()} palette's tail")
            ds.add_new(0x00281201 + n, "OW", ramp + tail + bytes(len(tail) % 2))
        holds.pop("pixels")
    else:
        data = hide.text("behind the last sample")
        ds.PixelData = ds.PixelData + data + bytes(len(data) % 2)
        ds["PixelData"].VR = "OB" if syntax != "1.2.840.10008.1.2" else "OW"
        size = (3 if way == 2 else 1) * SIZE * SIZE
        holds["pixels"] = lambda old, new: (
            np.array_equal(
                np.frombuffer(old.PixelData, np.uint8)[:size],
                np.frombuffer(new.PixelData, np.uint8)[:size],
            )
            or syntax == "1.2.840.10008.1.2.2"
        )
    planter.scatter(ds, 25, "root of a native picture")
    return Sample(
        f"native {which}",
        part10(ds, syntax, planter),
        sop_class,
        syntax,
        profile,
        planter.plants,
        holds,
        picture="native",
    )


def _unused(*_: Any) -> None:
    return None
