"""Bad moments in a real browser, judged on what the server holds at the end.

In full (``make bars NAME=failures``): two minutes without a network, a slow mobile link, and a clip
of three hours.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from fixtures.ultrasound import CM_PER_PX, HEIGHT_PX, WIDTH_PX
from tests.journeys.screen import Person, chromium
from tests.journeys.served import Client, Served, label_set_of, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
OFF_S = int(os.environ.get("BAR_OFF_S", "0"))
LONG_S = int(os.environ.get("BAR_LONG_S", "0"))
WAIT_S = 120
OUTBOX = """async () => {
  const open = indexedDB.open('clinical-annot-outbox', 1);
  await new Promise((r) => { open.onsuccess = r; });
  const rows = open.result.transaction('operations').objectStore('operations').getAll();
  await new Promise((r) => { rows.onsuccess = r; });
  open.result.close();
  return rows.result.length;
}"""


class Desk:
    """An annotator at a clip: the browser, and the server's own word on what it holds."""

    def __init__(self, browser: Browser, served: Served, clip: str, number: int = 1) -> None:
        self.browser, self.stack, self.clip = browser, served.stack, clip
        self.label_set = label_set_of(served.stack, clip, number)
        self.client: Client = served.client("annotator", number)
        self.person = Person(browser, served.stack.url, served.stack.login("annotator", number))

    def open(self, frame: int, page: Page | None = None) -> Page:
        page = page or self.person.page
        page.set_default_timeout(1000 * WAIT_S)
        page.goto(f"{self.stack.url}/clips/{self.clip}/work/#frame={frame}")
        page.wait_for_selector("#app[data-ready=true]")
        page.wait_for_selector(f'[data-testid=picture][data-frame-index="{frame}"]')
        return page

    def labels(self) -> dict[str, Any]:
        return dict(self.client(f"/api/v1/label-sets/{self.label_set}/").json["labels"])

    def tracks(self, frame: int) -> dict[str, Any]:
        """Shapes that the server holds on a frame, by track."""
        return {
            name: track["keyframes"][str(frame)]["shape"]
            for name, track in self.labels()["tracks"].items()
            if str(frame) in track["keyframes"]
        }


def at(page: Page, x: float, y: float, size: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)) -> Any:
    box = page.locator("[data-testid=picture]").bounding_box()
    assert box is not None
    return box["x"] + x * box["width"] / size[0], box["y"] + y * box["height"] / size[1]


def go(page: Page, frame: int) -> None:
    page.evaluate("n => { location.hash = `#frame=${n}` }", frame)
    page.wait_for_selector(f'[data-testid=picture][data-frame-index="{frame}"]')


def box(page: Page, x: float, y: float, width: float = 40, height: float = 30) -> None:
    """Draw a box as a new track."""
    page.keyboard.press("Escape")
    page.keyboard.press("KeyV")
    page.mouse.click(*at(page, 2, 2))
    page.keyboard.press("Digit0")
    page.keyboard.press("Enter")
    page.mouse.move(*at(page, x, y))
    page.mouse.down()
    page.mouse.move(*at(page, x + width, y + height), steps=3)
    page.mouse.up()


def state(page: Page, wanted: str) -> None:
    page.wait_for_selector(f'[data-testid=saved][data-state="{wanted}"]')


def stroke(page: Page, y: float, end: bool = True) -> None:
    page.mouse.move(*at(page, WIDTH_PX * 0.4, y))
    page.mouse.down()
    page.mouse.move(*at(page, WIDTH_PX * 0.5, y + 4), steps=4)
    if end:
        page.mouse.up()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def desk(served: Served, browser: Browser) -> Iterator[Desk]:
    clip, _ = served.sample("ultrasound")
    made = Desk(browser, served, clip)
    yield made
    assert made.person.errors == []
    made.person.close()


def test_a_box_where_the_picture_is_calibrated_is_told_in_millimetres(desk: Desk) -> None:
    page = desk.open(1)
    box(page, WIDTH_PX * 0.45, HEIGHT_PX * 0.5)
    state(page, "saved")
    (shape,) = desk.tracks(1).values()
    told = page.inner_text("[data-testid=measure-width]")
    value, _, rest = told.partition(" ± ")
    assert float(value) == pytest.approx(shape["box"][2] * CM_PER_PX * 10, abs=0.06)
    assert rest.endswith(" mm") and float(rest.split()[0]) > 0
    assert page.inner_text("[data-testid=measure-area]").endswith(" mm²")


def test_a_tab_killed_in_the_middle_of_a_stroke_loses_at_most_that_stroke(desk: Desk) -> None:
    page = desk.open(2)
    page.keyboard.press("Digit1")
    page.keyboard.press("Enter")
    stroke(page, HEIGHT_PX * 0.4)
    state(page, "saved")
    first = desk.tracks(2)
    desk.person.context.set_offline(True)
    stroke(page, HEIGHT_PX * 0.5)
    state(page, "offline")
    until(lambda: page.evaluate(OUTBOX), WAIT_S, "the stroke on this device")
    stroke(page, HEIGHT_PX * 0.6, end=False)
    session = desk.browser.new_browser_cdp_session()
    running = session.send("SystemInfo.getProcessInfo")["processInfo"]
    with page.expect_event("crash"):
        for process in running:
            if process["type"] == "renderer":
                os.kill(process["id"], signal.SIGKILL)
    page.close()
    assert desk.tracks(2) == first
    desk.person.context.set_offline(False)
    desk.person.page = again = desk.person.context.new_page()
    again.on("pageerror", lambda error: desk.person.errors.append(str(error)))
    again.on("request", desk.person._sent)
    desk.open(2, again)
    (name,) = first
    found = until(lambda: (now := desk.tracks(2))[name] != first[name] and now, WAIT_S, "it")
    state(again, "saved")
    # The second stroke is there besides the first, the third was not finished.
    sent = [op for op in desk.person.sent if op["object"] == name and op["op"] == "keyframe.set"]
    assert found[name] == sent[-1]["shape"] and again.evaluate(OUTBOX) == 0


