"""Shapes of points, masks between keyframes, tags, attributes over time, split and merge."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from apps.annotation.domain import rle
from apps.annotation.domain.interpolate import at, rule_of
from tests.browser import devlabels
from tests.browser.devserver import SET, World
from tests.browser.steps import go, open_workspace, place, saved, until

pytestmark = pytest.mark.browser

SKELETON = {
    "points": [{"id": p, "name": p.title()} for p in ("apex", "left", "right")],
    "edges": [[0, 1], [0, 2]],
}


def ontology() -> dict[str, Any]:
    """The usual classes, masks interpolated, and one class of each geometry of points."""
    made = devlabels.ontology()
    made["classes"][0] |= {"interpolation": "distance"}
    for name in ("polygon", "polyline", "rotated_box", "shaft", "keypoints", "cuboid"):
        row = {**made["classes"][1], "id": f"a_{name}", "name": f"A {name}", "geometry": name}
        row |= {"shortcut": None, "attributes": []}
        made["classes"].append(row | ({"skeleton": SKELETON} if name == "keypoints" else {}))
    sure = {
        "id": "sure",
        "name": "Sure",
        "type": "number",
        "unit": "%",
        "minimum": 0,
        "maximum": 100,
    }
    places = ("gallbladder", "liver", "gut", "omentum", "fluid", "adhesion", "peritoneum")
    values = [{"id": name, "name": name.capitalize()} for name in places]
    target = {"id": "target", "name": "To", "type": "choice", "values": values}
    made["classes"][1]["attributes"] = [*made["classes"][1]["attributes"], target, sure]
    for name in ("frame_tag", "clip_tag"):
        row = {**made["classes"][-3], "id": f"a_{name}", "name": f"A {name}", "geometry": name}
        made["classes"].append({k: v for k, v in row.items() if k != "skeleton"})
    return made


@pytest.fixture
def tracks_world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("tests.browser.devserver.ontology", ontology)
    # All pictures are decoded at the first, under the lock that a save waits for.
    world.picture(0)
    return world


def held(world: World, class_id: str) -> list[dict[str, Any]]:
    tracks = world.sets[SET].labels["tracks"].values()
    return [t for t in tracks if t["class_id"] == class_id]


def shape_at(world: World, class_id: str, frame: int) -> dict[str, Any] | None:
    keyframe = next((t["keyframes"].get(str(frame)) for t in held(world, class_id)), None)
    return keyframe and keyframe["shape"]


def click(page: Page, world: World, *points: tuple[float, float]) -> None:
    for x, y in points:
        page.mouse.click(*place(page, world, x, y))


CLICKS = {
    "a_polygon": [(100, 100), (200, 110), (180, 200)],
    "a_polyline": [(300, 100), (350, 150), (420, 140)],
    "a_rotated_box": [(100, 250), (180, 250), (140, 290)],
    "a_shaft": [(300, 250), (200, 340)],
    "a_keypoints": [(450, 100), (420, 180), (480, 180)],
    "a_cuboid": [(400, 220), (460, 280), (420, 205)],
}


def test_every_shape_of_points_is_placed_taken_by_a_corner_and_held_by_the_server(
    page: Page, tracks_world: World
) -> None:
    world = tracks_world
    open_workspace(page, world)
    for class_id, points in CLICKS.items():
        page.click(f"[data-testid=class-{class_id}]")
        click(page, world, *points)
        if class_id in ("a_polygon", "a_polyline"):
            page.keyboard.press("Enter")
        until(lambda c=class_id: shape_at(world, c, 0), 20)
    places = {c: shape_at(world, c, 0) for c in CLICKS}
    for class_id in ("a_polygon", "a_polyline", "a_shaft"):
        for (x, y), (u, v) in zip(CLICKS[class_id], places[class_id]["points"], strict=True):
            assert abs(x - u) < 1 and abs(y - v) < 1
    assert [p[2] for p in places["a_keypoints"]["points"]] == [2, 2, 2]
    assert len(places["a_cuboid"]["points"]) == 8
    x, y, w, h, angle = places["a_rotated_box"]["rotated_box"]
    assert (abs(x - 140), abs(y - 270), abs(w - 80), abs(h - 40), abs(angle)) < (1, 1, 2, 2, 1)
    page.keyboard.press("v")
    page.mouse.move(*place(page, world, 200, 110))
    page.mouse.down()
    page.mouse.move(*place(page, world, 220, 120), steps=3)
    page.mouse.up()
    until(lambda: shape_at(world, "a_polygon", 0)["points"][1][0] > 215, 20)
    assert shape_at(world, "a_polygon", 0)["points"][0] == places["a_polygon"]["points"][0]


def test_the_brush_goes_on_from_the_interpolated_mask(page: Page, tracks_world: World) -> None:
    world = tracks_world
    open_workspace(page, world)
    page.click("[data-testid=class-lesion]")
    page.keyboard.press("b")
    click(page, world, (100, 100))
    go(page, 4)
    click(page, world, (140, 100))
    until(lambda: shape_at(world, "lesion", 4), 20)
    wanted = at(held(world, "lesion")[0], "mask", 2, rule_of(ontology()["classes"][0]))
    assert wanted is not None
    go(page, 2)
    click(page, world, (300, 300))
    until(lambda: shape_at(world, "lesion", 2), 20)
    drawn = shape_at(world, "lesion", 2)["rle"]
    between = wanted["shape"]["rle"]
    assert rle.intersection_area(drawn, between) == rle.area(between)
    assert rle.area(drawn) > rle.area(between)


def test_a_track_is_split_cut_and_merged_again_and_each_is_one_undo(
    page: Page, tracks_world: World
) -> None:
    world = tracks_world
    open_workspace(page, world)
    page.click("[data-testid=class-grasper]")
    click(page, world, (100, 100))
    go(page, 10)
    click(page, world, (200, 100))
    until(lambda: shape_at(world, "grasper", 10), 20)
    go(page, 5)
    page.keyboard.press("Shift+K")
    until(lambda: len(held(world, "grasper")) == 2, 20)
    first, second = sorted(held(world, "grasper"), key=lambda t: min(map(int, t["keyframes"])))
    assert sorted(map(int, first["keyframes"])) == [0, 4]
    assert sorted(map(int, second["keyframes"])) == [5, 10]
    page.keyboard.press("Shift+J")
    until(lambda: len(held(world, "grasper")) == 1, 20)
    assert sorted(map(int, held(world, "grasper")[0]["keyframes"])) == [0, 4, 5, 10]
    page.keyboard.press("z")
    until(lambda: len(held(world, "grasper")) == 2, 20)
    page.keyboard.press("z")
    until(lambda: [sorted(map(int, t["keyframes"])) for t in held(world, "grasper")] == [[0, 10]],
          20)  # fmt: skip
    page.click("[data-testid^=track-]")
    go(page, 5)
    page.keyboard.press("Shift+X")
    until(lambda: sorted(map(int, held(world, "grasper")[0]["keyframes"])) == [0, 4], 20)


def test_an_attribute_holds_from_a_frame_on_and_tags_are_put_on_and_taken_off(
    page: Page, tracks_world: World
) -> None:
    world = tracks_world
    open_workspace(page, world)
    page.click("[data-testid=class-grasper]")
    click(page, world, (100, 100))
    go(page, 10)
    click(page, world, (200, 100))
    go(page, 5)
    page.keyboard.press("Shift+Q")
    until(lambda: shape_at(world, "grasper", 5), 20)
    keyframes = held(world, "grasper")[0]["keyframes"]
    assert [keyframes[f]["attributes"].get("jaw") for f in ("0", "5", "10")] == [
        None, "open", "open",
    ]  # fmt: skip
    assert abs(keyframes["5"]["shape"]["point"][0] - 150) < 1
    for class_id, span in (("a_frame_tag", [5, 6]), ("a_clip_tag", [0, 250])):
        page.click(f"[data-testid=class-{class_id}]")
        page.keyboard.press("[")
        until(lambda: world.sets[SET].labels["intervals"], 20)
        (tag,) = world.sets[SET].labels["intervals"].values()
        assert [tag["start_frame"], tag["end_frame"]] == span
        page.keyboard.press("[")
        until(lambda: not world.sets[SET].labels["intervals"], 20)
    saved(page)


def fingers(page: Page, *steps: tuple[str, list[tuple[float, float]]]) -> None:
    """Touches by step: touchStart, touchMove or touchEnd, and where each finger is."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    for kind, places in steps:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.detach()


