"""A million keyframes in real Chromium: opened, scrubbed and saved next to an empty clip.

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
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Page, sync_playwright

TRACKS, EVERY, SIZE_PX, OPENS, SEEKS, MOVES, SAVES = 500, 4, (320, 180), 5, 60, 60, 4
SHOWN = """frame => new Promise(resolve => {
  const canvas = document.querySelector('[data-testid=picture]');
  const overlay = document.querySelector('#overlay');
  const began = performance.now();
  let picture = 0;
  const look = () => {
    if (Number(canvas.dataset.frameIndex) !== frame) return;
    picture ||= performance.now() - began;
    if (overlay.dataset.labels !== 'here') return;
    watch.disconnect();
    resolve([picture, performance.now() - began]);
  };
  const watch = new MutationObserver(look);
  watch.observe(canvas, {attributes: true, attributeFilter: ['data-frame-index']});
  watch.observe(overlay, {attributes: true, attributeFilter: ['data-labels']});
  location.hash = `#frame=${frame}`;
})"""
SAVED = """() => new Promise(resolve => {
  const said = document.querySelector('[data-testid=saved]');
  let began = 0;
  const watch = new MutationObserver(() => {
    if (!began || said.dataset.state !== 'saved') return;
    watch.disconnect();
    resolve(performance.now() - began);
  });
  watch.observe(said, {attributes: true, attributeFilter: ['data-state']});
  addEventListener('pointerdown', () => (began = performance.now()), {capture: true, once: true});
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
    """Medians in ms, empty and full: opening; a seek until its picture stands, and until the labels
    of its frame do; a drag's time a place; from a press that places a tip until it is saved."""
    from bench.player import long_clip
    from tests.browser import devserver, devwindows
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
    held = {name: devwindows.chunks({"tracks": full}, name) for name in full}
    # A server that writes so many keyframes anew for each answer, in the process that drives the
    # browser, would be what is measured.
    devserver.Handler._part = functools.partialmethod(_part, _texts(held))  # type: ignore[assignment,method-assign]
    whole = devserver.Handler._json

    def answer(handler: Any, value: Any, status: int = 200) -> None:
        if isinstance(value, bytes):
            return handler._answer(status, value, "application/json")
        return whole(handler, value, status)

    devserver.Handler._json = answer  # type: ignore[method-assign]
    labels = {"empty": {}, "full": full}
    found: dict[str, Any] = {"keyframes": sum(len(t["keyframes"]) for t in full.values())}
    took: dict[str, list[float]] = {}
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            for turn in range(OPENS):
                for name, tracks in labels.items():
                    # Each visit finds what the first one found: keyframes come from the texts.
                    world.sets[devserver.SET].labels["tracks"] = {
                        key: {**track, "keyframes": {}} for key, track in tracks.items()
                    }
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


Texts = dict[str, dict[int, str]]


def _texts(held: dict[str, Any]) -> Texts:
    """Each track's keyframes as JSON without its braces, by chunk."""
    return {
        name: {int(n): json.dumps(keyframes)[1:-1] for n, keyframes in chunks[name].items()}
        for name, chunks in held.items()
    }


def _part(handler: Any, texts: Texts, name: str, is_outline: bool) -> bytes:
    """What the small server answers, put together from texts."""
    from tests.browser.devwindows import CHUNK

    asked = dict(parse_qsl(urlsplit(handler.path).query))
    held = handler.world.sets[name]
    tracks = held.labels["tracks"]
    window = range(int(asked.get("from", 0)) // CHUNK, (int(asked.get("to", 1)) - 1) // CHUNK + 1)
    parts = []
    for track in tracks:
        chunks = texts.get(track, {})
        read = chunks if "track" in asked else in_window(chunks, window)
        if "track" in asked and track != asked["track"]:
            continue
        if is_outline:
            own = {**tracks[track], "keyframes": 0, "chunks": sorted(chunks)}
            text = json.dumps(own).replace('"keyframes": 0', '"keyframes": {%s}')
            parts.append(f'"{track}":' + text % ",".join(read.values()))
        else:
            inner = ",".join(f'"{n}":{{{keyframes}}}' for n, keyframes in read.items())
            parts.append(f'"{track}":{{{inner}}}')
    if not is_outline:
        text = f'{{"revision":{held.revision},"tracks":{{{",".join(parts)}}}}}'
        return text.encode()
    whole = handler.world.label_set(name)
    text = json.dumps({**whole, "labels": {**whole["labels"], "tracks": 0}})
    return text.replace('"tracks": 0', f'"tracks": {{{",".join(parts)}}}').encode()


def in_window(held: dict[int, str], window: range) -> dict[int, str]:
    """As tests/browser/devwindows.py has it."""
    inside = [n for n in window if n in held]
    before = max((n for n in held if n < window.start), default=None)
    after = min((n for n in held if n >= window.stop), default=None)
    if not inside and (before is None or after is None):
        return {}
    return {n: held[n] for n in [before, *inside, after] if n is not None}


def _visit(page: Page, base: str, clip: str, n_frames: int, turn: int) -> dict[str, list[float]]:
    pick = random.Random(turn)
    began = time.perf_counter()
    page.goto(f"{base}/clips/{clip}/work/#frame={n_frames // 2}")
    page.wait_for_selector("#app[data-ready=true]")
    page.wait_for_selector(f'[data-testid=picture][data-frame-index="{n_frames // 2}"]')
    page.wait_for_selector("#overlay[data-labels=here]")
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
    return {
        "open": [opened], "picture": [first for first, _ in seeks],
        "seek": [both for _, both in seeks], "drag": [dragged], "save": _saves(page),
    }  # fmt: skip


def _saves(page: Page) -> list[float]:
    """A tip placed and saved, over and over: with the clip full into a track of 2,000 keyframes."""
    page.keyboard.press("Escape")
    page.keyboard.press("Digit2")
    page.wait_for_function("document.body.dataset.tool === 'tip'")
    box = page.locator("[data-testid=picture]").bounding_box()
    assert box is not None
    took = []
    for turn in range(SAVES + 1):
        # The track in hand may still be on its way: a press that is refused is made again.
        for _ in range(50):
            page.evaluate(f"() => {{ window.told = ({SAVED})() }}")
            page.mouse.click(box["x"] + box["width"] * (0.3 + 0.05 * turn), box["y"] + 90)
            if (
                page.evaluate("document.querySelector('[data-testid=saved]').dataset.state")
                != "saved"
            ):
                break
            page.wait_for_timeout(200)
        took.append(float(page.evaluate("window.told")))
    # The first one waited for its track.
    return took[1:]


if __name__ == "__main__":
    print(json.dumps(measured(), indent=1))
