"""Painting in real Chromium: a brush of 40 px on 1080p next to a bare canvas, and a frame with 200
tracks. The pages come from the small server of the browser tests; no server is measured.

python -m bench.painting       ``BENCH_STROKES`` (12), ``BENCH_STEPS`` (60)
"""

from __future__ import annotations

import json
import math
import os
import random
import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

WATCH = "\n".join((Path(__file__).parent / "painting.js").read_text().split("\n")[1:])
WIDTH_PX, HEIGHT_PX, TRACKS, POINTS = 1920, 1080, 200, 60
BARE = """<body style="margin:0"><canvas width="1280" height="720"></canvas><script>
const canvas = document.querySelector('canvas'), c = canvas.getContext('2d');
let points = [], asked = false, down = false;
canvas.onpointerdown = () => { down = true; };
canvas.onpointerup = () => { down = false; points = []; };
canvas.onpointermove = (event) => {
  if (!down) return;
  for (const e of event.getCoalescedEvents()) points.push([e.offsetX, e.offsetY]);
  if (!asked) { asked = true; requestAnimationFrame(() => {
    asked = false; c.lineWidth = 27; c.lineCap = 'round'; c.strokeStyle = '#fd4'; c.beginPath();
    points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
    c.stroke(); points = points.slice(-1);
  }); }
};
</script>"""


def p95(figures: list[float]) -> float:
    return statistics.quantiles(figures, n=20, method="inclusive")[18]


def _stroke(page: Page, selector: str, number: int) -> None:
    box = page.locator(selector).bounding_box()
    assert box is not None
    pick = random.Random(number)
    x, y = (pick.uniform(0.2, 0.6) for _ in range(2))
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.down()
    for step in range(40):
        turn = step / 40 * 2 * math.pi
        page.mouse.move(
            box["x"] + (x + 0.15 * math.sin(turn)) * box["width"],
            box["y"] + (y + 0.15 * (1 - math.cos(turn))) * box["height"],
        )
    page.mouse.up()


def _strokes(page: Page, selector: str, count: int) -> list[list[float]]:
    _stroke(page, selector, 0)
    page.evaluate("window.bench.moves = []; window.bench.recording = true")
    for number in range(count):
        _stroke(page, selector, number)
    return list(page.evaluate("(window.bench.recording = false, window.bench.moves)"))


def _tracks(n_frames: int, clip: str) -> dict[str, Any]:
    """Outlines that move, each with a keyframe at both ends of the clip."""
    pick, made = random.Random(8), {}
    for number in range(TRACKS):
        x, y, r = pick.uniform(60, 1860), pick.uniform(60, 1020), pick.uniform(20, 50)
        keyframes = {}
        for frame, shift in ((0, 0.0), (n_frames - 1, 8.0)):
            turns = [k / POINTS * 2 * math.pi for k in range(POINTS)]
            points = [
                [round(x + shift + r * math.cos(t), 2), round(y + r * math.sin(t), 2)]
                for t in turns
            ]
            keyframes[str(frame)] = {
                "state": "visible", "shape": {"type": "polygon", "points": points},
                "attributes": {},
            }  # fmt: skip
        made[f"t-{number}"] = {
            "clip": clip, "class_id": "outline", "number": number + 1, "attributes": {},
            "keyframes": keyframes,
        }  # fmt: skip
    return made


def measured() -> dict[str, Any]:
    """{"handler_ms", "paint_ms", "bare_ms" (p95), "ratio", "tracks_ms" (p95 of a frame)}."""
    from tests.browser import devserver
    from tests.browser.conftest import ARGUMENTS, CHROMIUM
    from tests.browser.devlabels import CLIP

    own, n_frames = devserver.ontology(), 40
    row = next(c for c in own["classes"] if c["geometry"] == "mask")
    outline = {**row, "id": "outline", "name": "Outline", "geometry": "polygon", "shortcut": None}
    own["classes"].append(outline)
    devserver.ontology = lambda: own  # type: ignore[attr-defined]
    world = devserver.World(n_frames, WIDTH_PX, HEIGHT_PX)
    server = devserver.serve(world)
    world.base = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            found = _brush(browser, world)
            world.sets[devserver.SET].labels["tracks"] = _tracks(n_frames, CLIP)
            found |= _many(browser, world)
            browser.close()
            return found
    finally:
        server.shutdown()
        server.server_close()


def _page(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.set_default_timeout(120_000)
    page.add_init_script(WATCH)
    return page


def _brush(browser: Browser, world: Any) -> dict[str, Any]:
    from tests.browser.steps import open_workspace

    count = int(os.environ.get("BENCH_STROKES", "12"))
    page = _page(browser)
    open_workspace(page, world, 5)
    page.keyboard.press("Digit1")
    # From 12 px to 20 px radius: each press is 15 %.
    for _ in range(4):
        page.keyboard.press("Period")
    ours = _strokes(page, "[data-testid=picture]", count)
    page.close()
    page = _page(browser)
    page.goto(f"{world.base}/static/workspace/README.md")
    page.set_content(BARE)
    page.evaluate(WATCH)
    bare = _strokes(page, "canvas", count)
    page.close()
    ours_ms, bare_ms = p95([seen for _, seen in ours]), p95([seen for _, seen in bare])
    return {
        "moves": len(ours), "handler_ms": p95([spent for spent, _ in ours]), "paint_ms": ours_ms,
        "bare_ms": bare_ms, "ratio": ours_ms / bare_ms,
    }  # fmt: skip


def _many(browser: Browser, world: Any) -> dict[str, Any]:
    from tests.browser.steps import open_workspace, shows

    page = _page(browser)
    open_workspace(page, world, 2)
    page.evaluate("window.bench.frames = []; window.bench.recording = true")
    for step in range(int(os.environ.get("BENCH_STEPS", "60"))):
        page.keyboard.press("ArrowRight" if step % 60 < 30 else "ArrowLeft")
        shows(page, 3 + step % 60 if step % 60 < 30 else 61 - step % 60)
    frames = list(page.evaluate("window.bench.frames"))
    page.close()
    return {
        "tracks": TRACKS, "frames": len(frames), "tracks_ms": p95(frames),
        "tracks_median_ms": statistics.median(frames),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measured(), indent=1))
