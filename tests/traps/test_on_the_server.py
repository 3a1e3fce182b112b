"""Traps taken in by a running server: what its doors and a real browser show of each."""

from __future__ import annotations

import html
import io
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fixtures import barcode
from tests.journeys.screen import Person, chromium
from tests.journeys.served import Browserless, Served, until
from tests.traps.catalogue import CLIPS
from tests.traps.clips import Clip
from tests.traps.visits import visits

pytestmark = [pytest.mark.browser, pytest.mark.timeout(3600)]

IS_FULL = "BAR_FULL" in os.environ
SEEKS = int(os.environ.get("BAR_SEEKS", "5"))
BY_HAND = 20
# "2/7": the third of seven parts of the clips, for a machine that is not one's own for an hour.
PART, _, OF = os.environ.get("BAR_TRAPS", "0/1").partition("/")
NAMES = (
    list(CLIPS)[int(PART) :: int(OF)] if IS_FULL else ["edit list inside a group", "changed size"]
)
JUDGING = "\n".join(
    path.read_text()
    for path in (
        Path(barcode.__file__).with_name("barcode.js"),
        Path(__file__).with_name("judging.js"),
    )
)


@dataclass
class Taken:
    clip: Clip
    line: dict[str, Any]


@pytest.fixture(scope="module")
def taken(
    served: Served, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Taken]:
    """The traps that this run asks for, sent in one folder and cleared as the project allows."""
    folder = tmp_path_factory.mktemp("traps")
    asked = {
        item.callspec.params["name"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module
    }
    clips = {name: CLIPS[name]() for name in NAMES if name in asked}
    paths = {name: folder / f"{n:03d}{clip.suffix}" for n, (name, clip) in enumerate(clips.items())}
    for name, path in paths.items():
        path.write_bytes(clips[name].data)
    done = served.stack.manage(
        "ingest", str(folder), "--project", "demo", "--pixels", "keep", "--wait", "--json"
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(clips), done.stderr
    return {name: Taken(clips[name], line) for name, line in zip(clips, lines, strict=True)}


@pytest.fixture(scope="module")
def steward(served: Served) -> Browserless:
    return Browserless(served.stack, served.stack.login("data_steward"))


@pytest.fixture(scope="module")
def person(served: Served) -> Iterator[Person]:
    with chromium() as browser:
        person = Person(browser, served.stack.url, served.stack.login("annotator"))
        yield person
        assert person.errors == []
        person.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_trap_is_ready_with_its_warnings_or_held_with_its_reason(
    served: Served, taken: dict[str, Taken], steward: Browserless, name: str
) -> None:
    clip, line = taken[name].clip, taken[name].line
    if clip.held:
        assert (line["state"], line["reason"], line["clips"]) == ("held", clip.held, [])
        return
    assert line["state"] == "cleared", line
    assert set(line["warnings"]) - {"container_changed"} == clip.warnings
    client = served.client("annotator")
    facts = client(f"/api/v1/clips/{line['clips'][0]}/").json
    assert facts["n_frames"] == len(clip.numbers)
    assert {warning["code"] for warning in facts["warnings"]} == clip.warnings
    # The steward reads it in words: of two sayings about times or numbers, which is followed.
    listed = html.unescape(steward.get(f"/studies/?subject={facts['name']}")).lower()
    for warning in facts["warnings"]:
        assert warning["message"].lower() in listed, warning["code"]
        if warning["code"] in ("frame_times", "number_of_frames"):
            assert "the stream is followed" in warning["message"]
    is_cine = "cine" in name
    assert facts["times_from"] == ("frame_time" if is_cine else "bitstream") or "uneven" in name
    until(lambda: client(f"/clips/{facts['id']}/work/").status in (200, 302), 60, "the assignment")
    size = (facts["width_px"], facts["height_px"])
    asked = [*itertools.chain(*visits(facts["n_frames"], 5, SEEKS))]
    bodies = client.each(f"/api/v1/clips/{facts['id']}/frames/{index}.png" for index in asked)
    for index, body in zip(asked, bodies, strict=True):
        with Image.open(io.BytesIO(body)) as opened:
            assert opened.size == size
            found = barcode.read(
                np.asarray(opened.convert("RGB")), *(clip.coded_size_px(index) or ())
            )
        assert clip.numbers[index] in (None, found), index


@pytest.mark.parametrize("name", [name for name in NAMES if "instance" not in name])
def test_the_workspace_shows_each_picture_asked_for(
    taken: dict[str, Taken], person: Person, name: str
) -> None:
    clip, clip_id = taken[name].clip, taken[name].line["clips"][0]
    page, n = person.page, len(taken[name].clip.numbers)

    def opened() -> bool:
        person.go(f"/clips/{clip_id}/work/")
        return bool(page.locator("#app").count())

    until(opened, 60, "the assignment")
    page.wait_for_selector("#app[data-ready=true]")
    coded = [list(size) for size in clip.coded_px] or None
    page.evaluate(f"coded => {{ {JUDGING}\nglobalThis.judged = judging(coded); }}", coded)
    seeks, steps = visits(n, 11, SEEKS)
    came = page.evaluate("indexes => judged.seeks(indexes)", seeks)
    # The first as a hand presses them, the others as quickly as pictures come.
    for before, at in itertools.pairwise([seeks[-1], *steps[:BY_HAND]]):
        page.keyboard.press("ArrowRight" if at > before else "ArrowLeft")
        came.append(page.evaluate("index => judged.shown(index)", at))
    came += page.evaluate("indexes => judged.steps(indexes)", steps[BY_HAND:])
    assert [row[0] for row in came] == seeks + steps
    painted = came + page.evaluate("judged.painted")
    assert [row for row in painted if clip.numbers[row[0]] not in (None, row[2])] == []
    assert not page.locator("[data-testid=banner-fallback]").count()
