"""The workspace and adjudication in Debian's Firefox, by keyboard alone, with motion reduced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pycocotools import mask as coco

from tests.browser import steps
from tests.browser.clipmaker import BITS, CELL_PX
from tests.browser.devserver import ADJUDICATION, CLIP, PASSWORD, SET, World
from tests.browser.firefox import BINARY, Firefox, firefox
from tests.browser.steps import READ_CODE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(400),
    pytest.mark.skipif(BINARY is None, reason="firefox-esr is not installed"),
]
READY = "return document.querySelector('#app')?.dataset.ready === 'true'"
SHOWN = "return document.querySelector('[data-testid=picture]').dataset.frameIndex === arguments[0]"
SAVED = "return document.querySelector('[data-testid=saved]').dataset.state === 'saved'"


@pytest.fixture(scope="module")
def browser() -> Iterator[Firefox]:
    with firefox() as running:
        yield running


def shows(browser: Firefox, frame: int) -> None:
    """The picture of that frame is there, and its own bar code says so."""
    browser.until(SHOWN, str(frame))
    code = f"return ({READ_CODE})(arguments[0])"
    assert browser.run(code, [CELL_PX, BITS]) == [frame, frame]


def until(what: Callable[[], Any]) -> Any:
    """The first picture asked for is decoded with all others, and a save waits for it."""
    return steps.until(what, 120.0)


def held(world: World, part: str) -> list[dict[str, Any]]:
    """The "tracks" or "intervals" that the server holds now."""
    return list(world.sets[SET].labels[part].values())


def shape_at(track: dict[str, Any], frame: int) -> tuple[str, list[float]] | None:
    """The type and the width and height of a track's box at its keyframe there."""
    shape = track["keyframes"].get(str(frame), {}).get("shape")
    return shape and (shape["type"], shape["box"][2:])


def goes(browser: Firefox, frame: int) -> None:
    """To a frame by its address, and its labels are there."""
    browser.run("location.hash = `#frame=${arguments[0]}`", frame)
    shows(browser, frame)
    browser.until("return document.querySelector('#overlay').dataset.labels === 'here'")


def drawn(world: World, class_id: str, frame: int) -> dict[str, Any]:
    """The shape of the class that the server holds on the frame, or nothing."""
    tracks = [track for track in held(world, "tracks") if track["class_id"] == class_id]
    shapes = [track["keyframes"].get(str(frame), {}).get("shape") for track in tracks]
    return next((shape for shape in shapes if shape), {})


def area(world: World, class_id: str, frame: int) -> int:
    """Pixels of the mask there."""
    rle = drawn(world, class_id, frame).get("rle")
    return int(coco.area({**rle, "counts": rle["counts"].encode()})) if rle else 0


def tip(world: World, frame: int) -> list[float] | None:
    return drawn(world, "grasper", frame).get("point")


def count(world: World) -> int:
    return sum(len(track["keyframes"]) for track in held(world, "tracks"))


def place(browser: Firefox, world: World, x: float, y: float) -> tuple[float, float]:
    """Where a place of the picture is in the window."""
    left, top, width, height = browser.run(
        "const at = document.querySelector('#picture').getBoundingClientRect();"
        "return [at.left, at.top, at.width, at.height]"
    )
    return left + x * width / world.size[0], top + y * height / world.size[1]


