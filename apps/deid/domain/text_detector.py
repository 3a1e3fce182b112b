"""Text in pictures of any size, found offline by PP-OCRv4.

A picture is looked at in tiles of its own scale, so that memory has a bound and small text on a
huge picture is found, and once as a whole for text larger than a tile's lines. Tiles without any
contrast are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from .boxes import Box, merge_boxes
from .detector_process import EngineProcess
from .text_engine import Corners, Engine

DETECTOR_NAME = "PP-OCRv4 mobile det (rapidocr 3.5.0)"
SHORT_SIDE_PX = 480
TILE_PX = 1056
OVERLAP_PX = 128
_LARGE_TEXT_PX = 64
# A strip a few pixels high, enlarged by its height alone, would take gigabytes.
_LARGEST_PX = TILE_PX * TILE_PX * 5 // 4
# Steps of compressed noise stay below; the faintest ink that a person can read does not.
_LEAST_STEP = 7
_RECOGNITION_MARGIN_PX = 2
_LINE_PX = 48
_LONGEST_PIECE_PX = 24 * _LINE_PX
_CROPS_AT_ONCE = 12


def _least_side(tile: np.ndarray, wanted_px: int) -> int:
    """The shorter side to which a tile is enlarged, so that it stays within ``_LARGEST_PX``."""
    short, long = sorted(tile.shape[:2])
    return max(1, min(wanted_px, int((_LARGEST_PX * short / long) ** 0.5)))


class TextDetector:
    """Detection and recognition through an engine; see :func:`text_detector`."""

    def __init__(self, engine: Engine | None = None) -> None:
        self._engine = engine or EngineProcess()

    def detect(
        self,
        picture: np.ndarray,
        scale: float = 1.0,
        stop: Callable[[], None] | None = None,
    ) -> list[Box]:
        """Boxes of text lines in a picture.

        ``picture``: uint8 RGB (height, width, 3). ``scale`` below 1 looks at a smaller picture
        (faster, misses small text). Boxes are upright, in pixels of ``picture``, clipped to it.
        ``stop`` is called before each tile and may raise. Raises
        ``StreamRefusal("detector_failed")`` when the engine's process cannot be kept alive.
        """
        import cv2

        _check(picture)
        height, width = picture.shape[:2]
        small = picture
        if scale != 1.0:
            size = (max(32, round(width * scale)), max(32, round(height * scale)))
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        found = self._in_tiles(small, SHORT_SIDE_PX if scale == 1.0 else 32, stop)
        x_scale, y_scale = width / small.shape[1], height / small.shape[0]
        scaled = (
            _clipped(
                (b.x_px * x_scale, b.y_px * y_scale, b.right_px * x_scale, b.bottom_px * y_scale,
                 b.score), width, height)
            for b in found
        )  # fmt: skip
        return [box for box in scaled if box is not None]

    def _in_tiles(
        self, picture: np.ndarray, least_side_px: int, stop: Callable[[], None] | None
    ) -> list[Box]:
        height, width = picture.shape[:2]
        rows, columns = _cuts(height), _cuts(width)
        whole: list[Box] = []
        cut: list[Box] = []
        for top, bottom in rows:
            for left, right in columns:
                tile = picture[top:bottom, left:right]
                if not has_contrast(tile):
                    continue
                if stop is not None:
                    stop()
                for line in self._engine.detect(tile, _least_side(tile, least_side_px)):
                    x0, y0, x1, y1, score = line
                    box = _clipped((left + x0, top + y0, left + x1, top + y1, score), width, height)
                    if box is None:
                        continue
                    at_edge = (
                        (x0 <= 4 and left > 0)
                        or (y0 <= 4 and top > 0)
                        or (x1 >= right - left - 4 and right < width)
                        or (y1 >= bottom - top - 4 and bottom < height)
                    )
                    (cut if at_edge else whole).append(box)
        if len(rows) * len(columns) == 1:
            return whole + cut
        boxes = _without_repeats(_joined(whole, cut))
        return _without_repeats(boxes + self._large(picture, boxes, stop))

    def _large(
        self, picture: np.ndarray, known: Sequence[Box], stop: Callable[[], None] | None
    ) -> list[Box]:
        """Text of large letters, which tiles see only parts of."""
        import cv2

        height, width = picture.shape[:2]
        shrink = min(1.0, TILE_PX / max(height, width))
        size = (max(32, round(width * shrink)), max(32, round(height * shrink)))
        if stop is not None:
            stop()
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        if not has_contrast(small):
            return []
        large = []
        for x0, y0, x1, y1, score in self._engine.detect(small, 32):
            box = _clipped(
                (x0 * width / size[0], y0 * height / size[1], x1 * width / size[0],
                 y1 * height / size[1], score), width, height)  # fmt: skip
            if box is None or box.height_px < _LARGE_TEXT_PX:
                continue
            if sum(box.overlap_px(k) for k in known) < 0.97 * box.area_px:
                large.append(box)
        return large

    def recognise(self, picture: np.ndarray, boxes: Sequence[Box]) -> list[str]:
        """The text in each box, an empty string where nothing is read.

        The text may name a person: for the vault and the scan only, never for a log.
        """
        _check(picture)
        pieces: list[np.ndarray] = []
        of_box: list[int] = []
        height, width = picture.shape[:2]
        for place, box in enumerate(boxes):
            box = box.grown(_RECOGNITION_MARGIN_PX, width, height)
            for piece in _pieces(picture[box.y_px : box.bottom_px, box.x_px : box.right_px]):
                pieces.append(piece)
                of_box.append(place)
        texts: list[list[str]] = [[] for _ in boxes]
        for start in range(0, len(pieces), _CROPS_AT_ONCE):
            read = self._engine.recognise(pieces[start : start + _CROPS_AT_ONCE])
            for place, text in zip(of_box[start:], read, strict=False):
                texts[place].append(text)
        return [" ".join(part for part in parts if part) for parts in texts]

    def lines(
        self,
        picture: np.ndarray,
        scale: float = 1.0,
        stop: Callable[[], None] | None = None,
    ) -> list[tuple[Box, str]]:
        """Boxes of text and what is read in each, without lone glyphs.

        A squarish box with at most one character in it names nobody; small patterns (colour
        bars, a matrix code's corner) look like that to the detector.
        """
        boxes = self.detect(picture, scale, stop)
        read = self.recognise(picture, boxes)
        return [(b, t) for b, t in zip(boxes, read, strict=True) if not is_lone_glyph(b, t)]


def is_lone_glyph(box: Box, text: str) -> bool:
    """True when the box is about square and no more than one letter or digit is read in it.

    In a box taller than wide two are no line either: a line of two is as wide as high at least.
    """
    squarish = box.width_px < 1.5 * box.height_px and box.height_px < 2 * box.width_px
    is_tall = box.height_px > 1.2 * box.width_px
    return squarish and sum(c.isalnum() for c in text) <= (2 if is_tall else 1)


@lru_cache(maxsize=1)
def text_detector() -> TextDetector:
    """This process's own detector; its engine's process starts at first use (about a second).

    Raises ``StreamRefusal("detector_missing")`` when the library or a model is not installed.
    """
    return TextDetector()


def has_contrast(tile: np.ndarray) -> bool:
    """False where no two pixels near each other differ: there is no ink (uint8 RGB)."""
    import cv2

    if min(tile.shape[:2]) < 4:
        return True
    across = cv2.absdiff(tile[:, 2:], tile[:, :-2])
    if int(across.max()) >= _LEAST_STEP:
        return True
    return int(cv2.absdiff(tile[2:], tile[:-2]).max()) >= _LEAST_STEP


def _cuts(length: int) -> list[tuple[int, int]]:
    """Overlapping runs of at most ``TILE_PX`` that cover 0 to ``length``, about equal."""
    if length <= TILE_PX:
        return [(0, length)]
    count = -(-(length - OVERLAP_PX) // (TILE_PX - OVERLAP_PX))
    size = -(-(length + (count - 1) * OVERLAP_PX) // count)
    starts = [min(k * (size - OVERLAP_PX), length - size) for k in range(count)]
    return [(start, start + size) for start in starts]


def _clipped(line: Corners, width: int, height: int) -> Box | None:
    left, top = max(0, int(np.floor(line[0]))), max(0, int(np.floor(line[1])))
    right, bottom = min(width, int(np.ceil(line[2]))), min(height, int(np.ceil(line[3])))
    if right <= left or bottom <= top:
        return None
    return Box(left, top, right - left, bottom - top, line[4])


def _joined(whole: Sequence[Box], cut: Sequence[Box]) -> list[Box]:
    """Lines that a tile's edge cut, united with what the neighbour saw of the same row."""
    pending = list(whole)
    for box in cut:
        joined = True
        while joined:
            joined = False
            for place, other in enumerate(pending):
                if _same_row(box, other):
                    box = _hull(box, pending.pop(place))
                    joined = True
                    break
        pending.append(box)
    return pending


def _same_row(a: Box, b: Box) -> bool:
    shared = min(a.bottom_px, b.bottom_px) - max(a.y_px, b.y_px)
    return shared > 0.5 * min(a.height_px, b.height_px) and a.overlap_px(b) > 0


def _hull(a: Box, b: Box) -> Box:
    left, top = min(a.x_px, b.x_px), min(a.y_px, b.y_px)
    return replace(
        a,
        x_px=left,
        y_px=top,
        width_px=max(a.right_px, b.right_px) - left,
        height_px=max(a.bottom_px, b.bottom_px) - top,
        score=max(a.score, b.score),
    )


def _without_repeats(boxes: Sequence[Box]) -> list[Box]:
    """Where tiles overlap a line is seen twice."""
    return merge_boxes(boxes, 0.5)


def _pieces(crop: np.ndarray) -> Iterator[np.ndarray]:
    """A line at the height the network reads, cut where there is least ink if it is very long:
    the network's memory grows with the square of the length."""
    import cv2

    height, width = crop.shape[:2]
    length = max(8, round(width * _LINE_PX / height))
    count = -(-length // _LONGEST_PIECE_PX)
    edges = [0]
    if count > 1:
        ink = np.abs(np.diff(crop.astype(np.int16), axis=1)).sum(axis=(0, 2))
        near = max(1, width // count // 6)
        for k in range(1, count):
            middle = k * width // count
            low = max(edges[-1] + 1, middle - near)
            edges.append(low + int(np.argmin(ink[low : middle + near])))
    edges.append(width)
    way = cv2.INTER_AREA if height > _LINE_PX else cv2.INTER_LINEAR
    for left, right in pairwise(edges):
        size = (max(8, round((right - left) * _LINE_PX / height)), _LINE_PX)
        yield cv2.resize(np.ascontiguousarray(crop[:, left:right]), size, interpolation=way)


def _check(picture: np.ndarray) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"picture: uint8 RGB (height, width, 3) expected, got {picture.dtype} with "
            f"{picture.ndim} dimensions; convert it first"
        )
