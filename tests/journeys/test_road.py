"""The road: one study from C-STORE to a signed release, every role in real Chromium, and then each
export compared with what was drawn."""

from __future__ import annotations

import json
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from fixtures import barcode
from tests.interop.test_trackeval import evaluate, track
from tests.journeys import leaks, peers, reading
from tests.journeys.screen import Person, chromium
from tests.journeys.stack import Stack, running
from tests.shared import make_one

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

# The whole minute under ``make bars``; six seconds of the same scene in every run of the tests.
FRAMES = int(os.environ.get("JOURNEY_FRAMES", "150"))
PASSWORD_FIELD = "[data-testid=sign-password]"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    made = make_one("laparoscopy", folder, n_frames=FRAMES)
    return made[".dcm"] if ".dcm" in made else folder / "laparoscopy.dcm", json.loads(
        (folder / "laparoscopy.truth.json").read_text()
    )


@pytest.fixture(scope="module")
def walked(sample, tmp_path_factory):
    """The whole way once; the tests below look at what it left."""
    path, truth = sample
    data_dir = tmp_path_factory.mktemp("road") / "data"
    with running(data_dir, from_nothing=True) as stack, chromium() as browser:
        yield Walk(stack, browser, path, truth, tmp_path_factory.mktemp("out")).walk()


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
        person.page.locator("text=Review pixels").click(timeout=120_000)
        person.page.wait_for_selector("[data-testid=confirm]:not([disabled])", timeout=120_000)
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
        lead.page.click("[data-testid=freeze]")
        lead.page.wait_for_url("**/releases/*/")
        address = lead.page.url.removeprefix(self.stack.url)
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


def clip_name(walked: Walk) -> str:
    return next((walked.folder / "media").glob("*.mp4")).stem


def test_masks_leave_pixel_for_pixel_in_seg_and_in_coco(walked):
    name = clip_name(walked)
    seg = next((walked.folder / "dicom" / name).glob("*[sS][eE][gG]*"))
    masks = reading.seg_masks(seg, [10])
    annotations = reading.load_json(walked.folder / "coco_video/annotations.json")
    in_coco = reading.coco_masks(annotations)
    for class_id, label in (("lesion", "Lesion 1"), ("shaft", "Instrument shaft 1")):
        drawn = walked.mask(walked.drawn_a, class_id, 10)
        assert drawn.sum() > 500
        assert np.array_equal(masks[label][10], drawn)
        key = next(key for key in in_coco if key[1] == 10 and key[0] in (class_id, label[:-2]))
        assert np.array_equal(in_coco[key], drawn)


def test_tips_leave_where_they_were_set_in_sr_coco_and_mot(walked):
    name = clip_name(walked)
    sr = next((walked.folder / "dicom" / name).glob("*[sS][rR]*"))
    points = reading.sr_points(sr)
    annotations = reading.load_json(walked.folder / "coco_video/annotations.json")
    images = {row["id"]: row["frame_index"] for row in annotations["images"]}
    in_coco = {
        images[row["image_id"]]: row["keypoints"][:2]
        for row in annotations["annotations"]
        if row.get("keypoints")
    }
    mot = next((walked.folder / "mot").glob("grasper-*/*/gt/gt.txt")).read_text().split()
    centres = {}
    for line in mot:
        frame, _, x, y, w, h = map(float, line.split(",")[:6])
        centres[int(frame) - 1] = (x - 1 + w / 2, y - 1 + h / 2)
    # Set at 10, 20 and 40; at 15 and 30 linear in the frame index, computed here.
    at = {f: np.array(p) for f, p in walked.clicked.items()}
    at[15], at[30] = (at[10] + at[20]) / 2, (at[20] + at[40]) / 2
    for frame, expected in at.items():
        assert np.abs(np.array(points[frame]) - expected).max() < 0.01
        assert np.abs(np.array(in_coco[frame]) - expected).max() < 0.01
        assert np.abs(np.array(centres[frame]) - expected).max() < 0.01


def test_phases_leave_to_the_frame(walked):
    name = clip_name(walked)
    rows = reading.frames_csv(walked.folder / f"media/{name}.frames.csv")
    annotations = reading.load_json(walked.folder / "coco_video/annotations.json")
    spans = sorted((row["start_frame"], row["end_frame"]) for row in annotations["intervals"])
    assert spans == [(0, 60), (60, FRAMES - 1)] or spans == [(0, 60), (60, FRAMES)]
    sr = next((walked.folder / "dicom" / name).glob("*[sS][rR]*"))
    offsets = sorted(reading.sr_spans(sr))
    assert offsets[0] == pytest.approx((0.0, float(rows[60]["time_s"])), abs=1e-5)
    assert offsets[1][0] == pytest.approx(float(rows[60]["time_s"]), abs=1e-5)


