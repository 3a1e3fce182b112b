"""What is typed is kept, what is clicked has the focus, what is shown is not cut off."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

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
    # The next one, begun while this one is on its way, stays open and has the keys.
    held: list[Route] = []
    page.route("**/comments/", lambda route: held.append(route))
    page.locator(COMMENT).fill("Third")
    with page.expect_request("**/comments/"):
        page.click("[data-testid=comment-new-send]")
    page.locator("#stage").focus()
    page.keyboard.press("KeyM")
    with page.expect_response("**/comments/"):
        held[0].continue_()
    expect(page.locator(COMMENT)).to_have_value("")
    expect(page.locator(COMMENT)).to_be_focused()
    page.unroute("**/comments/")

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


def test_without_its_modules_the_page_says_so_and_opens_again(page: Page, world: World) -> None:
    refused = "**/static/workspace/main.js*"
    page.route(refused, lambda route: route.abort())
    page.goto(f"{world.base}/clips/{CLIP}/work/")
    expect(page.locator("#page-state h1")).to_have_text("Part of this page did not come")
    page.unroute(refused)
    page.click("#page-state button")
    page.wait_for_selector("#app[data-ready=true]")


def test_an_answer_that_did_not_come_is_asked_for_again_by_a_button(
    page: Page, world: World
) -> None:
    """Not promised to be tried again by itself where nothing tries."""
    me = "**/api/v1/me/"
    page.route(me, lambda route: route.abort())
    page.goto(f"{world.base}/clips/{CLIP}/work/")
    expect(page.locator("#page-state h1")).to_have_text("The server does not answer")
    page.unroute(me)
    page.click("#page-state button")
    page.wait_for_selector("#app[data-ready=true]")


def test_long_names_keep_the_number_that_tells_tracks_apart(page: Page, world: World) -> None:
    open_workspace(page, world)
    elided = page.evaluate(
        """async () => {
          const { elided } = await import("/static/workspace/timeline/draw.js");
          const context = document.createElement("canvas").getContext("2d");
          context.font = "12.5px sans-serif";
          const name = "Grasper with its shaft and its sheath 12";
          return [100, 1000].map((room) => {
            const said = elided(context, name, room);
            return [said, context.measureText(said).width <= room];
          });
        }"""
    )
    (short, fits), (whole, _) = elided
    assert short.startswith("Gras") and short.endswith("… 12") and fits
    assert whole == "Grasper with its shaft and its sheath 12"
    page.keyboard.press("Digit3")
    page.keyboard.press("Enter")
    row = page.locator("#tracks .track-row").first
    expect(row.locator(".name")).to_have_text("Grasper shaft 1")
    page.evaluate(
        "document.querySelector('.numbered > span').textContent = 'A long name '.repeat(5)"
    )
    parts = (".numbered > :last-child", ".row-button")
    number, button = (row.locator(part).bounding_box() for part in parts)
    assert number and button
    assert number["width"] > 3 and number["x"] + number["width"] < button["x"] + button["width"]


def test_a_number_stands_beside_its_words_and_a_spans_last_frame_is_in_it(
    page: Page, world: World
) -> None:
    world.sets[SET].labels["intervals"]["p"] = {
        "clip": CLIP,
        "class_id": "calot",
        "start_frame": 10,
        "end_frame": 31,
        "attributes": {},
    }
    open_workspace(page, world)
    line = "<dt>Confidence</dt><dd><span><input type=number> %</span></dd>"
    page.evaluate(
        "l => { document.querySelector('#inspector').innerHTML = `<div class=line>${l}</div>` }",
        line,
    )
    words, field = (page.locator(f"#inspector {w}").bounding_box() for w in ("dt", "input"))
    assert words and field and words["x"] + words["width"] <= field["x"]
    assert abs((words["y"] + words["height"] / 2) - (field["y"] + field["height"] / 2)) < 6
    box, stage = page.locator("#timeline").bounding_box(), page.locator("#stage").bounding_box()
    assert box and stage
    page.mouse.click(stage["x"] + stage["width"] * 20 / 250, box["y"] + 18 + 11)
    expect(page.locator("#inspector")).to_contain_text("To00:00:01.200 · 30")
    expect(page.locator("#inspector")).to_contain_text("21 frames")


def test_the_revisions_open_once_however_often_they_are_asked_for(page: Page, world: World) -> None:
    open_workspace(page, world)
    page.keyboard.press("Digit5")
    page.keyboard.press("BracketLeft")
    until(lambda: world.sets[SET].revision, 20)
    page.evaluate(
        """() => {
          const key = { code: "KeyH", key: "h", altKey: true, bubbles: true };
          const { body } = document;
          for (let i = 0; i < 3; i++) body.dispatchEvent(new KeyboardEvent("keydown", key));
        }"""
    )
    expect(page.locator("[data-testid=history-to-1]")).to_be_checked()
    assert page.locator("dialog").count() == 1


def test_where_nothing_can_be_changed_nothing_is_offered(page: Page, world: World) -> None:
    world.sets[SET].state = "submitted"
    open_workspace(page, world)
    expect(page.locator("[data-testid=saved]")).to_have_text("Submitted: read-only")
    expect(page.locator("[data-testid=new-track]")).to_be_hidden()
    expect(page.locator("[data-testid=act-start] >> nth=0")).to_be_hidden()
    expect(page.locator("#inspector")).to_contain_text("Nothing can be changed here")


def test_handing_in_waits_for_the_network_and_then_opens(page: Page, world: World) -> None:
    open_workspace(page, world)
    page.click("[data-testid=comment]")
    page.keyboard.type("Not sent")
    page.locator("#stage").focus()
    world.online = False
    page.keyboard.press("Digit5")
    page.keyboard.press("BracketLeft")
    page.wait_for_selector('[data-testid=saved][data-state="offline"]')
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+Enter")
    yes = page.locator("[data-testid=submit-confirm]")
    expect(yes).to_be_disabled()
    expect(page.locator("dialog")).to_contain_text("1 change is not on the server yet")
    expect(page.locator("dialog")).to_contain_text("A comment is written and not sent")
    assert page.locator("dialog").count() == 1
    world.online = True
    expect(yes).to_be_enabled(timeout=60000)
    expect(page.locator("dialog")).not_to_contain_text("not on the server")
    yes.click()
    until(lambda: world.sets[SET].state == "submitted", 20)
