"""Making a review copy in segments next to decoding and encoding with bare x264 at the same
settings, by CPU time. ``BENCH_REVIEW_S``: seconds of 1080p (60 unless set)."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from fractions import Fraction

import av

from apps.library.domain.decode import FrameReader
from apps.library.domain.digest import picture_digest
from apps.library.domain.frame_index import build_index
from apps.library.domain.review_copy import ENCODER_OPTIONS
from apps.library.domain.review_segments import encode_segment, join_segments, segments_of
from bench.player import FPS, HEIGHT_PX, WIDTH_PX, minute

SEGMENT_FRAMES = 300


def cpu_s(work: Callable[[], None]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def bare(video: bytes) -> None:
    """Decode, encode, mux; nothing else."""
    with (
        av.open(io.BytesIO(video)) as source,
        av.open(io.BytesIO(), "w", format="mp4") as target,
    ):
        stream = target.add_stream("libx264", rate=FPS, options=dict(ENCODER_OPTIONS))
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 12800)
        for frame in source.decode(video=0):
            frame.pict_type = av.video.frame.PictureType.NONE
            target.mux(stream.encode(frame))
        target.mux(stream.encode())


def ours(video: bytes) -> None:
    """As the product does: in segments, each picture's digest taken, joined and checked."""
    index = build_index(io.BytesIO(video))
    found, parts = bytearray(), []
    with FrameReader(io.BytesIO(video), index, kept_bytes=0) as reader:
        for span in segments_of(index.n_frames, SEGMENT_FRAMES):
            out = io.BytesIO()
            encode_segment(
                reader, span, out, seen=lambda frame: found.extend(picture_digest(frame))
            )
            parts.append(out)
    join_segments(parts, index, (WIDTH_PX, HEIGHT_PX), io.BytesIO())


def measured() -> dict[str, float]:
    """{"ratio" (bare to ours, 1 is as fast), "ours_s", "bare_s"} of CPU time."""
    video = minute(int(os.environ.get("BENCH_REVIEW_S", "60")) * FPS)
    times = {"bare_s": cpu_s(lambda: bare(video)), "ours_s": cpu_s(lambda: ours(video))}
    return {**times, "ratio": times["bare_s"] / times["ours_s"]}


if __name__ == "__main__":
    print(measured())
