"""A label set that is read in parts as the playhead comes to them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.browser.devserver import CLIP, SET, World, serve
from tests.browser.devwindows import CHUNK
from tests.browser.steps import go, open_workspace, place, saved, until

pytestmark = pytest.mark.browser
N_FRAMES = 2400


def track(number: int, frames: list[int]) -> dict[str, Any]:
    keyframes = {
        str(f): {"state": "visible", "shape": {"type": "tip", "point": [f % 60 + 0.5, number]},
                 "attributes": {}}
        for f in frames
    }  # fmt: skip
    return {"clip": CLIP, "class_id": "grasper", "number": number, "attributes": {},
            "keyframes": keyframes}  # fmt: skip


@pytest.fixture(scope="module")
def long_world() -> World:
    return World(n_frames=N_FRAMES, width=64, height=48)


@pytest.fixture
def long(long_world: World) -> Iterator[World]:
    long_world.reset()
    long_world.sets[SET].labels["tracks"] = {
        "t-all": track(1, list(range(0, N_FRAMES, 4))),
        "t-ends": track(2, [5, 2390]),
        "t-late": track(3, list(range(1900, 2300, 4))),
        "t-early": track(4, [3, 9]),
    }
    server = serve(long_world)
    long_world.base = f"http://127.0.0.1:{server.server_address[1]}"
    yield long_world
    server.shutdown()
    server.server_close()


def state(page: Page, name: str) -> str:
    """What the panel says of a track on the frame shown."""
    return str(page.get_attribute(f"[data-testid=track-{name}]", "data-state"))


def test_keyframes_are_read_where_the_playhead_stands_and_edits_lose_nothing(
    page: Page, long: World
) -> None:
    labels = long.sets[SET].labels
    before = copy.deepcopy(labels["tracks"])
    open_workspace(page, long, 0)
    until(lambda: state(page, "t-all") == "visible", 20)
    # Only its neighbours' chunks of what is far away; nothing of what begins late.
    asked = [(int(w["from"]), int(w["to"])) for w in long.windows if "from" in w]
    assert asked and max(end for _, end in asked) <= 5 * CHUNK
    assert state(page, "t-ends") == "none" and state(page, "t-late") == "none"
    go(page, 1950)
    for name in ("t-all", "t-ends", "t-late"):
        until(lambda n=name: state(page, n) == "visible", 20)
    assert state(page, "t-early") == "none"
    # A keyframe of the selected track here, taken off and put back.
    go(page, 1952)
    page.click("[data-testid=track-t-all] .row-button")
    page.wait_for_selector('[data-testid=track-t-all] .row-button[aria-pressed="true"]')
    keys = labels["tracks"]["t-all"]["keyframes"]
    until(lambda: "1952" not in keys or page.keyboard.press("Delete"), 20)
    page.keyboard.press("KeyZ")
    until(lambda: labels["tracks"] == before, 20)
    # The whole of it is read once it is selected: taken away and put back, all is as it was.
    assert {"track": "t-all"} in long.windows
    until(lambda: not page.keyboard.press("Shift+Delete") and "t-all" not in labels["tracks"], 20)
    page.keyboard.press("KeyZ")
    until(lambda: labels["tracks"].get("t-all") == before["t-all"], 20)
    saved(page)
    assert labels["tracks"] == before


@pytest.mark.parametrize(
    ("name", "at", "apart"),
    # Before the keyframe, and after it: as long as it is absent up to the next one.
    [("t-early", 1950, {1000: "absent"}), ("t-late", 100, {1000: "absent"})],
)
def test_nothing_is_filled_in_over_a_change_of_shot_to_what_was_not_read(
    page: Page, long: World, name: str, at: int, apart: dict[int, str]
) -> None:
    long.shots = [1000]
    before = set(long.sets[SET].labels["tracks"][name]["keyframes"])

    def new() -> dict[int, str]:
        held = long.sets[SET].labels["tracks"][name]["keyframes"]
        return {int(frame): held[frame]["state"] for frame in held.keys() - before}

    waiting: list[Route] = []

    def hold(route: Route) -> None:
        if waiting:
            route.continue_()
        else:
            waiting.append(route)

    page.route("**/keyframes/?track=*", hold)
    open_workspace(page, long, at)
    page.click(f"[data-testid=track-{name}] .row-button")
    page.keyboard.press("t")
    page.mouse.click(*place(page, long, 30, 20))
    # The stroke does not wait for what is being read.
    until(lambda: new() == {at: "visible"}, 20)
    # The first answer is lost: it is asked for again.
    waiting[0].abort()
    # Requests are held and let go of by this thread.
    page.wait_for_function("() => document.body.innerText.includes('nothing is filled in over')")
    until(lambda: new() == {at: "visible", **apart}, 20)
    page.keyboard.press("z")
    until(lambda: new() == {}, 20)
    page.keyboard.press("Shift+Z")
    until(lambda: new() == {at: "visible", **apart}, 20)
