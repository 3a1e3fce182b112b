"""The keys beside CVAT's and video editors': where one differs, there is a reason, decided here.

CVAT's are the defaults of `cvat-ui` (the 2D workspace: `shortcuts-reducer.ts`, since 2024 in the
components). The editors' are what Premiere Pro and DaVinci Resolve have in common or one has alone.
A key that changes fails here until this table says what is meant.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.devserver import World
from tests.browser.steps import open_workspace
from tests.browser.test_every_key import table_of

# What, the actions here, CVAT's keys, video editors' keys, why where neither of them is taken up.
Row = tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...], str]
TABLE: list[Row] = [
    ("Play or pause", ("play",), ("Space",), ("Space",), ""),
    ("Play back, pause, play", ("back", "stop", "forward"), (), ("KeyJ", "KeyK", "KeyL"), ""),
    ("One frame", ("step-back", "step-on"), ("KeyD", "KeyF"), ("ArrowLeft", "ArrowRight"),
     "D and F are values of attributes"),
    ("Several frames", ("ten-back", "ten-on"), ("KeyC", "KeyV"),
     ("Shift+ArrowLeft", "Shift+ArrowRight"), "C is the cursor, V selects"),
    ("First, last frame", ("first", "last"), (), ("Home", "End"), ""),
    ("Type a frame", ("go-to", "go-to-backquote"), ("Backquote",), (), ""),
    ("Keyframe", ("keyframe",), ("KeyK",), (), ""),
    ("Keyframe before, after", ("keyframe-before", "keyframe-after"), ("KeyE", "KeyR"), (),
     "tools have the letters: E erases, R draws a box"),
    ("Occluded", ("occluded",), ("KeyQ", "Slash"), (),
     "O as in the word; Q is a value of an attribute, / the sheet"),
    ("Absent (outside)", ("absent",), ("KeyO",), (), "O is occluded, which is said more often"),
    ("Hide", ("hide",), ("KeyH",), (), ""),
    ("Delete here", ("remove",), ("Delete",), ("Delete",), ""),
    ("Delete the track", ("remove-track",), ("Delete", "Shift+Delete"), (), ""),
    ("Undo", ("undo-ctrl", "undo"), ("Control+KeyZ",), ("Control+KeyZ",), ""),
    # Not Ctrl+Y: keys go by place, and there a German keyboard has its Z, which undoes.
    ("Redo", ("redo-ctrl", "redo"), ("Control+Shift+KeyZ", "Control+KeyY"),
     ("Control+Shift+KeyZ",), ""),
    ("Let go", ("escape",), ("Escape",), (), ""),
    ("Carry on", ("carry-on", "carry-back"), ("Control+KeyB",), (),
     "CVAT copies; here the picture is followed, on or back"),
    ("Same object (merge)", ("merge",), ("KeyM",), (), "M comments, as editors set a marker"),
    ("Comment, marker", ("comment",), (), ("KeyM",), ""),
    ("Split", ("split",), ("Alt+KeyM",), ("Control+KeyK",),
     "Alt M walks comments, Ctrl K is a browser's own"),
    ("New track (draw again)", ("new-track",), ("KeyN",), (), "N goes to what is unlabelled"),
    ("Track above, below", ("track-up", "track-down"), ("Shift+Tab", "Tab"), (),
     "Tab moves the focus, as everywhere in a browser"),
    ("Phase or event starts, ends", ("start", "end"), (), ("KeyI", "KeyO"),
     "I is a value of an attribute, O is occluded"),
    ("Change of shot", ("shot-before", "shot-after"), (), ("ArrowUp", "ArrowDown"),
     "the arrows alone walk the tracks"),
    ("Zoom the timeline", ("time-in", "time-out"), (), ("Equal", "Minus"),
     "alone they zoom the picture, the larger need"),
    ("Whole clip on the timeline", ("timeline-all",), (), ("Backslash",), "\\ folds the panel"),
    ("Select", ("tool-select",), (), ("KeyV",), ""),
    ("All shortcuts", ("sheet", "sheet-f1"), ("F1",), (), ""),
    ("Save now", ("save",), ("Control+KeyS",), ("Control+KeyS",), ""),
]  # fmt: skip
OURS = {
    "play": "Space", "back": "KeyJ", "stop": "KeyK", "forward": "KeyL",
    "step-back": "ArrowLeft", "step-on": "ArrowRight", "ten-back": "Shift+ArrowLeft",
    "ten-on": "Shift+ArrowRight", "first": "Home", "last": "End", "go-to": "Shift+KeyG",
    "go-to-backquote": "Backquote", "keyframe": "KeyK", "keyframe-before": "PageUp",
    "keyframe-after": "PageDown", "occluded": "KeyO", "absent": "KeyX", "hide": "KeyH",
    "remove": "Delete", "remove-track": "Shift+Delete", "undo-ctrl": "Control+KeyZ",
    "undo": "KeyZ", "redo-ctrl": "Control+Shift+KeyZ", "redo": "Shift+KeyZ", "escape": "Escape",
    "carry-on": "Alt+Period", "carry-back": "Alt+Comma", "merge": "Shift+KeyJ", "comment": "KeyM",
    "split": "Shift+KeyK", "new-track": "Enter", "track-up": "ArrowUp", "track-down": "ArrowDown",
    "start": "BracketLeft", "end": "BracketRight", "shot-before": "Control+ArrowUp",
    "shot-after": "Control+ArrowDown", "time-in": "Shift+Equal", "time-out": "Shift+Minus",
    "timeline-all": "Shift+Home", "tool-select": "KeyV", "sheet": "Shift+Slash", "sheet-f1": "F1",
    "save": "Control+KeyS",
}  # fmt: skip
CAPS = {"Control": "Ctrl", "ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓",
        "PageUp": "Page Up", "PageDown": "Page Down", "BracketLeft": "[", "BracketRight": "]",
        "Comma": "comma", "Period": "full stop", "Slash": "/", "Equal": "+", "Minus": "−",
        "Backslash": "\\", "Backquote": "`` ` ``", "Escape": "Esc"}  # fmt: skip


def caps(keys: tuple[str, ...]) -> str:
    """Keys as the documentation writes them."""
    if keys == ("Shift+Slash", "F1"):
        return "?, F1"
    written = [
        " ".join(CAPS.get(part, part.removeprefix("Key")) for part in key.split("+"))
        for key in keys
    ]
    return ", ".join(written) or "–"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_a_key_agrees_with_one_s_habit_or_has_a_reason(row: Row) -> None:
    _, actions, cvat, editors, why = row
    here = {OURS[action] for action in actions}
    agrees = [bool(here & set(theirs)) for theirs in (cvat, editors) if theirs]
    assert agrees
    assert bool(why) != all(agrees)


def test_the_documentation_has_the_same_table() -> None:
    text = Path("docs/workspace.md").read_text()
    rows = [
        f"| {what} | {caps(tuple(OURS[a] for a in actions))} | {caps(cvat)} | {caps(editors)} "
        f"| {why or 'agrees'} |"
        for what, actions, cvat, editors, why in TABLE
    ]
    head = "| what | here | CVAT | video editors | |\n| --- | --- | --- | --- | --- |\n"
    assert head + "\n".join(rows) + "\n" in text


@pytest.mark.browser
def test_the_product_s_own_table_of_keys_is_the_one_compared(page: Page, world: World) -> None:
    open_workspace(page, world, 20)
    bound = {action: key for action, key, _ in table_of(page)}
    assert {a for _, actions, *_ in TABLE for a in actions} == set(OURS)
    assert {action: bound.get(action) for action in OURS} == OURS


@pytest.mark.browser
def test_keys_of_habit_do_not_leave_the_page_s_hands(page: Page, world: World) -> None:
    open_workspace(page, world, 20)
    page.keyboard.press("F1")
    page.wait_for_selector("dialog .sheet")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    page.keyboard.press("Control+KeyS")
    page.wait_for_function("document.querySelector('#notices').innerText.includes('All is saved')")
    page.keyboard.press("Backquote")
    page.wait_for_selector("[data-testid=go-to-frame]:focus")
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-testid=picture][data-frame-index="7"]')
