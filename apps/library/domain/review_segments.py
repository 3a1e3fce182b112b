"""A review copy in segments: each is encoded by itself and kept, so that work that was broken off
goes on after the last of them; joined without encoding, and the same bytes however often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from hashlib import sha256
from typing import BinaryIO

import av

from apps.deid.domain.mp4_layout import SpooledMuxTarget
from apps.vault.domain.spool import SealedSpool

from .decode import FrameReader
from .frame_index import Cancelled, Progress, WorkCancelled
from .index_format import FrameIndex
from .review_copy import (
    ENCODER_OPTIONS,
    GROUP_PICTURES,
    ReviewCopy,
    ReviewCopyRefused,
    encode_pictures,
    finished,
    muxer_options,
    rising_times,
)


def segments_of(n_frames: int, size: int) -> list[tuple[int, int]]:
    """[start, end) of each segment of about ``size`` pictures, in whole groups.

    >>> segments_of(3100, 1509)
    [(0, 1500), (1500, 3000), (3000, 3100)]
    """
    size = max(1, size // GROUP_PICTURES) * GROUP_PICTURES
    return [(start, min(start + size, n_frames)) for start in range(0, n_frames, size)]


def recipe(index: FrameIndex, master_sha256: str) -> bytes:
    """32 bytes that stand for what segments are made of and how: only those of one recipe join."""
    parts = (index.to_bytes(), master_sha256, sorted(ENCODER_OPTIONS.items()), av.library_versions)
    return sha256(repr(parts).encode()).digest()


def encode_segment(
    reader: FrameReader,
    span: tuple[int, int],
    out: BinaryIO,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    seen: Callable[[av.VideoFrame], None] | None = None,
) -> None:
    """Encode the master's pictures [start, end) as an MP4 file with their own times, which plays by
    itself. Spans are asked for in order, so that each picture is decoded once; ``seen`` is given
    each. Raises ReviewCopyRefused, PictureMissing, WorkCancelled."""

    def frames() -> Iterator[av.VideoFrame]:
        for i in range(*span):
            frame = reader.picture(i)
            if seen is not None:
                seen(frame)
            yield frame

    with SealedSpool() as spool:
        target = SpooledMuxTarget(spool)
        encode_pictures(frames(), reader.index, span, target, progress, cancelled)
        target.write_index_first(out)


def join_segments(
    segments: Iterable[BinaryIO],
    index: FrameIndex,
    size_px: tuple[int, int],
    out: BinaryIO,
    cancelled: Cancelled | None = None,
) -> ReviewCopy:
    """All segments in order as one review copy, written to ``out`` (append-only); count and times
    are checked by index. ``size_px``: the master's (a coded odd side is one more). Raises
    ReviewCopyRefused where they do not fit together."""
    den = index.time_base[1]
    stream, first = None, b""
    with SealedSpool() as spool:
        target = SpooledMuxTarget(spool)
        with av.open(target, "w", format="mp4", options=muxer_options(den)) as container:
            for segment in segments:
                segment.seek(0)
                with av.open(segment, "r", format="mp4") as source:
                    video = source.streams.video[0]
                    extradata = bytes(video.codec_context.extradata or b"")
                    if stream is None:
                        first = extradata
                        stream = container.add_stream_from_template(video, opaque=True)
                        stream.time_base = Fraction(1, den)
                    if extradata != first:
                        raise ReviewCopyRefused(
                            "video: its segments differ in size or colour; encode the master once"
                        )
                    for packet in source.demux(video):
                        if packet.size:
                            packet.stream = stream
                            container.mux(packet)
                if cancelled and cancelled():
                    raise WorkCancelled
        return finished(target, rising_times(index), index, size_px, out)
