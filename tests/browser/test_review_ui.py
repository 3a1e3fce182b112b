"""The pixel review screen in real Chromium, against the real server, by keyboard alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from apps.access.actor import Actor
from apps.deid.models import Deidentification
from apps.intake.models import ReceivedInstance
from apps.jobs.work import run_pending
from tests import shared
from tests.browser.axe import axe_findings
from tests.browser.steps import until
from tests.builders import received_instance

# Playwright keeps an event loop in this thread, which Django takes for an asynchronous caller.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
State = ReceivedInstance.State
SHOTS = os.environ.get("CLINICAL_ANNOT_SHOTS")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared.make_one("laparoscopy", tmp_path_factory.mktemp("review"), 75)[".dcm"]


@pytest.fixture
def received(project: Any, sample: Path) -> ReceivedInstance:
    return received_instance(project, sample)


@pytest.fixture
def steward_page(
    browser: Browser, live_server: Any, person: Callable[..., Actor], client: Any
) -> Iterator[Page]:
    client.force_login(person("data_steward").user)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    yield page
    context.close()
    assert problems == []


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def shown(page: Page) -> str:
    return page.get_attribute("[data-testid=picture]", "data-frame-index") or ""


def actions(page: Page) -> list[str | None]:
    return [row.get_attribute("data-action") for row in page.locator("[data-testid=part]").all()]


# Places of boxes over which another box's label lies, or two labels over each other.
HIDDEN_BY_LABELS = """() => {
  const rects = [...document.querySelectorAll("#boxes > *")].map((box) => ({
    place: box.dataset.place, box: box.getBoundingClientRect(),
    tag: box.querySelector(".tag").getBoundingClientRect() }));
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1
    && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return rects.flatMap((one) => rects.filter((other) => other !== one
    && (meet(other.tag, one.box) || meet(other.tag, one.tag))).map(() => one.place));
}"""


def shows(page: Page, index: int) -> None:
    page.wait_for_selector(f"[data-testid=picture][data-frame-index='{index}']")


def test_a_steward_decides_by_keyboard_alone_and_reads_the_report(
    steward_page: Page, live_server: Any, received: ReceivedInstance
) -> None:
    page = steward_page
    page.goto(f"{live_server.url}/quarantine/{received.pk}/")
    assert page.is_visible("#working")
    assert axe_findings(page) == []
    run_pending()
    page.wait_for_selector("#review[data-ready=true]", timeout=60_000)
    page.wait_for_selector("[data-testid=picture][data-frame-index]")
    found = actions(page)
    assert len(found) >= 4 and set(found) == {"blank"}
    assert "MORGAN" not in page.content()
    assert "Identifier or date" in page.inner_text("[data-testid=parts]")
    until(
        lambda: page.evaluate("[...document.querySelectorAll('#strip img')].every((i) => i.src)"),
        40,
    )
    shot(page, "review")
    assert page.evaluate(HIDDEN_BY_LABELS) == []
    assert axe_findings(page) == []

    page.keyboard.press("Digit2")
    assert actions(page)[1] == "keep"
    page.keyboard.press("KeyB")
    assert actions(page) == found
    page.keyboard.press("Delete")
    assert actions(page)[1] == "keep" and len(actions(page)) == len(found)
    assert "is not taken out" in page.inner_text("#mode")
    page.keyboard.press("KeyZ")
    assert actions(page) == found
    page.keyboard.press("KeyK")
    assert actions(page)[1] == "keep"
    page.keyboard.press("Digit2")
    assert actions(page) == found
    page.keyboard.press("Home")
    shows(page, 0)
    page.keyboard.press("Shift+ArrowRight")
    shows(page, 1)
    page.keyboard.press("ArrowRight")
    until(lambda: int(shown(page)) > 1)
    page.keyboard.press("End")
    shows(page, 74)
    page.keyboard.press("KeyG")
    page.keyboard.press("Control+a")
    page.keyboard.type("33")
    page.keyboard.press("Enter")
    shows(page, 33)

    page.keyboard.press("KeyR")
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Control+ArrowDown"):
        page.keyboard.press(key)
    shot(page, "review-box")
    page.keyboard.press("Enter")
    assert len(actions(page)) == len(found) + 1
    row = page.locator("[data-testid=part][aria-current=true]")
    row.get_by_label("First frame").fill("20")
    row.get_by_label("First frame").press("Tab")
    shows(page, 20)
    page.locator("#stage").focus()
    page.keyboard.press("KeyZ")
    assert row.get_by_label("First frame").input_value() == "0"
    page.keyboard.press("KeyG")
    page.keyboard.press("Control+a")
    page.keyboard.type("33")
    page.keyboard.press("Enter")
    shows(page, 33)
    page.keyboard.press("KeyS")
    page.keyboard.press("Shift+ArrowRight")
    shows(page, 34)
    page.keyboard.press("KeyS")
    assert len(actions(page)) == len(found) + 2
    assert axe_findings(page) == []

    page.keyboard.press("Enter")
    page.wait_for_selector("#working:not([hidden])")
    deid = Deidentification.objects.get(instance=received)
    drawn = next(box for box in deid.decision["boxes"] if box["origin"] == "person")
    assert drawn == {
        "x_px": 512 - 8,
        "y_px": 324 - 8 + 1,
        "width_px": 256 + 8,
        "height_px": 72,
        "start_frame": 0,
        "end_frame": None,
        "frame_index": 33,
        "kind": "unknown",
        "origin": "person",
        "action": "blank",
        "proposal": None,
        "is_changed": False,
    }
    assert [33, 35, "blank"] in [
        [span["start_frame"], span["end_frame"], span["action"]] for span in deid.decision["spans"]
    ]
    run_pending()
    page.wait_for_selector("[data-testid=report]", timeout=60_000)
    assert "No identifier was found" in page.inner_text("[data-testid=report]")
    assert "MORGAN" not in page.content()
    shot(page, "review-report")
    assert axe_findings(page) == []
    received.refresh_from_db()
    assert received.state == State.CLEARED


def test_a_box_is_drawn_and_moved_with_the_pointer_and_taken_back(
    steward_page: Page, live_server: Any, received: ReceivedInstance
) -> None:
    page = steward_page
    run_pending()
    page.goto(f"{live_server.url}/quarantine/{received.pk}/")
    page.wait_for_selector("#review[data-ready=true]")
    page.wait_for_selector("[data-testid=picture][data-frame-index]")
    before = len(actions(page))
    stage = page.locator("#stage").bounding_box()
    assert stage is not None
    scale = stage["width"] / 1280
    page.click("[data-testid=add-box]")
    drag(page, stage, scale, (400, 300), (500, 360))
    box = page.locator("[data-testid=box].selected").bounding_box()
    assert box is not None
    assert abs((box["x"] - stage["x"]) / scale - 400) < 3
    assert abs(box["width"] / scale - 100) < 6
    drag(page, stage, scale, (450, 330), (550, 330))
    moved = page.locator("[data-testid=box].selected").bounding_box()
    assert moved is not None and abs(moved["x"] - box["x"] - 100 * scale) < 3
    page.keyboard.press("KeyZ")
    page.keyboard.press("KeyZ")
    assert len(actions(page)) == before


def drag(page: Page, stage: Any, scale: float, a: tuple[int, int], b: tuple[int, int]) -> None:
    page.mouse.move(stage["x"] + a[0] * scale, stage["y"] + a[1] * scale)
    page.mouse.down()
    page.mouse.move(stage["x"] + b[0] * scale, stage["y"] + b[1] * scale, steps=4)
    page.mouse.up()


def test_what_is_held_says_why_and_what_to_do(
    steward_page: Page, live_server: Any, project: Any, tmp_path: Path
) -> None:
    from fixtures import broken

    held = received_instance(project, broken.hevc_as_h264(tmp_path))
    run_pending()
    page = steward_page
    page.goto(f"{live_server.url}/quarantine/{held.pk}/")
    assert "not what the transfer syntax says" in page.inner_text("[data-testid=held]")
    shot(page, "review-held")
    assert axe_findings(page) == []
    page.click("[data-testid=retry]")
    held.refresh_from_db()
    assert held.state == State.RECEIVED
