"""Every action of the product's own table of keys, pressed: each does something that is seen.

The table is the one that "Change keys" shows, so an action that is bound is pressed here, or the
test fails. In full with ``make bars NAME=keyboard``; a few otherwise.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from playwright.sync_api import Page, Route
from playwright.sync_api import TimeoutError as NothingSeen

from tests.browser import devserver
from tests.browser.devserver import ADJUDICATION, CLIP, OTHER, READ, SET, World
from tests.browser.steps import open_workspace, saved, shows
from tests.browser.test_beside_ui import a_set
from tests.browser.test_side_work_ui import proposed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
EVERY = 1 if "BAR_FULL" in os.environ else 24
HOOK = "77777777-7777-4777-8777-000000000001"

TABLE = """() => [...document.querySelectorAll('.key-row')].map((row) => [
  row.querySelector('[data-testid^=change-]').dataset.testid.replace('change-', ''),
  row.querySelector('kbd').dataset.keys, row.querySelector('span').textContent,
  row.closest('section').querySelector('h3').textContent])"""
SHEET = """() => [...document.querySelectorAll('.sheet li')].map((row) =>
  row.querySelector('span').textContent)"""
# All that a person sees, but for what comes by itself: how the picture came, whether it is saved.
SEEN = """() => {
  const all = (s) => [...document.querySelectorAll(s)];
  const ink = (s) => all(s).map((c) => {
    const data = c.width && c.height
      ? new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer) : [];
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum = (sum * 31 + data[i]) | 0;
    return sum;
  });
  const picture = document.querySelector('#picture');
  return JSON.stringify([
    location.pathname, picture.dataset.frameIndex, picture.getAttribute('style'),
    document.body.className, document.body.dataset.tool, window.notes,
    ink('#overlay, #live, #timeline canvas, .beside-picture .layer'),
    all('.side, #tools, .clock, .rate, .light, .phase, #banners, dialog, .beside').map((e) =>
      e.innerText),
    all('[aria-pressed=true], [aria-current=true]').map((e) => e.dataset.testid ?? e.textContent),
    document.querySelector('[data-testid=play]').ariaLabel,
    all('[data-testid=picture-beside]').map((e) => e.dataset.frameIndex),
    document.activeElement.id, document.activeElement.dataset.testid,
    document.activeElement.tagName,
  ]);
}"""
# Two looks with nothing between them.
RESTS = f"""async () => {{
  const look = {SEEN};
  const first = look();
  await new Promise((r) => setTimeout(r, 80));
  return look() === first && first;
}}"""
NOTES = """() => { window.notes = 0;
  new MutationObserver(() => window.notes++).observe(
    document.querySelector('#notices'), { childList: true, characterData: true }); }"""

GRASPER = ["Digit2"]
BESIDE = "?[data-testid=picture-beside][data-frame-index]"
OTHERS = [("KeyI", "KeyQ"), ("Semicolon", "KeyA")]
POLYGON = ["KeyP", "KeyC", "Space", *["Shift+ArrowRight"] * 3, "Space",
           *["Shift+ArrowDown"] * 3, "Space"]  # fmt: skip
# What has to be so before an action can do something: keys, "@frame", "=text", "?what has come".
# By the beginning of its name; the longest that fits. Without a row: the hook is selected at its
# keyframe on frame 20.
BEFORE: dict[str, list[str]] = {
    "stop": ["KeyL"],
    "zoom-out": ["Equal", "Equal"],
    "fit": ["Equal", "Equal"],
    "pan-": ["Equal"] * 5,
    "time-out": ["Shift+Equal", "Shift+Equal"],
    "timeline-all": ["Shift+Equal", "Shift+Equal"],
    "cursor-": ["KeyC"],
    "cursor-paint": ["Digit1", "KeyC"],
    "cursor-pen": ["Digit1", "KeyC"],
    "loop": ["Shift+BracketLeft"],
    "loop-": [],
    "light-reset": ["Alt+Equal"],
    "tool-select": ["KeyB"],
    "brush-": ["KeyB"],
    "close": POLYGON,
    "drop-point": POLYGON,
    "new-track": ["Digit4"],
    "split": ["@40"],
    "cut": ["@40"],
    "merge": ["@40", "Shift+KeyK"],
    "start": ["Digit7"],
    "end": ["Digit7", "BracketLeft", "@30"],
    "undo": ["Alt+ArrowRight"],
    "redo": ["Alt+ArrowRight", "KeyZ"],
    "keyframe-": ["@40"],
    "edge-before": ["@100"],
    "edge-after": ["@40"],
    "attribute-": GRASPER,
    "relate": GRASPER,
    "comment-": ["KeyM", "=look here", "Control+Enter", "?.thread", "@100"],
    "beside-next": ["Shift+KeyV", BESIDE],
    # Another clip has a place of its own, other labels of this one have not, nor have one's own
    # as they were.
    "beside-": [
        "Shift+KeyV",
        BESIDE,
        "Alt+KeyV",
        "Alt+KeyV",
        "?[data-testid=beside-offset][aria-label='Offset in frames']",
        BESIDE,
    ],
    "proposal-": ["Alt+KeyN"],
    "proposal-next": [],
    "proposal-before": [],
    # On the screen of adjudication.
    "next": [],
    "previous": ["KeyN"],
    "list-up": ["KeyN"],
    "done": ["KeyR", "=because", "Enter", "?[data-testid=redraw-done]"],
}
# After these the page is opened anew; after others it is only tidied up.
FRESH = ("absent", "beside", "carry-", "close", "comment", "cursor-p", "cut", "end", "finding",
         "fold-", "guideline", "hide", "keyframe", "merge", "new-track", "occluded", "part-",
         "proposal-", "redo", "relate", "remove", "split", "start", "submit", "undo")  # fmt: skip
CODES = {"[": "BracketLeft", "]": "BracketRight", ",": "Comma", ".": "Period", "+": "Equal",
         "-": "Minus", "?": "Slash", "\\": "Backslash", ";": "Semicolon",
         "`": "Backquote"}  # fmt: skip


def key_of(said: str) -> str:
    """A key as Playwright takes it, from how the product says it to assistive technology."""
    *held, last = said.removesuffix("+").split("+") if said.endswith("+") else said.split("+")
    if said.endswith("+"):
        held, last = [each for each in [*held, last] if each], "+"
    kind = "" if len(last) > 1 else "Digit" if last.isdigit() else "Key"
    named = CODES.get(last) or f"{kind}{last}"
    return "+".join([*held, named])


def labels() -> dict[str, Any]:
    """A box with three keyframes, two tips, phases and an event."""

    def keyframe(shape: dict[str, Any]) -> dict[str, Any]:
        return {"state": "visible", "shape": shape, "attributes": {}}

    def track(class_id: str, **keyframes: Any) -> dict[str, Any]:
        held = {frame.strip("f"): keyframe(shape) for frame, shape in keyframes.items()}
        return {"clip": CLIP, "class_id": class_id, "number": 1, "attributes": {},
                "keyframes": held}  # fmt: skip

    def box(x: float) -> dict[str, Any]:
        return {"type": "box", "box": [x, 100, 120, 80]}

    def tip(x: float) -> dict[str, Any]:
        return {"type": "tip", "point": [x, 150]}

    def span(class_id: str, start: int, end: int) -> dict[str, Any]:
        return {"clip": CLIP, "class_id": class_id, "attributes": {}, "start_frame": start,
                "end_frame": end}  # fmt: skip

    return {
        "clips": [CLIP],
        "tracks": {
            HOOK: track("hook", f20=box(200), f60=box(260), f100=box(300)),
            HOOK[:-1] + "2": track("grasper", f10=tip(150), f60=tip(220)),
            HOOK[:-1] + "3": track("hook", f15=box(40), f90=box(60)),
        },
        "intervals": {
            HOOK[:-1] + "4": span("preparation", 0, 60),
            HOOK[:-1] + "5": span("calot", 60, 200),
            HOOK[:-1] + "6": span("bleeding", 120, 140),
        },
    }


def rich(plain: dict[str, Any]) -> dict[str, Any]:
    """Two attributes of five values: as many as have keys."""
    values = [{"id": f"v{n}", "name": f"Value {n}"} for n in range(5)]
    two = [{"id": f"a{n}", "name": f"Attribute {n}", "type": "choice", "values": values}
           for n in (1, 2)]  # fmt: skip
    for each in plain["classes"]:
        if each["id"] == "grasper":
            each["attributes"] = two
    return plain


def fill(world: World) -> None:
    world.reset()
    world.sets[SET].labels, world.sets[READ].labels = labels(), world.a
    source = proposed()
    world.proposals[SET] = [source]
    other = {"id": OTHER, "name": "Clip 3", "pseudonym": "P-7F3K", "near": "study",
             "label_set": None}  # fmt: skip
    world.beside = {"label_sets": [a_set(READ, "Dr B")], "clips": [other]}


def part(clip: str) -> dict[str, Any]:
    return {"id": clip, "name": "Part", "n_frames": 250, "duration_s": 10, "start_s": 0,
            "phases": []}  # fmt: skip


def do(page: Page, steps: list[str]) -> None:
    for step in steps:
        if step.startswith("@"):
            page.evaluate("n => { location.hash = `#frame=${n}` }", int(step[1:]))
            shows(page, int(step[1:]))
        elif step.startswith("?"):
            page.wait_for_selector(step[1:], state="attached", timeout=60_000)
        elif step.startswith("="):
            page.keyboard.type(step[1:])
        else:
            page.keyboard.press(step)


def before(action: str) -> list[str]:
    if action.startswith("attribute-here-"):
        # Another value of the same row holds until here.
        row, value = action.removeprefix("attribute-here-").split("-")
        return [*GRASPER, OTHERS[int(row)][value == "4"]]
    fitting = [name for name in BEFORE if action == name or (
        name.endswith("-") and action.startswith(name)) or action == f"{name}-ctrl"]  # fmt: skip
    return BEFORE[max(fitting, key=len)] if fitting else []


def table_of(page: Page) -> list[tuple[str, str, str]]:
    """The product's own table: actions with their keys and groups; each is in the sheet."""
    page.keyboard.press("Shift+Slash")
    page.wait_for_selector(".sheet li")
    listed = set(page.evaluate(SHEET))
    page.click("[data-testid=change-keys]")
    page.wait_for_selector(".key-row")
    rows = page.evaluate(TABLE)
    assert {label for _, _, label, _ in rows} <= listed
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    return [(action, key_of(keys), group) for action, keys, _, group in rows]


