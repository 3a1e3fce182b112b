"""A small bar-coded clip for browser tests: each picture says its own index in black and white."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np

BITS = 12
CELL_PX = 16


def bar_code(index: int, picture: np.ndarray) -> None:
    """Write an index into the top left of an RGB picture: white, black, then 12 bits."""
    cells = [1, 0] + [(index >> bit) & 1 for bit in reversed(range(BITS))]
    for place, bit in enumerate(cells):
        x = place * CELL_PX
        picture[0:CELL_PX, x : x + CELL_PX] = 235 if bit else 16


def tissue(index: int, width: int, height: int, ground: np.ndarray) -> np.ndarray:
    """One picture, uint8 RGB (height, width, 3): drifting tissue, a lesion, a shaft with a tip."""
    picture = np.roll(ground, (index // 3, index // 2), axis=(0, 1))[:height, :width].copy()
    yy, xx = np.mgrid[0:height, 0:width]
    t = index / 40
    cx, cy = width * 0.42 + 6 * np.sin(t), height * 0.55 + 5 * np.cos(t)
    wobble = 1 + 0.12 * np.sin(5 * np.arctan2(yy - cy, xx - cx))
    lesion = np.hypot((xx - cx) / wobble, (yy - cy) * 1.15 / wobble) < height * 0.14
    picture[lesion] = (picture[lesion] * 0.35 + np.array([236, 178, 116]) * 0.65).astype(np.uint8)
    tx, ty = width * 0.52 + 14 * np.sin(t * 2), height * 0.52 + 9 * np.cos(t * 2)
    dx, dy = width * 0.95 - tx, height * 0.9 - ty
    along = ((xx - tx) * dx + (yy - ty) * dy) / (dx * dx + dy * dy)
    across = np.abs((xx - tx) * dy - (yy - ty) * dx) / np.hypot(dx, dy)
    shaft = (along > 0) & (across < np.minimum(height * 0.032, 2 + along * height * 0.4))
    picture[shaft] = (178 - across[shaft, None] * 4).clip(90, 200).astype(np.uint8)
    away = np.hypot(xx - width / 2, yy - height / 2)
    dark = np.clip(1.15 - away / (width * 0.62), 0.25, 1)[..., None]
    return (picture * dark).astype(np.uint8)


def make_clip(n_frames: int, width: int, height: int, first_pts: int = 0) -> bytes:
    """An MP4 (H.264, IDR every 12 pictures, no B-frames, 25 fps, 1/12800) of bar-coded pictures."""
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 1, (height // 8 + 40, width // 8 + 40))
    for _ in range(3):
        noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, -1, 0)) / 4
    noise = np.kron(noise / np.abs(noise).max(), np.ones((8, 8)))
    ground = np.clip(
        np.array([150, 62, 56]) + noise[..., None] * np.array([70, 48, 42]), 0, 255
    ).astype(np.uint8)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, 12800)
        stream.codec_context.time_base = Fraction(1, 12800)
        stream.options = {
            "preset": "ultrafast",
            "crf": "20",
            "g": "12",
            "keyint_min": "12",
            "bf": "0",
            "sc_threshold": "0",
            "threads": "1",
        }
        for index in range(n_frames):
            picture = tissue(index, width, height, ground)
            bar_code(index, picture)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = first_pts + index * 512, Fraction(1, 12800)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def read_index(data: bytes) -> dict[str, object]:
    """Frame index of an MP4 as the server gives it: PTS in presentation order and IDR indices."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.pts is not None]
        packets.sort(key=lambda p: p.pts)
        base = stream.time_base
        return {
            "n_frames": len(packets),
            "time_base": [base.numerator, base.denominator],
            "pts": [p.pts for p in packets],
            "key": [i for i, p in enumerate(packets) if p.is_keyframe],
        }


def decode_all(data: bytes) -> list[bytes]:
    """Every picture as PNG bytes, in presentation order."""
    with av.open(io.BytesIO(data)) as container:
        out = []
        for frame in container.decode(video=0):
            png = io.BytesIO()
            frame.to_image().save(png, "PNG", compress_level=1)
            out.append(png.getvalue())
        return out