def test_each_frame_of_the_release_is_the_picture_that_was_labelled(walked):
    name = clip_name(walked)
    rows = reading.frames_csv(walked.folder / f"media/{name}.frames.csv")
    digests = reading.decoded_digests(walked.folder / f"media/{name}.mp4")
    assert [row["digest"] for row in rows] == digests
    assert len(rows) == FRAMES
    assert [int(row["pts"]) for row in rows] == walked.truth["pts"] or len(
        {row["time_base"] for row in rows}
    ) == 1
    import av

    start, end = walked.truth["out_of_body"]
    with av.open(str(walked.folder / f"media/{name}.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if not start - 30 <= index < end + 30:
                assert barcode.read(frame.to_ndarray(format="rgb24")) == index


def test_the_release_and_the_trail_verify(walked):
    stack = walked.stack
    done = stack.manage("verify_release", str(walked.folder))
    assert done.returncode == 0, done.stdout + done.stderr
    keys = stack.manage("show_keys").stdout.split()
    done = stack.manage("verify_audit")
    assert done.returncode == 0, done.stdout
    import subprocess
    import sys

    from tests.journeys.stack import ROOT

    def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "clinical_annot.verify", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    alone = verify(str(walked.folder))
    assert alone.returncode == 0 and alone.stdout.startswith("CONSISTENT, key not pinned")
    assert any(
        verify(str(walked.folder), "--key", key).stdout.startswith("VERIFIED") for key in keys
    )
    bundle = walked.out / "audit.bundle"
    assert stack.manage("export_audit", "--out", str(bundle)).returncode == 0
    assert verify(str(bundle)).stdout.startswith("CONSISTENT")


def test_dciodvfy_finds_no_error_in_what_left(walked):
    folder = walked.folder / "dicom" / clip_name(walked)
    files = [path for path in folder.iterdir() if path.is_file()]
    assert len(files) == 3
    assert {path.name: peers.dciodvfy_errors(path) for path in files} == {
        path.name: [] for path in files
    }


def test_trackeval_loads_the_mot_folder(walked, trackeval_path, tmp_path):
    mot = walked.folder / "mot"
    maps = sorted((mot / "seqmaps").iterdir())
    assert {path.stem.rpartition("-")[0] for path in maps} >= {"lesion", "shaft", "grasper"}
    for seqmap in maps:
        class_id, _, split = seqmap.stem.rpartition("-")
        for name in seqmap.read_text().split()[1:]:
            rows = (mot / seqmap.stem / name / "gt" / "gt.txt").read_text().splitlines()
            target = tmp_path / seqmap.stem / "same" / "data"
            target.mkdir(parents=True, exist_ok=True)
            (target / f"{name}.txt").write_text(track(rows, 0.0))
        found = evaluate(trackeval_path, mot, tmp_path, class_id, split)
        assert found["same"]["HOTA"] == found["same"]["MOTA"] == 1.0


def test_no_planted_identifier_is_found_anywhere(walked):
    planted = [row["value"] for row in walked.truth["identifiers"] if row["strong"]]
    assert len(planted) > 20
    patterns = leaks.needles(planted)
    # The search itself finds what is there: the file as the modality sent it.
    assert len(leaks.search(walked.path.read_bytes(), patterns)) > 10
    found = leaks.search_folder(walked.stack.data_dir, patterns)
    found |= leaks.search_folder(walked.folder, patterns)
    assert found == {}
    assert len(walked.bodies) > 50
    hits = set().union(*(leaks.search(body, patterns) for body in walked.bodies))
    assert hits == set()
    assert leaks.search(walked.stack.log_text().encode(), patterns) == set()


def test_an_annotator_cannot_reach_the_others_work(walked):
    person = walked.person("annotator", 1)
    label_sets = {op["object"] for op in walked.drawn_a}
    assert label_sets
    officer = walked.person("compliance_officer")
    assert officer.api(f"/api/v1/clips/{walked.clip}/").status == 404
    assert person.api(f"/api/v1/clips/{walked.clip}/").status == 200
    researcher = walked.person("researcher")
    assert researcher.api(f"/api/v1/clips/{walked.clip}/frames/0.png").status == 404
    walked.leave(person)
    walked.leave(officer)
    walked.leave(researcher)
