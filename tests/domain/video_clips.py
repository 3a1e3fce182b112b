"""Small generated clips whose every picture bears its number, for tests of index and decoding."""

import io
import struct

import av
import numpy as np

WIDTH_PX, HEIGHT_PX = 272, 144
CELL_PX = 16
X265 = {"x265-params": "log-level=none:keyint=20:min-keyint=20:scenecut=0:pools=1"}


def painted(number: int, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> np.ndarray:
    """uint8 (h, w, 3): a moving texture and a row of 16 cells that spell `number`."""
    y, x = np.mgrid[0:height_px, 0:width_px]
    picture = (
        np.stack(
            [
                (x * 2 + number * 3) % 256,
                (y * 3 + number * 5) % 256,
                (x + y + number * 7) % 256,
            ],
            axis=-1,
        ).astype(np.uint8)
        // 2
        + 50
    )
    for bit in range(16):
        level = 235 if number >> bit & 1 else 20
        picture[0:CELL_PX, bit * CELL_PX : (bit + 1) * CELL_PX] = level
    return picture


def number_in(rgb: np.ndarray) -> int:
    """The number a picture bears."""
    cells = [rgb[4:12, b * CELL_PX + 4 : b * CELL_PX + 12].mean() for b in range(16)]
    return sum(1 << b for b, level in enumerate(cells) if level > 128)


def clip(
    n: int = 60,
    codec: str = "libx264",
    container: str = "mp4",
    pix_fmt: str = "yuv420p",
    options: dict | None = None,
    pts: list[int] | None = None,
    time_base: tuple = (1, 12800),
    width_px: int = WIDTH_PX,
    height_px: int = HEIGHT_PX,
    x264: str = "",
    mux: dict | None = None,
    streams: int = 1,
    colour: tuple | None = None,
) -> bytes:
    """An encoded clip of n pictures; `pts` in `time_base` (default 25 a second)."""
    from fractions import Fraction

    if codec == "libx264":
        options = {"preset": "ultrafast", "crf": "20", **(options or {})}
        options["x264-params"] = ":".join(p for p in ("threads=1", x264) if p)
    out = io.BytesIO()
    base = Fraction(*time_base)
    mux_options = dict(mux or {})
    if container in ("mp4", "mov"):
        mux_options.setdefault("video_track_timescale", str(base.denominator))
        mux_options.setdefault("movie_timescale", str(base.denominator))
    with av.open(out, "w", format=container, options=mux_options) as target:
        made = []
        for _ in range(streams):
            stream = target.add_stream(codec, rate=25, options=options or {})
            stream.width, stream.height, stream.pix_fmt = width_px, height_px, pix_fmt
            if pts is not None:
                stream.codec_context.time_base = base
            if colour:
                context = stream.codec_context
                (
                    context.color_primaries,
                    context.color_trc,
                    context.colorspace,
                    context.color_range,
                ) = colour
            made.append(stream)
        step = round(1 / (25 * base))
        for number in range(n):
            frame = av.VideoFrame.from_ndarray(painted(number, width_px, height_px), "rgb24")
            frame = frame.reformat(format=pix_fmt)
            for stream in made:
                frame.pts = pts[number] if pts is not None else number * step
                frame.time_base = base
                target.mux(stream.encode(frame))
        for stream in made:
            target.mux(stream.encode())
    return out.getvalue()


def cut_start(mp4: bytes, ticks: int) -> bytes:
    """The same MP4, its edit list moved on so that presentation starts `ticks` later."""
    at = mp4.index(b"elst")
    version, entries = mp4[at + 4], struct.unpack(">I", mp4[at + 8 : at + 12])[0]
    assert version == 0 and entries == 1
    media_time = struct.unpack(">i", mp4[at + 16 : at + 20])[0]
    return mp4[: at + 16] + struct.pack(">i", media_time + ticks) + mp4[at + 20 :]


def variable_times(n: int, first: int = 5000) -> list[int]:
    """PTS that start late and step unevenly."""
    steps = [(37 * i) % 900 + 200 for i in range(n)]
    return list(np.cumsum([first, *steps[:-1]]).tolist())


B_FRAMES = "bframes=3:b-adapt=0:scenecut=0"
CLIPS = {
    "plain mp4": lambda: clip(),
    "short closed groups": lambda: clip(x264="bframes=0:keyint=12:scenecut=0"),
    "b-frames open group": lambda: clip(
        n=120, x264=f"{B_FRAMES}:keyint=40:min-keyint=1:open-gop=1"
    ),
    "variable rate, late start, b-frames": lambda: clip(
        pts=variable_times(60), x264=f"{B_FRAMES}:keyint=20"
    ),
    "edit list inside a group": lambda: cut_start(clip(x264=f"{B_FRAMES}:keyint=30"), 512 * 7),
    "intra refresh": lambda: clip(x264="intra-refresh=1:keyint=20:bframes=0"),
    "interlaced": lambda: clip(height_px=160, x264="tff=1:keyint=20:bframes=2"),
    "hevc 10 bit": lambda: clip(
        codec="libx265", pix_fmt="yuv420p10le", options={**X265, "preset": "ultrafast"}
    ),
    "hevc open groups": lambda: clip(
        codec="libx265",
        options={"preset": "fast", "x265-params": X265["x265-params"] + ":open-gop=1:bframes=3"},
    ),
    "h264 4:2:2 10 bit": lambda: clip(pix_fmt="yuv422p10le", x264="keyint=20"),
    "mpeg-2 program stream": lambda: clip(
        codec="mpeg2video", container="vob", options={"bf": "2", "g": "12"}
    ),
    "mpeg-2 transport stream": lambda: clip(
        codec="mpeg2video", container="mpegts", options={"bf": "2", "g": "12"}
    ),
    "h264 transport stream": lambda: clip(container="mpegts", x264=f"{B_FRAMES}:keyint=20"),
    "matroska": lambda: clip(
        container="matroska", time_base=(1, 1000), x264=f"{B_FRAMES}:keyint=20"
    ),
    "avi with b-frames": lambda: clip(container="avi", x264=f"{B_FRAMES}:keyint=20"),
    "bare h264": lambda: clip(container="h264", x264=f"{B_FRAMES}:keyint=20"),
    "bare mpeg-2": lambda: clip(
        codec="mpeg2video", container="mpeg2video", options={"bf": "2", "g": "12"}
    ),
}
