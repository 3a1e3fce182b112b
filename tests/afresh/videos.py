"""Videos whose containers and streams hold identifiers wherever a format has a place for some."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.encaps import encapsulate, generate_frames

from .headers import Planter, identity, part10
from .judging import standard_holds
from .people import Person, Sample

ENDOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
MICROSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.2.1"
H264, H264_BD, MPEG2, HEVC = (f"1.2.840.10008.1.2.4.{n}" for n in (102, 103, 100, 107))
_WIDTH, _HEIGHT, _FRAMES = 192, 128, 14
START = b"\0\0\0\1"


@lru_cache(32)
def _made(codec: str, form: str, plant: Callable[[bytes, bool], bytes] | None = None) -> bytes:
    """A short clip without text in a format that keeps its times, each packet as ``plant`` makes it
    (given the packet, and whether it is the first)."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as box:
        stream = box.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        stream.options = {
            "libx264": {"crf": "24", "g": "7", "bf": "2", "preset": "ultrafast"},
            "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=7"},
            "mpeg2video": {"g": "7"},
        }[codec]
        y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
        is_first = True
        frames: list[av.VideoFrame | None] = []
        for n in range(_FRAMES):
            rgb = np.stack([(x + 4 * n) % 200 + 40, (y * 2 + n) % 180, (x + y) % 160], -1)
            frames.append(av.VideoFrame.from_ndarray(rgb.astype(np.uint8), "rgb24"))
        for frame in [*frames, None]:
            for packet in stream.encode(frame):
                other = packet
                if plant is not None:
                    other = av.Packet(plant(bytes(packet), is_first))
                    other.pts, other.dts, other.time_base = packet.pts, packet.dts, packet.time_base
                    other.stream, other.is_keyframe = stream, packet.is_keyframe
                    is_first = False
                box.mux(other)
    return out.getvalue()


def _units(data: bytes) -> list[bytes]:
    parts = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts[1:] if part]


def _escaped(data: bytes) -> bytes:
    out, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


class _Hider:
    def __init__(self, rng: random.Random, planter: Planter) -> None:
        self.rng, self.planter = rng, planter

    def who(self, kind: str) -> Person:
        who = self.planter.patient if self.rng.random() < 0.4 else Person(self.rng)
        self.planter.note(kind, who.family, who.number)
        return who

    def text(self, kind: str) -> bytes:
        who = self.who(kind)
        return f"{who.given} {who.family} {who.number}".encode()


