"""An operation in two files: played on from part to part, and its phases run over the joint."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from tests.journeys.screen import Person, chromium
from tests.journeys.served import Served, until
from tests.traps import clips, streams

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
STARTER = Path("apps/ontology/starters/laparoscopic_cholecystectomy.json")
N = 40


def part(number: int) -> bytes:
    """Part ``number`` (from 1) of one study, its pictures numbered on from the part before."""
    video = streams.encode(N, first_number=(number - 1) * N, size_px=(320, 240))
    clip = clips.dicom(f"part-{number}", video, clips.H264, range(N), size_px=(320, 240))
    ds = dcmread(io.BytesIO(clip.data))
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.826.0.1.7.1", "1.2.826.0.1.7.2"
    ds.SeriesNumber, ds.InstanceNumber = 1, number
    out = io.BytesIO()
    ds.save_as(out)
    return out.getvalue()


def test_a_procedure_plays_on_and_its_phase_is_carried_over(served: Served, tmp_path: Path) -> None:
    # Sent in the wrong order, as a folder sorted by name gives them.
    (tmp_path / "a.dcm").write_bytes(part(2))
    (tmp_path / "b.dcm").write_bytes(part(1))
    done = served.stack.manage(
        "ingest", str(tmp_path), "--project", "demo", "--pixels", "keep", "--wait", "--json"
    )
    second, first = (json.loads(line)["clips"][0] for line in done.stdout.splitlines())
    phase = next(
        one for one in json.loads(STARTER.read_text())["classes"] if one["geometry"] == "phase"
    )
    with chromium() as browser:
        person = Person(browser, served.stack.url, served.stack.login("annotator"))
        page = person.page
        for clip in (second, first):
            until(lambda clip=clip: person.api(f"/clips/{clip}/work/").status == 200, 60, "work")
        person.go(f"/clips/{first}/work/#frame=30")
        page.wait_for_selector("#app[data-ready=true]")
        until(lambda: "Part 1 of 2" in page.text_content("[data-testid=procedure-place]"), 20)
        page.click(f'[data-testid="class-{phase["id"]}"]')
        page.keyboard.press("BracketLeft")
        page.keyboard.press("End")
        person.shows(N - 1)
        page.keyboard.press("BracketRight")
        person.saved()
        person.frame(N - 4)
        page.keyboard.press("Space")
        # Played over the end: the next part is there, and plays.
        page.wait_for_url(f"**/clips/{second}/work/**")
        page.wait_for_selector("#app[data-ready=true]")
        until(lambda: "Part 2 of 2" in page.text_content("[data-testid=procedure-place]"), 20)
        page.wait_for_selector(f'[data-testid=picture][data-frame-index="{N - 1}"]')
        page.click("[data-testid=carry-on]")

        def both() -> Any:
            body = person.api(f"/api/v1/clips/{second}/procedure/").json()
            return body if all(one["phases"] for one in body["parts"]) else None

        body = until(both, 30, "the phase in both parts")
        assert [one["id"] for one in body["parts"]] == [first, second]
        assert (body["position"], body["parts"][1]["start_s"]) == (1, N / 25)
        spans = [
            (one["class_id"], one["start_frame"], one["end_frame"])
            for place in body["parts"]
            for one in place["phases"]
        ]
        assert spans[0] == (phase["id"], 30, N)
        assert spans[1][:2] == (phase["id"], 0) and len(spans) == 2
        page.keyboard.press("Alt+PageUp")
        page.wait_for_url(f"**/clips/{first}/work/**")
        assert person.errors == []
        person.close()
    # Another's phases are nobody's business.
    other = served.client("annotator", 1)(f"/api/v1/clips/{first}/procedure/").json
    assert [one["phases"] for one in other["parts"]] == [[], []]
