"""The picture of an index: decoded from the last entry before it, never guessed by frame rate."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import BinaryIO

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from .colour import to_packed
from .index_format import ENTRY, FrameIndex
from .video_stream import decoded, open_video, packets

KEPT_BYTES = 96 << 20
# How far a seek may land before the entry: containers without an index of their own land roughly.
SEEK_BACK_S = (0.0, 1.0, 5.0, 30.0)
PACKETS_TO_ENTRY = 4096
ENTRIES_TRIED = 3


class PictureMissing(LookupError):
    """The decoder gives no picture for an index; the index must follow the decoder."""


class _EntryNotFound(Exception):
    pass


class FrameReader:
    """Pictures of a video by frame index, exact: the same samples as decoding from the start.

    Keeps one decoder open, so that stepping forward decodes one picture and stepping back inside
    the last decoded stretch none. Not safe for several threads. Close it, or use `with`.
    """

    def __init__(self, f: BinaryIO, index: FrameIndex, kept_bytes: int = KEPT_BYTES) -> None:
        self.index = index
        self.n_frames = index.n_frames
        self._f = f
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[int, av.VideoFrame] = OrderedDict()
        self._reformatter = VideoReformatter()
        self._container, self._stream = open_video(f)
        self._stream.codec_context.thread_type = "SLICE"
        self._output: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._next: int | None = None
        self._touched = False
        self._lost_entries: set[int] = set()

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the decoder back; the file object stays open."""
        self._kept.clear()
        self._output = iter(())
        self._container.close()

    def picture(self, i: int) -> av.VideoFrame:
        """The decoded picture in its coded pixel format. Do not write into it.

        Raises IndexError outside 0..n_frames-1, PictureMissing where decoding gives none.
        """
        if not 0 <= i < self.n_frames:
            raise IndexError(f"frame index: {i} lies outside 0..{self.n_frames - 1}")
        if i in self._kept:
            self._kept.move_to_end(i)
            return self._kept[i]
        entry = 0 if self.index.by_count else self.index.entry_before(i)
        if self._next is None or not entry <= self._next <= i:
            self._start_at(entry)
        for at, frame in self._output:
            self._next = at + 1
            self._keep(at, frame)
            if at == i:
                return frame
            if at > i:
                break
        self._next = None
        raise PictureMissing(f"frame index: no picture decodes for {i}; verify the index")

    def rgb(self, i: int) -> NDArray[np.uint8]:
        """uint8 (height_px, width_px, 3), in the colours a browser shows for this stream."""
        return to_packed(self.picture(i), "rgb24", self._reformatter)

    def png_bytes(self, i: int) -> bytes:
        """The picture of `rgb` as PNG, lossless (31 ms at 720p; Pillow needs 76 ms)."""
        return encode_png(to_packed(self.picture(i), "bgr24", self._reformatter), is_bgr=True)

    def __iter__(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yields (frame index, picture) for all indices in presentation order, one pass.

        Raises PictureMissing when decoder and index disagree.
        """
        self._start_at(0)
        self._next = None
        expected = 0
        for at, frame in self._output:
            if at != expected:
                break
            yield at, frame
            expected += 1
        if expected != self.n_frames:
            raise PictureMissing(
                f"frame index: no picture decodes for {expected}; verify the index"
            )

    def _keep(self, i: int, frame: av.VideoFrame) -> None:
        self._kept[i] = frame
        size = sum(p.buffer_size for p in frame.planes)
        while len(self._kept) > max(2, self._kept_bytes // max(size, 1)):
            self._kept.popitem(last=False)

    def _start_at(self, entry: int) -> None:
        for _ in range(ENTRIES_TRIED):
            if self._may_seek(entry):
                try:
                    self._output = self._from_entry(entry)
                    self._next = entry
                    return
                except _EntryNotFound:
                    self._lost_entries.add(entry)
            entry = self.index.entry_before(entry - 1) if entry else 0
        self._reopen()
        source = packets(self._container, self._stream)
        self._output = self._numbered(source, 0)
        self._next = 0

    def _may_seek(self, entry: int) -> bool:
        """Index 0 needs no seek in a fresh container, and bears none where it is no entry: its
        references then lie before it, cut off by an edit list."""
        is_entry = bool(self.index.flags[entry] & ENTRY) and not self.index.by_count
        return is_entry and entry not in self._lost_entries and (entry > 0 or self._touched)

    def _reopen(self) -> None:
        if self._touched:
            self._container.close()
            self._container, self._stream = open_video(self._f)
            self._stream.codec_context.thread_type = "SLICE"
        self._touched = True

    def _from_entry(self, entry: int) -> Iterator[tuple[int, av.VideoFrame]]:
        self._touched = True
        num, den = self.index.time_base
        for back_s in SEEK_BACK_S:
            target = int(self.index.pts[entry]) - round(back_s * den / num)
            try:
                self._container.seek(target, stream=self._stream, backward=True)
            except (av.FFmpegError, OverflowError):
                continue
            source = packets(self._container, self._stream)
            first = self._find(source, entry)
            if first is not None:
                return self._numbered(_chain(first, source), entry)
        raise _EntryNotFound

    def _find(self, source: Iterator[av.Packet], entry: int) -> av.Packet | None:
        """The entry's own packet, told by time, size and place in the file."""
        pts, size = int(self.index.pts[entry]), int(self.index.size_bytes[entry])
        offset = int(self.index.offset_bytes[entry])
        for n, packet in enumerate(source):
            if (
                packet.pts == pts
                and packet.size == size
                and (offset < 0 or packet.pos in (None, -1, offset))
            ):
                return packet
            if n > PACKETS_TO_ENTRY or (packet.dts is not None and packet.dts > pts):
                return None
        return None

    def _numbered(
        self, source: Iterator[av.Packet], entry: int
    ) -> Iterator[tuple[int, av.VideoFrame]]:
        """Numbers what the decoder presents, from an entry on. Where pictures have times of
        their own a picture that does not bear the time of its index is left to no other."""
        at, first = entry, int(self.index.pts[entry])
        by_count = self.index.by_count
        for packet in _chain_end(source):
            for frame in decoded(self._stream, packet):
                if not by_count:
                    if frame.pts is None or (entry and frame.pts < first):
                        continue
                    while at < self.n_frames and int(self.index.pts[at]) < frame.pts:
                        at += 1
                    if at == self.n_frames or int(self.index.pts[at]) != frame.pts:
                        continue
                if at >= self.n_frames:
                    return
                yield at, frame
                at += 1


def encode_png(pixels: NDArray[np.uint8], is_bgr: bool = False) -> bytes:
    """PNG of uint8 (h, w) grey or (h, w, 3); no other chunks than IHDR, IDAT, IEND."""
    if pixels.ndim == 3 and not is_bgr:
        pixels = np.ascontiguousarray(pixels[..., ::-1])
    done, blob = cv2.imencode(
        ".png",
        pixels,
        [
            cv2.IMWRITE_PNG_COMPRESSION,
            1,
            cv2.IMWRITE_PNG_FILTER,
            cv2.IMWRITE_PNG_FILTER_SUB,
        ],
    )
    if not done:
        raise ValueError(f"picture: {pixels.shape} {pixels.dtype} cannot be written as PNG")
    return blob.tobytes()


def _chain(first: av.Packet, rest: Iterator[av.Packet]) -> Iterator[av.Packet]:
    yield first
    yield from rest


def _chain_end(source: Iterator[av.Packet]) -> Iterator[av.Packet | None]:
    yield from source
    yield None