def _sei(kind: int, payload: bytes, header: bytes) -> bytes:
    size = b"\xff" * (len(payload) // 255) + bytes([len(payload) % 255])
    return header + _escaped(bytes([kind]) + size + payload) + b"\x80"


def h264_with_plants(hide: _Hider) -> Callable[[bytes, bool], bytes]:
    """Every kind of unit that a player passes over, filled with names."""
    t = hide.text

    def plant(data: bytes, is_first: bool) -> bytes:
        out, is_before = b"", True
        for unit in _units(data):
            kind = unit[0] & 31
            if kind in (1, 5) and is_before:
                is_before = False
                extra = [
                    _sei(5, bytes(range(16)) + t("H.264 SEI user data unregistered"), b"\x06"),
                    _sei(4, b"\xb5\x00\x31GA94\x03" + t("H.264 SEI T.35"), b"\x06"),
                    _sei(45, t("H.264 SEI frame packing"), b"\x06"),
                    _sei(200, t("H.264 SEI reserved"), b"\x06"),
                    b"\x0c" + t("H.264 filler data") + b"\xff\x80",
                ]
                if is_first:
                    extra += [
                        b"\x18" + t("H.264 unspecified unit 24"),
                        b"\x1e" + t("H.264 unspecified unit 30"),
                        b"\x10" + t("H.264 reserved unit 16"),
                    ]
                out += b"".join(START + one for one in extra)
            out += START + unit
        return out

    return plant


def hevc_with_plants(hide: _Hider) -> Callable[[bytes, bool], bytes]:
    t = hide.text

    def plant(data: bytes, is_first: bool) -> bytes:
        out = b""
        for unit in _units(data):
            kind = unit[0] >> 1 & 63
            if kind < 32:
                for extra in (
                    _sei(5, bytes(range(16)) + t("HEVC SEI user data unregistered"), b"\x4e\x01"),
                    _sei(4, b"\xb5\x00\x31GA94\x03" + t("HEVC SEI T.35"), b"\x4e\x01"),
                    _sei(136, t("HEVC SEI time code"), b"\x4e\x01"),
                    b"\x4c\x01" + t("HEVC filler data") + b"\xff\x80",
                    b"\x60\x01" + t("HEVC unspecified unit 48"),
                    b"\x52\x01" + t("HEVC reserved unit 41"),
                ):
                    out += START + extra
            out += START + unit
            if kind < 32:
                out += START + _sei(5, bytes(16) + t("HEVC suffix SEI"), b"\x50\x01")
        return out

    return plant


def mpeg2_with_plants(hide: _Hider) -> Callable[[bytes, bool], bytes]:
    t = hide.text

    def plant(data: bytes, is_first: bool) -> bytes:
        out = b""
        for section in data.split(b"\0\0\1")[1:]:
            code = section[0]
            out += b"\0\0\1" + section
            if code == 0xB8:
                out += b"\0\0\1\xb2" + t("MPEG-2 user data of a group")
            if code == 0xB5 and section[1] >> 4 == 8:
                out += b"\0\0\1\xb2" + t("MPEG-2 user data of a picture")
                out += b"\0\0\1\xb5\x40" + t("MPEG-2 copyright extension")
        return out

    return plant


def _ffmpeg(data: bytes, suffix: str, *args: str, extra: dict[str, bytes] | None = None) -> bytes:
    """Muxed by ffmpeg's own command line, no packet changed."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (extra or {}).items():
            (Path(folder) / name).write_bytes(content)
        (Path(folder) / "in").write_bytes(data)
        subprocess.run(
            ["ffmpeg", "-v", "error", "-i", "in", *args, f"out.{suffix}"],
            cwd=folder,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return (Path(folder) / f"out.{suffix}").read_bytes()


def mp4_with_plants(stream: bytes, hide: _Hider) -> bytes:
    """An MP4 with tags, chapters, audio, subtitles, time code, and boxes of every idle kind."""

    def words(kind: str) -> str:
        return hide.text(kind).decode()

    chapters = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=300\ntitle="
    chapters += words("MP4 chapter") + "\n"
    subtitles = f"1\n00:00:00,000 --> 00:00:00,400\n{words('MP4 subtitle')}\n"
    tags = [
        a
        for key in (
            "title",
            "artist",
            "comment",
            "album",
            "copyright",
            "description",
            "episode_id",
            "location",
        )
        for a in ("-metadata", f"{key}={words(f'MP4 tag {key}')}")
    ]
    data = _ffmpeg(
        stream,
        "mp4",
        "-i",
        "s.srt",
        "-i",
        "c.txt",
        "-f",
        "lavfi",
        "-i",
        "sine=d=0.5",
        "-map",
        "0:v",
        "-map",
        "1:s",
        "-map",
        "3:a",
        "-map_chapters",
        "2",
        "-c:v",
        "copy",
        "-c:s",
        "mov_text",
        "-c:a",
        "aac",
        "-metadata:s:v:0",
        f"handler_name={words('MP4 handler name')}",
        "-metadata:s:a:0",
        f"title={words('MP4 audio title')}",
        "-timecode",
        "10:11:12:13",
        "-metadata",
        "creation_time=1987-05-06T07:08:09Z",
        *tags,
        "-movflags",
        "+use_metadata_tags",
        extra={"s.srt": subtitles.encode(), "c.txt": chapters.encode()},
    )

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + kind + body

    at = data.rfind(b"moov") - 4
    size = struct.unpack(">I", data[at : at + 4])[0]
    udta = box(
        b"udta",
        box(b"\xa9nam", struct.pack(">HH", 30, 0) + hide.text("MP4 udta name"))
        + box(b"XMP_", hide.text("MP4 udta XMP")),
    )
    moov = struct.pack(">I", size + len(udta)) + data[at + 4 : at + size] + udta
    entry = moov.find(b"avc1", 400) if b"avc1" in moov else moov.find(b"hev1", 400)
    name = hide.text("MP4 compressor name")[:31]
    if entry > 0:
        place = entry + 4 + 42
        moov = moov[:place] + bytes([len(name)]) + name.ljust(31, b"\0") + moov[place + 32 :]
    idle = (
        box(b"free", hide.text("MP4 free"))
        + box(b"skip", hide.text("MP4 skip"))
        + box(b"uuid", bytes(range(16)) + hide.text("MP4 uuid"))
        + box(b"wide", b"")
        + box(b"meta", bytes(4) + hide.text("MP4 meta"))
        + box(b"zzzz", hide.text("MP4 unknown box"))
        + box(b"mdat", hide.text("MP4 second mdat"))
    )
    return data[:at] + moov + data[at + size :] + idle


def ts_with_plants(stream: bytes, hide: _Hider) -> bytes:
    """A transport stream with service names, a private PID, null packets and stuffing of text."""
    data = _ffmpeg(
        stream,
        "ts",
        "-c",
        "copy",
        "-metadata",
        f"service_name={hide.text('TS service name').decode()}",
        "-metadata",
        f"service_provider={hide.text('TS service provider').decode()}",
        "-metadata",
        f"language={'eng'}",
    )

    def packet(pid: int, payload: bytes, counter: int) -> bytes:
        head = bytes([0x47, pid >> 8, pid & 255, 0x10 | counter & 15])
        return head + payload[:184].ljust(184, b"\xff")

    def private(pid: int, payload: bytes, counter: int) -> bytes:
        field = bytes([183, 0x02, len(payload)]) + payload
        return bytes([0x47, pid >> 8, pid & 255, 0x20 | counter & 15]) + field.ljust(184, b"\xff")

    out = b""
    for n in range(0, len(data), 188):
        out += data[n : n + 188]
        number = n // 188
        if number % 6 == 3:
            out += packet(0x1FFF, hide.text("TS null packet"), number)
            out += packet(0x0777, hide.text("TS private PID"), number)
            out += private(0x0778, hide.text("TS adaptation field, private data"), number)
    return out


def ps_with_plants(stream: bytes, hide: _Hider) -> bytes:
    data = _ffmpeg(stream, "vob", "-c", "copy")
    at = data.find(b"\0\0\1\xe0")
    extra = b""
    for code, kind in (
        (0xBF, "PS private stream 2"),
        (0xBE, "PS padding stream"),
        (0xBD, "PS private stream 1"),
    ):
        body = (b"\x80\0\0\x20" if code == 0xBD else b"") + hide.text(kind)
        extra += b"\0\0\1" + bytes([code]) + struct.pack(">H", len(body)) + body
    return data[:at] + extra + data[at:]


_WAYS = [
    (ENDOSCOPIC, H264, "mp4"),
    (ENDOSCOPIC, H264, "ts"),
    (PHOTOGRAPHIC, H264_BD, "ts"),
    (ENDOSCOPIC, MPEG2, "es"),
    (PHOTOGRAPHIC, MPEG2, "ps"),
    (MICROSCOPIC, HEVC, "mp4"),
    (ENDOSCOPIC, HEVC, "ts"),
    (MICROSCOPIC, H264, "es"),
    (PHOTOGRAPHIC, MPEG2, "ts"),
    (ENDOSCOPIC, HEVC, "es"),
]
_CODECS = {
    H264: ("libx264", "h264"),
    H264_BD: ("libx264", "h264"),
    MPEG2: ("mpeg2video", "mpeg2video"),
    HEVC: ("libx265", "hevc"),
}


def video(seed: int, which: int) -> Sample:
    """A video instance, its fragments cut anywhere."""
    rng = random.Random(f"{seed} video {which}")
    sop_class, syntax, container = _WAYS[which % len(_WAYS)]
    profile = ("research", "basic")[which % 2]
    planter = Planter(rng, "ISO_IR 192", profile == "research")
    hide = _Hider(rng, planter)
    ds = Dataset()
    identity(ds, planter, sop_class)
    ds.Modality, ds.ImageType = "ES", ["ORIGINAL", "PRIMARY"]
    plant = {
        H264: h264_with_plants,
        H264_BD: h264_with_plants,
        HEVC: hevc_with_plants,
        MPEG2: mpeg2_with_plants,
    }
    codec, form = _CODECS[syntax]
    mux = {"mp4": mp4_with_plants, "ts": ts_with_plants, "ps": ps_with_plants}.get(container)
    stream = _made(codec, "nut" if mux else form, plant[syntax](hide))
    media = mux(stream, hide) if mux else stream
    ds.Rows, ds.Columns, ds.NumberOfFrames = _HEIGHT, _WIDTH, _FRAMES
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = (
        3,
        "YBR_PARTIAL_420",
        0,
    )
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.CineRate, ds.FrameTime, ds.FrameIncrementPointer = 25, "40", 0x00181063
    ds.LossyImageCompression, ds.LossyImageCompressionMethod = "01", "ISO_14496_10"
    ds.BodyPartExamined, ds.SeriesDescription = "COLON", "colonoscopy right colon"
    media += bytes(len(media) % 2)
    ds.PixelData = encapsulate([media], fragments_per_frame=rng.choice([1, 2, 5]), has_bot=False)
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    planter.scatter(ds, 20, "root of a video")
    holds = standard_holds(profile, has_pixels=False)
    expected = _pictures(_made(codec, "nut"))
    holds["pictures"] = lambda old, new: _pictures(_media(new)) == expected
    holds["one stream"] = lambda old, new: _n_streams(_media(new)) == 1
    return Sample(
        f"video {which} {syntax[-3:]} in {container}",
        part10(ds, syntax, planter),
        sop_class,
        syntax,
        profile,
        planter.plants,
        holds,
        picture="video",
    )


def _media(ds: pydicom.Dataset) -> bytes:
    return b"".join(generate_frames(ds.PixelData, number_of_frames=1))


def _pictures(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data)) as box:
        return [b"".join(bytes(p) for p in frame.planes) for frame in box.decode(video=0)]


def _n_streams(data: bytes) -> int:
    with av.open(io.BytesIO(data)) as box:
        return len(box.streams)