def test_a_clip_is_stepped_played_and_labelled_by_keys(browser: Firefox, world: World) -> None:
    assert browser.run("return matchMedia('(prefers-reduced-motion: reduce)').matches")
    browser.go(f"{world.base}/clips/{CLIP}/work/#frame=20")
    browser.until(READY)
    shows(browser, 20)
    browser.press("ArrowRight")
    shows(browser, 21)
    browser.press("4", "c", "Space", *["Shift+ArrowRight"] * 3, *["Shift+ArrowDown"] * 2, "Space")
    # Each step may be its own save, and a save puts a new object in the old one's place: look anew.
    until(lambda: [shape_at(track, 21) for track in held(world, "tracks")] == [("box", [30, 20])])
    browser.press("Escape", "Escape", "5", "[", *["ArrowRight"] * 4)
    # A span ends at the picture that is seen, not at the one asked for: see it first.
    browser.until(SHOWN, "25")
    browser.press("]")
    until(
        lambda: [(s["start_frame"], s["end_frame"]) for s in held(world, "intervals")] == [(21, 25)]
    )
    browser.until(SAVED)
    browser.press("Space")
    browser.until("return Number(document.querySelector('[data-testid=picture]')"
                  ".dataset.frameIndex) > 40")  # fmt: skip
    browser.press("k")
    browser.until("return document.querySelector('[data-testid=play]').ariaLabel === 'Play'")
    at = browser.run("return Number(document.querySelector('[data-testid=picture]')"
                     ".dataset.frameIndex)")  # fmt: skip
    shows(browser, at)
    browser.press("Shift+?")
    browser.until("return document.querySelector('#sheet-title')")
    browser.press("Escape")
    # Each other way of drawing, by keys and by the pointer.
    arrows = ["Shift+ArrowRight"] * 3, ["Shift+ArrowDown"] * 3
    triangle = ["c", "Space", *arrows[0], "Space", *arrows[1], "Space", "Enter", "c"]
    goes(browser, 60)
    browser.press("1", "c", "Enter", *arrows[0], "Enter", "c")
    painted = until(lambda: area(world, "lesion", 60))
    browser.press("e", "c", "Enter", "Enter", "c")
    until(lambda: 0 < area(world, "lesion", 60) < painted)
    for frame, tool in ((70, "p"), (80, "Shift+b")):
        goes(browser, frame)
        browser.press("3", tool, *triangle)
        # Half of thirty by thirty.
        until(lambda frame=frame: 300 < area(world, "shaft", frame) < 700)
    goes(browser, 90)
    browser.press("2")
    for kind, x, y in (("mouse", 100, 80), ("touch", 180, 100)):
        browser.drag(place(browser, world, x, y), kind=kind)
        until(lambda x=x, y=y: tip(world, 90) == pytest.approx([x, y], abs=1))
    browser.press("4")
    browser.drag(*(place(browser, world, x, 200) for x in (300, 320)),
                 place(browser, world, 360, 260))  # fmt: skip
    until(lambda: drawn(world, "hook", 90).get("box") == pytest.approx([300, 200, 60, 60], abs=1))
    # Carried on, looked at, and taken back as one step.
    keyframes = count(world)
    browser.press("Alt+.")
    browser.until("return document.querySelector('[data-testid=propagation-done]')")
    until(lambda: count(world) > keyframes)
    browser.run("document.querySelector('[data-testid=propagation-weakest]').click()")
    shows(browser, 93)
    browser.run("document.querySelector('[data-testid=propagation-undo]').click()")
    until(lambda: count(world) == keyframes)
    browser.until(SAVED)
    # A Firefox without WebCodecs says so; all the same each picture is the right one.
    browser.prefer("dom.media.webcodecs.enabled", False)
    browser.go("about:blank")
    browser.go(f"{world.base}/clips/{CLIP}/work/#frame=70")
    browser.until(READY)
    shows(browser, 70)
    cause = "return document.querySelector('[data-banner=fallback]')?.textContent"
    assert "This browser has no WebCodecs" in browser.until(cause)
    browser.press("ArrowRight")
    shows(browser, 71)
    browser.prefer("dom.media.webcodecs.enabled", True)
    rows = "return document.querySelectorAll('#tracks .track-row').length"
    until(lambda: browser.run(rows) == len(list(held(world, "tracks"))))


def test_differences_are_walked_and_decided_by_keys(browser: Firefox, world: World) -> None:
    browser.go(f"{world.base}/adjudications/{ADJUDICATION}/")
    browser.until(READY)
    shows(browser, 20)
    browser.press("b")
    until(lambda: world.decisions == {"d1": "b"})
    browser.until("return document.querySelector('[aria-current=true][data-disagreement=d2]')")
    browser.press("a")
    until(lambda: world.decisions == {"d1": "b", "d2": "a"})
    # The phase is drawn anew with a reason, the event taken; then it is signed.
    browser.until("return document.querySelector('[aria-current=true][data-disagreement=d3]')")
    browser.press("r", *"Later")
    browser.press("Enter")
    browser.until("return document.querySelector('[data-testid=redraw-done]')")
    browser.press("Escape")
    until(lambda: world.decisions.get("d3") == "redraw")
    browser.until("return !document.querySelector('[data-testid=redraw-done]')")
    browser.press("n", "b") if "d4" not in world.decisions else None
    until(lambda: world.decisions.get("d4") == "b")
    browser.until("return !document.querySelector('[data-testid=sign]').disabled")
    browser.press("Control+Enter")
    browser.until("return document.activeElement.dataset.testid === 'sign-password'")
    browser.press(*PASSWORD, "Enter")
    until(lambda: world.signature)
    browser.until("return document.querySelector('[data-testid=signature]')")
