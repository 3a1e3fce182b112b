"""The picture the workspace shows is the picture asked for, read from the bar code it bears."""

from __future__ import annotations

import csv
import io
import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fixtures import barcode
from tests.journeys.screen import Person, chromium
from tests.journeys.served import Browserless, Served, call, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(3600)]

SEEKS = int(os.environ.get("BAR_SEEKS", "20"))
SAMPLES = ("laparoscopy", "colonoscopy", "ultrasound")
READER = (Path(barcode.__file__).parent / "barcode.js").read_text()
# Notes what every painting put on the canvas, and what it said it was: the attributes are set in
# the task that paints, and the observer runs at the end of that task.
WATCH = """() => {
  const canvas = document.querySelector('[data-testid=picture]');
  const context = canvas.getContext('2d');
  globalThis.painted = [];
  const note = () => {
    const part = context.getImageData(0, 0, 112, canvas.height);
    globalThis.painted.push([
      Number(canvas.dataset.frameIndex), canvas.dataset.pictureSource, readBarcode(part),
    ]);
  };
  new MutationObserver(note).observe(canvas, {
    attributes: true, attributeFilter: ['data-frame-index'],
  });
}"""


class Viewer:
    """An annotator at the workspace of one clip, and everything its canvas showed."""

    def __init__(self, person: Person, clip: str) -> None:
        self.person, self.page = person, person.page
        facts = person.api(f"/api/v1/clips/{clip}/").json()
        self.n_frames: int = facts["n_frames"]
        self.blanked = {n for start, end in facts["blanked_spans"] for n in range(start, end)}
        self.open = [n for n in range(self.n_frames) if n not in self.blanked]

        def assigned() -> bool:
            person.go(f"/clips/{clip}/work/")
            return bool(self.page.locator("#app").count())

        until(assigned, 60, "the assignment")
        self.page.wait_for_selector("#app[data-ready=true]")
        self.page.evaluate(f"() => {{ {READER}\nglobalThis.readBarcode = readBarcode; }}")
        self.page.evaluate(WATCH)

    def shows(self, frame: int, master: bool = True) -> None:
        source = "[data-picture-source=master]" if master else ""
        self.page.wait_for_selector(f'[data-testid=picture][data-frame-index="{frame}"]{source}')

    def by_address(self, frame: int) -> None:
        self.page.evaluate("n => { location.hash = `#frame=${n}` }", frame)

    def by_field(self, frame: int) -> None:
        self.page.fill("[data-testid=go-to-frame]", str(frame))
        self.page.press("[data-testid=go-to-frame]", "Enter")

    def seen(self) -> list[tuple[int, str, int | None]]:
        return [tuple(row) for row in self.page.evaluate("painted.splice(0)")]

    def right(self, seen: list[tuple[int, str, int | None]]) -> None:
        """Every picture painted bears the index it was shown as; a blanked one bears none."""
        wrong = [row for row in seen if row[2] != (None if row[0] in self.blanked else row[0])]
        assert wrong == []


@pytest.fixture(scope="module", params=SAMPLES)
def viewer(request: pytest.FixtureRequest, served: Served) -> Iterator[Viewer]:
    clip, _ = served.sample(request.param)
    with chromium() as browser:
        person = Person(browser, served.stack.url, served.stack.login("annotator"))
        viewer = Viewer(person, clip)
        yield viewer
        assert person.errors == []


def test_each_seek_shows_the_picture_asked_for_from_the_copy_and_from_the_master(viewer):
    draw = random.Random(SEEKS)
    assert len(viewer.open) > viewer.n_frames // 2
    shown: dict[str, int] = {"review": 0, "master": 0}
    for number in range(SEEKS):
        now = int(viewer.page.get_attribute("[data-testid=picture]", "data-frame-index"))
        frame = draw.choice([n for n in viewer.open if n != now])
        (viewer.by_address, viewer.by_field)[number % 2](frame)
        viewer.shows(frame)
        seen = viewer.seen()
        viewer.right(seen)
        assert (frame, "master", frame) in seen
        for source in {row[1] for row in seen if row[0] == frame}:
            shown[source] += 1
    assert shown["master"] == SEEKS
    assert shown["review"] > SEEKS // 4


