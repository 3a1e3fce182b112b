"""Speed, loop, places, light and thumbnails of the player, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.clipmaker import BITS, CELL_PX
from tests.browser.devserver import CLIP, World
from tests.browser.steps import READ_CODE, go, open_workspace, shows, until

pytestmark = pytest.mark.browser


def code(page: Page) -> Any:
    return page.evaluate(READ_CODE, [CELL_PX, BITS])


def test_a_typed_clock_pts_or_second_goes_to_the_frame_it_names(page: Page, world: World) -> None:
    open_workspace(page, world, 3)
    pts = world.index["pts"]
    for text, frame in (("0:02.44", 61), (f"pts {pts[118]}", 118), ("4s", 100), ("7", 7)):
        page.fill("[data-testid=go-to-frame]", text)
        page.press("[data-testid=go-to-frame]", "Enter")
        shows(page, frame)
        assert code(page) == [frame, frame]
        until(
            lambda wanted=frame: page.text_content("[data-testid=pts]") == f"PTS {pts[wanted]}", 20
        )
    for text in ("250", "pts 1", "1:00:00", "soon"):
        page.fill("[data-testid=go-to-frame]", text)
        page.press("[data-testid=go-to-frame]", "Enter")
        assert page.get_attribute("[data-testid=go-to-frame]", "aria-invalid") == "true"


def test_speed_is_kept_and_a_loop_plays_its_span_only(page: Page, world: World) -> None:
    open_workspace(page, world, 30)
    for shown in ("0.5×", "0.25×", "0.1×", "0.1×"):
        page.keyboard.press("Shift+Comma")
        assert page.text_content("[data-testid=speed]") == shown
    for _ in range(4):
        page.keyboard.press("Shift+Period")
    assert page.text_content("[data-testid=speed]") == "2×"
    page.keyboard.press("Shift+BracketLeft")
    go(page, 36)
    page.keyboard.press("Shift+BracketRight")
    assert page.text_content("[data-testid=speed]") == "2× · loop 30–36"
    page.evaluate("""() => {
      window.seen = [];
      const canvas = document.querySelector('[data-testid=picture]');
      new MutationObserver(() => window.seen.push(Number(canvas.dataset.frameIndex)))
        .observe(canvas, {attributes: true, attributeFilter: ['data-frame-index']});
    }""")
    page.keyboard.press("Space")
    # Round at least twice: the first picture of the span has come back two times.
    until(lambda: page.evaluate("seen.filter((n, i) => i && n < seen[i - 1]).length") >= 2, 30)
    page.keyboard.press("KeyJ")
    until(lambda: page.evaluate("seen.filter((n, i) => i && n > seen[i - 1] + 3).length") >= 1, 30)
    page.keyboard.press("Space")
    assert set(page.evaluate("seen")) <= set(range(30, 37))
    page.keyboard.press("Shift+KeyL")
    assert page.text_content("[data-testid=speed]") == "2×"


def test_light_changes_the_screen_and_not_the_picture(page: Page, world: World) -> None:
    open_workspace(page, world, 12)
    page.wait_for_selector("[data-testid=picture][data-picture-source=master]")
    samples = "() => document.querySelector('[data-testid=picture]').toDataURL()"
    before = page.evaluate(samples)
    box = page.locator("#stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down(button="right")
    page.mouse.move(box["x"] + 350, box["y"] + 100, steps=4)
    page.mouse.up(button="right")
    assert page.text_content("[data-testid=light]") == "brightness 126 % · contrast 141 %"
    filters = "() => getComputedStyle(document.querySelector('[data-testid=picture]')).filter"
    assert page.evaluate(filters) == "brightness(1.26) contrast(1.41)"
    assert page.evaluate(samples) == before
    page.keyboard.press("Alt+Digit0")
    assert page.text_content("[data-testid=light]") == ""
    page.keyboard.press("Alt+Shift+Equal")
    assert page.evaluate(filters) == "brightness(1.1) contrast(1)"
    # A look at another time, without leaving this one.
    line = page.locator("#timeline").bounding_box()
    assert line is not None
    page.mouse.move(line["x"] + line["width"] * 0.7, line["y"] + 30)
    page.mouse.move(line["x"] + line["width"] * 0.7 + 1, line["y"] + 30)
    page.wait_for_selector("[data-testid=thumbnail]:not([hidden])", timeout=20000)
    key = int(page.get_attribute("[data-testid=thumbnail]", "data-frame-index") or -1)
    assert key in world.index["key"] and key > 12
    assert code(page)[0] == 12


def test_what_is_finished_is_watched_while_the_rest_is_made(page: Page, world: World) -> None:
    world.making = 1
    page.goto(f"{world.base}/clips/{CLIP}/work/")
    page.click("[data-testid=preview-start]", timeout=20000)
    watched = "() => document.querySelector('[data-testid=preview]')"
    until(lambda: page.evaluate(f"({watched})()?.currentTime > 0"), 30)
    page.evaluate(f"({watched})().currentTime = 9.9")
    until(lambda: page.evaluate(f"({watched})().ended"), 30)
    # It waits at the end of what there is, goes on when more is there, and opens when it is ready.
    world.making = 2
    until(lambda: page.get_attribute("[data-testid=preview]", "data-start-frame") == "250", 30)
    until(lambda: page.evaluate(f"({watched})().currentTime > 0"), 30)
    world.making = None
    page.wait_for_selector("#app[data-ready=true]", timeout=30000)
    assert not page.locator("[data-testid=preview]").count()


def test_the_first_picture_is_the_masters_own_and_waits_for_nothing_else(
    page: Page, world: World
) -> None:
    held: list[Any] = []
    # The small server decodes the whole clip for its first picture: longer than it is waited for.
    world.picture(77)
    page.route("**/workspace/main.js", lambda route: held.append(route))
    page.goto(f"{world.base}/clips/{CLIP}/work/#frame=77", wait_until="commit")
    shows(page, 77)
    assert code(page) == [77, 77]
    assert page.get_attribute("[data-testid=picture]", "data-picture-source") == "master"
    stage, picture = (page.locator(name).bounding_box() for name in ("#stage", "#picture"))
    assert stage and picture and picture["height"] >= stage["height"] - 4
    until(lambda: held, 30)
    held[0].continue_()
    page.wait_for_selector("#app[data-ready=true]")
    assert code(page) == [77, 77]
    page.keyboard.press("ArrowRight")
    shows(page, 78)
    assert code(page) == [78, 78]
