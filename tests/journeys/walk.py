"""The way of one study from C-STORE to a signed release, every role in real Chromium."""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

from tests.journeys.screen import Person
from tests.journeys.stack import Stack

# The whole minute under ``make bars``; six seconds of the same scene in every run of the tests.
FRAMES = int(os.environ.get("JOURNEY_FRAMES", "150"))
PASSWORD_FIELD = "[data-testid=sign-password]"


def until(look: Any, seconds: float = 60.0, what: str = "it") -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come within {seconds} s")


class Walk:
    """What happened, and what was drawn as the browser sent it."""

    def __init__(self, stack: Stack, browser: Any, path: Path, truth: dict, out: Path) -> None:
        self.stack, self.browser, self.path, self.truth, self.out = stack, browser, path, truth, out
        self.width, self.height = truth["width_px"], truth["height_px"]
        self.bodies: list[bytes] = []
        self.clicked: dict[int, tuple[float, float]] = {}

    def person(self, role: str, number: int = 0) -> Person:
        return Person(self.browser, self.stack.url, self.stack.login(role, number))

    def leave(self, person: Person) -> None:
        person.close()
        self.bodies += person.bodies
        assert person.errors == []

    def walk(self) -> Walk:
        self.steward()
        self.clip = self.wait_for_clip()
        self.drawn_a = self.annotate(0)
        self.drawn_b = self.annotate(1)
        self.adjudicate()
        self.release()
        return self

    def steward(self) -> None:
        person = self.person("data_steward")
        row = person.page.locator("tr[data-received]")

        def arrived() -> int:
            person.go("/quarantine/")
            return row.count()

        assert arrived() == 0
        assert self.stack.store(self.path, "-xn")
        until(arrived, 60, "the row in quarantine")
        person.page.locator("text=Review pixels").click(timeout=300_000)
        person.page.wait_for_selector("[data-testid=confirm]:not([disabled])", timeout=300_000)
        person.page.keyboard.press("Enter")
        # Shown once the server has taken the decision.
        person.page.wait_for_selector("#working", state="visible", timeout=60_000)
        self.leave(person)

    def wait_for_clip(self) -> str:
        lead = self.person("project_lead")

        def ready() -> str | None:
            clips = lead.api("/api/v1/clips/").json()["clips"]
            return next((clip["id"] for clip in clips if clip["state"] == "ready"), None)

        clip = until(ready, 240, "the clip")
        self.leave(lead)
        return str(clip)

    def annotate(self, number: int) -> list[dict]:
        """Draw a mask with brush and polygon, tips, a box and phases; hand it in."""
        person = self.person("annotator", number)
        page, shift = person.page, 3 * number
        until(lambda: page.reload() and page.locator("[data-testid=next-clip]").count(), 30, "work")
        page.click("[data-testid=next-clip]")
        page.wait_for_selector("#app[data-ready=true]")
        width, height = self.width, self.height

        def move(x: float, y: float, steps: int = 1) -> None:
            page.mouse.move(*person.at(x + shift, y + shift, width, height), steps=steps)

        person.frame(10)
        page.keyboard.press("Digit1")
        page.keyboard.press("KeyB")
        move(600, 300)
        page.mouse.down()
        move(720, 380, 12)
        page.mouse.up()
        page.keyboard.press("KeyE")
        move(660, 300)
        page.mouse.down()
        move(660, 420, 6)
        page.mouse.up()
        person.saved()
        page.keyboard.press("Digit3")
        page.keyboard.press("KeyP")
        for x, y in ((680, 330), (900, 480), (860, 540), (640, 400)):
            move(x, y)
            page.mouse.down()
            page.mouse.up()
        page.keyboard.press("Enter")
        person.saved()
        page.keyboard.press("Digit4")
        for frame, x, y in ((10, 500.25, 300.5), (20, 540, 320), (40, 600, 350)):
            person.frame(frame)
            spot = person.at(x + shift, y + shift, width, height)
            page.mouse.click(*spot)
            if number == 0:
                self.clicked[frame] = person.on_picture(*spot, width, height)
        person.saved()
        self.phases(person, shift)
        person.saved()
        until(
            lambda: page.get_attribute("[data-testid=saved]", "data-state") == "saved", 20, "saving"
        )
        page.click("[data-testid=submit]")
        page.click("[data-testid=submit-confirm]")
        page.wait_for_selector("text=/read-only/")
        sent = person.sent
        self.leave(person)
        return sent

    def phases(self, person: Person, shift: int) -> None:
        page = person.page
        for key, start in (("Shift+Digit1", 0), ("Shift+Digit2", 60 + 5 * shift)):
            person.frame(start)
            page.keyboard.press(key)
            page.keyboard.press("BracketLeft")
        page.keyboard.press("End")
        person.shows(FRAMES - 1)
        page.keyboard.press("BracketRight")

    def adjudicate(self) -> None:
        person = self.person("adjudicator")
        page = person.page

        def listed() -> bool:
            page.reload()
            return (
                page.locator("[data-testid=open-adjudication]").count() == 1
                and not page.locator("text=being compared").count()
            )

        until(listed, 60, "the adjudication")
        page.click("[data-testid=open-adjudication]")
        page.wait_for_selector("#app[data-ready=true]")
        rows = page.locator("[data-testid=disagreement-row]")
        current = page.locator("[data-testid=disagreement-row][aria-current=true]")
        open_rows = page.locator('[data-testid=disagreement-row][data-decision=""]')
        for left in reversed(range(rows.count())):
            page.keyboard.press("KeyA")
            until(lambda left=left: open_rows.count() == left, 60, "the decision")
            # The next one is taken in hand by itself.
            until(lambda left=left: not left or not current.get_attribute("data-decision"), 60)
        page.click("[data-testid=sign]")
        page.fill(PASSWORD_FIELD, person.login["password"])
        page.click("[data-testid=sign-confirm]")
        page.wait_for_selector("[data-testid=signature]")
        self.leave(person)

    def release(self) -> None:
        lead = self.person("project_lead")
        lead.go("/releases/")
        lead.page.fill("[data-testid=version]", "1.0.0")
        lead.page.click("[data-testid=begin-draft]")
        lead.page.wait_for_url("**/releases/*/")
        address = lead.page.url.removeprefix(self.stack.url)
        lead.page.click("[data-testid=save-draft]")
        # The check is the worker's, and the page follows it.
        lead.page.wait_for_selector("[data-testid=freeze]:enabled", timeout=120_000)
        lead.page.click("[data-testid=freeze]")
        lead.page.wait_for_selector("[data-testid=save-draft]", state="detached")
        officer = self.person("compliance_officer")

        def approvable() -> bool:
            officer.go(address)
            return officer.page.locator("[data-testid=approve]").count() == 1

        until(approvable, 90, "the approval button")
        officer.page.click("[data-testid=approve]")
        officer.go("/audit/")
        officer.page.click("text=Verify the trail")
        officer.page.wait_for_selector("text=/The trail holds/")
        self.leave(officer)

        def publishable() -> bool:
            lead.go(address)
            return lead.page.locator("[data-testid=publish]").count() == 1

        until(publishable, 90, "the publish button")
        lead.page.click("[data-testid=publish]")
        self.leave(lead)
        researcher = self.person("researcher")

        def downloadable() -> bool:
            researcher.go(address)
            return researcher.page.locator("[data-testid=download]").count() == 1

        until(downloadable, 120, "the download")
        with researcher.page.expect_download() as download:
            researcher.page.click("[data-testid=download]")
        archive = self.out / "release.zip"
        download.value.save_as(archive)
        self.leave(researcher)
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(self.out / "unpacked")
        inside = [p for p in (self.out / "unpacked").rglob("manifest.json")]
        self.folder = inside[0].parent

    def shapes(self, sent: list[dict], class_id: str) -> dict[int, dict]:
        """What the browser sent last for each frame of a class's track."""
        tracks = {op["object"] for op in sent if op.get("class_id") == class_id}
        return {
            op["frame_index"]: op["shape"]
            for op in sent
            if op["op"] == "keyframe.set" and op["object"] in tracks
        }

    def mask(self, sent: list[dict], class_id: str, frame: int) -> np.ndarray:
        rle = self.shapes(sent, class_id)[frame]["rle"]
        return coco.decode({"size": rle["size"], "counts": rle["counts"].encode()}).astype(bool)