def test_work_goes_on_without_a_network_and_catches_up_by_itself(desk: Desk) -> None:
    page = desk.open(4)
    held = len(desk.labels()["tracks"])
    desk.person.context.set_offline(True)
    box(page, 100, 100)
    state(page, "offline")
    page.wait_for_timeout(1000 * OFF_S)
    go(page, 5)
    box(page, 140, 120)
    assert len(desk.labels()["tracks"]) == held
    desk.person.context.set_offline(False)
    state(page, "saved")
    assert len(desk.labels()["tracks"]) == held + 2
    assert len(desk.tracks(4)) == len(desk.tracks(5)) == 1


def test_two_tabs_on_one_clip_end_with_one_truth(desk: Desk) -> None:
    one = desk.open(6)
    two = desk.open(6, desk.person.context.new_page())
    box(two, 200, 100)
    state(two, "saved")
    (shared,) = desk.tracks(6)
    go(one, 7)
    box(one, 100, 100)
    state(one, "saved")
    row = f'[data-testid="track-{shared}"] .row-button'
    one.wait_for_selector(row)
    # Both move the same box before they hear of each other.
    one.route("**/operations/?after=*", lambda route: route.abort())
    go(one, 6)
    for page, key in ((two, "Alt+ArrowRight"), (one, "Alt+ArrowDown")):
        page.bring_to_front()
        page.click(row)
        before = desk.tracks(6)[shared]
        page.keyboard.press(key)
        if page is two:
            until(lambda was=before: desk.tracks(6)[shared] != was, WAIT_S, "the first move")
    theirs = desk.tracks(6)[shared]["box"]
    one.click("[data-banner=conflict] .button.primary")
    state(one, "saved")
    mine = desk.tracks(6)[shared]["box"]
    assert mine[1] == theirs[1] + 1 and mine[0] == theirs[0] - 1
    # The other tab hears of it at once, without a save of its own.
    one.unroute("**/operations/?after=*")
    go(one, 8)
    box(one, 60, 100)
    state(one, "saved")
    labels = desk.labels()
    until(lambda: two.locator("#tracks .track-row").count() == len(labels["tracks"]), WAIT_S, "it")
    for page in (one, two):
        assert page.locator("#tracks .track-row").count() >= len(labels["tracks"]) - 1
    assert two.locator("#tracks .track-row").count() == len(labels["tracks"])
    two.close()


def test_a_server_that_is_restarted_meanwhile_loses_nothing(desk: Desk) -> None:
    page = desk.open(9)
    held = len(desk.labels()["tracks"])
    assert desk.stack.kill("granian")
    box(page, 100, 140)
    state(page, "saved")
    assert len(desk.labels()["tracks"]) == held + 1 and len(desk.tracks(9)) == 1


@pytest.mark.bars
@pytest.mark.skipif(not OFF_S, reason="minutes: make bars NAME=failures")
def test_a_slow_mobile_link_is_slow_and_loses_nothing(desk: Desk) -> None:
    page = desk.person.context.new_page()
    link = desk.person.context.new_cdp_session(page)
    link.send("Network.enable")
    slow = {"offline": False, "latency": 400, "downloadThroughput": 50_000,
            "uploadThroughput": 50_000}  # fmt: skip
    link.send("Network.emulateNetworkConditions", slow)
    desk.open(10, page)
    box(page, 100, 60)
    state(page, "saved")
    assert len(desk.tracks(10)) == 1
    page.close()


@pytest.mark.bars
@pytest.mark.timeout(3600)  # 270,000 pictures are taken in
@pytest.mark.skipif(not LONG_S, reason="minutes: make bars NAME=failures")
def test_a_clip_of_three_hours_is_labelled_at_both_ends(
    served: Served, browser: Browser, tmp_path: Any
) -> None:
    from bench.player import FPS, long_clip

    size = (320, 240)
    long_clip(tmp_path / "long.mp4", LONG_S, size)
    done = served.stack.manage(
        "ingest", str(tmp_path / "long.mp4"), "--project", "demo", "--pixels", "keep", "--wait",
        "--json",
    )  # fmt: skip
    (clip,) = json.loads(done.stdout)["clips"]
    desk, last = Desk(browser, served, clip), LONG_S * FPS - 1
    page = desk.open(0)
    page.click('[data-testid="class-preparation"]')
    page.keyboard.press("BracketLeft")
    page.keyboard.press("End")
    page.wait_for_selector(f'[data-testid=picture][data-frame-index="{last}"]')
    page.keyboard.press("BracketRight")
    for frame in (last, last // 2, 1):
        go(page, frame)
        page.keyboard.press("Digit4")
        page.mouse.click(*at(page, 100, 80, size))
        until(lambda frame=frame: desk.tracks(frame), WAIT_S, "the tip")
    state(page, "saved")
    (phase,) = desk.labels()["intervals"].values()
    assert (phase["start_frame"], phase["end_frame"]) == (0, last + 1)
    assert desk.person.errors == []
    desk.person.close()
