"""A tablet in real Chromium: pen and fingers on the picture, every action without a keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect
from pycocotools import mask as coco

from tests.browser.axe import axe_findings
from tests.browser.devserver import ADJUDICATION, SET, World
from tests.browser.steps import open_workspace, place, saved, shows, until

pytestmark = pytest.mark.browser
WAIT_MS, WAIT_S = 60_000, 60
FINGER_PX = 44
# Buttons and the like in sight that are smaller than a finger.
SMALL = """least => [
  ...document.querySelectorAll('button, a[href], input, select, textarea, summary')]
  .filter(e => e.checkVisibility({visibilityProperty: true}) && e.type !== 'checkbox')
  .map(e => [e, e.getBoundingClientRect()])
  .filter(([e, at]) => at.width > 0 && (at.width < least - 0.5 || at.height < least - 0.5))
  .map(([e, at]) => `${e.dataset.testid ?? e.textContent}: ${at.width} x ${at.height}`)"""
BOX = """() => { const at = document.querySelector('#picture').getBoundingClientRect();
  return [at.left, at.top, at.width, at.height]; }"""


class Hand:
    """A pen and fingers at places of the screen."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.wire: CDPSession = page.context.new_cdp_session(page)
        self.fingers: dict[int, tuple[float, float]] = {}

    def pen(self, kind: str, at: tuple[float, float], force: float = 0.5) -> None:
        """``kind``: mousePressed, mouseMoved or mouseReleased; hovering with a force of 0."""
        down = kind != "mouseReleased" and force > 0
        self.wire.send(
            "Input.dispatchMouseEvent",
            {
                "type": kind, "x": at[0], "y": at[1], "pointerType": "pen", "force": force,
                "button": "left" if force else "none", "buttons": int(down), "clickCount": 1,
            },
        )  # fmt: skip

    def stroke(self, start: tuple[float, float], end: tuple[float, float], force: float) -> None:
        self.pen("mousePressed", start, force)
        for n in range(1, 6):
            part = n / 5
            x, y = (a + (b - a) * part for a, b in zip(start, end, strict=True))
            self.pen("mouseMoved", (x, y), force)
        self.pen("mouseReleased", end, force)

    def touch(self, moved: dict[int, tuple[float, float] | None]) -> None:
        """Fingers that come, move, or (None) are lifted, all at once."""
        come = not set(moved) <= set(self.fingers)
        gone = None in moved.values()
        for name, at in moved.items():
            if at is None:
                del self.fingers[name]
            else:
                self.fingers[name] = at
        points = [{"id": n, "x": x, "y": y} for n, (x, y) in self.fingers.items()]
        kind = "touchEnd" if gone else "touchStart" if come else "touchMove"
        self.wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """One finger from here to there."""
        self.touch({0: start})
        for n in range(1, 5):
            x, y = (a + (b - a) * n / 4 for a, b in zip(start, end, strict=True))
            self.touch({0: (x, y)})
        self.touch({0: None})

    def tap(self, at: tuple[float, float]) -> None:
        self.touch({0: at})
        self.touch({0: None})

    def pinch(self, middle: tuple[float, float], apart: float, to: float, dx: float = 0) -> None:
        """Two fingers side by side, from ``apart`` to ``to`` pixels, moved right by ``dx``."""
        x, y = middle
        for n in range(5):
            half, by = (apart + (to - apart) * n / 4) / 2, dx * n / 4
            self.touch({0: (x - half + by, y), 1: (x + half + by, y)})
        self.touch({0: None})
        self.touch({1: None})


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1024, "height": 768}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


def tracks(world: World, class_id: str) -> list[dict[str, Any]]:
    labels = world.sets[SET].labels
    return [row for row in labels["tracks"].values() if row["class_id"] == class_id]


def painted(world: World, frame: int) -> Any:
    """The lesion's mask that the server holds on a frame."""
    (track,) = tracks(world, "lesion")
    rle = track["keyframes"][str(frame)]["shape"]["rle"]
    return coco.decode({"size": rle["size"], "counts": rle["counts"].encode()})


def choose(page: Page, testid: str, tool: str) -> None:
    """Choose a class or a tool, and see that the tool is in hand."""
    page.click(f"[data-testid={testid}]")
    page.wait_for_selector(f"body[data-tool={tool}]")


