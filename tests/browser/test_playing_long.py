"""A long clip of short groups played at 8x: what the browser holds of it stays the same.

A few seconds here; ``BAR_PLAY_S=180`` plays half an hour of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from bench.player import FPS, long_clip
from tests.browser.clipmaker import decode_all, make_clip, read_index
from tests.browser.devserver import World, serve
from tests.browser.steps import open_workspace

pytestmark = pytest.mark.browser
PLAY_S = int(os.environ.get("BAR_PLAY_S", "18"))
RATE, SIZE_PX = 8, (320, 180)
# What the decoder may hold, and what is on its way through it.
MOST_FRAMES, MOST_BITMAPS = 160 + 24, 40
GROWTH_BYTES = 3_000_000
# Every decoded picture and bitmap is counted when it is made and when it is closed.
COUNT = """(() => {
  const held = window.held = {frames: 0, made: 0, bitmaps: 0};
  const closing = (type, name) => {
    const own = type.prototype.close;
    type.prototype.close = function () {
      if (type === VideoFrame ? this.format !== null : this.width > 0) held[name]--;
      return own.call(this);
    };
  };
  closing(VideoFrame, 'frames');
  closing(ImageBitmap, 'bitmaps');
  const Own = window.VideoDecoder;
  window.VideoDecoder = class extends Own {
    constructor(init) {
      super({...init, output: (frame) => (held.frames++, held.made++, init.output(frame))});
    }
  };
  const own = window.createImageBitmap;
  window.createImageBitmap = async (...given) => {
    const bitmap = await own.apply(window, given);
    held.bitmaps++;
    return bitmap;
  };
})()"""


@pytest.fixture(scope="module")
def long_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = Path(tmp_path_factory.mktemp("long")) / "long.mp4"
    long_clip(path, RATE * PLAY_S + 30, SIZE_PX)
    world = World(2, *SIZE_PX)
    world.video = path.read_bytes()
    world.index = read_index(world.video)
    (still,) = decode_all(make_clip(1, *SIZE_PX))
    world.picture = lambda _: still  # type: ignore[method-assign]
    server = serve(world)
    world.base = f"http://127.0.0.1:{server.server_address[1]}"
    yield world
    server.shutdown()
    server.server_close()


def _held(page: Page, cdp: Any) -> dict[str, int]:
    cdp.send("HeapProfiler.collectGarbage")
    heap = cdp.send("Runtime.getHeapUsage")["usedSize"]
    frame = int(page.get_attribute("[data-testid=picture]", "data-frame-index") or 0)
    return {**page.evaluate("window.held"), "heap": int(heap), "frame": frame}


def test_playing_at_eight_times_holds_no_more_the_longer_it_lasts(
    browser: Browser, long_world: World
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(COUNT)
    open_workspace(page, long_world, 0)
    cdp = page.context.new_cdp_session(page)
    cdp.send("HeapProfiler.enable")
    for _ in range(3):
        page.keyboard.press("Shift+Period")
    assert page.text_content("[data-testid=speed]") == f"{RATE}×"
    page.keyboard.press("Space")
    looks = []
    for _ in range(6):
        page.wait_for_timeout(PLAY_S * 1000 / 6)
        looks.append(_held(page, cdp))
    page.close()
    # All that is allocated once, and code, stands after the first third.
    early, late = looks[1], looks[-1]
    # It went on all the while, and far over what may be held.
    assert late["frame"] - early["frame"] > PLAY_S * FPS, looks
    assert late["made"] > 3 * MOST_FRAMES, looks
    assert max(look["frames"] for look in looks) <= MOST_FRAMES, looks
    assert max(look["bitmaps"] for look in looks) <= MOST_BITMAPS, looks
    assert late["heap"] - early["heap"] < GROWTH_BYTES, looks
