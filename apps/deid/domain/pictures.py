"""Decoded pictures of a clip, video or cine, one after another and by index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, Protocol

import av
import numpy as np

from . import packets
from .refusals import StreamRefusal
from .seen import SeenPictures, Watch

PLANAR_420 = ("yuv420p", "yuvj420p")


@dataclass(frozen=True)
class Planes:
    """One picture: luma (height, width), chroma cb and cr (half size, rounded up), all uint8.

    Views into the decoder's memory: valid until the next picture is asked for, not to be
    written. ``index`` is the frame index.
    """

    index: int
    luma: np.ndarray
    cb: np.ndarray
    cr: np.ndarray


class Pictures(Protocol):
    """What proposing and verifying need of a clip."""

    n_frames: int
    width_px: int
    height_px: int
    rate_fps: float

    def planes(self) -> Iterator[Planes]:
        """Every picture in presentation order."""
        ...

    def rgb(self, indices: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
        """(index, uint8 RGB (height, width, 3)) for the asked indices, ascending."""
        ...


class VideoPictures:
    """Pictures of the first video stream of a seekable binary file, by its own timeline.

    ``prove``: the pass over all pictures also leaves in ``seen`` what they are known by. It raises
    ``seen.NotProven`` at once where that cannot be told; the next pass then goes without.
    """

    def __init__(self, f: IO[bytes], prove: bool = False) -> None:
        self._f, self._prove = f, prove
        self.seen: SeenPictures | None = None
        self._timeline = packets.read_timeline(f)
        self._index = {pts: i for i, pts in enumerate(self._timeline.pts)}
        self.n_frames = len(self._timeline.pts)
        if not self.n_frames:
            raise StreamRefusal("no_video", "video: presents no picture; check the recording")
        with packets.open_media(f) as container:
            context = packets.video_stream(container).codec_context
            self.width_px, self.height_px = context.width, context.height
        span = self._timeline.pts[-1] - self._timeline.pts[0]
        seconds = float(span * self._timeline.time_base)
        self.rate_fps = (self.n_frames - 1) / seconds if seconds else 25.0

    def planes(self) -> Iterator[Planes]:
        count = 0
        with ExitStack() as stack:
            watch = stack.enter_context(self._watch()) if self._prove else None
            container = stack.enter_context(packets.open_media(self._f))
            stream = packets.video_stream(container)
            if watch:
                # The digests' thread has the second core; decoding in two costs a tenth more.
                stream.thread_type = "SLICE"
            decoding = watch.frames if watch else decoded_frames
            for frame in decoding(container, stream):
                index = self._index_of(frame, count)
                if watch:
                    watch.take(index, frame)
                if index is None:
                    continue
                count += 1
                yield Planes(index, *planes_of(frame, self.width_px, self.height_px))
            if watch:
                self.seen = watch.seen()
        if not count:
            raise StreamRefusal("decode_failed", "video: no picture can be decoded; send it again")

    def _watch(self) -> Watch:
        # Once only: whoever comes again after ``NotProven`` wants the pictures as they come.
        self._prove = False
        return Watch(self._f, self._timeline)

    def _index_of(self, frame: Any, count: int) -> int | None:
        """The frame index of a decoded picture before which ``count`` came."""
        if self._timeline.is_counted:
            return count if count < self.n_frames else None
        return self._index.get(frame.pts)

    def rgb(self, indices: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
        wanted = sorted({i for i in indices if 0 <= i < self.n_frames})
        if not wanted:
            return
        with packets.open_media(self._f) as container:
            stream = packets.video_stream(container)
            frames: Iterator[Any] = iter(())
            reached = -1
            for index in wanted:
                key = max((k for k in self._timeline.key if k <= index), default=0)
                if self._timeline.is_counted:
                    key = 0
                # Going on is cheaper than seeking while no key frame lies in between.
                if reached < 0 or key > reached:
                    if not self._timeline.is_counted:
                        container.seek(self._timeline.pts[key], stream=stream, backward=True)
                    frames = decoded_frames(container, stream)
                for frame in frames:
                    found = self._index_of(frame, reached + 1)
                    if found is None:
                        continue
                    reached = found
                    if found == index:
                        yield index, rgb_of(frame, self.width_px, self.height_px)
                    if found >= index:
                        break


def decoded_frames(container: Any, stream: Any) -> Iterator[Any]:
    """Presented pictures in order; a damaged packet is skipped, the next ones go on."""
    iterator = container.demux(stream)
    while True:
        try:
            packet = next(iterator, None)
        except av.error.FFmpegError:
            packet = None
        if packet is None:
            break
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue
    try:
        yield from stream.codec_context.decode(None)
    except av.error.FFmpegError:
        return


def planes_of(frame: Any, width_px: int, height_px: int) -> tuple[np.ndarray, ...]:
    """Luma, cb, cr as uint8; other formats and sizes are converted to 8 bit 4:2:0."""
    if frame.format.name not in PLANAR_420 or (frame.width, frame.height) != (width_px, height_px):
        frame = frame.reformat(width=width_px, height=height_px, format="yuv420p")
    half = (height_px + 1) // 2, (width_px + 1) // 2
    sizes = ((height_px, width_px), half, half)
    return tuple(
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: size[0], : size[1]]
        for plane, size in zip(frame.planes, sizes, strict=True)
    )


def rgb_of(frame: Any, width_px: int, height_px: int) -> np.ndarray:
    """The picture as uint8 RGB (height, width, 3)."""
    return frame.reformat(width=width_px, height=height_px, format="rgb24").to_ndarray()
