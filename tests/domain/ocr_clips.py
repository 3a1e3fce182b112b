"""Seeded clips with burned-in text over moving tissue, for measuring the text detection.

Six fonts, 12 to 44 px, eight styles. Four fonts come with Pillow and OpenCV; two are DejaVu's
serif and mono where the machine has them, else two more of OpenCV's.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from apps.deid.domain.boxes import Box

FONTS = ("aileron", "bitmap", "simplex", "complex", "serif", "mono")
SIZES_PX = (12, 14, 16, 20, 24, 28, 36, 44)
STYLES = (
    "white", "yellow", "outlined", "on_box", "shadowed", "translucent", "green", "red_on_red",
)  # fmt: skip
_INK = {"yellow": (250, 220, 60), "green": (70, 240, 90), "red_on_red": (225, 110, 100)}
_HERSHEY = {
    "simplex": cv2.FONT_HERSHEY_SIMPLEX,
    "complex": cv2.FONT_HERSHEY_COMPLEX,
    "serif": cv2.FONT_HERSHEY_TRIPLEX,
    "mono": cv2.FONT_HERSHEY_DUPLEX,
}
_DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
_FILES = {"serif": _DEJAVU / "DejaVuSerif.ttf", "mono": _DEJAVU / "DejaVuSansMono.ttf"}
_NAMES = ("MORGAN-LEVY ANA", "Okonkwo, Ifeoma", "ST ALDHELM HOSP", "Dr Lindqvist", "PEREIRA J.")


@dataclass(frozen=True)
class Line:
    """A planted line: ``ink`` its box, ``start_frame`` to ``end_frame`` (exclusive) its life."""

    text: str
    font: str
    size_px: int
    style: str
    ink: Box


@lru_cache(maxsize=256)
def mask_of(text: str, font: str, size_px: int) -> np.ndarray:
    """Coverage 0 to 255 of the ink alone, cropped to it; capitals about 0.7 of ``size_px``."""
    file = _FILES.get(font)
    if font == "aileron" or (file is not None and file.is_file()):
        face = ImageFont.truetype(file, size_px) if file else ImageFont.load_default(size_px)
        left, top, right, bottom = (round(v) for v in face.getbbox(text))
        image = Image.new("L", (right - left + 4, bottom - top + 4))
        ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=face)
        mask = np.asarray(image)
    elif font == "bitmap":
        face = ImageFont.load_default_imagefont()
        left, top, right, bottom = (round(v) for v in face.getbbox(text))
        image = Image.new("L", (right - left + 4, bottom - top + 4))
        ImageDraw.Draw(image).text((2, 2), text, fill=255, font=face)
        zoom = max(1, round(size_px / 12))
        mask = np.kron(np.asarray(image), np.ones((zoom, zoom), np.uint8))
    else:
        thick = max(1, round(size_px / 16))
        scale = cv2.getFontScaleFromHeight(_HERSHEY[font], max(8, round(0.72 * size_px)), thick)
        (width, height), base = cv2.getTextSize(text, _HERSHEY[font], scale, thick)
        mask = np.zeros((height + base + 20, width + 20), np.uint8)
        cv2.putText(mask, text, (10, height + 8), _HERSHEY[font], scale, 255, thick, cv2.LINE_AA)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.ascontiguousarray(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def tissue_film(draw: random.Random, width_px: int, height_px: int) -> Callable[[int], np.ndarray]:
    """Moving reddish texture with vessels, highlights, an instrument and a soft vignette."""
    rng = np.random.default_rng(draw.randrange(1 << 30))
    pad = 160
    shape = (height_px + pad, width_px + pad)
    base = np.zeros(shape, np.float32)
    for sigma, weight in ((4, 6.0), (14, 16.0), (48, 30.0)):
        noise = rng.standard_normal(shape).astype(np.float32)
        soft = cv2.GaussianBlur(noise, (0, 0), sigma)
        base += weight * soft / float(soft.std())
    lights = np.zeros(shape, np.float32)
    for _ in range(width_px * height_px // 40_000):
        spot = (rng.integers(shape[1]), rng.integers(shape[0]))
        size = (int(rng.integers(3, 14)), int(rng.integers(2, 6)))
        cv2.ellipse(lights, [int(v) for v in spot], size, float(rng.integers(180)), 0, 360, 90, -1)
    vessels = np.zeros(shape, np.float32)
    for _ in range(14):
        walk = np.cumsum(rng.normal((9, 0), 8, (60, 2)), axis=0) + rng.uniform(0, shape[1], 2)
        cv2.polylines(vessels, [walk.astype(np.int32)], False, 34, int(rng.integers(2, 6)))
    detail = cv2.GaussianBlur(lights, (0, 0), 1.2) - cv2.GaussianBlur(vessels, (0, 0), 1.5)
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    far = np.hypot((x - width_px / 2) / width_px, (y - height_px / 2) / height_px)
    shade = np.clip(1.35 - 1.1 * far, 0.15, 1)[..., None]
    phase = draw.uniform(0, 6)

    def picture(index: int) -> np.ndarray:
        dx = round(pad / 2 * (1 + np.sin(index / 17 + phase)))
        dy = round(pad / 2 * (1 + np.cos(index / 23 + phase)))
        part = slice(dy, dy + height_px), slice(dx, dx + width_px)
        value, more = base[part], detail[part]
        colours = np.stack([150 + value + more, 62 + 0.6 * value + 0.9 * more,
                            58 + 0.5 * value + 0.85 * more], -1)  # fmt: skip
        film = np.clip(colours * shade, 0, 255).astype(np.uint8)
        tip = (int(width_px * 0.55 + 60 * np.sin(index / 9)), int(height_px * 0.55))
        cv2.line(film, (width_px, height_px), tip, (120, 124, 128), max(6, height_px // 28))
        return film

    return picture


def stamped(picture: np.ndarray, line: Line) -> None:
    """Burns a line into a picture, in place."""
    mask = mask_of(line.text, line.font, line.size_px)
    ink = line.ink
    part = picture[ink.y_px : ink.bottom_px, ink.x_px : ink.right_px]
    colour = np.array(_INK.get(line.style, (245, 245, 240)), np.float32)
    cover = mask[..., None].astype(np.float32) / 255
    if line.style == "on_box":
        around = ink.grown(4, picture.shape[1], picture.shape[0])
        picture[around.y_px : around.bottom_px, around.x_px : around.right_px] = (18, 18, 60)
    if line.style in ("outlined", "shadowed"):
        grown = cv2.copyMakeBorder(mask, 3, 3, 3, 3, cv2.BORDER_CONSTANT)
        if line.style == "outlined":
            grown = cv2.dilate(grown, np.ones((3, 3), np.uint8))
        else:
            grown = np.roll(grown, (2, 2), (0, 1))
        dark = grown[..., None].astype(np.float32) / 255
        wide = picture[ink.y_px - 3 : ink.bottom_px + 3, ink.x_px - 3 : ink.right_px + 3]
        wide[:] = wide * (1 - 0.85 * dark) + 12 * 0.85 * dark
    strength = 0.6 if line.style == "translucent" else 1.0
    part[:] = part * (1 - strength * cover) + colour * strength * cover


def texts(draw: random.Random) -> list[str]:
    day, month = draw.randrange(1, 29), draw.randrange(1, 13)
    return [
        *_NAMES,
        f"ZX-{draw.randrange(1000, 9999)}-{draw.randrange(1000, 9999)}",
        f"DOB {day:02d}.{month:02d}.19{draw.randrange(30, 99)}",
        f"ACC {draw.randrange(10**7, 10**8)}",
        f"2024-{month:02d}-{day:02d} 08:{draw.randrange(10, 59)}",
    ]


def planted(
    draw: random.Random,
    size_px: tuple[int, int],
    n_lines: int,
    beside: Sequence[Line] = (),
    life: tuple[int, int | None] = (0, None),
) -> list[Line]:
    """Lines at free places of a picture of that width and height; fonts, sizes and styles are
    dealt, so that each comes up as often as the others."""
    width_px, height_px = size_px
    decks: list[list] = [[], [], []]
    lines: list[Line] = []
    for _ in range(60 * n_lines):
        if len(lines) == n_lines:
            break
        for deck, values in zip(decks, (FONTS, SIZES_PX, STYLES), strict=True):
            if not deck:
                deck.extend(draw.sample(values, len(values)))
        text, font, size, style = draw.choice(texts(draw)), *(deck[-1] for deck in decks)
        height, width = mask_of(text, font, size).shape
        if width + 40 > width_px:
            decks[1].insert(0, decks[1].pop())
            continue
        ink = Box(
            draw.randrange(16, width_px - width - 16),
            draw.randrange(16, height_px - height - 16),
            width,
            height,
            start_frame=life[0],
            end_frame=life[1],
        )
        wide = ink.grown(26, width_px, height_px)
        if any(wide.overlap_px(other.ink) for other in [*lines, *beside]):
            continue
        lines.append(Line(text, font, size, style, ink))
        for deck in decks:
            deck.pop()
    return lines


@dataclass(frozen=True)
class OcrClip:
    """An H.264 clip (crf 23) with what was planted in it."""

    data: bytes
    n_frames: int
    lines: list[Line]


def ocr_clip(
    seed: int,
    size_px: tuple[int, int] = (1280, 720),
    n_frames: int = 75,
    n_static: int = 10,
    n_short: int = 3,
) -> OcrClip:
    """``n_static`` lines all along, ``n_short`` for half a second each (25 pictures a second)."""
    draw = random.Random(seed)
    film = tissue_film(draw, *size_px)
    lines = planted(draw, size_px, n_static)
    for _ in range(n_short):
        start = draw.randrange(0, n_frames - 12)
        lines += planted(draw, size_px, 1, lines, (start, start + 12))
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size_px, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "23"}
        for index in range(n_frames):
            picture = film(index)
            for line in lines:
                if line.ink.covers_frame(index):
                    stamped(picture, line)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return OcrClip(out.getvalue(), n_frames, lines)


@dataclass
class Tally:
    """Counts over clips: lines found (nine tenths of the ink blanked in each of its frames), of
    those found the ones of which no ink is left, and proposed boxes that hold ink."""

    static: list[bool] = field(default_factory=list)
    short: list[bool] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    boxes: list[bool] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, clip: OcrClip, proposed: Sequence[Box]) -> None:
        for line in clip.lines:
            ink = mask_of(line.text, line.font, line.size_px) > 48
            end = clip.n_frames if line.ink.end_frame is None else line.ink.end_frame
            share = min(
                _share_blanked(line.ink, ink, [b for b in proposed if b.covers_frame(index)])
                for index in range(line.ink.start_frame, end)
            )
            (self.static if line.ink.end_frame is None else self.short).append(share >= 0.9)
            if share >= 0.9:
                self.whole.append(share == 1.0)
            if share < 1.0:
                self.missed.append(f"{line} {share:.2f}")
        for box in proposed:
            self.boxes.append(any(
                line.ink.overlap_px(box) and _share_time(line.ink, box, clip.n_frames)
                for line in clip.lines
            ))  # fmt: skip

    def share(self, name: str) -> float:
        values = getattr(self, name)
        return sum(values) / max(1, len(values))


def _share_blanked(at: Box, ink: np.ndarray, boxes: Sequence[Box]) -> float:
    left = ink.copy()
    for box in boxes:
        left[
            max(0, box.y_px - at.y_px) : max(0, box.bottom_px - at.y_px),
            max(0, box.x_px - at.x_px) : max(0, box.right_px - at.x_px),
        ] = False
    return 1.0 - left.sum() / ink.sum()


def _share_time(line: Box, box: Box, n_frames: int) -> bool:
    ends = [n_frames if b.end_frame is None else b.end_frame for b in (line, box)]
    return min(ends) > max(line.start_frame, box.start_frame)