def test_each_single_step_shows_the_next_picture(viewer):
    draw = random.Random(SEEKS + 1)
    at = draw.choice(viewer.open[: len(viewer.open) // 2])
    viewer.by_address(at)
    viewer.shows(at)
    viewer.seen()
    steps: list[int] = []
    while len(steps) < SEEKS:
        way = draw.choice((1, 1, 1, -1))
        if not 0 <= at + way < viewer.n_frames or at + way in viewer.blanked:
            way = -way
        at += way
        viewer.page.keyboard.press("ArrowRight" if way > 0 else "ArrowLeft")
        # Mostly stepping on before the master's picture has come.
        viewer.shows(at, master=len(steps) % 5 == 0)
        steps.append(at)
    viewer.shows(at)
    seen = viewer.seen()
    viewer.right(seen)
    in_order = [row[0] for n, row in enumerate(seen) if n == 0 or row[0] != seen[n - 1][0]]
    assert in_order == steps


@pytest.mark.parametrize("name", SAMPLES)
def test_the_frame_endpoint_gives_the_masters_picture_by_index(served, name):
    clip, truth = served.sample(name)
    client = served.client("annotator", 1)
    facts = client(f"/api/v1/clips/{clip}/").json
    assert facts["n_frames"] == len(truth["pts"])
    rows = list(
        csv.DictReader(io.StringIO(client(f"/api/v1/clips/{clip}/frames.csv").body.decode()))
    )
    assert [int(row["frame_index"]) for row in rows] == list(range(facts["n_frames"]))
    assert [int(row["dicom_frame_number"]) for row in rows] == list(range(1, facts["n_frames"] + 1))
    times = [float(row["time_s"]) for row in rows]
    assert times[0] == 0 and times == sorted(set(times))
    blanked = {n for start, end in facts["blanked_spans"] for n in range(start, end)}
    for frame in random.Random(3).sample(range(facts["n_frames"]), max(SEEKS // 4, 4)):
        answer = client(f"/api/v1/clips/{clip}/frames/{frame}.png")
        picture = np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGB"))
        assert picture.shape[:2] == (facts["height_px"], facts["width_px"])
        assert barcode.read(picture) == (None if frame in blanked else frame)
    outside = client(f"/api/v1/clips/{clip}/frames/{facts['n_frames']}.png")
    assert outside.status == 404 and outside.error["code"] == "not_found"


def test_bytes_are_served_in_ranges_to_who_may_see_them(served):
    clip, _ = served.sample("laparoscopy")
    address = f"/clips/{clip}/review.mp4"
    anna = served.client("annotator")
    facts = anna(f"/api/v1/clips/{clip}/").json
    assert facts["review_url"] == address

    session = Browserless(served.stack, anna.login)
    cookie = "; ".join(f"{item.name}={item.value}" for item in session.jar)

    def ask(**headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(served.stack.url + address, headers={"Cookie": cookie, **named})

    whole = ask()
    size, etag = len(whole.body), whole.headers["etag"]
    assert whole.status == 200 and whole.headers["accept-ranges"] == "bytes" and size > 100_000
    assert whole.headers["content-type"] == "video/mp4"
    part = ask(Range="bytes=1000-1999")
    assert part.status == 206 and part.body == whole.body[1000:2000]
    assert part.headers["content-range"] == f"bytes 1000-1999/{size}"
    assert ask(Range="bytes=-7").body == whole.body[-7:]
    rest = ask(Range="bytes=10-")
    assert rest.status == 206 and rest.body == whole.body[10 : 10 + (4 << 20)]
    beyond = ask(Range=f"bytes={size}-")
    assert beyond.status == 416 and beyond.headers["content-range"] == f"bytes */{size}"
    same, other = ask(Range="bytes=0-9", If_Range=etag), ask(Range="bytes=0-9", If_Range='"other"')
    assert (same.status, other.status) == (206, 200) and other.body == whole.body
    for login in ("compliance_officer", "researcher", "administrator"):
        stranger = Browserless(served.stack, served.stack.login(login))
        sent = "; ".join(f"{item.name}={item.value}" for item in stranger.jar)
        refused = call(served.stack.url + address, headers={"Cookie": sent})
        assert refused.status == 404 and whole.body[:64] not in refused.body
    assert call(served.stack.url + address).status == 401
    assert (
        call(f"{served.stack.url}/api/v1/clips/{clip}/frames/0.png").error["code"] == "signed_out"
    )
