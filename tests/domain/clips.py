"""Small clips whose pictures bear their index as a bar code, made by the tests themselves.

The code is 12 cells of 16 px in the bottom row of the picture: bit k of the index, white for 1.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from fractions import Fraction

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

TIME_BASE = Fraction(1, 90000)
CELL_PX, N_CELLS = 16, 12


def tissue(index: int, width_px: int = 320, height_px: int = 240) -> np.ndarray:
    """A reddish moving texture, uint8 RGB (height, width, 3)."""
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    wave = np.sin((x + 3 * index) / 23) + np.sin((y + 2 * index) / 17) + np.sin((x + y) / 31)
    base = 120 + 20 * wave
    return np.stack([base + 50, base * 0.45, base * 0.4], -1).clip(0, 255).astype(np.uint8)


def room(index: int, width_px: int = 320, height_px: int = 240) -> np.ndarray:
    """A bluish grey scene with edges, as an operating room outside the body."""
    picture = np.full((height_px, width_px, 3), (95, 120, 135), np.uint8)
    picture[: height_px // 2, (index * 2) % 60 :: 60] = (60, 90, 140)
    picture[height_px // 2 :, 40:200] = (150, 170, 165)
    return picture


def with_index(picture: np.ndarray, index: int) -> np.ndarray:
    picture = picture.copy()
    for bit in range(N_CELLS):
        value = 235 if index >> bit & 1 else 16
        picture[-CELL_PX:, bit * CELL_PX : (bit + 1) * CELL_PX] = value
    return picture


def read_index(picture: np.ndarray) -> int:
    """The index in a picture, RGB or luma."""
    plane = picture if picture.ndim == 2 else picture.mean(axis=2)
    centre = plane.shape[0] - CELL_PX // 2
    return sum(
        1 << bit for bit in range(N_CELLS) if plane[centre, bit * CELL_PX + CELL_PX // 2] > 128
    )


def with_text(
    picture: np.ndarray, text: str, at_px: tuple[int, int], size_px: int = 20
) -> np.ndarray:
    image = Image.fromarray(picture)
    font = ImageFont.load_default(size_px)
    ImageDraw.Draw(image).text(at_px, text, fill=(245, 245, 235), font=font)
    return np.asarray(image)


def make_clip(
    n_frames: int = 40,
    picture: Callable[[int], np.ndarray] = tissue,
    pts: Sequence[int] | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container: str = "mp4",
    pix_fmt: str = "yuv420p",
    metadata: dict[str, str] | None = None,
    audio: bool = False,
    second_video: bool = False,
    muxer_options: dict[str, str] | None = None,
) -> bytes:
    """A clip of ``n_frames`` pictures, each bearing its index; times in 1/90000 s."""
    pts = pts or [i * 3600 for i in range(n_frames)]
    out = io.BytesIO()
    with av.open(out, "w", format=container, options=muxer_options or {}) as output:
        output.metadata.update(metadata or {})
        stream = output.add_stream(codec, rate=25)
        first = picture(0)
        stream.width, stream.height, stream.pix_fmt = first.shape[1], first.shape[0], pix_fmt
        if codec != "mpeg2video":
            stream.time_base = TIME_BASE
            stream.codec_context.time_base = TIME_BASE
        stream.options = options or {}
        if metadata:
            stream.metadata["handler_name"] = metadata.get("title", "handler")
        sound = output.add_stream("aac", rate=48000, layout="mono") if audio else None
        other = None
        if second_video:
            other = output.add_stream("libx264", rate=25)
            other.width, other.height, other.pix_fmt = first.shape[1], first.shape[0], pix_fmt
        for index in range(n_frames):
            frame = av.VideoFrame.from_ndarray(with_index(picture(index), index), format="rgb24")
            if codec == "mpeg2video":
                frame.pts, frame.time_base = index, Fraction(1, 25)
            else:
                frame.pts, frame.time_base = pts[index], TIME_BASE
            output.mux(stream.encode(frame))
            if other:
                frame.pts, frame.time_base = index, Fraction(1, 25)
                output.mux(other.encode(frame))
        output.mux(stream.encode())
        if other:
            output.mux(other.encode())
        if sound:
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            silence.sample_rate, silence.pts = 48000, 0
            output.mux(sound.encode(silence))
            output.mux(sound.encode())
    return out.getvalue()


def decoded(data: bytes, pix_fmt: str | None = None) -> list[tuple[int, np.ndarray]]:
    """(PTS, picture) of every presented picture, as libav decodes it."""
    with av.open(io.BytesIO(data)) as container:
        return [
            (frame.pts, frame.to_ndarray(format=pix_fmt) if pix_fmt else frame.to_ndarray())
            for frame in container.decode(video=0)
        ]
