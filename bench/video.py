"""De-identification of a 1080p video against bare libav on the same file in the same run.

``BENCH_VIDEO_S``: seconds of video (10; the bar is 600). Ratios are of processor time, ours to
theirs, so that another process on the machine does not count; the wall's are in the line's words.
"""

from __future__ import annotations

import io
import os
import resource
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from bench.baselines import decode, x264

SECONDS = int(os.environ.get("BENCH_VIDEO_S", "10"))
FPS, SIZE_PX, LOOP_FRAMES = 30, (1920, 1080), 150


def clip(path: Path) -> None:
    """Moving texture at some 10 Mbit/s with B-frames; the first five seconds over and over."""
    import cv2

    draw = np.random.default_rng(1)
    coarse = draw.integers(60, 200, (136, 240, 3)).astype(np.uint8)
    texture = cv2.resize(coarse, (2200, 1300), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    texture += draw.integers(-12, 12, (1300, 2200, 1)).astype(np.int16)
    texture = texture.clip(0, 255).astype(np.uint8)
    once = io.BytesIO()
    width, height = SIZE_PX
    with av.open(once, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "b": "11M", "bf": "2", "g": "50"}
        for i in range(min(LOOP_FRAMES, SECONDS * FPS)):
            top, left = i % 100, 2 * i % 200
            part = np.ascontiguousarray(texture[top : top + height, left : left + width])
            output.mux(stream.encode(av.VideoFrame.from_ndarray(part, "rgb24")))
        output.mux(stream.encode())
    _repeated(once, path, max(1, SECONDS * FPS // LOOP_FRAMES))


def _repeated(once: io.BytesIO, path: Path, times: int) -> None:
    once.seek(0)
    with av.open(once) as source, av.open(str(path), "w", format="mp4") as output:
        video = source.streams.video[0]
        target = output.add_stream_from_template(video)
        held = [p for p in source.demux(video) if p.size]
        span = round(len(held) / FPS / Fraction(video.time_base or 1))
        for turn in range(times):
            for packet in held:
                made = av.Packet(bytes(packet))
                made.pts, made.dts = packet.pts + turn * span, packet.dts + turn * span
                made.duration, made.time_base = packet.duration, packet.time_base
                made.is_keyframe, made.stream = packet.is_keyframe, target
                output.mux(made)


def _spent(run: Callable[[], Any]) -> tuple[float, float]:
    """(processor seconds, seconds on the wall)."""

    def used() -> float:
        return sum(
            usage.ru_utime + usage.ru_stime
            for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )

    before, began = used(), time.perf_counter()
    run()
    return used() - before, time.perf_counter() - began


def _line(ours: tuple[float, float], theirs: tuple[float, float]) -> dict[str, Any]:
    n = SECONDS * FPS
    return {
        "ratio": round(ours[0] / theirs[0], 2),
        "ours": round(1000 * ours[0] / n, 2),
        "theirs": round(1000 * theirs[0] / n, 2),
        "unit": f"ms a picture of processor; {ours[1] / theirs[1]:.2f} on the wall",
    }


def compare(folder: Path) -> dict[str, dict[str, Any]]:
    """A copied video (stream, gate, digests, search; not a review copy where one is made), and a
    redacted one, its encoding pass and all from received to ready but for reading text (which
    does not grow with the clip)."""
    from apps.deid.domain import probe, propose, redact, remux
    from apps.deid.domain.boxes import Box
    from apps.deid.domain.harvest import Harvest
    from apps.deid.domain.pictures import VideoPictures
    from apps.deid.domain.scan import LeakScanner
    from apps.deid.domain.seen import SeenPictures
    from apps.library.domain import digest
    from apps.library.domain.frame_index import build_index
    from apps.library.domain.index_format import FrameIndex
    from apps.library.domain.taken_over import taken_over

    path, made = folder / "clip.mp4", folder / "made.mp4"
    clip(path)
    harvest = Harvest({"name": {"MORGANLEVY", "ANASTASIA"}, "id": {"ID12345678"}})

    seen: list[SeenPictures] = []

    def look() -> None:
        with open(path, "rb") as source:
            probe.probe_stream(source)
            pictures = VideoPictures(source, prove=True)
            propose._watch(pictures, None, None)
            assert pictures.seen is not None
            seen.append(pictures.seen)

    def copy() -> None:
        with open(path, "rb") as source, open(made, "wb") as out:
            remux.remux_video(source, out)

    def blank() -> None:
        with open(path, "rb") as source, open(made, "wb") as out:
            redact.redact_video(source, out, [Box(64, 64, 512, 64)])

    def search(result: Any) -> FrameIndex:
        LeakScanner(harvest).scan_stream("file", result)
        probe.probe_stream(result)
        return build_index(result, None)

    def search_and_take_over() -> None:
        with open(made, "rb") as result:
            assert taken_over(result, search(result), seen[0]) == seen[0].digests

    def search_and_decode() -> None:
        with open(made, "rb") as result:
            digest.digests(result, search(result))

    def bare(run: Callable[[Any], int]) -> tuple[float, float]:
        with open(path, "rb") as source:
            return _spent(lambda: run(source))

    bare(decode.decode)
    looked, copied = _spent(look), _spent(copy)
    taken, proved = _spent(search_and_take_over), _spent(search_and_decode)
    decoded = bare(decode.decode)
    blanked, encoded, proved_again = _spent(blank), bare(x264.encode), _spent(search_and_decode)

    def together(*parts: tuple[float, float]) -> tuple[float, float]:
        return sum(p[0] for p in parts), sum(p[1] for p in parts)

    return {
        "video, kept whole, to bare decoding": _line(together(copied, proved), decoded),
        "video, looked through and kept, to bare decoding": _line(
            together(looked, copied, taken), decoded
        ),
        "video, encoding pass of redaction, to bare decoding and x264": _line(blanked, encoded),
        "video, redacted from received to ready, to bare decoding and x264": _line(
            together(looked, blanked, proved_again), encoded
        ),
    }