def test_a_pen_paints_what_its_ring_shows_and_neither_palm_nor_finger_paints_beside_it(
    page: Page, world: World
) -> None:
    open_workspace(page, world, 20)
    hand = Hand(page)
    choose(page, "class-lesion", "brush")
    before = page.evaluate(BOX)
    light = [place(page, world, x, 100) for x in (150, 250)]
    hand.stroke(light[0], light[1], 0.1)
    until(lambda: tracks(world, "lesion"), WAIT_S)
    first = painted(world, 20)
    hard = [place(page, world, x, 240) for x in (150, 250)]
    # A palm lies on the picture all the while, and stays when the pen is lifted.
    palm = place(page, world, 450, 250)
    hand.pen("mousePressed", hard[0], 0.9)
    hand.touch({7: palm})
    hand.touch({7: (palm[0] + 60, palm[1] - 40)})
    hand.pen("mouseMoved", hard[1], 0.9)
    hand.pen("mouseReleased", hard[1], 0.9)
    hand.touch({7: (palm[0] - 60, palm[1] - 40)})
    hand.touch({7: None})
    until(lambda: painted(world, 20).sum() > first.sum(), WAIT_S)
    mask = painted(world, 20)
    assert mask[70:130, 200].sum() == mask[210:270, 200].sum() > 10
    assert mask[:, 330:].sum() == 0 and page.evaluate(BOX) == before
    # Since there is a pen, one finger moves the picture, which at its whole size has no room.
    expect(page.locator("[data-testid=hand-fingers]")).to_have_attribute("aria-pressed", "false")
    saved(page)
    revision = world.sets[SET].revision
    hand.drag(palm, (palm[0] + 90, palm[1] + 20))
    hand.pinch(place(page, world, 320, 180), 100, 200)
    zoomed = page.evaluate(BOX)
    assert zoomed[2] == pytest.approx(2 * before[2], abs=4)
    # What was between the fingers is there still.
    assert zoomed[0] + zoomed[2] / 2 == pytest.approx(before[0] + before[2] / 2, abs=4)
    hand.drag(palm, (palm[0] + 50, palm[1] + 30))
    moved = page.evaluate(BOX)
    assert [round(b - a) for a, b in zip(zoomed, moved, strict=True)] == [50, 30, 0, 0]
    hand.pinch(palm, 200, 40)
    assert page.evaluate(BOX) == before
    assert world.sets[SET].revision == revision


LEAVE = """async ([ms, px, end]) => {
  const {Fingers} = await import('/static/workspace/canvas/fingers.js');
  const did = [];
  const tools = {store: {tool: 'brush', cursor: {}}, down() {}, move() {},
    up: () => did.push('finished'), cancel: () => did.push('taken back')};
  const fingers = new Fingers(tools, {toPicture: (at) => at});
  const event = (type, pointerId, clientX, timeStamp) =>
    ({type, pointerId, clientX, clientY: 0, timeStamp});
  fingers.down(event('pointerdown', 1, 0, 5000));
  // It rests first, which is no stroke.
  fingers.move(event('pointermove', 1, 6, 6000));
  for (let x = 7; x <= px; x++) fingers.move(event('pointermove', 1, x, 6000));
  if (end === 'second finger') fingers.down(event('pointerdown', 2, 200, 6000 + ms));
  else fingers.end(event('pointercancel', 1, px, 6000 + ms));
  return did;
}"""


@pytest.mark.parametrize("end", ["second finger", "taken away by the system"])
@pytest.mark.parametrize(
    ("ms", "px", "wanted"),
    [
        (299, 39, "taken back"),
        (300, 8, "finished"),
        (10, 40, "finished"),
        (9000, 400, "finished"),
    ],
)
def test_only_what_was_hardly_begun_is_taken_back_by_a_second_finger(
    page: Page, world: World, ms: int, px: int, wanted: str, end: str
) -> None:
    page.goto(f"{world.base}/static/workspace/README.md")
    assert page.evaluate(LEAVE, [ms, px, end]) == [wanted]


def test_a_palm_after_a_long_stroke_keeps_it_and_one_undo_takes_it_back(
    page: Page, world: World
) -> None:
    open_workspace(page, world, 30)
    hand = Hand(page)
    choose(page, "class-lesion", "brush")
    hand.touch({0: place(page, world, 200, 100)})
    hand.touch({0: place(page, world, 230, 140)})
    hand.touch({0: place(page, world, 260, 180)})
    hand.touch({1: place(page, world, 500, 300)})
    hand.touch({0: place(page, world, 400, 100)})
    hand.touch({1: None})
    hand.touch({0: None})
    until(lambda: tracks(world, "lesion"), WAIT_S)
    mask = painted(world, 30)
    # What was drawn till then, and nothing of what came after.
    assert mask[100, 200] == mask[140, 230] == mask[180, 260] == 1
    assert mask[:, 300:].sum() == 0
    page.click("[data-testid=hand-undo]")
    until(lambda: tracks(world, "lesion") == [], WAIT_S)


