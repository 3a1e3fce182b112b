"""The timeline: dragging with snapping, moving by key, what is not labelled, the overview."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.devserver import CLIP, SET, World
from tests.browser.steps import go, open_workspace, saved, shows, until

pytestmark = pytest.mark.browser
N_FRAMES, RULER_PX = 250, 18


def interval(class_id: str, start: int, end: int) -> dict[str, Any]:
    return {"clip": CLIP, "class_id": class_id, "start_frame": start, "end_frame": end,
            "attributes": {}}  # fmt: skip


@pytest.fixture
def labelled(world: World) -> World:
    keyframes = {
        str(f): {"state": "visible", "shape": {"type": "tip", "point": [f, 50]}, "attributes": {}}
        for f in (20, 120, 200)
    }
    world.picture(0)
    world.sets[SET].labels["intervals"] = {
        "i-prep": interval("preparation", 0, 60), "i-calot": interval("calot", 60, 150),
        "i-bleed": interval("bleeding", 90, 130),
    }  # fmt: skip
    world.sets[SET].labels["tracks"] = {
        "t-one": {"clip": CLIP, "class_id": "grasper", "number": 1, "attributes": {},
                  "keyframes": keyframes}
    }  # fmt: skip
    return world


class Lanes:
    """Where things stand on the timeline while all of the clip is in sight."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.box = page.locator("#timeline").bounding_box()
        stage = page.locator("#stage").bounding_box()
        assert self.box and stage
        self.left = stage["x"]
        self.wide = self.box["x"] + self.box["width"] - self.left

    def at(self, frame: float, lane_y: float) -> tuple[float, float]:
        assert self.box
        return self.left + frame / N_FRAMES * self.wide, self.box["y"] + RULER_PX + lane_y

    def drag(self, start: float, end: float, lane_y: float, drop: bool = True) -> None:
        self.page.mouse.move(*self.at(start, lane_y))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(end, lane_y), steps=4)
        if drop:
            self.page.mouse.up()


PHASES, EVENTS, TRACK = 11, 32, 52


def test_spans_and_keyframes_are_dragged_snap_and_keep_their_rules(
    page: Page, labelled: World
) -> None:
    labels = labelled.sets[SET].labels
    open_workspace(page, labelled, 78)
    lanes = Lanes(page)
    spans = labels["intervals"]
    # The border of two phases, let go two frames beside the playhead: it snaps to it.
    lanes.drag(60 + 0.3, 78 + 1, PHASES)
    until(lambda: spans["i-calot"]["start_frame"] == 78, 20)
    # A phase that grows cuts its neighbour back.
    lanes.drag(60 - 0.3, 100, PHASES)
    until(lambda: spans["i-prep"]["end_frame"] == 100, 20)
    assert spans["i-calot"]["start_frame"] == 100
    # A drag that is taken back changes nothing.
    lanes.drag(150 - 0.2, 190, PHASES, drop=False)
    page.keyboard.press("Escape")
    page.mouse.up()
    lanes.drag(130 - 0.2, 143, EVENTS)
    until(lambda: spans["i-bleed"]["end_frame"] == 143, 20)
    assert spans["i-calot"]["end_frame"] == 150
    # A keyframe goes to another frame, and the playhead with it; onto another one it does not go.
    lanes.drag(120.5, 160.5, TRACK)
    shows(page, 160)
    until(lambda: sorted(map(int, labels["tracks"]["t-one"]["keyframes"])) == [20, 160, 200], 20)
    moved = labels["tracks"]["t-one"]["keyframes"]["160"]
    assert moved["shape"] == {"type": "tip", "point": [120, 50]}
    lanes.drag(20.5, 200.5, TRACK)
    page.wait_for_selector("#notices:has-text('There is a keyframe already')")
    saved(page)
    assert sorted(map(int, labels["tracks"]["t-one"]["keyframes"])) == [20, 160, 200]


def test_the_timeline_is_worked_by_keyboard_alone(page: Page, labelled: World) -> None:
    labels = labelled.sets[SET].labels
    open_workspace(page, labelled, 70)
    page.keyboard.press("Shift+PageDown")
    shows(page, 90)
    page.keyboard.press("Shift+PageUp")
    shows(page, 60)
    page.keyboard.press("ArrowDown")
    go(page, 120)
    page.keyboard.press("Alt+BracketRight")
    shows(page, 121)
    until(lambda: "121" in labels["tracks"]["t-one"]["keyframes"], 20)
    assert "120" not in labels["tracks"]["t-one"]["keyframes"]
    # The event is chosen by its class's key where it stands, and its end moved on by one.
    page.keyboard.press("Digit8")
    go(page, 129)
    page.keyboard.press("Alt+BracketLeft")
    until(lambda: labels["intervals"]["i-bleed"]["end_frame"] == 129, 20)
    # Zoomed to what is selected and out again: a drag of the same length covers other frames.
    page.keyboard.press("Shift+End")
    page.keyboard.press("Shift+Home")
    lanes = Lanes(page)
    lanes.drag(150 - 0.2, 180, PHASES)
    until(lambda: 178 <= labels["intervals"]["i-calot"]["end_frame"] <= 182, 20)
    saved(page)
