"""The workspace in real Chromium: the right picture, drawing, saving, keys."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from pycocotools import mask as coco

from tests.browser.devserver import CLIP, PASSWORD, SET, World
from tests.browser.steps import code, go, open_workspace, place, saved, shows, until

pytestmark = pytest.mark.browser


def shape_of(world: World, class_id: str, frame: int) -> dict:
    tracks = world.sets[SET].labels["tracks"].values()
    track = next(t for t in tracks if t["class_id"] == class_id)
    return track["keyframes"][str(frame)]["shape"]


def test_each_of_sixty_random_seeks_shows_the_picture_asked_for(page: Page, world: World) -> None:
    open_workspace(page, world)
    rng = random.Random(3)
    for _ in range(60):
        frame = rng.randrange(250)
        go(page, frame)
        assert code(page) == (frame, frame)
    assert max(world.ranges) <= 4 * 1024 * 1024


def test_each_arrow_key_moves_one_picture(page: Page, world: World) -> None:
    open_workspace(page, world, 5)
    frame = 5
    for key, by in (
        [("ArrowRight", 1)] * 30
        + [("ArrowLeft", -1)] * 18
        + [
            ("Shift+ArrowRight", 10),
            ("Control+ArrowRight", 25),
            ("Shift+ArrowLeft", -10),
        ]
    ):
        page.keyboard.press(key)
        frame += by
        shows(page, frame)
        assert code(page) == (frame, frame)
    page.keyboard.press("End")
    shows(page, 249)
    assert code(page)[1] == 249
    page.keyboard.press("Home")
    shows(page, 0)


def test_a_resting_picture_is_the_masters_own(page: Page, world: World) -> None:
    open_workspace(page, world)
    go(page, 41)
    page.wait_for_selector("[data-testid=picture][data-picture-source=master]")
    assert code(page) == (41, 41)


def test_playing_shows_pictures_in_order_and_labels_of_the_same_index(
    page: Page, world: World
) -> None:
    open_workspace(page, world)
    page.evaluate("""() => {
      window.seen = [];
      const canvas = document.querySelector('[data-testid=picture]');
      new MutationObserver(() => window.seen.push([Number(canvas.dataset.frameIndex),
        document.querySelector('[data-testid=clock]').textContent]))
        .observe(canvas, {attributes: true, attributeFilter: ['data-frame-index']});
    }""")
    page.keyboard.press("Space")
    until(lambda: page.evaluate("window.seen.length") > 20, 20)
    page.keyboard.press("Space")
    seen = page.evaluate("window.seen")
    indices = [index for index, _ in seen]
    assert indices == sorted(indices)
    assert all(text.endswith(f"frame {index}") for index, text in seen)
    shown, coded = code(page)
    assert shown == coded


def test_without_a_review_copy_the_masters_pictures_stand_in_and_the_cause_is_named(
    page: Page, world: World
) -> None:
    world.review = False
    open_workspace(page, world, 12)
    assert code(page) == (12, 12)
    page.keyboard.press("ArrowRight")
    shows(page, 13)
    assert code(page) == (13, 13)
    assert "review copy" in (page.text_content("[data-banner=fallback]") or "")


def test_a_painted_mask_is_saved_as_it_stands_on_the_screen(page: Page, world: World) -> None:
    open_workspace(page, world, 20)
    page.keyboard.press("Digit1")
    page.mouse.move(*place(page, world, 200, 150))
    page.mouse.down()
    page.mouse.move(*place(page, world, 300, 190), steps=9)
    page.mouse.up()
    page.keyboard.press("KeyE")
    page.mouse.move(*place(page, world, 250, 150))
    page.mouse.down()
    page.mouse.move(*place(page, world, 250, 200), steps=5)
    page.mouse.up()
    page.mouse.move(60, 500)
    saved(page)
    rle = shape_of(world, "lesion", 20)["rle"]
    mask = coco.decode({"size": rle["size"], "counts": rle["counts"].encode()})
    again = coco.encode(np.asfortranarray(mask))
    assert again["counts"].decode() == rle["counts"]
    assert mask[150, 200] == 1 and mask[190, 300] == 1
    assert mask[170, 250] == 0 and mask[40, 40] == 0
    shown = page.evaluate(
        """([w, h]) => {
      const overlay = document.querySelector('#overlay');
      const at = document.querySelector('#picture').getBoundingClientRect();
      const stage = overlay.getBoundingClientRect();
      const data = overlay.getContext('2d').getImageData(0, 0, overlay.width, overlay.height).data;
      const out = [];
      for (let y = 0; y < h; y += 3) for (let x = 0; x < w; x += 3) {
        const px = Math.floor(at.left - stage.left + (x + 0.5) * at.width / w);
        const py = Math.floor(at.top - stage.top + (y + 0.5) * at.height / h);
        out.push(data[(py * overlay.width + px) * 4 + 3]);
      }
      return out;
    }""",
        list(world.size),
    )
    painted = np.array(shown).reshape(120, 214) > 0
    stored = mask[0:360:3, 0:640:3].astype(bool)
    # The outline and its casing lie on the border; well inside and well outside they must agree.
    near = np.zeros_like(stored)
    for dy in range(-3, 4):
        for dx in range(-3, 4):
            near |= np.roll(stored, (dy, dx), (0, 1)) != stored
    label = np.zeros_like(stored)
    label[:, 96:] = True
    assert (painted == stored)[~near & ~label].all()


def test_tip_box_states_and_their_interpolation(page: Page, world: World) -> None:
    open_workspace(page, world, 10)
    page.keyboard.press("Digit2")
    page.mouse.click(*place(page, world, 100, 100))
    go(page, 20)
    page.mouse.click(*place(page, world, 200, 150))
    go(page, 15)
    page.wait_for_selector("text=interpolated")
    page.keyboard.press("KeyK")
    page.keyboard.press("KeyO")
    go(page, 30)
    page.keyboard.press("KeyX")
    page.keyboard.press("KeyQ")
    page.keyboard.press("Digit4")
    page.mouse.move(*place(page, world, 400, 100))
    page.mouse.down()
    page.mouse.move(*place(page, world, 480, 160), steps=3)
    page.mouse.up()
    saved(page)
    labels = world.sets[SET].labels["tracks"].values()
    grasper = next(t for t in labels if t["class_id"] == "grasper")
    assert grasper["attributes"] == {"jaw": "open"}
    frames = grasper["keyframes"]
    assert frames["10"]["shape"]["point"] == pytest.approx([100, 100], abs=0.6)
    ends = [frames[f]["shape"]["point"] for f in ("10", "20")]
    assert frames["15"]["state"] == "occluded"
    assert frames["15"]["shape"]["point"] == pytest.approx(np.mean(ends, axis=0).tolist())
    assert frames["30"] == {"state": "absent", "shape": None, "attributes": {}}
    assert shape_of(world, "hook", 30)["box"] == pytest.approx([400, 100, 80, 60], abs=1.2)


def test_phases_are_marked_by_keys_and_stay_exclusive(page: Page, world: World) -> None:
    open_workspace(page, world)
    for key, start in (("Digit5", 0), ("Digit6", 60)):
        go(page, start)
        page.keyboard.press(key)
        page.keyboard.press("BracketLeft")
    page.keyboard.press("End")
    shows(page, 249)
    page.keyboard.press("BracketRight")
    saved(page)

    def spans() -> list[tuple[str, int, int]]:
        held = world.sets[SET].labels["intervals"].values()
        return sorted((i["class_id"], i["start_frame"], i["end_frame"]) for i in held)

    assert spans() == [("calot", 60, 250), ("preparation", 0, 60)]
    go(page, 100)
    page.keyboard.press("Digit7")
    page.keyboard.press("BracketLeft")
    go(page, 120)
    page.keyboard.press("BracketRight")
    # What it was between the two keys may be saved before.
    until(
        lambda: (
            spans()
            == [
                ("calot", 60, 100),
                ("calot", 120, 250),
                ("clipping", 100, 120),
                ("preparation", 0, 60),
            ]
        )
    )
    for _ in range(4):
        page.keyboard.press("KeyZ")
    until(lambda: spans() == [("preparation", 0, 60)] or len(spans()) < 4)


def test_undo_and_redo_send_inverse_operations(page: Page, world: World) -> None:
    open_workspace(page, world, 8)
    page.keyboard.press("Digit2")
    page.mouse.click(*place(page, world, 120, 90))
    saved(page)
    before = copy.deepcopy(world.sets[SET].labels["tracks"])
    page.keyboard.press("KeyZ")
    until(lambda: not world.sets[SET].labels["tracks"])
    page.keyboard.press("Shift+KeyZ")
    until(lambda: world.sets[SET].labels["tracks"] == before)


def test_a_killed_tab_loses_nothing_that_was_finished(browser: Browser, world: World) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    open_workspace(page, world, 8)
    world.online = False
    page.keyboard.press("Digit2")
    page.mouse.click(*place(page, world, 120, 90))
    page.wait_for_selector('[data-testid=saved][data-state="offline"]', timeout=60000)
    assert world.sets[SET].revision == 0
    page.close(run_before_unload=False)
    world.online = True
    again = context.new_page()
    open_workspace(again, world, 8)
    until(lambda: world.sets[SET].labels["tracks"])
    saved(again)
    assert shape_of(world, "grasper", 8)["point"] == pytest.approx([120, 90], abs=0.6)
    kept = again.evaluate("""async () => {
      const open = indexedDB.open('clinical-annot-outbox', 1);
      await new Promise((r) => { open.onsuccess = r; });
      const rows = open.result.transaction('operations').objectStore('operations').getAll();
      await new Promise((r) => { rows.onsuccess = r; });
      return rows.result.length;
    }""")
    assert kept == 0
    context.close()


def test_a_lost_network_is_said_calmly_and_caught_up_by_itself(page: Page, world: World) -> None:
    open_workspace(page, world, 8)
    world.online = False
    page.keyboard.press("Digit2")
    page.mouse.click(*place(page, world, 120, 90))
    page.wait_for_selector('[data-testid=saved][data-state="offline"]', timeout=60000)
    page.keyboard.press("KeyK")
    world.online = True
    saved(page)
    track = next(iter(world.sets[SET].labels["tracks"].values()))
    assert track["keyframes"] == {}


def test_an_expired_session_in_the_middle_keeps_the_work(page: Page, world: World) -> None:
    open_workspace(page, world, 8)
    world.signed_in = False
    page.keyboard.press("Digit2")
    page.mouse.click(*place(page, world, 120, 90))
    page.fill("[data-testid=sign-in-password]", "wrong")
    page.click("[data-testid=sign-in]")
    page.wait_for_selector("text=User name or password is wrong")
    page.fill("[data-testid=sign-in-password]", PASSWORD)
    page.click("[data-testid=sign-in]")
    saved(page)
    assert shape_of(world, "grasper", 8)["point"] == pytest.approx([120, 90], abs=0.6)


def test_the_idle_lock_covers_the_workspace_and_the_work_goes_on(page: Page, world: World) -> None:
    """What was drawn when the session locked is saved once its person signed in on the cover."""
    open_workspace(page, world, 8)
    world.signed_in = False
    page.keyboard.press("Digit2")
    page.mouse.click(*place(page, world, 120, 90))
    page.wait_for_selector("[data-banner=signed-out]", timeout=30000)
    page.evaluate(
        """() => {
          const make = (tag, held) => document.head.append(
            Object.assign(document.createElement(tag), held));
          make("meta", { name: "idle-lock", content: "1" });
          make("script", { type: "module", src: "/static/pages/idle.js" });
        }"""
    )
    page.wait_for_selector("dialog.locked[open]", timeout=30000)
    page.fill("dialog.locked input[type=password]", PASSWORD)
    page.click("dialog.locked button")
    page.wait_for_selector("dialog.locked", state="detached", timeout=30000)
    saved(page)
    page.wait_for_selector("[data-banner=signed-out]", state="detached", timeout=30000)
    assert shape_of(world, "grasper", 8)["point"] == pytest.approx([120, 90], abs=0.6)


def test_a_mask_a_tip_and_a_box_are_drawn_by_keyboard_alone(page: Page, world: World) -> None:
    open_workspace(page, world, 4)
    page.keyboard.press("Digit1")
    page.keyboard.press("KeyC")
    page.keyboard.down("Space")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.up("Space")
    page.keyboard.press("Digit2")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.keyboard.press("Digit4")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Space")
    saved(page)
    rle = shape_of(world, "lesion", 4)["rle"]
    mask = coco.decode({"size": rle["size"], "counts": rle["counts"].encode()})
    assert mask[180, 320] and mask[180, 369] and not mask[180, 395]
    assert shape_of(world, "grasper", 4)["point"] == [370, 179]
    assert shape_of(world, "hook", 4)["box"] == [370, 179, 10, 10]


def test_submitting_asks_with_what_is_left_and_locks(page: Page, world: World) -> None:
    open_workspace(page, world)
    page.click("[data-testid=submit]")
    page.wait_for_selector("dialog >> text=1 span unlabelled")
    page.click("[data-testid=submit-confirm]")
    page.wait_for_selector("text=Submitted: read-only")
    assert world.sets[SET].state == "submitted"
    page.keyboard.press("Digit2")
    page.mouse.click(*place(page, world, 100, 100))
    assert world.sets[SET].labels["tracks"] == {}


def test_the_picture_is_whole_in_sight_and_takes_three_fifths(page: Page, world: World) -> None:
    open_workspace(page, world)
    for width, height in ((1280, 720), (1440, 900), (1600, 1000), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        until(lambda: is_whole_and_large(page, width, height))  # noqa: B023


def is_whole_and_large(page: Page, width: int, height: int) -> bool:
    box = page.locator("[data-testid=picture]").bounding_box()
    assert box
    return (
        box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= width
        and box["y"] + box["height"] <= height
        and box["width"] * box["height"] >= 0.6 * width * height
    )


def test_nothing_lies_over_the_picture_while_nothing_is_selected(page: Page, world: World) -> None:
    world.review = False
    open_workspace(page, world)
    page.keyboard.press("KeyK")
    page.wait_for_selector("#notices")
    over = page.evaluate("""() => {
      const picture = document.querySelector('[data-testid=picture]');
      const box = picture.getBoundingClientRect();
      const found = new Set();
      for (let i = 0.5; i < 40; i++) for (let j = 0.5; j < 40; j++) {
        const e = document.elementFromPoint(box.left + box.width * i / 40,
                                            box.top + box.height * j / 40);
        if (e !== picture) found.add(e.outerHTML.slice(0, 80));
      }
      const c = document.querySelector('#overlay');
      const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      return [[...found], data.some((v) => v)];
    }""")
    assert over == [[], False]


def test_which_pictures_were_seen_is_reported(page: Page, world: World) -> None:
    # The one that it opens with as well, though the clip begins with it.
    open_workspace(page, world)
    go(page, 3)
    go(page, 100)
    page.goto("about:blank")
    until(lambda: all([at, at + 1] in world.watched for at in (0, 3, 100)))


def test_an_unknown_clip_is_refused_in_words(page: Page, world: World) -> None:
    page.route(f"**/api/v1/clips/{CLIP}/", lambda r: r.fulfill(status=404, json={"error": {}}))
    page.goto(f"{world.base}/clips/{CLIP}/work/")
    page.wait_for_selector("text=No such clip")
