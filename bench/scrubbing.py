"""Opening and scrubbing a clip with a million keyframes in real Chromium, next to an empty one.

The pages come from the small server of the browser tests, which gives labels in parts as the real
one does; what the real one takes for that is ``bench.saving million``.

python -m bench.scrubbing       ``BENCH_KEYFRAMES`` (1,000,000), ``BENCH_SCRUB_S`` (3600: the clip)
"""

from __future__ import annotations

import functools
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

TRACKS, EVERY, SIZE_PX, OPENS, SEEKS, MOVES = 500, 4, (320, 180), 5, 60, 60
SHOWN = """frame => new Promise(resolve => {
  const canvas = document.querySelector('[data-testid=picture]');
  const there = () => Number(canvas.dataset.frameIndex) === frame;
  const began = performance.now();
  const watch = new MutationObserver(() => {
    if (!there()) return;
    watch.disconnect();
    resolve(performance.now() - began);
  });
  watch.observe(canvas, {attributes: true, attributeFilter: ['data-frame-index']});
  location.hash = `#frame=${frame}`;
})"""


def _tracks(keyframes: int, n_frames: int, clip: str) -> dict[str, Any]:
    """Tips spread over the clip, each with a keyframe every fourth frame."""
    each = min(keyframes // TRACKS, n_frames // EVERY)
    made = {}
    for number in range(TRACKS):
        start = number * (n_frames - EVERY * each) // TRACKS
        made[f"t-{number}"] = {
            "clip": clip, "class_id": "grasper", "number": number + 1, "attributes": {},
            "keyframes": {
                str(start + EVERY * n): {
                    "state": "visible", "attributes": {},
                    "shape": {"type": "tip", "point": [n % 300 + 0.5, number % 170 + 0.5]},
                }
                for n in range(each)
            },
        }  # fmt: skip
    return made


def measured() -> dict[str, Any]:
    """Medians of opening and of a seek, and a drag's time a place, in ms: empty and full."""
    from bench.player import long_clip
    from tests.browser import devserver
    from tests.browser.clipmaker import decode_all, make_clip, read_index
    from tests.browser.conftest import ARGUMENTS, CHROMIUM
    from tests.browser.devlabels import CLIP

    seconds = int(os.environ.get("BENCH_SCRUB_S", "3600"))
    keyframes = int(os.environ.get("BENCH_KEYFRAMES", "1000000"))
    world = devserver.World(2, *SIZE_PX)
    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
        path = Path(folder) / "long.mp4"
        long_clip(path, seconds, SIZE_PX)
        world.video = path.read_bytes()
    world.index = read_index(world.video)
    # Which picture of the master comes at rest is nothing to what is measured.
    (still,) = decode_all(make_clip(1, *SIZE_PX))
    world.picture = lambda _: still  # type: ignore[method-assign]
    n_frames = world.index["n_frames"]
    server = devserver.serve(world)
    world.base = f"http://127.0.0.1:{server.server_address[1]}"
    full = _tracks(keyframes, n_frames, CLIP)
    held = {name: devserver.chunks({"tracks": full}, name) for name in full}
    # A server that counts a million keyframes anew for each answer would be what is measured.
    devserver.chunks = lambda labels, name: held[name]  # type: ignore[attr-defined]
    devserver.outline = functools.partial(_outline, held)  # type: ignore[attr-defined]
    labels = {"empty": {}, "full": full}
    found: dict[str, Any] = {"keyframes": sum(len(t["keyframes"]) for t in full.values())}
    took: dict[str, list[float]] = {}
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            for turn in range(OPENS):
                for name, tracks in labels.items():
                    world.sets[devserver.SET].labels["tracks"] = tracks
                    page = browser.new_page(viewport={"width": 1440, "height": 900})
                    page.set_default_timeout(120_000)
                    spent = _visit(page, world.base, CLIP, n_frames, turn)
                    for what, figures in spent.items():
                        took.setdefault(f"{name}_{what}_ms", []).extend(figures)
                    page.close()
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
    return found | {name: statistics.median(figures) for name, figures in took.items()}


def _outline(held: dict[str, Any], labels: dict[str, Any], read: dict[str, Any]) -> dict[str, Any]:
    tracks = {
        name: {
            **track, "chunks": sorted(map(int, held[name][name])),
            "keyframes": {f: k for chunk in read[name].values() for f, k in chunk.items()},
        }
        for name, track in labels["tracks"].items()
    }  # fmt: skip
    return {**labels, "tracks": tracks}


def _visit(page: Page, base: str, clip: str, n_frames: int, turn: int) -> dict[str, list[float]]:
    pick = random.Random(turn)
    began = time.perf_counter()
    page.goto(f"{base}/clips/{clip}/work/#frame={n_frames // 2}")
    page.wait_for_selector("#app[data-ready=true]")
    page.wait_for_selector(f'[data-testid=picture][data-frame-index="{n_frames // 2}"]')
    opened = 1000 * (time.perf_counter() - began)
    seeks = [
        page.evaluate(SHOWN, pick.randrange(n_frames - 1)) for _ in range(max(1, SEEKS // OPENS))
    ]
    box = page.locator("#timeline").bounding_box()
    assert box is not None
    left, width = box["x"] + box["width"] * 0.4, box["width"] * 0.5
    page.mouse.move(left, box["y"] + 8)
    page.mouse.down()
    began = time.perf_counter()
    for step in range(MOVES):
        page.mouse.move(left + width * (step + 1) / MOVES, box["y"] + 8)
    page.mouse.up()
    page.wait_for_function(
        "document.querySelector('[data-testid=picture]').dataset.frameIndex"
        " === document.querySelector('#timeline').getAttribute('aria-valuenow')"
    )
    dragged = 1000 * (time.perf_counter() - began) / MOVES
    return {"open": [opened], "seek": seeks, "drag": [dragged]}


if __name__ == "__main__":
    print(json.dumps(measured(), indent=1))
