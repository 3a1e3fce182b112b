"""One clip for each trap that a hospital's recorder sets, and what must become of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from PIL import Image

from fixtures import instances
from tests.traps import fields
from tests.traps import streams as made
from tests.traps.clips import (
    H264,
    HEVC,
    HEVC_10,
    JPEG,
    JPEG_2000,
    JPEG_2000_LOSSY,
    MPEG2,
    RLE,
    Clip,
    cine,
    dicom,
    plain,
)  # fmt: skip
from tests.traps.streams import B_FRAMES, HEIGHT_PX, STEP, WIDTH_PX

N = 60
_MPEG2 = {"bf": "2", "g": "12", "b": "4M"}


def _pictures(form: str, **options: object) -> list[bytes]:
    """Coded frames by Pillow."""
    coded = []
    for number in range(12):
        out = io.BytesIO()
        Image.fromarray(made.picture(number)).save(out, form, **options)
        coded.append(out.getvalue())
    return coded


def _open_groups() -> bytes:
    return made.encode(N, x264=f"{B_FRAMES}:keyint=20:min-keyint=1:open-gop=1")


def _late_start() -> Clip:
    """A recording that begins at a recovery point: pictures shown before it lack what they refer
    to, and come all the same."""
    ts = made.encode(N, container="mpegts", x264=f"{B_FRAMES}:keyint=20:min-keyint=1:open-gop=1")
    coded = made.packets(ts)
    start = next(n for n, p in enumerate(coded) if n and p["key"])
    leading = sum(p["pts"] < coded[start]["pts"] for p in coded[start:])
    video = made.from_packet(ts, start)
    first = N - len(coded[start:])
    numbers = [None] * leading + list(range(first + leading, N))
    return dicom("late", video, H264, numbers, "picture_filled")


def _hevc_late_start() -> Clip:
    """HEVC: the decoder leaves such pictures out by the standard (RASL); the index keeps them."""
    ts = made.encode(N, "libx265", "mpegts", x265="keyint=20:bframes=3:open-gop=1:min-keyint=20")
    coded = made.packets(ts)
    start = next(n for n, p in enumerate(coded) if n and p["key"])
    leading = sum(p["pts"] < coded[start]["pts"] for p in coded[start:])
    assert leading
    first = N - len(coded[start:])
    numbers = [None] * leading + list(range(first + leading, N))
    return dicom("hevc-late", made.from_packet(ts, start), HEVC, numbers, "picture_filled")


def _cut_short(mp4_fragments: bytes) -> tuple[bytes, int]:
    found = made.packets(mp4_fragments)
    return mp4_fragments[: int(found[45]["pos"]) + int(found[45]["size"])], 46


def _truncated() -> Clip:
    whole = made.encode(
        N, x264="bframes=0:keyint=15", mux={"movflags": "frag_every_frame+empty_moov"}
    )
    cut, n = _cut_short(whole)
    return dicom(
        "truncated",
        cut[:-30],
        H264,
        [*range(n - 1), None],
        "truncated_tail",
        "number_of_frames",
        "picture_filled",
        claimed=N,
    )


def _repeated(mp4: bytes) -> bytes:
    """Every tenth picture is given the time of the one before, as recorders do after a stall."""

    def steps(runs: list[tuple[int, int]]) -> list[int]:
        return [STEP if step != STEP + 1 else 0 for _, step in runs]

    return made.time_to_sample(mp4, steps)


def _stalling() -> bytes:
    pts, now = [], 0
    for number in range(N):
        pts.append(now)
        now += STEP + 1 if number % 10 == 4 else STEP
    return _repeated(made.encode(N, x264="bframes=0:keyint=15", pts=pts))


def _two_sizes(codec: str, small: tuple[int, int]) -> bytes:
    first = made.encode(30, codec, "mpegts", options=_MPEG2 if codec == "mpeg2video" else None)
    second = made.encode(
        30, codec, "mpegts", options=_MPEG2 if codec == "mpeg2video" else None,
        size_px=small, first_number=30,
    )  # fmt: skip
    return made.counted_on(made.joined_streams(first, _later(second, 30 * 3600)))


def _later(ts: bytes, ticks: int) -> bytes:
    """Presentation and decoding times of a transport stream moved on (90 kHz)."""
    out = bytearray(ts)
    for at in range(0, len(ts), made.TS_PACKET):
        if not out[at + 1] & 0x40 or not out[at + 3] & 0x10:
            continue
        start = at + 4 + (1 + out[at + 4] if out[at + 3] & 0x20 else 0)
        if out[start : start + 3] != b"\0\0\1" or out[start + 3] & 0xF0 != 0xE0:
            continue
        flags, place = out[start + 7] >> 6, start + 9
        for _ in range({0: 0, 2: 1, 3: 2}[flags]):
            b = out[place : place + 5]
            time = (b[0] >> 1 & 7) << 30 | b[1] << 22 | (b[2] >> 1) << 15 | b[3] << 7 | b[4] >> 1
            time += ticks
            out[place : place + 5] = bytes(
                (
                    b[0] & 0xF0 | (time >> 30 & 7) << 1 | 1,
                    time >> 22 & 0xFF,
                    (time >> 15 & 0x7F) << 1 | 1,
                    time >> 7 & 0xFF,
                    (time & 0x7F) << 1 | 1,
                )
            )
            place += 5
    return bytes(out)


def uneven(n: int = N, first: int = 5000) -> list[int]:
    return np.cumsum([first, *((37 * i) % 900 + 200 for i in range(n - 1))]).tolist()


def _changed_size(codec: str, syntax: str) -> Clip:
    small = (128, 96)
    numbers: list[int | None] = list(range(N))
    warnings = ["changed_size"]
    if codec == "mpeg2video":
        # libav's decoder lets the last picture before a change go.
        numbers[29] = None
        warnings.append("picture_filled")
    clip = dicom(f"size-{codec}", _two_sizes(codec, small), syntax, numbers, *warnings)
    sizes = ((WIDTH_PX, HEIGHT_PX),) * 30 + (small,) * 30
    return Clip(clip.suffix, clip.data, clip.numbers, clip.warnings, coded_px=sizes)


def _fields(name: str, container: str, *, apart: bool) -> Clip:
    video = fields.stream(N, container, apart=apart)
    return dicom(name, video, H264, ALL, size_px=(fields.WIDTH_PX, fields.HEIGHT_PX))


def _vector() -> list[str]:
    return ["0", *("30" if i % 3 else "55" for i in range(1, 12))]


def _with_cover() -> bytes:
    """A cover picture beside the video."""
    import av

    video, out = made.encode(N), io.BytesIO()
    cover = io.BytesIO()
    Image.fromarray(made.picture(999)).save(cover, "JPEG")
    with av.open(io.BytesIO(video)) as source, av.open(out, "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        shown = target.add_stream("mjpeg", rate=1)
        shown.width, shown.height, shown.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuvj420p"
        shown.disposition = av.stream.Disposition.attached_pic
        packet = av.Packet(cover.getvalue())
        packet.stream, packet.pts, packet.dts = shown, 0, 0
        target.mux(packet)
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return out.getvalue()


ALL = range(N)
CLIPS: dict[str, Callable[[], Clip]] = {
    "h264": lambda: dicom("h264", made.encode(N), H264, ALL),
    "h264 open groups": lambda: dicom("open", _open_groups(), H264, ALL),
    "h264 transport stream": lambda: dicom("ts", made.encode(N, container="mpegts"), H264, ALL),
    "h264 bare": lambda: dicom(
        "bare",
        made.encode(N, container="h264", x264=f"{B_FRAMES}:keyint=20"),
        H264,
        ALL,
        "missing_pts",
    ),
    "h264 intra refresh": lambda: dicom(
        "refresh", made.encode(N, x264="intra-refresh=1:keyint=20:bframes=0"), H264, ALL
    ),
    "hevc 8 bit": lambda: dicom("hevc", made.encode(N, "libx265"), HEVC, ALL),
    "hevc 10 bit": lambda: dicom(
        "hevc10", made.encode(N, "libx265", pix_fmt="yuv420p10le"), HEVC_10, ALL
    ),
    "hevc open groups": lambda: dicom(
        "hevc-open", made.encode(N, "libx265", x265="keyint=20:bframes=3:open-gop=1"), HEVC, ALL
    ),
    "mpeg-2 program stream": lambda: dicom(
        "ps", made.encode(N, "mpeg2video", "vob", options=_MPEG2), MPEG2, ALL
    ),
    "mpeg-2 transport stream": lambda: dicom(
        "m2ts", made.encode(N, "mpeg2video", "mpegts", options=_MPEG2), MPEG2, ALL
    ),
    "mpeg-2 bare": lambda: dicom(
        "m2v", made.encode(N, "mpeg2video", "mpeg2video", options=_MPEG2), MPEG2, ALL
    ),
    "motion jpeg": lambda: plain(
        ".avi", made.encode(N, "mjpeg", "avi", pix_fmt="yuvj420p"), ALL, "encoded"
    ),
    "jpeg baseline cine": lambda: cine(
        "jpeg", _pictures("JPEG", quality=92, subsampling="4:2:2"), JPEG, "YBR_FULL_422"
    ),
    "jpeg 2000 cine": lambda: cine(
        "j2k", _pictures("JPEG2000", no_jp2=True, mct=1), JPEG_2000, "YBR_RCT"
    ),
    "jpeg 2000 lossy cine": lambda: cine(
        "j2k-lossy",
        _pictures("JPEG2000", no_jp2=True, mct=1, irreversible=True, quality_layers=[12]),
        JPEG_2000_LOSSY,
        "YBR_ICT",
    ),
    "rle cine": lambda: cine(
        "rle", [instances.encode_rle_frame(made.picture(n)) for n in range(12)], RLE, "RGB"
    ),
    "cine of uneven times": lambda: cine(
        "uneven-cine",
        [instances.encode_rle_frame(made.picture(n)) for n in range(12)],
        RLE,
        "RGB",
        vector_ms=_vector(),
    ),
    "interlaced": lambda: dicom(
        "tff",
        made.encode(N, x264="tff=1:keyint=20:bframes=2", size_px=(160, 128)),
        H264,
        ALL,
        size_px=(160, 128),
    ),
    "mpeg-2 interlaced": lambda: dicom(
        "m2i",
        made.encode(
            N, "mpeg2video", "mpegts", options=_MPEG2 | {"flags": "+ildct+ilme", "top": "1"}
        ),
        MPEG2,
        ALL,
    ),
    "rotated": lambda: dicom("rotated", made.rotated(made.encode(N)), H264, ALL),
    "anamorphic": lambda: dicom("anamorphic", made.encode(N, aspect=Fraction(4, 3)), H264, ALL),
    "variable rate": lambda: dicom("vfr", made.encode(N, pts=uneven()), H264, ALL, "frame_times"),
    "edit list inside a group": lambda: dicom(
        "cut", made.edit_moved(made.encode(N), 7 * STEP), H264, range(7, N), "cut_by_edit_list"
    ),
    "edit list at the end": lambda: dicom(
        "cut-end",
        made.edit_shortened(made.encode(N), 40 * STEP),
        H264,
        range(40),
        "cut_by_edit_list",
    ),
    "leading pictures": _late_start,
    "hevc leading pictures": _hevc_late_start,
    "repeated times": lambda: dicom(
        "repeated", _stalling(), H264, ALL, "repeated_pts", "frame_times"
    ),
    "no times": lambda: plain(
        ".avi",
        made.encode(N, container="avi", x264=f"{B_FRAMES}:keyint=20"),
        ALL,
        "disordered_pts",
        "frame_times",
    ),
    "truncated tail": _truncated,
    "transport stream cut off": lambda: dicom(
        "ts-cut",
        made.up_to_packet(made.encode(N, container="mpegts", x264="bframes=0:keyint=15"), N - 1),
        H264,
        range(N - 1),
        "number_of_frames",
        claimed=N,
    ),
    "too few frames claimed": lambda: dicom(
        "few", made.encode(N), H264, ALL, "number_of_frames", claimed=41
    ),
    "too many frames claimed": lambda: dicom(
        "many", made.encode(N), H264, ALL, "number_of_frames", claimed=77
    ),
    "changed size": lambda: _changed_size("libx264", H264),
    "mpeg-2 changed size": lambda: _changed_size("mpeg2video", MPEG2),
    "second video stream in a file": lambda: plain(
        ".mp4", made.encode(N, streams=2), ALL, "second_video_stream"
    ),
    "second video stream in an instance": lambda: dicom(
        "two", made.encode(N, streams=2), H264, (), held="second_video_stream", claimed=N
    ),
    "cover picture": lambda: plain(".mp4", _with_cover(), ALL),
    "other times in the header": lambda: dicom(
        "times", made.encode(N), H264, ALL, "frame_times", frame_ms="33.366667"
    ),
    "jumping clock": lambda: dicom(
        "jump",
        made.joined_streams(
            made.encode(30, container="mpegts", x264="bframes=0:keyint=10"),
            made.encode(30, container="mpegts", x264="bframes=0:keyint=10", first_number=30),
        ),
        H264,
        ALL,
        "jumping_clock",
    ),
    "damaged picture": lambda: dicom(
        "damaged",
        made.damaged(made.encode(N, x264="bframes=0:keyint=15"), 20),
        H264,
        [*range(20), *[None] * 10, *range(30, N)],
        "damaged_picture",
    ),
    "lost references": lambda: dicom(
        "lost",
        made.without_packet(made.encode(N, container="mpegts", x264="bframes=0:keyint=15"), 20),
        H264,
        [*range(20), *[None] * 9, *range(30, N)],
        "lost_references",
        "frame_times",
        claimed=N - 1,
    ),
    "field coded": lambda: _fields("paff", "mp4", apart=False),
    "field coded transport stream": lambda: _fields("paff-ts", "mpegts", apart=False),
    "fields apart in a transport stream": lambda: _fields("paff-apart", "mpegts", apart=True),
    "some times missing": lambda: dicom(
        "some-times",
        made.without_times(made.encode(N, container="mpegts"), 3),
        H264,
        ALL,
        "missing_pts",
    ),
    "too few frames claimed of a cine": lambda: cine(
        "few-cine",
        _pictures("JPEG", quality=92, subsampling="4:2:2"),
        JPEG,
        "YBR_FULL_422",
        "number_of_frames",
        claimed=9,
    ),
    "too many frames claimed of a cine": lambda: cine(
        "many-cine",
        _pictures("JPEG", quality=92, subsampling="4:2:2"),
        JPEG,
        "YBR_FULL_422",
        "number_of_frames",
        claimed=15,
    ),
}
