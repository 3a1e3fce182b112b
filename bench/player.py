"""The player on a long 1080p clip, in real Chromium against the running product: opening, seeks
next to a bare mediabunny loop on the same file in the same page, a held arrow key, playing at 1×.

``BENCH_PLAYER_S``: seconds of the clip (an hour unless set). It is a minute of short groups, its
packets copied over and over, so that the master serves itself. Making and taking in an hour needs
minutes; ``python -m bench.player prepare`` does it once into the folder ``BENCH_PLAYER_DIR``, and
later runs measure what lies there.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH_PX, HEIGHT_PX, FPS = 1920, 1080, 25
MEASURE = (Path(__file__).parent / "player.js").read_text().split("\n", 1)[1]
BT709 = 1


def minute(n_frames: int, size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)) -> bytes:
    """``n_frames`` of moving tissue-like texture, IDR every 12 pictures, no B-frames."""
    import io

    from fixtures import barcode

    width, height = size_px
    rng = np.random.default_rng(5)
    ground = rng.integers(60, 190, (height // 8 + 16, width // 8 + 16), np.uint8)
    ground = np.kron(ground, np.ones((8, 8), np.uint8))
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"video_track_timescale": "12800"}) as target:
        stream = target.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range, context.time_base = 1, Fraction(1, 12800)
        stream.options = {
            "preset": "veryfast", "crf": "24",
            "x264-params": "keyint=12:min-keyint=12:scenecut=0:bframes=0:threads=2",
        }  # fmt: skip
        for number in range(n_frames):
            y, x = number * 2 % 96, number * 3 % 96
            grey = ground[y : y + height, x : x + width]
            picture = np.stack([grey, grey // 2 + 30, grey // 2 + 20], -1)
            barcode.draw(picture, number)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number * 12800 // FPS, Fraction(1, 12800)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return out.getvalue()


def long_clip(path: Path, seconds: int, size_px: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)) -> None:
    """The minute's packets over and over."""
    import io

    with (
        av.open(io.BytesIO(minute(min(seconds, 60) * FPS, size_px))) as source,
        av.open(str(path), "w", format="mp4", options={"video_track_timescale": "12800"}) as out,
    ):
        video = source.streams.video[0]
        held = [(bytes(p), p.is_keyframe) for p in source.demux(video) if p.size]
        target = out.add_stream_from_template(video)
        for number in range(seconds * FPS):
            data, is_key = held[number % len(held)]
            packet = av.Packet(data)
            packet.pts = packet.dts = number * 12800 // FPS
            packet.duration, packet.time_base = 12800 // FPS, Fraction(1, 12800)
            packet.is_keyframe, packet.stream = is_key, target
            out.mux(packet)


@contextmanager
def _taken_in(seconds: int) -> Iterator[tuple[Any, str]]:
    """A running server and its clip: from ``BENCH_PLAYER_DIR`` where it lies there, else new."""
    from tests.journeys.stack import running

    with ExitStack() as held:
        kept = os.environ.get("BENCH_PLAYER_DIR")
        made = kept or held.enter_context(
            tempfile.TemporaryDirectory(prefix="clinicalannot-bench-")
        )
        folder = Path(made)
        shared = folder / "shared"
        shared.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("CLINICAL_ANNOT_TEST_SHARED", str(shared))
        stack = held.enter_context(running(folder / "data"))
        name = folder / "clip"
        if not name.exists():
            if not (folder / "long.mp4").exists():
                folder.mkdir(parents=True, exist_ok=True)
                long_clip(folder / "long.mp4", seconds)
            done = stack.manage(
                "ingest", str(folder / "long.mp4"), "--project", "demo", "--pixels", "keep",
                "--wait", "--json",
            )  # fmt: skip
            (clip,) = json.loads(done.stdout)["clips"]
            name.write_text(clip)
        yield stack, name.read_text()


def measured(seconds: int | None = None) -> dict[str, Any]:
    """{"ours_ms", "bare_ms" (p95 of a seek), "held_per_s", "dropped" (share), "opened_s"}."""
    from tests.journeys.screen import Person, chromium
    from tests.journeys.served import until

    seconds = seconds or int(os.environ.get("BENCH_PLAYER_S", "3600"))
    seeks = int(os.environ.get("BENCH_PLAYER_SEEKS", "200"))
    with _taken_in(seconds) as (stack, clip), chromium() as browser:
        person = Person(browser, stack.url, stack.login("annotator"))
        page = person.page
        link = f'a[href*="/clips/{clip}/work/"]'

        def listed() -> bool:
            person.go("/")
            return bool(page.locator(link).count())

        until(listed, 60, "the clip in My work")
        began = time.monotonic()
        page.locator(link).first.click()
        page.wait_for_selector("[data-testid=picture][data-frame-index]")
        opened_s = time.monotonic() - began
        page.wait_for_selector("#app[data-ready=true]")
        asked = {
            "clip": clip, "seeks": seeks, "seed": 7, "hold_s": 5, "play_s": 15, "fps": FPS,
        }  # fmt: skip
        found = dict(page.evaluate(MEASURE, asked))
        assert person.errors == [], person.errors
        person.close()
    return {**found, "opened_s": opened_s, "ratio": found["ours_ms"] / found["bare_ms"]}


if __name__ == "__main__":
    if sys.argv[1:] == ["prepare"]:
        with _taken_in(int(os.environ.get("BENCH_PLAYER_S", "3600"))) as (_, clip_id):
            print(clip_id)
    else:
        print(json.dumps(measured(), indent=1))