def test_fingers_draw_each_thing_and_a_second_finger_takes_back_what_the_first_began(
    page: Page, world: World
) -> None:
    open_workspace(page, world, 30)
    hand = Hand(page)
    at = {n: place(page, world, *xy) for n, xy in enumerate([(200, 100), (300, 180), (250, 250)])}
    choose(page, "class-lesion", "brush")
    hand.touch({0: at[0]})
    hand.touch({1: at[1]})
    hand.touch({1: None})
    hand.touch({0: at[1]})
    hand.touch({0: None})
    page.click("[data-testid=hand-escape]")
    choose(page, "class-hook", "box")
    hand.drag(at[0], at[1])
    until(lambda: tracks(world, "hook"), WAIT_S)
    assert tracks(world, "lesion") == []
    x, y, width, height = tracks(world, "hook")[0]["keyframes"]["30"]["shape"]["box"]
    assert (x, y, width, height) == pytest.approx((200, 100, 100, 80), abs=2)
    choose(page, "class-grasper", "tip")
    hand.tap(at[1])
    until(lambda: tracks(world, "grasper"), WAIT_S)
    tip = tracks(world, "grasper")[0]["keyframes"]["30"]["shape"]["point"]
    assert tip == pytest.approx([300, 180], abs=2)
    choose(page, "class-lesion", "brush")
    choose(page, "tool-polygon", "polygon")
    for point in at.values():
        hand.tap(point)
    page.click("[data-testid=hand-drop-point]")
    hand.tap(at[2])
    page.click("[data-testid=hand-close]")
    until(lambda: tracks(world, "lesion"), WAIT_S)
    mask = painted(world, 30)
    assert mask[175, 250] == 1 and mask[110, 290] == 0
    expect(page.locator("[data-testid=hand-close]")).to_be_hidden()


def test_work_is_done_without_a_keyboard_by_targets_of_a_fingers_size(
    page: Page, world: World
) -> None:
    open_workspace(page, world, 10)
    hand = Hand(page)
    choose(page, "class-lesion", "brush")
    size = page.locator(".brush-size")
    was = size.inner_text()
    page.tap("[data-testid=hand-brush-larger]")
    assert float(size.inner_text().split()[0]) > float(was.split()[0])
    page.tap("[data-testid=hand-brush-smaller]")
    page.tap("[data-testid=class-preparation]")
    page.tap("[data-testid=hand-start]")
    for frame in (11, 12, 13):
        page.tap("[data-testid=step-on]")
        shows(page, frame)
    page.tap("[data-testid=hand-end]")
    spans = world.sets[SET].labels["intervals"]
    until(
        lambda: [(s["start_frame"], s["end_frame"]) for s in spans.values()] == [(10, 13)], WAIT_S
    )
    page.tap("[data-testid=hand-undo]")
    until(lambda: [s["end_frame"] for s in spans.values()] != [13], WAIT_S)
    page.tap("[data-testid=hand-redo]")
    until(lambda: [s["end_frame"] for s in spans.values()] == [13], WAIT_S)
    page.tap("[data-testid=play]")
    page.wait_for_function(
        "() => Number(document.querySelector('#picture').dataset.frameIndex) > 20"
    )
    page.tap("[data-testid=play]")
    # What has no button of its own is in the sheet.
    page.tap("[data-testid=hand-all]")
    page.fill("dialog input[type=search]", "last frame")
    page.tap("[data-testid=do-last]")
    shows(page, 249)
    page.tap("[data-testid=hand-all]")
    page.fill("dialog input[type=search]", "comment on")
    page.tap("[data-testid=do-comment]")
    expect(page.locator("#comments textarea")).to_be_focused()
    assert page.evaluate(SMALL, FINGER_PX) == []
    # Two fingers zoom the timeline; the picture stays.
    line = page.locator("#timeline").bounding_box()
    assert line
    middle = line["x"] + line["width"] * 0.6, line["y"] + line["height"] / 2
    hand.pinch(middle, 60, 240)
    shows(page, 249)
    hand.tap((line["x"] + line["width"] - 4, line["y"] + 8))
    page.wait_for_function(
        "() => Number(document.querySelector('#picture').dataset.frameIndex) < 220"
    )
    # Upright, everything is in sight below the picture.
    page.set_viewport_size({"width": 768, "height": 1024})
    page.wait_for_function("() => document.querySelector('#picture').clientWidth > 690")
    for part in ("#transport", ".handbar", "[data-testid=hand-all]", "#timeline", ".side.left",
                 "[data-testid=class-lesion]", "[data-testid=tool-box]"):  # fmt: skip
        expect(page.locator(part)).to_be_in_viewport(ratio=0.9)
    assert page.evaluate(SMALL, FINGER_PX) == []
    page.goto(f"{world.base}/adjudications/{ADJUDICATION}/")
    page.wait_for_selector("#app[data-ready=true]")
    assert page.evaluate(SMALL, FINGER_PX) == [] and axe_findings(page) == []
    page.tap("[data-testid=take-b]")
    until(lambda: world.decisions == {"d1": "b"}, WAIT_S)
