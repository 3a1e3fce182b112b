"""Many planted disagreements decided in a browser by keys alone; the consensus is the answer."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from fixtures import foreign
from tests.intake.figures import note
from tests.journeys import disagreeing
from tests.journeys.disagreeing import Planted, content, drawn
from tests.journeys.screen import chromium
from tests.journeys.served import Browserless, Hand, Served, label_set_of, until
from tests.journeys.typist import Typist

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

IS_FULL = "BAR_FULL" in os.environ
PLANTED = disagreeing.forty() if IS_FULL else disagreeing.some()
MOST_PRESSES = 60
COUNT = (
    "let n = 0; addEventListener('keydown', (e) => { if (e.isTrusted && !e.repeat)"
    " document.documentElement.dataset.presses = String(++n) }, true)"
)


def operations(hand: Hand, rows: list[dict[str, Any]]) -> tuple[list[dict], list[str]]:
    """An annotator's operations for these rows, and the id of each row's object."""
    steps, names = [], []
    for row in rows:
        name = hand.uuid()
        names.append(name)
        if "shape" in row:
            made = {"object": name, "clip": hand.clip, "class_id": row["class_id"]}
            steps.append(hand.op("track.create", **made))
            steps.append(
                hand.op("keyframe.set", object=name, frame_index=row["frame"], state="visible",
                        shape=row["shape"], attributes={})
            )  # fmt: skip
        else:
            steps.append(hand.op("interval.set", object=name, clip=hand.clip, attributes={}, **row))
    return steps, names


def hand_in(served: Served, clip: str, number: int, rows: list[dict[str, Any]]) -> list[str]:
    client, hand = served.client("annotator", number), Hand(clip, seed=40 + number)
    label_set = label_set_of(served.stack, clip, number)
    steps, names = operations(hand, rows)
    saved = client(f"/api/v1/label-sets/{label_set}/operations/", hand.batch(steps))
    assert saved.status == 200, saved.body
    done = client(f"/api/v1/label-sets/{label_set}/submit/", {"revision": saved.json["revision"]})
    assert done.status == 200, done.body
    return names


@pytest.fixture(scope="module")
def clip(served: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    line = served.ingest(foreign.video_endoscopic(tmp_path_factory.mktemp("forty"), seed=140))
    assert line["state"] == "cleared", line
    return str(line["clips"][0])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def planted(served: Served, clip: str) -> dict[str, Planted]:
    """By the ids of A's and B's objects."""
    found = {}
    for number, side in ((0, "a"), (1, "b")):
        held = [row for row in PLANTED if getattr(row, side)]
        names = hand_in(served, clip, number, [getattr(row, side) for row in held])
        found.update(zip(names, held, strict=True))
    return found


def allow_small(served: Served) -> None:
    """The project lead lets small differences be accepted together, in the form of the page."""
    pages = Browserless(served.stack, served.client("project_lead").login)
    path = re.search(r'action="(/projects/[^"]+/adjudication-rules/)"', pages.get("/projects/"))
    assert path is not None
    assert pages.submit(path[1], {"accept_below_percent": f"{100 * disagreeing.SMALL:g}"}) == 200


def test_planted_disagreements_are_decided_and_signed_with_few_keys_and_no_mouse(
    served, browser, clip, planted
):
    allow_small(served)
    person = Typist(browser, served.stack.url, served.stack.login("adjudicator"))
    page = person.page
    page.add_init_script(COUNT)
    mine = served.client("adjudicator")
    address = until(lambda: listed(page, served, clip), 120, "the adjudication")
    person.opens(address)
    api = address.replace("/adj", "/api/v1/adj")
    rows = mine(api).json["disagreements"]
    assert len(rows) == len([row for row in PLANTED if row.key or row.answer])
    by_id = {row["id"]: planted[row["a"] or row["b"]] for row in rows}
    page.wait_for_selector("[data-testid=disagreement-row][aria-current=true]")
    begun = int(page.evaluate("() => document.documentElement.dataset.presses ?? '0'"))

    left = {name for name, row in by_id.items() if row.key}
    small = len(by_id) - len(left)
    while left:
        at = page.get_attribute(
            "[data-testid=disagreement-row][aria-current=true]", "data-disagreement"
        )
        if at not in left:
            # Largest first: what is left is small.
            person.press("KeyN")
            continue
        person.press(by_id[at].key)
        page.wait_for_selector(f'[data-disagreement="{at}"]:not([data-decision=""])')
        left.remove(at)
        page.wait_for_function(
            "at => document.querySelector('[data-testid=disagreement-row][aria-current=true]')"
            ".dataset.disagreement !== at", arg=at,
        )  # fmt: skip
    assert page.inner_text("[data-testid=accept-small]").startswith(f"Accept {small} below")
    person.press("Shift+Enter")
    page.wait_for_selector(f"text={len(rows)} of {len(rows)} decided")
    person.press("Control+Enter")
    page.wait_for_selector("[data-testid=sign-password]")
    page.keyboard.type(person.login["password"])
    person.press("Enter")
    page.wait_for_selector("[data-testid=signature]")

    presses = int(page.evaluate("() => document.documentElement.dataset.presses")) - begun
    state = mine(api).json
    wanted = [answer for row in PLANTED for answer in row.answer]
    assert content(drawn(state["consensus"]["labels"])) == content(wanted)
    assert state["state"] == "signed" and presses <= MOST_PRESSES
    note(f"{len(rows)} disagreements, {presses} key presses with the password and signature")
    kinds = Counter(len(sources) for sources in state["derived_from"].values())
    assert kinds[0] == 0 and kinds[2] >= 1
    person.done()


def listed(page: Any, served: Served, clip: str) -> str | None:
    """Where the clip's adjudication opens, once it is compared."""
    page.reload()
    for link in page.locator("[data-testid=open-adjudication]").all():
        address = str(link.get_attribute("href"))
        found = served.client("adjudicator")(address.replace("/adj", "/api/v1/adj")).json
        if found["clip"]["id"] == clip and found["is_compared"]:
            return address
    return None
