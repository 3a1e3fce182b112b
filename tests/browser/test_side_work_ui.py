"""Beside drawing: proposals of an import, relations, comments, a person's own keys; by keys."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pycocotools import mask as coco

from tests.browser.axe import axe_findings
from tests.browser.devserver import CLIP, SET, World
from tests.browser.steps import open_workspace, place, saved, shows, until

pytestmark = pytest.mark.browser
SOURCE = "55555555-5555-4555-8555-555555555555"
WAIT_MS = 30_000


def uid(n: int) -> str:
    return f"66666666-6666-4666-8666-{n:012d}"


def proposed() -> dict[str, Any]:
    def track(class_id: str, shape: dict[str, Any], *frames: int) -> dict[str, Any]:
        keyframe = {"state": "visible", "shape": shape, "attributes": {}}
        return {"clip": CLIP, "class_id": class_id, "number": 1, "attributes": {},
                "keyframes": {str(f): keyframe for f in frames}}  # fmt: skip

    span = {"clip": CLIP, "class_id": "bleeding", "attributes": {}}
    labels = {
        "clips": [CLIP],
        "tracks": {
            uid(1): track("grasper", {"type": "tip", "point": [300, 120.5]}, 20, 60),
            uid(2): track("hook", {"type": "box", "box": [280, 100, 120, 80]}, 30, 50),
            uid(3): track("hook", {"type": "box", "box": [20, 20, 60, 60]}, 100, 110),
        },
        "intervals": {uid(4): {**span, "start_frame": 150, "end_frame": 160}},
    }
    return {"id": SOURCE, "imported_at": "2026-11-20T08:00:00Z", "labels": labels}


def held(world: World) -> dict[str, Any]:
    return world.sets[SET].labels


def test_an_import_is_accepted_redrawn_and_refused_by_key_and_one_undo_takes_a_decision_back(
    page: Page, world: World
) -> None:
    world.proposals[SET] = [proposed()]
    open_workspace(page, world)
    left = page.locator("[data-testid=proposals-left]")
    expect(left).to_contain_text("4 of 4", timeout=WAIT_MS)
    page.keyboard.press("Alt+KeyN")
    shows(page, 20)
    page.keyboard.press("Enter")  # the grasper
    shows(page, 30)
    page.keyboard.press("KeyR")  # the hook, anew: its tool is in hand
    expect(page.locator("body[data-tool=box]")).to_be_attached(timeout=WAIT_MS)
    page.keyboard.press("Alt+KeyN")
    page.keyboard.press("Alt+KeyN")
    shows(page, 150)
    page.keyboard.press("Alt+Shift+KeyN")
    shows(page, 100)
    page.keyboard.press("Delete")  # the other hook
    shows(page, 150)
    page.keyboard.press("Enter")  # the bleeding
    expect(left).to_contain_text("All 4 decided", timeout=WAIT_MS)
    saved(page)
    said = held(world)["proposals"]
    assert {k: v["decision"] for k, v in said.items()} == {
        uid(1): "accepted", uid(2): "redrawn", uid(3): "refused", uid(4): "accepted",
    }  # fmt: skip
    grasper = held(world)["tracks"][said[uid(1)]["result"]]
    assert grasper["keyframes"] == proposed()["labels"]["tracks"][uid(1)]["keyframes"]
    assert held(world)["tracks"][said[uid(2)]["result"]]["keyframes"] == {}
    assert held(world)["intervals"][said[uid(4)]["result"]]["end_frame"] == 160
    page.keyboard.press("KeyZ")
    expect(left).to_contain_text("1 of 4", timeout=WAIT_MS)
    until(lambda: uid(4) not in held(world)["proposals"], 20)
    assert axe_findings(page) == []


def lesion_in(picture: bytes) -> np.ndarray:
    """The pixels of the drawn lesion in a picture of the generated clip."""
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).astype(int)
    blue, green, red = (pixels[:, :, k] for k in range(3))
    found = ((red > 150) & (green > 105) & (blue < 150) & (red - blue > 50)).astype(np.uint8)
    _, named, stats, _ = cv2.connectedComponentsWithStats(found)
    return np.asarray(named == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def test_a_smart_outline_follows_the_edge_between_four_clicks(page: Page, world: World) -> None:
    wanted = lesion_in(world.picture(150))
    open_workspace(page, world, 150)
    ys, xs = np.nonzero(wanted)
    corners = [(xs[i], ys[i]) for i in (ys.argmin(), xs.argmax(), ys.argmax(), xs.argmin())]
    straight = np.zeros(wanted.shape, np.uint8)
    cv2.fillPoly(straight, [np.array(corners, np.int32)], 1)
    page.keyboard.press("Shift+KeyB")
    for x, y in corners:
        page.mouse.click(*place(page, world, float(x) + 0.5, float(y) + 0.5))
    page.keyboard.press("Enter")
    saved(page)
    (track,) = until(lambda: held(world)["tracks"], 20).values()
    rle = track["keyframes"]["150"]["shape"]["rle"]
    drawn = coco.decode({"size": rle["size"], "counts": rle["counts"].encode()}).astype(bool)

    def overlap(mask: np.ndarray) -> float:
        return float((mask & wanted).sum() / (mask | wanted).sum())

    assert overlap(straight.astype(bool)) < 0.75
    assert overlap(drawn) > 0.9


def test_a_relation_and_a_comment_by_keys_and_the_comments_link_opens_there(
    page: Page, world: World
) -> None:
    world.proposals[SET] = [proposed()]
    open_workspace(page, world)
    page.keyboard.press("Alt+KeyN")
    shows(page, 20)
    page.keyboard.press("Enter")
    shows(page, 30)
    page.keyboard.press("Enter")
    shows(page, 100)  # the next one is in hand
    page.keyboard.press("Escape")
    page.keyboard.press("Digit2")  # the grasper is selected
    page.keyboard.press("Shift+KeyR")
    page.keyboard.press("Enter")  # on the first choice
    until(lambda: held(world).get("relations"), 20)
    (relation,) = held(world)["relations"].values()
    assert held(world)["tracks"][relation["target"]]["class_id"] == "hook"
    start = relation["start_frame"]
    page.keyboard.press("Shift+ArrowRight")
    shows(page, start + 10)
    page.keyboard.press("BracketRight")
    until(lambda: [r["end_frame"] for r in held(world)["relations"].values()] == [start + 10], 20)

    page.keyboard.press("KeyM")
    page.keyboard.type("Is this the cystic duct?")
    page.keyboard.press("Control+Enter")
    (thread,) = until(lambda: world.threads, 20)
    assert (thread["frame_index"], thread["object"]) == (start + 10, relation["subject"])
    link = page.locator("[data-testid=comment-link]")
    expect(link).to_be_visible(timeout=WAIT_MS)
    address = page.evaluate("e => e.href", link.element_handle())
    page.keyboard.press("Home")
    shows(page, 0)
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector("#app[data-ready=true]")
    shows(page, start + 10)
    expect(page.locator(f"[data-testid=thread-{thread['id']}].open")).to_contain_text("cystic")
    selected = page.locator(f"[data-testid=track-{relation['subject']}].selected")
    expect(selected).to_be_attached(timeout=WAIT_MS)

    # What the clinic should know is flagged by keys too, and says how far it is.
    page.locator("#stage").focus()
    page.keyboard.press("Shift+KeyC")
    page.keyboard.type("A polyp behind the fold")
    page.keyboard.press("Control+Enter")
    (finding,) = until(lambda: world.findings, 20)
    assert (finding["frame_index"], finding["severity"]) == (start + 10, "soon")
    row = page.locator(f"[data-testid=finding-{finding['id']}]")
    expect(row).to_contain_text("waits for the data steward", timeout=WAIT_MS)
    assert axe_findings(page) == []


def test_a_key_is_changed_switched_off_and_kept_for_the_person(page: Page, world: World) -> None:
    open_workspace(page, world)
    page.keyboard.press("Shift+Slash")
    page.click("[data-testid=change-keys]")
    page.fill("dialog input[type=search]", "brush")
    page.click("[data-testid=change-tool-brush]")
    page.keyboard.press("KeyJ")
    until(lambda: world.keys["keys"].get("tool-brush"), 20)
    page.fill("dialog input[type=search]", "eraser")
    page.click("[data-testid=off-tool-eraser]")
    until(lambda: "tool-eraser" in world.keys["keys"], 20)
    assert world.keys["keys"] == {
        "tool-brush": {"code": "KeyJ", "shift": False, "alt": False, "ctrl": False},
        "tool-eraser": None,
    }
    assert axe_findings(page) == []
    open_workspace(page, world, 3)
    page.reload()
    page.wait_for_selector("#app[data-ready=true]")
    assert page.text_content("[data-testid=tool-brush] kbd") == "J"
    page.keyboard.press("KeyE")
    page.keyboard.press("KeyJ")
    expect(page.locator("body[data-tool=brush]")).to_be_attached(timeout=WAIT_MS)
    page.click("[data-testid=shortcuts]")
    page.click("[data-testid=change-keys]")
    page.uncheck("[data-testid=keys-characters]")
    until(lambda: world.keys["characters"] is False, 20)
    page.keyboard.press("Escape")
    page.keyboard.press("KeyV")
    page.keyboard.press("ArrowRight")
    shows(page, 4)
    assert page.get_attribute("body", "data-tool") == "brush"