def test_fingers_draw_pinch_and_press_what_keys_do(page: Page, tracks_world: World) -> None:
    world = tracks_world
    open_workspace(page, world)
    page.click("[data-testid=class-lesion]")
    a, b = place(page, world, 200, 150), place(page, world, 260, 180)
    c = place(page, world, 320, 150)
    # One finger paints; a second one makes it a pinch, and nothing is drawn.
    fingers(page, ("touchStart", [a]), ("touchMove", [b]), ("touchMove", [c]), ("touchEnd", []))
    until(lambda: shape_at(world, "lesion", 0), 20)
    drawn = rle.area(shape_at(world, "lesion", 0)["rle"])
    assert drawn > 100 * 20
    before = page.locator("[data-testid=picture]").bounding_box()
    wide = place(page, world, 440, 180)
    fingers(page, ("touchStart", [a]), ("touchStart", [a, b]), ("touchMove", [a, c]),
            ("touchMove", [a, wide]), ("touchEnd", []))  # fmt: skip
    zoomed = page.locator("[data-testid=picture]").bounding_box()
    assert zoomed["width"] > 1.5 * before["width"]
    page.click("[data-testid=act-fit]")
    # What keys do, by buttons: a track's keyframes and states, a phase, the speed.
    page.click("[data-testid=class-grasper]")
    click(page, world, (100, 100))
    go(page, 10)
    page.click("[data-testid=act-keyframe]")
    until(lambda: shape_at(world, "grasper", 10), 20)
    page.click("[data-testid=act-occluded]")
    until(lambda: held(world, "grasper")[0]["keyframes"]["10"]["state"] == "occluded", 20)
    # A number holds from a frame on as a choice does.
    page.fill("[data-testid=attribute-sure]", "80")
    page.press("[data-testid=attribute-sure]", "Tab")
    until(lambda: held(world, "grasper")[0]["attributes"] == {"sure": 80}, 20)
    page.click("[data-testid=attributes-from-here]")
    page.fill("[data-testid=attribute-sure]", "40")
    page.press("[data-testid=attribute-sure]", "Enter")
    keyframes = held(world, "grasper")[0]["keyframes"]
    until(lambda: keyframes["10"]["attributes"] == {"sure": 40}, 20)
    # What has many values is a list.
    page.select_option("[data-testid=attribute-target]", "liver")
    until(lambda: keyframes["10"]["attributes"] == {"sure": 40, "target": "liver"}, 20)
    page.select_option("[data-testid=attribute-target]", "")
    until(lambda: keyframes["10"]["attributes"] == {"sure": 40}, 20)
    assert held(world, "grasper")[0]["attributes"] == {"sure": 80}
    page.click("[data-testid=class-calot]")
    page.click("#classes [data-testid=act-start] >> nth=0")
    go(page, 20)
    page.click("#classes [data-testid=act-end] >> nth=0")
    page.click("[data-testid=act-faster]")
    assert page.text_content("[data-testid=speed]") == "2×"
    until(
        lambda: [i["end_frame"] for i in world.sets[SET].labels["intervals"].values()] == [20], 20
    )
    saved(page)
    assert rle.area(shape_at(world, "lesion", 0)["rle"]) == drawn


