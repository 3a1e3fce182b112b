"""The pictures of the README: ``python docs/screenshots.py [OUT]`` walks a fresh demo in Chromium.

Starts the demo in a temporary data folder on free ports, signs in with its logins, and writes a
PNG of each main screen (1440 × 900, at most 200 KB). Needs ``make dev`` and Chromium.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image
from playwright.sync_api import Browser
from pydicom import dcmread
from pydicom.uid import generate_uid

from fixtures.demo_labels import label_sets, overlapping_frames
from fixtures.make import make_one
from tests import shared
from tests.journeys import stack as stacks
from tests.journeys.screen import Person, chromium
from tests.journeys.stack import Stack, running

LIMIT_BYTES = 200_000
FRAMES = 300
SIZE = {"width": 1440, "height": 900}


class Walk:
    """One demo, one browser; each method leaves pictures of one role."""

    def __init__(self, stack: Stack, browser: Browser, out: Path) -> None:
        self.stack, self.browser, self.out = stack, browser, out

    def person(self, role: str, number: int = 0) -> Person:
        person = Person(self.browser, self.stack.url, self.stack.login(role, number))
        person.page.set_viewport_size(SIZE)
        person.page.set_default_timeout(120_000)
        return person

    def take(self, person: Person, name: str) -> None:
        person.page.mouse.move(720, 895)
        person.page.wait_for_timeout(600)
        path = self.out / f"{name}.png"
        path.write_bytes(small(person.page.screenshot()))
        print(f"{path} {path.stat().st_size // 1000} KB", flush=True)

    def steward(self) -> None:
        person = self.person("data_steward")
        page = person.page
        person.go("/quarantine/")
        self.take(person, "quarantine")
        page.locator("text=Review pixels").first.click(timeout=600_000)
        page.wait_for_selector("[data-testid=confirm]:not([disabled])")
        page.wait_for_selector("#picture[src]")
        page.wait_for_selector("#strip img")
        page.wait_for_load_state("networkidle")
        self.take(person, "pixel-review")
        person.go("/studies/")
        self.take(person, "studies")
        person.close()

    def second_clip(self) -> None:
        """A second, short operation, received and cleared; the labels come through the API."""
        with tempfile.TemporaryDirectory(prefix="clinicalannot-shots-") as folder:
            made = make_one("laparoscopy", Path(folder), n_frames=FRAMES)
            self.truth = json.loads(made[".truth.json"].read_text())
            ds = dcmread(made[".dcm"])
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(None)
            ds.save_as(made[".dcm"])
            done = self.stack.manage(
                "ingest", str(made[".dcm"]), "--project", "demo", "--pixels", "accept", "--wait",
                "--json",
            )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        self.clip = str(json.loads(done.stdout)["clips"][0])

    def annotators(self) -> None:
        """Anna at work; then both have handed in."""
        anna = self.person("annotator", 0)
        until(anna.page, "[data-testid=next-clip]")
        self.take(anna, "my-work")
        self.second_clip()
        steps = label_sets(self.truth, self.clip)
        sets = [self.save(number, operations) for number, operations in enumerate(steps)]
        anna.go(f"/clips/{self.clip}/work/")
        anna.page.wait_for_selector("#app[data-ready=true]")
        anna.frame(overlapping_frames(self.truth)[0])
        anna.page.locator(".track-row", has_text="Lesion").first.click()
        self.take(anna, "workspace")
        anna.close()
        for number, (label_set, revision) in enumerate(sets):
            self.call(number, f"label-sets/{label_set}/submit/", {"revision": revision})

    def save(self, number: int, operations: list[dict[str, Any]]) -> tuple[str, int]:
        """One annotator's label set of the second clip, and its revision with these operations."""
        person = self.person("annotator", number)
        deadline = time.monotonic() + 600
        while person.api(f"/clips/{self.clip}/work/").status != 200:
            if time.monotonic() > deadline:
                raise SystemExit("the clip was not assigned")
            time.sleep(0.5)
        person.go(f"/clips/{self.clip}/work/")
        label_set = person.page.get_attribute("#app", "data-label-set-id")
        person.close()
        sent = {"client_id": str(uuid.uuid4()), "base_revision": 0, "operations": operations}
        return str(label_set), self.call(number, f"label-sets/{label_set}/operations/", sent)[
            "revision"
        ]

    def call(self, number: int, path: str, body: dict[str, Any]) -> Any:
        """POST to the API with an annotator's token."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.stack.url}/api/v1/{path}",
            json.dumps(body).encode(),
            {
                "Authorization": f"Bearer {self.stack.login('annotator', number)['api_token']}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)

    def adjudicator(self) -> None:
        person = self.person("adjudicator")
        page = person.page
        until(page, "[data-testid=open-adjudication]")
        while page.locator("text=being compared").count():
            page.wait_for_timeout(500)
            page.reload()
        page.click("[data-testid=open-adjudication]")
        page.wait_for_selector("#app[data-ready=true]")
        page.wait_for_timeout(500)
        page.keyboard.press("KeyA")
        page.wait_for_selector("[data-testid=picture][data-picture-source=master]")
        self.take(person, "adjudication")
        person.close()

    def lead(self) -> str:
        person = self.person("project_lead")
        page = person.page
        person.go("/projects/")
        self.take(person, "project")
        person.go("/releases/")
        self.take(person, "releases")
        page.fill("[data-testid=version]", "1.0.0")
        page.click("[data-testid=begin-draft]")
        page.wait_for_url("**/releases/*/")
        address = page.url.removeprefix(self.stack.url)
        page.click("[data-testid=save-draft]")
        until(page, "[data-testid=freeze]:enabled")
        page.click("[data-testid=freeze]")
        page.wait_for_selector("[data-testid=save-draft]", state="detached")
        person.close()
        return address

    def officer(self, address: str) -> None:
        person = self.person("compliance_officer")
        page = person.page
        person.go(address)
        until(page, "[data-testid=approve]")
        self.take(person, "release")
        person.go("/audit/")
        page.click("text=Verify the trail")
        page.wait_for_selector("text=/The trail holds/")
        self.take(person, "audit")
        person.close()

    def node(self) -> None:
        person = self.person("pacs_administrator")
        person.go("/node/")
        person.page.click("text=Echo our node")
        person.page.wait_for_selector("text=/answered/")
        self.take(person, "node")
        person.close()

    def walk(self) -> None:
        self.annotators()
        self.adjudicator()
        self.node()
        self.officer(self.lead())
        self.steward()


def until(page: Any, selector: str, seconds: float = 600.0) -> None:
    """Reload until the selector is there."""
    deadline = time.monotonic() + seconds
    while not page.locator(selector).count():
        if time.monotonic() > deadline:
            raise SystemExit(f"{selector} did not come")
        page.wait_for_timeout(1000)
        page.reload()


def small(png: bytes) -> bytes:
    """The picture with as many colours as fit into the limit. Half of the palette is for what there
    is much of (tissue), half for what is rare and must stay distinct (label colours)."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colors in (256, 192, 128, 96, 64):
        much = picture.quantize(colors // 2, Image.Quantize.MEDIANCUT, kmeans=2)
        rare = picture.quantize(colors // 2, Image.Quantize.MAXCOVERAGE)
        palette = Image.new("P", (1, 1))
        palette.putpalette([*much.getpalette(), *rare.getpalette()])
        out = io.BytesIO()
        picture.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= LIMIT_BYTES:
            break
    return out.getvalue()


def main() -> None:
    here = Path(__file__).resolve().parent
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else here / "screenshots"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="clinicalannot-shots-") as folder:
        data_dir = Path(folder) / "data"
        data_dir.mkdir()
        os.environ.setdefault(shared.FOLDER, str(Path(folder) / "shared"))
        Path(os.environ[shared.FOLDER]).mkdir(exist_ok=True)
        stacks.READY_WITHIN_S = 900
        with running(data_dir, samples="all") as stack, chromium() as browser:
            Walk(stack, browser, out).walk()


if __name__ == "__main__":
    main()
