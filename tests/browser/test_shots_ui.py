"""Changes of shot in the workspace: gone to by key, and nothing is filled in over one."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.devserver import SET, World
from tests.browser.steps import go, open_workspace, place, until

pytestmark = pytest.mark.browser


def keyframes(world: World) -> dict[int, tuple[str, Any]]:
    """Of the one track: frame → (state, tip's x)."""
    tracks = list(world.sets[SET].labels["tracks"].values())
    if len(tracks) != 1:
        return {}
    return {
        int(frame): (held["state"], held["shape"] and round(held["shape"]["point"][0]))
        for frame, held in tracks[0]["keyframes"].items()
    }


def test_nothing_is_filled_in_over_a_change_of_shot(page: Page, world: World) -> None:
    world.shots = [10, 20]
    world.picture(0)
    open_workspace(page, world)
    shown = page.locator("[data-testid=picture]")

    def at(frame: int) -> None:
        until(lambda: shown.get_attribute("data-frame-index") == str(frame), 20)

    def put(x: float) -> None:
        page.mouse.click(*place(page, world, x, 90))

    go(page, 3)
    page.keyboard.press("t")
    put(100)
    until(lambda: keyframes(world) == {3: ("visible", 100)}, 20)
    # Beyond a change the track is absent from the change to the place where it is found again.
    go(page, 14)
    put(200)
    wanted = {3: ("visible", 100), 10: ("absent", None), 14: ("visible", 200)}
    until(lambda: keyframes(world) == wanted, 20)
    # Right at a change it stays up to it as it was.
    page.keyboard.press("Control+ArrowDown")
    at(20)
    put(300)
    wanted |= {19: ("visible", 200), 20: ("visible", 300)}
    until(lambda: keyframes(world) == wanted, 20)
    page.keyboard.press("Control+ArrowUp")
    at(10)
    page.keyboard.press("Control+ArrowDown")
    at(20)
    # One undo takes back the keyframe and what kept it apart.
    page.keyboard.press("z")
    until(lambda: set(keyframes(world)) == {3, 10, 14}, 20)
    assert "change of shot" not in page.inner_text("body")
    # Bridged on purpose, or by other software, it is said before handing in.
    go(page, 10)
    page.keyboard.press("Delete")
    until(lambda: set(keyframes(world)) == {3, 14}, 20)
    page.wait_for_selector("text=1 filled in over a change of shot")


def test_no_keyframe_is_joined_to_another_over_a_change_of_shot(page: Page, world: World) -> None:
    """Whatever is put where, in whichever state; and where something is joined, it is counted."""
    page.goto(f"{world.base}/static/workspace/README.md")
    found = page.evaluate(
        """async () => {
          const {shotGuards, bridgedChanges} = await import('/static/workspace/shots.js');
          const {applyOperation} = await import('/static/workspace/operations.js');
          const {expandAt} = await import('/static/workspace/interpolate.js');
          let seed = 7;
          const draw = (n) => (seed = (seed * 48271) % 2147483647) % n;
          const n = 40, frames = [...Array(n).keys()];
          const rule = {kind: 'linear', max_gap_frames: null};
          const before = ({keyframes}, at) =>
            Math.max(...Object.keys(keyframes).filter((f) => f < at));
          const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
          const keyframe = () => {
            const state = ['visible', 'occluded', 'absent'][draw(3)];
            const shape = state === 'absent' ? null : {type: 'tip', point: [draw(900), draw(900)]};
            return {state, shape, attributes: {side: draw(3)}};
          };
          // By the definition: what a change parts is shown as it was on the last frame before it.
          const joined = (track, shots) => shots.filter((change) => {
            const [one, two] = [expandAt(track, change - 1, rule), expandAt(track, change, rule)];
            if (two?.shape && two.interpolated) return true;
            const held = track.keyframes[before(track, change)]?.shape;
            return one?.shape && one.interpolated && two?.shape && !same(one.shape, held);
          });
          const wrong = [], kept = [];
          let counted = 0;
          for (let turn = 0; turn < 400; turn++) {
            const shots = frames.slice(1).filter(() => draw(9) === 0);
            const labels = {tracks: {a: {keyframes: {}}}, intervals: {}};
            const free = {keyframes: {}};
            for (let k = 0; k < 5; k++) {
              const at = draw(n), put = keyframe();
              free.keyframes[at] = put;
              const {a} = labels.tracks;
              if (a.keyframes[at]) continue;
              const guards = shotGuards(a, 'a', at, put, shots, rule);
              const op = {op: 'keyframe.set', object: 'a', frame_index: at, ...put};
              for (const each of [...guards, op]) {
                if (each !== op && a.keyframes[each.frame_index]) kept.push([turn, 'overwritten']);
                applyOperation(labels, each);
              }
              for (const g of guards) {
                const own = labels.tracks.a.keyframes[g.frame_index];
                const source = labels.tracks.a.keyframes[before(labels.tracks.a, g.frame_index)];
                if (own.state !== 'absent' && !same(own, source)) kept.push([turn, at, g]);
                if (own.attributes.side !== source.attributes.side) kept.push([turn, at, g]);
              }
            }
            if (joined(labels.tracks.a, shots).length) wrong.push([turn, labels.tracks.a]);
            if (bridgedChanges(labels.tracks.a, shots, rule)[0]) wrong.push([turn, 'counted']);
            const wanted = joined(free, shots);
            counted += wanted.length;
            const copy = {keyframes: {...free.keyframes}};
            const [often, first] = bridgedChanges(copy, shots, rule);
            if (!same([often, first], [wanted.length, wanted[0] ?? -1])) wrong.push([turn, free]);
          }
          return {wrong: wrong.slice(0, 3), kept: kept.slice(0, 3), counted};
        }"""
    )
    assert found["wrong"] == [] == found["kept"]
    assert found["counted"] > 100
