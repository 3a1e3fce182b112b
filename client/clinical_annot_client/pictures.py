"""The pictures of a clip by frame index, exact, each held to the digest of what was annotated."""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

_KEPT = 8


class PictureMismatchError(ValueError):
    """The decoder gives another picture than the one that was annotated; names file and frame."""


def frame_digest(frame: av.VideoFrame) -> str:
    """SHA-256 of a decoded picture: coded pixel format, planes in order, rows without padding,
    samples over 8 bits little-endian (the recipe of DATA_DICTIONARY.md and of ffmpeg's framehash).
    """
    digest, form = hashlib.sha256(), frame.format
    is_wide = max(c.bits for c in form.components) > 8
    for place, plane in enumerate(frame.planes):
        parts = [c for c in form.components if c.plane == place]
        n_rows = parts[0].height if form.is_planar else frame.height
        width_bytes = sum(c.width for c in parts) * (2 if is_wide else 1)
        if not form.is_planar and len(form.components) > 1:
            width_bytes = frame.width * form.padded_bits_per_pixel // 8
        held = np.frombuffer(memoryview(plane), np.uint8)
        rows = held[: len(held) // plane.line_size * plane.line_size].reshape(-1, plane.line_size)
        tight = np.ascontiguousarray(rows[:n_rows, :width_bytes])
        if is_wide and form.is_big_endian != (sys.byteorder == "big"):
            tight = tight.view(np.uint16).byteswap().view(np.uint8)
        digest.update(tight.data)
    return digest.hexdigest()


class Video:
    """A video's pictures by frame index; ``pts`` and ``digests`` are those of `frames.csv`."""

    def __init__(self, path: Path, pts: list[int], digests: list[str], is_exact: bool) -> None:
        self._path, self._pts, self._digests = path, pts, digests
        self._is_exact = is_exact
        self._places = {value: place for place, value in enumerate(pts)}
        self._kept: OrderedDict[int, av.VideoFrame] = OrderedDict()
        self._container: Any = None
        self._frames: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._next: int | None = None

    def close(self) -> None:
        self._kept.clear()
        self._frames, self._next = iter(()), None
        if self._container is not None:
            self._container.close()
            self._container = None

    def __iter__(self) -> Iterator[av.VideoFrame]:
        """All pictures in order, in one pass."""
        with av.open(str(self._path)) as container:
            expected = 0
            for place, frame in self._numbered(container.decode(video=0)):
                if place != expected:
                    break
                yield self._held(place, frame)
                expected += 1
        if expected != len(self._pts):
            raise PictureMismatchError(
                f"{self._path.name}: the decoder leaves out frame {expected}"
            )

    def picture(self, index: int) -> av.VideoFrame:
        """One picture: from the last key frame before it, or on from the last one asked for."""
        if not 0 <= index < len(self._pts):
            raise IndexError(f"frame index: {index} lies outside 0..{len(self._pts) - 1}")
        if index in self._kept:
            return self._held(index, self._kept[index])
        if self._next is not None and self._next <= index < self._next + 64:
            frame = self._read_to(index)
        else:
            frame = None
        # A seek may land too late (open groups of pictures): then further back, then at the start.
        for back_s in (0.0, 2.0, 10.0, None):
            if frame is None:
                self._seek(index, back_s)
                frame = self._read_to(index)
        if frame is None:
            raise PictureMismatchError(f"{self._path.name}: no picture decodes for frame {index}")
        return self._held(index, frame)

    def _seek(self, index: int, back_s: float | None) -> None:
        if self._container is not None:
            self._container.close()
        self._container = av.open(str(self._path))
        stream = self._container.streams.video[0]
        is_plain = len(self._places) == len(self._pts)
        if back_s is not None and is_plain and index:
            back = int(back_s / float(stream.time_base or 1))
            self._container.seek(max(self._pts[index] - back, self._pts[0]), stream=stream)
        self._frames = self._numbered(self._container.decode(video=0))
        self._next = None

    def _read_to(self, index: int) -> av.VideoFrame | None:
        for place, frame in self._frames:
            self._next = place + 1
            self._kept[place] = frame
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            if place >= index:
                return frame if place == index else None
        self._next = None
        return None

    def _numbered(self, frames: Iterator[av.VideoFrame]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Frames with their index. By time; by count where times repeat (then from the start)."""
        if len(self._places) != len(self._pts):
            yield from enumerate(frames)
            return
        for frame in frames:
            if frame.pts is not None and frame.pts in self._places:
                yield self._places[frame.pts], frame

    def _held(self, index: int, frame: av.VideoFrame) -> av.VideoFrame:
        if self._is_exact and frame_digest(frame) != self._digests[index]:
            raise PictureMismatchError(
                f"{self._path.name}: frame {index} is not the picture that was annotated"
            )
        return frame


class Cine:
    """A cine's pictures: PNG files, from 000001."""

    def __init__(self, folder: Path, digests: list[str]) -> None:
        self._folder, self._digests = folder, digests

    def close(self) -> None:
        """Nothing is open."""

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for index in range(len(self._digests)):
            yield self.picture(index)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """uint8 (height, width) or (height, width, 3) RGB."""
        if not 0 <= index < len(self._digests):
            raise IndexError(f"frame index: {index} lies outside 0..{len(self._digests) - 1}")
        path = self._folder / f"{index + 1:06d}.png"
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            pixels = frame.to_ndarray(format="gray" if frame.format.name == "gray" else "rgb24")
        if hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest() != self._digests[index]:
            raise PictureMismatchError(f"{path.name}: not the picture that was annotated")
        return np.asarray(pixels, np.uint8)


def rgb_of(picture: Any) -> NDArray[np.uint8]:
    """uint8 (height, width, 3) of a decoded picture."""
    if isinstance(picture, np.ndarray):
        return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
    return np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
