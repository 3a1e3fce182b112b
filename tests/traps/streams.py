"""Small streams whose every picture bears its number, in each form that hospitals send, and bent.

Sizes are 160 x 112 unless said; 25 a second unless said. All is made by libav (PyAV) with one
thread, then bent in its bytes.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np

from fixtures import barcode

WIDTH_PX, HEIGHT_PX = 160, 112
TICKS = 12_800
STEP = TICKS // 25
B_FRAMES = "bframes=3:b-adapt=0:scenecut=0"
_X265 = "log-level=none:pools=1:frame-threads=1:scenecut=0"
TS_PACKET = 188


@cache
def picture(number: int, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> np.ndarray:
    """A moving texture that bears ``number``; uint8 RGB (height, width, 3), not to be written."""
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    wave = np.sin((x + 5 * number) / 19) + np.sin((y + 3 * number) / 13)
    base = 120 + 25 * wave
    made = np.stack([base + 40, base * 0.5, base * 0.45], -1).clip(0, 255).astype(np.uint8)
    barcode.draw(made, number)
    return made


def encode(
    n: int,
    codec: str = "libx264",
    container: str = "mp4",
    *,
    pix_fmt: str = "yuv420p",
    x264: str = f"{B_FRAMES}:keyint=30",
    x265: str = "keyint=20:bframes=3",
    options: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX),
    first_number: int = 0,
    aspect: Fraction | None = None,
    mux: dict[str, str] | None = None,
    streams: int = 1,
) -> bytes:
    """``n`` pictures numbered from ``first_number``, at ``pts`` in 1/12800 s."""
    base = Fraction(1, 25) if codec in ("mpeg2video", "mjpeg") else Fraction(1, TICKS)
    pts = pts or [i * round(1 / (25 * base)) for i in range(n)]
    options = dict(options or {})
    if codec == "libx264":
        options = {"preset": "ultrafast", "crf": "20", "x264-params": f"threads=1:{x264}"} | options
    elif codec == "libx265":
        options = {"preset": "ultrafast", "x265-params": f"{_X265}:{x265}"} | options
    mux = dict(mux or {})
    if container in ("mp4", "mov"):
        mux |= {"video_track_timescale": str(TICKS), "movie_timescale": str(TICKS)}
    out = io.BytesIO()
    with av.open(out, "w", format=container, options={"fflags": "+bitexact", **mux}) as target:
        made = []
        for _ in range(streams):
            stream = target.add_stream(codec, rate=25, options=dict(options))
            stream.width, stream.height = size_px
            stream.pix_fmt = pix_fmt
            stream.codec_context.thread_count = 1
            stream.codec_context.time_base = base
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            made.append(stream)
        for number in range(n):
            shown = picture(first_number + number, *size_px)
            frame = av.VideoFrame.from_ndarray(shown, "rgb24").reformat(format=pix_fmt)
            for stream in made:
                frame.pts, frame.time_base = pts[number], base
                target.mux(stream.encode(frame))
        for stream in made:
            target.mux(stream.encode())
    return out.getvalue()


def packets(video: bytes) -> list[dict[str, Any]]:
    """Each packet of the first video stream in coded order."""
    with av.open(io.BytesIO(video)) as container:
        stream = container.streams.video[0]
        return [
            {"pts": p.pts, "pos": p.pos, "size": p.size, "key": p.is_keyframe, "data": bytes(p)}
            for p in container.demux(stream)
            if p.size
        ]


def _in_box(mp4: bytes, name: bytes) -> int:
    """Where the content of the one box of that name starts."""
    assert mp4.count(name) == 1
    return mp4.index(name) + 4


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def edit_moved(mp4: bytes, ticks: int) -> bytes:
    """Presentation starts ``ticks`` later in the media."""
    at = _in_box(mp4, b"elst")
    assert struct.unpack(">BI", mp4[at : at + 1] + mp4[at + 4 : at + 8]) == (0, 1)
    media_time = struct.unpack(">i", mp4[at + 12 : at + 16])[0]
    return patched(mp4, at + 12, struct.pack(">i", media_time + ticks))


def edit_shortened(mp4: bytes, ticks: int) -> bytes:
    """Presentation ends after ``ticks``."""
    return patched(mp4, _in_box(mp4, b"elst") + 8, struct.pack(">I", ticks))


def rotated(mp4: bytes) -> bytes:
    """A display matrix of a quarter turn (ISO/IEC 14496-12 8.3.2)."""
    at = _in_box(mp4, b"tkhd") + 4 + 20 + 8 + 4 + 4
    turn = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    return patched(mp4, at, turn)


def time_to_sample(mp4: bytes, change: Callable[[list[tuple[int, int]]], list[int]]) -> bytes:
    """Decoding times rewritten: ``change`` gives one step a picture from the runs that are there
    (as many runs as before must come out)."""
    at = _in_box(mp4, b"stts")
    count = struct.unpack(">I", mp4[at + 4 : at + 8])[0]
    runs = [struct.unpack(">II", mp4[at + 8 + 8 * i : at + 16 + 8 * i]) for i in range(count)]
    steps = change([(int(a), int(b)) for a, b in runs])
    assert len(steps) == count
    packed = b"".join(
        struct.pack(">II", run[0], step) for run, step in zip(runs, steps, strict=True)
    )
    return patched(mp4, at + 8, packed)


def joined_streams(first: bytes, second: bytes) -> bytes:
    """Two transport streams one after the other, as a recorder that was stopped writes them."""
    return first + second


def counted_on(ts: bytes) -> bytes:
    """Continuity counters without a gap (ISO/IEC 13818-1 2.4.3.3)."""
    out, counts = bytearray(ts), {}
    for at in range(0, len(ts), TS_PACKET):
        pid = (out[at + 1] & 0x1F) << 8 | out[at + 2]
        counts[pid] = (counts.get(pid, -1) + bool(out[at + 3] & 0x10)) % 16
        out[at + 3] = out[at + 3] & 0xF0 | counts[pid]
    return bytes(out)


def without_times(ts: bytes, every: int) -> bytes:
    """A transport stream in which only each ``every``-th picture says its times (ISO/IEC 13818-1
    2.7.4 asks for no more than one in 0.7 s): the others' fields become stuffing."""
    out, n = bytearray(ts), 0
    for at in range(0, len(ts), TS_PACKET):
        if not out[at + 1] & 0x40 or not out[at + 3] & 0x10:
            continue
        start = at + 4 + (1 + out[at + 4] if out[at + 3] & 0x20 else 0)
        if out[start : start + 3] != b"\0\0\1" or out[start + 3] & 0xF0 != 0xE0:
            continue
        if n % every:
            out[start + 7] &= 0x3F
            end = start + 9 + out[start + 8]
            out[start + 9 : end] = b"\xff" * (end - start - 9)
        n += 1
    return bytes(out)


def without_packet(ts: bytes, number: int) -> bytes:
    """A transport stream in which the ``number``-th coded picture never arrived."""
    found = packets(ts)
    start, end = (int(found[n]["pos"]) for n in (number, number + 1))
    return ts[:start] + ts[end:]


def from_packet(ts: bytes, number: int) -> bytes:
    """A recording that begins at the ``number``-th coded picture (tables stay)."""
    start = int(packets(ts)[number]["pos"])
    assert start % TS_PACKET == 0
    return ts[: 3 * TS_PACKET] + ts[start:]


def up_to_packet(ts: bytes, number: int) -> bytes:
    """A recording that ends before the ``number``-th coded picture."""
    return ts[: int(packets(ts)[number]["pos"])]


def damaged(video: bytes, number: int) -> bytes:
    """Noise in the middle of the ``number``-th coded picture."""
    found = packets(video)[number]
    at, size = int(found["pos"]), int(found["size"])
    noise = np.random.default_rng(7).integers(0, 256, size // 2, np.uint8).tobytes()
    return patched(video, at + size // 4, noise)


def numbers_decoded(video: bytes) -> list[int | None]:
    """Numbers of the pictures that libav presents."""
    with av.open(io.BytesIO(video)) as container:
        return [barcode.read(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
