"""No screen of the running server has a serious or critical accessibility finding (axe-core)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, get_resolver, resolve
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from fixtures import foreign
from tests.browser.axe import axe_findings
from tests.browser.reach import moving, unreached
from tests.intake.figures import note
from tests.journeys.screen import chromium
from tests.journeys.served import (
    Browserless,
    Hand,
    Served,
    Steward,
    label_set_of,
    until,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


class World:
    """One clip labelled by both and open to adjudicate, one empty, one instance in review."""

    def __init__(self, served: Served, folder) -> None:
        self.served, stack = served, served.stack
        self.sessions: dict[str, str] = {}
        self.labelled, self.empty = (
            served.ingest(foreign.video_endoscopic(folder, seed=seed))["clips"][0]
            for seed in (101, 102)
        )
        steward = Steward(stack)
        had = set(steward.arrived())
        assert stack.store(foreign.video_endoscopic(folder, seed=103), "-xn")
        self.received = until(lambda: set(steward.arrived()) - had, 20, "the instance").pop()
        for number in (0, 1):
            client, hand = served.client("annotator", number), Hand(self.labelled, seed=number)
            address = f"/api/v1/label-sets/{label_set_of(stack, self.labelled, number)}/"
            operations = hand.tip(4, 60.5 + 30 * number, 70) + hand.phase(0, 20, "preparation")
            answer = client(f"{address}operations/", hand.batch(operations))
            assert answer.status == 200, answer.body
            done = client(f"{address}submit/", {"revision": answer.json["revision"]})
            assert done.status == 200, done.body
        self.adjudication = until(self._adjudication, 60, "the adjudication")
        assert steward.settled(self.received)["state"] == "pixel_review"

    def _adjudication(self) -> str | None:
        pages = Browserless(self.served.stack, self.served.stack.login("adjudicator"))
        page = pages.get("/")
        if "being compared" in page:
            return None
        name = self.served.client("project_lead")(f"/api/v1/clips/{self.labelled}/").json["name"]
        row = next((row for row in page.split("<tr") if f">{name}<" in row), "")
        found = re.search(r'href="(/adjudications/[^"]+)"', row)
        return found.group(1) if found else None


@pytest.fixture(scope="module")
def world(served: Served, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(served, tmp_path_factory.mktemp("axe"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    # The strict policy of the pages would refuse axe itself.
    context = browser.new_context(
        viewport={"width": 1600, "height": 1000}, bypass_csp=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def sign_in(page: Page, world: World, role: str) -> None:
    """With the session that the role has got once."""
    stack = world.served.stack
    if role not in world.sessions:
        world.sessions[role] = Browserless(stack, stack.login(role)).cookie("sessionid")
    cookie = {"name": "sessionid", "value": world.sessions[role], "url": stack.url}
    page.context.add_cookies([cookie])


SCREENS = {
    "my work": ("annotator", "/", "h1"),
    "work to adjudicate": ("adjudicator", "/", "[data-testid=open-adjudication]"),
    "quarantine": ("data_steward", "/quarantine/", "tr[data-received]"),
    "review": ("data_steward", "/quarantine/{received}/", "[data-testid=confirm]"),
    "studies on their way": ("data_steward", "/quarantine/progress/", "tr[data-study]"),
    "pacs": ("data_steward", "/pacs/", "h1"),
    "remote nodes": ("pacs_administrator", "/node/peers/", "h1"),
    "routing rules": ("pacs_administrator", "/node/routing/", "h1"),
    "studies": ("data_steward", "/studies/", "table"),
    "project": ("project_lead", "/projects/", "h1"),
    "releases": ("project_lead", "/releases/", "h1"),
    "audit": ("compliance_officer", "/audit/", "table"),
    "node": ("pacs_administrator", "/node/", "h1"),
    "people": ("administrator", "/people/", "h1"),
    "workspace, empty": ("annotator", "/clips/{empty}/work/", "#app[data-ready=true]"),
    "workspace, with labels": ("annotator", "/clips/{labelled}/work/", "#app[data-ready=true]"),
    "adjudication": ("adjudicator", "{adjudication}", "#app[data-ready=true]"),
}


# Walked through with Tab in every run; all pages are where they are visited at 200 %.
WALKED = {"my work", "review", "workspace, with labels"}


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_has_no_serious_finding(page, world, name):
    role, path, ready = SCREENS[name]
    sign_in(page, world, role)
    page.goto(world.served.stack.url + path.format(**vars(world)))
    page.wait_for_selector(ready)
    assert axe_findings(page) + moving(page) == []
    if name in WALKED:
        assert unreached(page) == []


def test_the_ways_in_and_refusals_have_no_serious_finding(page, world):
    page.goto(f"{world.served.stack.url}/accounts/login/")
    assert axe_findings(page) == []
    page.fill("#id_username", "nobody")
    page.fill("#id_password", "nothing at all")
    page.press("#id_password", "Enter")
    page.wait_for_selector("[role=alert]")
    assert axe_findings(page) == []
    sign_in(page, world, "annotator")
    page.goto(f"{world.served.stack.url}/nowhere/")
    page.wait_for_selector("h1")
    assert axe_findings(page) == []


def test_the_workspace_while_drawing_and_its_dialogs_have_no_serious_finding(page, world):
    sign_in(page, world, "annotator")
    page.goto(f"{world.served.stack.url}/clips/{world.empty}/work/")
    page.wait_for_selector("#app[data-ready=true]")
    for keys in (("Digit4", "KeyC", "Space"), ("Shift+Digit1", "BracketLeft"), ("KeyG",)):
        for key in keys:
            page.keyboard.press(key)
        assert axe_findings(page) == []
    page.wait_for_selector('[data-testid=saved][data-state="saved"]')
    for keys, shown in (("Shift+Slash", "#sheet-title"), ("Control+Enter", "#submit-title")):
        page.keyboard.press(keys)
        page.wait_for_selector(shown)
        assert axe_findings(page) == []
        page.keyboard.press("Escape")
        page.wait_for_selector(shown, state="detached")


def test_axe_finds_what_is_wrong(page, world):
    """The check itself: a picture without words and a field without a name are found."""
    page.goto(f"{world.served.stack.url}/accounts/login/")
    page.evaluate(
        "() => document.body.insertAdjacentHTML('beforeend',"
        " '<img src=\"/static/icons/mark.svg\"><input>')"
    )
    found = " ".join(axe_findings(page))
    assert "image-alt" in found and "label" in found


ROLES = (
    "annotator", "adjudicator", "data_steward", "project_lead", "compliance_officer", "researcher",
    "pacs_administrator", "administrator",
)  # fmt: skip


def plain_addresses(patterns=None, before: str = "/") -> Iterator[str]:
    """Addresses of the URL map that need no object."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        path = before + str(each.pattern)
        if hasattr(each, "url_patterns"):
            yield from plain_addresses(each.url_patterns, path)
        elif not set("<^(\\") & set(path):
            yield path


