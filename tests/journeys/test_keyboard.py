"""From sign-in to signature without a mouse: two annotators and an adjudicator by keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from pycocotools import mask as coco

from fixtures import foreign
from tests.journeys.screen import chromium
from tests.journeys.served import Served, until
from tests.journeys.typist import Typist

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WIDTH, HEIGHT, FRAMES = foreign.WIDTH_PX, foreign.HEIGHT_PX, foreign.N_FRAMES
SPLIT = 20


def annotate(person: Typist, shift: int) -> None:
    """A brush stroke, a tip and two phases, each begun and ended by keys."""
    person.frame(5)
    person.press("Digit1", "KeyC", "Enter")
    person.press(*["Shift+ArrowRight"] * (3 + shift), "Enter")
    person.press("Digit4", *["Shift+ArrowDown"] * 2, *["ArrowLeft"] * (1 + 5 * shift), "Space")
    person.press("KeyC")
    person.saved()
    for key, start in (("Shift+Digit1", 0), ("Shift+Digit2", SPLIT + 4 * shift)):
        person.frame(start)
        person.press(key, "BracketLeft")
    person.press("End")
    person.shows(FRAMES - 1)
    person.press("BracketRight")
    person.saved()
    person.press("Control+Enter")
    person.page.wait_for_selector("[data-testid=submit-confirm]:not([disabled])")
    person.tab_to("[data-testid=submit-confirm]", 6)
    person.press("Enter")
    person.page.wait_for_selector("text=Submitted: read-only")


@pytest.fixture(scope="module")
def clip(served: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    line = served.ingest(foreign.video_endoscopic(tmp_path_factory.mktemp("keys"), seed=91))
    assert line["state"] == "cleared", line
    return str(line["clips"][0])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def labels(served: Served, browser: Browser, clip: str) -> list[dict[str, Any]]:
    """Both annotators' labels as the server holds them."""
    found = []
    for number in (0, 1):
        person = Typist(browser, served.stack.url, served.stack.login("annotator", number))
        person.opens(f"/clips/{clip}/work/")
        annotate(person, 4 * number)
        label_set = person.page.get_attribute("#app", "data-label-set-id")
        state = served.client("annotator", number)(f"/api/v1/label-sets/{label_set}/").json
        # The worker may have opened the adjudication already.
        assert state["state"] in ("submitted", "locked")
        found.append(state["labels"])
        person.done()
    return found


def of_class(labels: dict[str, Any], class_id: str) -> dict[str, Any]:
    (row,) = [row for row in labels["tracks"].values() if row["class_id"] == class_id]
    return dict(row["keyframes"])


def test_what_was_drawn_with_keys_stands_where_the_cursor_was(labels):
    for number, held in enumerate(labels):
        shift = 4 * number
        end = WIDTH / 2 + 10 * (3 + shift)
        rle = of_class(held, "lesion")["5"]["shape"]["rle"]
        mask = coco.decode({"size": rle["size"], "counts": rle["counts"].encode()})
        assert mask.shape == (HEIGHT, WIDTH)
        row = mask[HEIGHT // 2]
        # A stroke between the two places of the cursor, round at its ends.
        assert row[WIDTH // 2 : int(end)].all()
        assert not row[int(end) + 60 :].any() and not row[: WIDTH // 2 - 60].any()
        tip = of_class(held, "grasper")["5"]["shape"]
        assert tip == {"type": "tip", "point": [end - 1 - 5 * shift, HEIGHT / 2 + 20]}
        spans = sorted(
            (row["start_frame"], row["end_frame"], row["class_id"])
            for row in held["intervals"].values()
        )
        assert spans == [
            (0, SPLIT + 4 * shift, "preparation"),
            (SPLIT + 4 * shift, FRAMES, "calot_triangle_dissection"),
        ]


def test_an_adjudicator_decides_redraws_and_signs_with_keys(served, browser, clip, labels):
    name = served.client("project_lead")(f"/api/v1/clips/{clip}/").json["name"]
    person = Typist(browser, served.stack.url, served.stack.login("adjudicator"))
    page = person.page

    def listed() -> str | None:
        page.reload()
        row = page.locator("tr", has_text=name)
        if not row.count() or "being compared" in row.first.inner_text():
            return None
        return row.first.locator("[data-testid=open-adjudication]").get_attribute("href")

    address = until(listed, 60, "the adjudication")
    person.opens(address)
    rows = page.locator("[data-testid=disagreement-row]")
    n = rows.count()
    assert n == 3 and page.is_disabled("[data-testid=sign]")

    def decided() -> int:
        return sum(bool(rows.nth(i).get_attribute("data-decision")) for i in range(n))

    # The tip is drawn anew, with a reason; the rest is taken from A and B in turn. The two tips
    # are near enough to be one instrument: one row.
    (tip,) = [i for i in range(n) if "Grasper" in rows.nth(i).inner_text()]
    for _ in range(tip):
        person.press("KeyN")
    person.press("KeyR")
    page.keyboard.type("Both beside the jaw")
    person.press("Enter")
    page.wait_for_selector("[data-testid=redraw-done]")
    person.shows(5)
    person.press("KeyT", "KeyC", "Shift+ArrowUp", "Space", "KeyC")
    person.saved()
    person.press("Escape")
    page.wait_for_selector("[data-testid=redraw-done]", state="detached")
    for number in range(2 * n):
        before = decided()
        if before == n:
            break
        at = page.locator("[data-testid=disagreement-row][aria-current=true]")
        if at.get_attribute("data-decision"):
            person.press("KeyN")
            continue
        person.press("KeyA" if number % 2 else "KeyB")
        until(lambda before=before: decided() == before + 1, 60, "the decision")
    page.wait_for_selector(f"text={n} of {n} decided")
    person.press("Control+Enter")
    page.wait_for_selector("[data-testid=sign-password]")
    page.keyboard.type(person.login["password"])
    person.press("Enter")
    page.wait_for_selector("[data-testid=signature]")
    state = served.client("adjudicator")(address.replace("/adj", "/api/v1/adj")).json
    assert state["state"] == "signed"
    assert [item["decision"] for item in state["disagreements"]].count("redraw") == 1
    tips = of_class(state["consensus"]["labels"], "grasper")
    assert tips["5"]["shape"]["point"] == [WIDTH / 2, HEIGHT / 2 - 10]
    person.done()
