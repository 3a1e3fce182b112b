"""Changes of shot in the workspace: gone to by key, and nothing is filled in over one."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.devserver import SET, World
from tests.browser.steps import go, open_workspace, place, until

pytestmark = pytest.mark.browser


def keyframes(world: World) -> dict[int, tuple[str, Any]]:
    """Of the one track: frame → (state, tip's x)."""
    tracks = list(world.sets[SET].labels["tracks"].values())
    if len(tracks) != 1:
        return {}
    return {
        int(frame): (held["state"], held["shape"] and round(held["shape"]["point"][0]))
        for frame, held in tracks[0]["keyframes"].items()
    }


def test_nothing_is_filled_in_over_a_change_of_shot(page: Page, world: World) -> None:
    world.shots = [10, 20]
    world.picture(0)
    open_workspace(page, world)
    shown = page.locator("[data-testid=picture]")

    def at(frame: int) -> None:
        until(lambda: shown.get_attribute("data-frame-index") == str(frame), 20)

    def put(x: float) -> None:
        page.mouse.click(*place(page, world, x, 90))

    go(page, 3)
    page.keyboard.press("t")
    put(100)
    until(lambda: keyframes(world) == {3: ("visible", 100)}, 20)
    # Beyond a change the track is absent from the change to the place where it is found again.
    go(page, 14)
    put(200)
    wanted = {3: ("visible", 100), 10: ("absent", None), 14: ("visible", 200)}
    until(lambda: keyframes(world) == wanted, 20)
    # Right at a change it stays up to it as it was.
    page.keyboard.press("Control+ArrowDown")
    at(20)
    put(300)
    wanted |= {19: ("visible", 200), 20: ("visible", 300)}
    until(lambda: keyframes(world) == wanted, 20)
    page.keyboard.press("Control+ArrowUp")
    at(10)
    page.keyboard.press("Control+ArrowDown")
    at(20)
    # One undo takes back the keyframe and what kept it apart.
    page.keyboard.press("z")
    until(lambda: set(keyframes(world)) == {3, 10, 14}, 20)
    assert "change of shot" not in page.inner_text("body")
    # Bridged on purpose, or by other software, it is said before handing in.
    go(page, 10)
    page.keyboard.press("Delete")
    until(lambda: set(keyframes(world)) == {3, 14}, 20)
    page.wait_for_selector("text=1 filled in over a change of shot")