def press(page: Page, action: str, key: str) -> str:
    """Press it where it can do something. Returns what is wrong, or nothing."""
    do(page, before(action))
    if action == "stop":
        page.wait_for_selector("[data-testid=play][aria-label=Pause]")
        seen = page.evaluate(SEEN)
    else:
        seen = page.wait_for_function(RESTS).json_value()
    page.keyboard.press(key)
    try:
        page.wait_for_function(f"was => ({SEEN})() !== was", arg=seen, timeout=20_000)
    except NothingSeen:
        return f"{action} ({key}) does nothing that is seen"
    return ""


def tidy(page: Page) -> None:
    """Paused on frame 20, the hook selected, nothing begun, the picture in focus."""
    page.evaluate("""() => { document.querySelector('dialog[open]')?.close();
      document.querySelector('#stage').focus(); }""")
    if page.get_attribute("[data-testid=play]", "aria-label") == "Pause":
        page.keyboard.press("KeyK")
    do(page, ["Escape", "Escape", "Escape", "KeyV", "@20"])
    page.evaluate("id => document.querySelector(`[data-testid=track-${id}] .row-button`).click()",
                  HOOK)  # fmt: skip
    page.wait_for_selector(f"[data-testid=track-{HOOK}].selected", state="attached")


def test_every_action_of_the_workspace_is_done_by_its_key(
    page: Page, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = devserver.ontology
    monkeypatch.setattr(devserver, "ontology", lambda: rich(plain()))
    procedure = {"position": 1, "duration_s": 30, "parts": [part(OTHER), part(CLIP), part(OTHER)]}
    page.route("**/procedure/", lambda route: route.fulfill(json=procedure))

    def elsewhere(route: Route) -> None:
        route.fulfill(content_type="text/html", body='<main id="picture" data-testid="play">')

    page.route(f"**/clips/{OTHER}/work/", elsewhere)

    def begin() -> None:
        # What is not sent would be sent into the world made anew.
        if page.locator("[data-testid=saved]").count():
            saved(page)
        fill(world)
        page.goto("about:blank")
        open_workspace(page, world, 20)
        page.evaluate(NOTES)
        tidy(page)

    begin()
    table = table_of(page)
    assert len(table) > 110 and len({action for action, *_ in table}) == len(table)
    missed = []
    for action, key, _ in table[::EVERY]:
        missed.append(press(page, action, key))
        begin() if action.startswith(FRESH) else tidy(page)
    assert [each for each in missed if each] == []


def test_every_action_of_adjudication_is_done_by_its_key(page: Page, world: World) -> None:
    def begin() -> None:
        world.reset()
        page.goto(f"{world.base}/adjudications/{ADJUDICATION}/")
        page.wait_for_selector("#app[data-ready=true]")
        shows(page, 20)
        page.evaluate(NOTES)
        page.locator("#stage").focus()

    begin()
    table = table_of(page)
    own = {action: key for action, key, group in table if group == "Decide"}
    own["alone"] = "Tab"
    assert {"take-a", "take-b", "redraw", "accept-small", "sign", "merge"} <= set(own)
    missed = []
    for action, key in list(own.items())[::EVERY]:
        begin()
        missed.append(press(page, action, key))
    assert [each for each in missed if each] == []
