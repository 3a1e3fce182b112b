"""What one's other tabs and devices do to a label set is heard, shown and decided."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route

from tests.browser.devserver import PASSWORD, SET, World
from tests.browser.steps import go, open_workspace, place, saved, shows

pytestmark = pytest.mark.browser


def elsewhere(world: World, seq: int, frame: int, object: str) -> None:
    """Another device of the same person puts a tip on a frame."""
    operation = {"id": f"x{seq}", "seq": seq, "op": "keyframe.set", "object": object}
    operation |= {"frame_index": frame, "attributes": {}, "state": "visible"}
    operation |= {"shape": {"type": "tip", "point": [1, 1]}}
    base = world.sets[SET].revision
    with world.lock:
        world.sets[SET].take(
            {"client_id": "other", "base_revision": base, "operations": [operation]}
        )


HEARING = "**/operations/?after=*"


def test_a_conflict_is_shown_and_decided_object_by_object(page: Page, world: World) -> None:
    # As if the other device had saved in the same moment: nothing is heard of it before.
    page.route(HEARING, lambda route: route.abort())
    open_workspace(page, world, 8)
    page.keyboard.press("Digit2")
    page.mouse.click(*place(page, world, 120, 90))
    saved(page)
    (key,) = world.sets[SET].labels["tracks"]
    elsewhere(world, 1, 9, key)
    go(page, 30)
    page.mouse.click(*place(page, world, 300, 90))
    words = page.locator("[data-banner=conflict] li").inner_text()
    assert "here: drawn on frame 30 · elsewhere: drawn on frame 9" in words
    assert page.get_attribute("[data-testid=saved]", "data-state") == "offline"
    page.click(f"[data-testid=conflict-show-{key}]")
    shows(page, 9)
    page.click("[data-banner=conflict] .primary")
    saved(page)
    tracks = world.sets[SET].labels["tracks"]
    assert sorted(tracks[key]["keyframes"]) == ["30", "8", "9"]
    # Both versions can stay: one's own goes on as a track beside.
    elsewhere(world, 2, 40, key)
    go(page, 50)
    page.mouse.click(*place(page, world, 310, 90))
    page.select_option("[data-banner=conflict] select", "both")
    page.click("[data-banner=conflict] .primary")
    saved(page)
    assert sorted(tracks[key]["keyframes"]) == ["30", "40", "8", "9"]
    (copy,) = set(tracks) - {key}
    assert sorted(tracks[copy]["keyframes"]) == ["30", "50", "8", "9"]
    assert tracks[copy]["number"] != tracks[key]["number"]
    # What was removed elsewhere and is kept here is made again.
    with world.lock:
        gone = {"id": "x3", "seq": 3, "op": "track.delete", "object": key}
        world.sets[SET].take(
            {
                "client_id": "other",
                "base_revision": world.sets[SET].revision,
                "operations": [gone],
            }
        )
    page.click(f"[data-testid=track-{key}] .row-button")
    go(page, 60)
    page.mouse.click(*place(page, world, 310, 90))
    assert "elsewhere: removed" in page.locator("[data-banner=conflict] li").inner_text()
    page.click("[data-banner=conflict] .primary")
    saved(page)
    assert sorted(tracks[key]["keyframes"]) == ["30", "40", "60", "8", "9"]


def test_what_another_tab_or_device_does_is_heard_at_once(page: Page, world: World) -> None:
    open_workspace(page, world, 8)
    other = page.context.new_page()
    open_workspace(other, world, 8)
    page.bring_to_front()
    page.keyboard.press("Digit2")
    page.mouse.click(*place(page, world, 120, 90))
    saved(page)
    (key,) = world.sets[SET].labels["tracks"]
    # The other tab of this browser, where nobody does anything.
    other.wait_for_selector(f"[data-testid=track-{key}]")
    assert "Grasper 1" in other.locator("#notices").inner_text()
    # Another device; one's own step before it can be undone no more, for it would take that back.
    elsewhere(world, 1, 9, key)
    page.wait_for_selector("[data-testid=revision] >> text=revision 2")
    go(page, 9)
    page.wait_for_selector("text=/1.00, 1.00 px/")
    assert page.is_disabled("[data-testid=undo]")
    # Who was signed out meanwhile is told by the next question, though nothing is to be saved.
    world.signed_in = False
    page.mouse.move(*place(page, world, 60, 60))
    page.fill("[data-testid=sign-in-password]", PASSWORD)
    page.click("[data-testid=sign-in]")
    saved(page)
    # What is handed in over there changes nothing more here.
    other.bring_to_front()
    other.keyboard.press("Control+Enter")
    other.click("[data-testid=submit-confirm]")
    page.wait_for_selector("text=Submitted in another tab or device")
    assert page.is_disabled("[data-testid=tool-tip]")
    other.close()


@pytest.mark.parametrize("late", ["the question's answer", "the hand-in's answer"])
def test_what_is_handed_in_here_is_never_called_anothers(
    page: Page, world: World, late: str
) -> None:
    open_workspace(page, world, 8)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("[data-testid=submit-confirm]:not([disabled])")
    questions: list[Route] = []
    hand_ins: list[Route] = []
    page.route(HEARING, lambda route: questions.append(route))
    page.route("**/submit/", lambda route: hand_ins.append(route))
    with page.expect_request(HEARING):
        page.mouse.move(30, 30)
    with page.expect_request("**/submit/"):
        page.click("[data-testid=submit-confirm]")
    # The server takes it before it answers what was asked before.
    taken = hand_ins[0].fetch()
    if late == "the question's answer":
        hand_ins[0].fulfill(response=taken)
        page.wait_for_selector("text=Submitted: read-only")
    with page.expect_response(HEARING):
        questions[0].continue_()
    page.wait_for_timeout(300)
    if late == "the hand-in's answer":
        assert page.inner_text("[data-testid=saved]") == "Saved"
        hand_ins[0].fulfill(response=taken)
        page.wait_for_selector("[data-testid=submit]", state="detached")
    assert page.inner_text("[data-testid=saved]") == "Submitted: read-only"


def test_a_hand_in_whose_answer_is_lost_is_known_as_ones_own(page: Page, world: World) -> None:
    open_workspace(page, world, 8)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("[data-testid=submit-confirm]:not([disabled])")
    page.route("**/submit/", lambda route: (route.fetch(), route.abort())[1])
    page.click("[data-testid=submit-confirm]")
    page.wait_for_selector("text=The server did not answer: try again")
    page.wait_for_selector("text=Submitted: read-only")
    assert page.is_disabled("[data-testid=tool-tip]")