def route_of(path: str) -> str:
    """The route that a path comes to; nothing for one that is none or gives no page."""
    try:
        route = resolve(urlsplit(path).path).route
    except Resolver404:
        return ""
    is_page = not route.startswith(("api/", "static/", "dicom")) and "logout" not in route
    return route if is_page else ""


def is_ready(page: Page) -> bool:
    """Whether a page that builds itself has done so; others are whole when they have come."""
    try:
        page.wait_for_function(
            "() => (document.querySelector('#app') ?? {dataset: {ready: 'true'}})"
            ".dataset.ready === 'true'"
        )
    except PlaywrightTimeout:
        return False
    return True


def shown(page: Page) -> list[str]:
    """What a page lacks: one title that shows, and everything without moving sideways."""
    titles = page.locator("h1:visible").count()
    found = [] if titles == 1 else [f"{titles} h1 show"]
    wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    return found + ([f"{wide} px wider than the window"] if wide > 0 else [])


@pytest.mark.bars
@pytest.mark.skipif("BAR_FULL" not in os.environ, reason="minutes: make bars NAME=zoom")
def test_every_page_at_200_percent_without_motion_has_no_serious_finding(
    browser: Browser, world: World
) -> None:
    """One visit a route, as the first role that gets a page there, found in the URL map or by a
    link: one title shows, nothing lies beyond the right edge, nothing moves, Tab comes to all and
    the focus is seen. A window of 1600 by 1000 at 200 % has 800 by 500 CSS pixels."""
    stack, seen, findings = world.served.stack, set[str](), dict[str, list[str]]()
    for role in ROLES:
        context = browser.new_context(
            viewport={"width": 800, "height": 500}, device_scale_factor=2, reduced_motion="reduce",
            bypass_csp=True,
        )  # fmt: skip
        page = context.new_page()
        page.set_default_timeout(60_000)
        sign_in(page, world, role)
        screens = [path for who, path, _ in SCREENS.values() if who == role]
        waiting = [path.format(**vars(world)) for path in screens] + [*plain_addresses()]
        for path in waiting:
            route = route_of(path)
            if not (route or path == "/") or route in seen:
                continue
            answer = context.request.get(stack.url + path, max_redirects=0)
            if answer.status != 200 or "text/html" not in answer.headers["content-type"]:
                continue
            seen.add(route)
            page.goto(stack.url + path)
            found = [] if is_ready(page) else ["it did not come to be ready"]
            links = page.eval_on_selector_all("a[href]", "all => all.map((a) => a.pathname)")
            found += shown(page) + axe_findings(page) + moving(page) + unreached(page)
            if found:
                findings[route] = found
            waiting += [link for link in links if route_of(link) not in seen]
        context.close()
    note(f"{len(seen)} pages at 200 %: {sorted(seen)}")
    assert findings == {}
    assert len(seen) >= 40, sorted(seen)
