"""The workspace and adjudication in Debian's Firefox, by keyboard alone, with motion reduced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.clipmaker import BITS, CELL_PX
from tests.browser.devserver import ADJUDICATION, CLIP, SET, World
from tests.browser.firefox import BINARY, Firefox, firefox
from tests.browser.steps import READ_CODE, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(400),
    pytest.mark.skipif(BINARY is None, reason="firefox-esr is not installed"),
]
READY = "return document.querySelector('#app')?.dataset.ready === 'true'"
SHOWN = "return document.querySelector('[data-testid=picture]').dataset.frameIndex === arguments[0]"
SAVED = "return document.querySelector('[data-testid=saved]').dataset.state === 'saved'"


@pytest.fixture(scope="module")
def browser() -> Iterator[Firefox]:
    with firefox() as running:
        yield running


def shows(browser: Firefox, frame: int) -> None:
    """The picture of that frame is there, and its own bar code says so."""
    browser.until(SHOWN, str(frame))
    code = f"return ({READ_CODE})(arguments[0])"
    assert browser.run(code, [CELL_PX, BITS]) == [frame, frame]


def held(world: World, part: str) -> list[dict[str, Any]]:
    """The "tracks" or "intervals" that the server holds now."""
    return list(world.sets[SET].labels[part].values())


def shape_at(track: dict[str, Any], frame: int) -> tuple[str, list[float]] | None:
    """The type and the width and height of a track's box at its keyframe there."""
    shape = track["keyframes"].get(str(frame), {}).get("shape")
    return shape and (shape["type"], shape["box"][2:])


def test_a_clip_is_stepped_played_and_labelled_by_keys(browser: Firefox, world: World) -> None:
    assert browser.run("return matchMedia('(prefers-reduced-motion: reduce)').matches")
    browser.go(f"{world.base}/clips/{CLIP}/work/#frame=20")
    browser.until(READY)
    shows(browser, 20)
    browser.press("ArrowRight")
    shows(browser, 21)
    browser.press("4", "c", "Space", *["Shift+ArrowRight"] * 3, *["Shift+ArrowDown"] * 2, "Space")
    # Each step may be its own save, and a save puts a new object in the old one's place: look anew.
    until(lambda: [shape_at(track, 21) for track in held(world, "tracks")] == [("box", [30, 20])])
    browser.press("Escape", "Escape", "5", "[", *["ArrowRight"] * 4)
    # A span ends at the picture that is seen, not at the one asked for: see it first.
    browser.until(SHOWN, "25")
    browser.press("]")
    until(
        lambda: [(s["start_frame"], s["end_frame"]) for s in held(world, "intervals")] == [(21, 25)]
    )
    browser.until(SAVED)
    browser.press("Space")
    browser.until("return Number(document.querySelector('[data-testid=picture]')"
                  ".dataset.frameIndex) > 40")  # fmt: skip
    browser.press("k")
    browser.until("return document.querySelector('[data-testid=play]').ariaLabel === 'Play'")
    at = browser.run("return Number(document.querySelector('[data-testid=picture]')"
                     ".dataset.frameIndex)")  # fmt: skip
    shows(browser, at)
    browser.press("Shift+?")
    browser.until("return document.querySelector('#sheet-title')")
    browser.press("Escape")


def test_differences_are_walked_and_decided_by_keys(browser: Firefox, world: World) -> None:
    browser.go(f"{world.base}/adjudications/{ADJUDICATION}/")
    browser.until(READY)
    shows(browser, 20)
    browser.press("b")
    until(lambda: world.decisions == {"d1": "b"})
    browser.until("return document.querySelector('[aria-current=true][data-disagreement=d2]')")
    browser.press("a")
    until(lambda: world.decisions == {"d1": "b", "d2": "a"})
