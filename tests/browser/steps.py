"""What a person does on the browser screens, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.browser.clipmaker import BITS, CELL_PX
from tests.browser.devserver import CLIP, World

READ_CODE = """([cell, bits]) => {
  const canvas = document.querySelector('[data-testid=picture]');
  const shown = Number(canvas.dataset.frameIndex);
  const row = canvas.getContext('2d').getImageData(0, cell / 2, cell * (bits + 2), 1).data;
  const bit = (i) => row[(i * cell + cell / 2) * 4] > 128 ? 1 : 0;
  if (bit(0) !== 1 || bit(1) !== 0) return [shown, -1];
  let value = 0;
  for (let i = 0; i < bits; i++) value = value * 2 + bit(i + 2);
  return [shown, value];
}"""


def open_workspace(page: Page, world: World, frame: int = 0) -> None:
    """Open the workspace at a frame and wait until it takes keys."""
    page.goto(f"{world.base}/clips/{CLIP}/work/#frame={frame}")
    page.wait_for_selector("#app[data-ready=true]")
    shows(page, frame)


def shows(page: Page, frame: int) -> None:
    page.wait_for_selector(f'[data-testid=picture][data-frame-index="{frame}"]', timeout=60000)


def go(page: Page, frame: int) -> None:
    page.evaluate(f"location.hash = '#frame={frame}'")
    shows(page, frame)


def code(page: Page) -> tuple[int, int]:
    """(data-frame-index, the index that the picture's own bar code says)."""
    shown, coded = page.evaluate(READ_CODE, [CELL_PX, BITS])
    return shown, coded


def place(page: Page, world: World, x: float, y: float) -> tuple[float, float]:
    """Screen place of a picture coordinate."""
    box = page.locator("[data-testid=picture]").bounding_box()
    assert box
    return box["x"] + x * box["width"] / world.size[0], box["y"] + y * box["height"] / world.size[1]


def until(what: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """Wait for something on the server to become true."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if value := what():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come true")


def saved(page: Page) -> None:
    page.wait_for_selector('[data-testid=saved][data-state="saved"]', timeout=60000)