def test_a_shape_is_carried_on_reviewed_and_taken_back_as_one_step(
    page: Page, tracks_world: World
) -> None:
    world = tracks_world
    open_workspace(page, world, 20)
    page.click("[data-testid=class-hook]")
    page.mouse.move(*place(page, world, 100, 100))
    page.mouse.down()
    page.mouse.move(*place(page, world, 160, 140), steps=3)
    page.mouse.up()
    until(lambda: shape_at(world, "hook", 20), 20)
    x = shape_at(world, "hook", 20)["box"][0]
    page.keyboard.press("Alt+Period")
    page.wait_for_selector("[data-testid=propagation-done]", timeout=20000)
    until(lambda: shape_at(world, "hook", 80), 20)
    keyframes = held(world, "hook")[0]["keyframes"]
    assert keyframes["80"]["shape"]["box"][0] == pytest.approx(x + 120, abs=0.01)
    assert len(keyframes) < 12
    made = at(held(world, "hook")[0], "box", 47)
    assert made is not None and made["shape"]["box"][0] == pytest.approx(x + 54, abs=0.6)
    assert "1 to look at" in (page.text_content("[data-testid=propagation-done]") or "")
    page.click("[data-testid=propagation-weakest]")
    page.wait_for_selector('[data-testid=picture][data-frame-index="23"]', timeout=20000)
    page.click("[data-testid=propagation-undo]")
    until(lambda: sorted(held(world, "hook")[0]["keyframes"]) == ["20"], 20)
    page.keyboard.press("Shift+Z")
    until(lambda: shape_at(world, "hook", 80), 20)


def test_a_propagation_that_is_cancelled_changes_nothing(page: Page, tracks_world: World) -> None:
    world = tracks_world
    world.is_let_go = False
    open_workspace(page, world, 20)
    page.click("[data-testid=class-grasper]")
    click(page, world, (100, 100))
    until(lambda: shape_at(world, "grasper", 20), 20)
    page.keyboard.press("Alt+Comma")
    page.click("[data-testid=propagation-cancel]", timeout=20000)
    page.wait_for_selector("[data-banner=propagation]", state="detached", timeout=20000)
    saved(page)
    assert sorted(held(world, "grasper")[0]["keyframes"]) == ["20"]
