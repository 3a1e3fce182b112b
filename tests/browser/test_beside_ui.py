"""Other labels and another clip beside the picture, in step with it, in real Chromium, by keys."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from apps.annotation.domain.comparing import changes
from tests.browser.devserver import ADJUDICATION, OTHER, READ, SET, World
from tests.browser.steps import (
    BITS,
    CELL_PX,
    READ_CODE,
    go,
    open_workspace,
    place,
    saved,
    shows,
    until,
)  # fmt: skip

pytestmark = pytest.mark.browser

BESIDE = "[data-testid=picture-beside]"
COLOURS = """() => {
  const canvas = document.querySelector('.beside-picture .layer');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] === 255) seen.add([...data.subarray(i, i + 3)].join());
  }
  return [...seen];
}"""
YELLOW, CYAN = "255,216,74", "63,215,232"


def beside_shows(page: Page, frame: int) -> None:
    """The second picture says the frame, and its own bar code says the same."""
    page.wait_for_selector(f'{BESIDE}[data-frame-index="{frame}"]', timeout=60000)
    read = READ_CODE.replace("data-testid=picture", "data-testid=picture-beside")
    until(lambda: page.evaluate(read, [CELL_PX, BITS]) == [frame, frame])


def colours(page: Page) -> list[str]:
    return page.evaluate(COLOURS)


def a_set(key: str, name: str) -> dict[str, Any]:
    return {"id": key, "name": name, "is_mine": False, "origin": "manual", "state": "locked",
            "revision": 1}  # fmt: skip


def test_labels_and_another_clip_stand_beside_the_picture_in_step_with_it(
    page: Page, world: World
) -> None:
    world.sets[READ].labels = world.a
    other = {"id": OTHER, "name": "Clip 3", "pseudonym": "P-7F3K", "near": "study",
             "label_set": None}  # fmt: skip
    world.beside = {"label_sets": [a_set(READ, "Dr B")], "clips": [other]}
    open_workspace(page, world, 20)
    whole = page.locator("#stage").bounding_box()
    page.keyboard.press("Shift+V")
    beside_shows(page, 20)
    until(lambda: YELLOW in colours(page))
    half, second = page.locator("#stage").bounding_box(), page.locator(BESIDE).bounding_box()
    assert whole and half and second
    assert abs(half["width"] - whole["width"] / 2) <= 1
    assert second["x"] >= half["x"] + half["width"] - 1
    first = page.locator("[data-testid=picture]").bounding_box()
    assert first and abs(first["width"] - second["width"]) <= 2
    page.keyboard.press("ArrowRight")
    shows(page, 21)
    beside_shows(page, 21)

    page.keyboard.press("Alt+V")
    beside_shows(page, 21)
    for _ in range(3):
        page.keyboard.press("Control+Period")
    beside_shows(page, 24)
    page.keyboard.press("ArrowRight")
    beside_shows(page, 25)
    page.select_option("[data-testid=beside-by]", "time")
    beside_shows(page, 22)
    page.fill("[data-testid=beside-offset]", "0.4")
    page.press("[data-testid=beside-offset]", "Enter")
    beside_shows(page, 32)
    page.evaluate("document.querySelector('#stage').focus()")
    page.keyboard.press("Space")
    until(lambda: int(page.get_attribute(BESIDE, "data-frame-index") or 0) > 45)
    page.keyboard.press("k")
    page.wait_for_selector('[data-testid=play][aria-label="Play"]')
    shown = int(page.get_attribute("[data-testid=picture]", "data-frame-index") or 0)
    beside_shows(page, shown + 10)
    page.keyboard.press("End")
    page.wait_for_selector(".beside-picture.outside")
    assert page.inner_text("[data-testid=beside-words]") == "over"

    page.keyboard.press("Shift+V")
    page.wait_for_selector("[data-testid=beside]", state="hidden")
    assert page.locator("#stage").bounding_box() == whole
    assert world.sets[SET].revision == 0


def test_an_earlier_revision_stands_beside_with_what_differs_from_now(
    page: Page, world: World
) -> None:
    world.sets[SET].revision = 3
    world.beside = {"label_sets": [], "clips": []}
    open_workspace(page, world, 20)
    page.keyboard.press("Shift+V")
    page.wait_for_selector("[data-testid=beside-changes]")
    rows = page.locator("[data-testid=beside-changes] li button")
    told = changes(world.a, world.sets[SET].labels)
    assert rows.count() == len(told) > 0
    assert page.inner_text("[data-testid=beside-changes] summary").startswith(str(len(told)))
    page.click("[data-testid=beside-changes] summary")
    row = next(i for i, one in enumerate(told) if one["start_frame"] not in (0, 20))
    rows.nth(row).click()
    shows(page, told[row]["start_frame"])


def test_an_adjudicator_sees_one_side_left_and_the_other_right(page: Page, world: World) -> None:
    answer = world.adjudication()
    answer["sets"] = [{**side, "label_set": key}
                      for side, key in zip(answer["sets"], (SET, READ), strict=True)]  # fmt: skip
    page.route(f"**/api/v1/adjudications/{ADJUDICATION}/", lambda route: route.fulfill(json=answer))
    world.sets[READ].labels = world.b
    world.beside = {"label_sets": [a_set(SET, "A"), a_set(READ, "B")], "clips": []}
    page.goto(f"{world.base}/adjudications/{ADJUDICATION}/")
    page.wait_for_selector("#app[data-ready=true]")
    shows(page, 20)
    page.keyboard.press("Shift+V")
    beside_shows(page, 20)
    until(lambda: YELLOW in colours(page))
    left = COLOURS.replace(".beside-picture .layer", "#overlay")
    until(lambda: CYAN in page.evaluate(left) and YELLOW not in page.evaluate(left))
    assert CYAN not in colours(page)


def test_a_lead_lets_a_frame_stand_as_an_example_and_an_annotator_sees_it_at_hand(
    page: Page, world: World
) -> None:
    world.roles = ["project_lead"]
    open_workspace(page, world, 33)
    page.click("[data-testid=class-grasper]")
    page.click("[data-testid=examples] summary")
    page.fill("[data-testid=example-note]", "Jaws in sight")
    page.click("[data-testid=example-add]")
    until(lambda: world.examples)
    (made,) = world.examples
    assert (made["class_id"], made["frame_index"], made["note"]) == ("grasper", 33, "Jaws in sight")
    world.roles = ["annotator"]
    page.goto("about:blank")
    open_workspace(page, world, 2)
    page.keyboard.press("2")
    page.keyboard.press("g")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    image = page.locator(f"[data-testid=example-{made['id']}] img")
    image.wait_for()
    until(lambda: image.evaluate("(i) => i.complete && i.naturalWidth") == world.size[0])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.example-dialog[open]")
    assert page.inner_text("#example-title") == "Jaws in sight"
    assert page.locator("[data-testid=example-remove]").count() == 0
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.example-dialog", state="detached")
    page.keyboard.press("1")
    until(lambda: page.locator("[data-testid=examples]").count() == 0)


def test_every_revision_is_listed_compared_and_opened_beside(page: Page, world: World) -> None:
    # All pictures are decoded at the first, under the lock that a save waits for.
    world.picture(0)
    open_workspace(page, world, 8)
    page.keyboard.press("Digit2")
    for revision, frame in enumerate((8, 12, 40), 1):
        go(page, frame)
        page.mouse.click(*place(page, world, 120, 90))
        until(lambda wanted=revision: world.sets[SET].revision == wanted)
    saved(page)
    page.keyboard.press("Alt+h")
    rows = page.locator("[data-testid=history] tbody tr")
    until(lambda: rows.count() == 4)
    assert "Grasper 1: drawn on frame 40" in rows.first.inner_text()
    assert "Nothing was labelled yet" in rows.last.inner_text()
    # The newest two are chosen; any other two can be.
    page.click("[data-testid=history-compare]")
    one = page.locator("[data-testid=history-changes] li")
    until(lambda: one.count() == 1 and "frame 40" in one.inner_text())
    page.check("[data-testid=history-from-1]")
    page.check("[data-testid=history-to-2]")
    page.click("[data-testid=history-compare]")
    until(lambda: "keyframes 1 added" in one.inner_text())
    one.locator("button").click()
    shows(page, 12)
    page.click("[data-testid=revision]")
    page.click("[data-testid=history-beside-1]")
    beside_shows(page, 12)
    assert page.input_value("[data-testid=beside-offset]") == "1"
