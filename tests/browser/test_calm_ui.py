"""What is typed is kept, what is clicked has the focus, what is shown is not cut off."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.devserver import CLIP, SET, World
from tests.browser.steps import open_workspace, shows, until

COMMENT = "[data-testid=comment-new]"
ANSWER = "[data-testid=comment-answer]"
FINDING = "[data-testid=finding-text]"
FIELD = "[data-testid=go-to-frame]"
LONG = "Does the margin end at the fold here, or does it go on below the reflected light?"


def said(frame: int, text: str = LONG) -> dict[str, Any]:
    said = [{"by": "Dr Anna Keller", "text": text, "at": ""}]
    return {"id": str(uuid.uuid4()), "label_set": SET, "clip": CLIP, "frame_index": frame} | {
        "object": None,
        "settled": False,
        "comments": said,
    }


def test_a_clicked_field_takes_what_is_typed_and_keeps_what_is_not_sent(
    page: Page, world: World
) -> None:
    world.threads = [said(10, "First"), said(20, "Second")]
    open_workspace(page, world)
    page.click("[data-testid=comment]")
    expect(page.locator(COMMENT)).to_be_focused()
    # On the picture these would be keys of classes and tools.
    page.keyboard.type("1 polyp behind")
    page.click(f"[data-testid=thread-{world.threads[0]['id']}] button")
    expect(page.locator(COMMENT)).to_have_value("1 polyp behind")
    page.fill(ANSWER, "Half an answer")
    page.click(f"[data-testid=thread-{world.threads[1]['id']}] button")
    expect(page.locator(ANSWER)).to_have_value("")
    page.click(f"[data-testid=thread-{world.threads[0]['id']}] button")
    expect(page.locator(ANSWER)).to_have_value("Half an answer")
    page.locator(COMMENT).press("Escape")
    page.keyboard.press("KeyM")
    expect(page.locator(COMMENT)).to_have_value("1 polyp behind")
    page.click("[data-testid=comment-new-send]")
    until(lambda: len(world.threads) == 3, 20)
    assert world.threads[-1]["comments"][0]["text"] == "1 polyp behind"
    page.locator("#stage").focus()
    page.keyboard.press("KeyM")
    expect(page.locator(COMMENT)).to_have_value("")

    page.click("[data-testid=finding]")
    expect(page.locator(FINDING)).to_be_focused()
    page.keyboard.type("A cyst")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+KeyC")
    expect(page.locator(FINDING)).to_have_value("A cyst")


def test_long_comments_end_before_their_frame_and_a_click_on_the_timeline_opens_the_nearest(
    page: Page, world: World
) -> None:
    world.threads = [said(frame) for frame in (100, 101, 102)]
    open_workspace(page, world)
    side, tag = (
        page.locator(what).bounding_box() for what in (".side.left", ".thread .tag >> nth=0")
    )
    assert side and tag and tag["x"] + tag["width"] <= side["x"] + side["width"]

    # Frames 100, 101 and 102 stand 2 to 6 px apart here: the last is asked for.
    box = page.locator("#timeline").bounding_box()
    stage = page.locator("#stage").bounding_box()
    assert box and stage
    x = stage["x"] + stage["width"] * 102.5 / 250
    lanes = ["ruler", "phases", "events", "comments"]
    heights = {"ruler": 18, "phases": 22, "events": 20, "comments": 18}
    y = box["y"] + sum(heights[lane] for lane in lanes[:-1]) + 9
    page.mouse.click(x, y)
    shows(page, 102)
    expect(page.locator(f"[data-testid=thread-{world.threads[2]['id']}].open")).to_be_visible()


@pytest.mark.parametrize("size", [(720, 450), (1024, 768)])
def test_nothing_of_the_bar_is_cut_off(page: Page, world: World, size: tuple[int, int]) -> None:
    """A window of 1440 at 200 %, and a tablet's."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    open_workspace(page, world)
    parts = ("play", "clock", "pts", "go-to-frame", "act-faster", "phase", "act-zoom-in")
    for part in parts:
        box = page.locator(f"[data-testid={part}] >> visible=true").bounding_box()
        assert box and box["width"] > 10, part
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0], part


def test_what_is_typed_to_go_to_is_taken_as_it_is_written_here(page: Page, world: World) -> None:
    open_workspace(page, world)
    page.fill(FIELD, "<b>nonsense")
    page.press(FIELD, "Enter")
    expect(page.locator(FIELD)).to_have_attribute("aria-invalid", "true")
    page.press(FIELD, "Escape")
    expect(page.locator(FIELD)).not_to_have_attribute("aria-invalid", "true")
    for typed, frame in (
        ("00:00:01.000 · frame 25", 25),
        ("frame 118", 118),
        ("#7", 7),
        ("1 2 0", 120),
    ):
        page.fill(FIELD, typed)
        page.press(FIELD, "Enter")
        shows(page, frame)
    where = page.locator(FIELD).bounding_box()
    page.keyboard.press("End")
    shows(page, 249)
    assert page.locator(FIELD).bounding_box() == where  # nothing beside the clock moves with it
