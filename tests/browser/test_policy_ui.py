"""A project's rules, devices, remedies, reports and a withdrawal in real Chromium."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page

from apps.access.actor import Actor
from apps.deid import policy
from apps.deid.models import Deidentification, DeviceMask, ProfileVersion, ProjectSubject
from apps.intake.models import ReceivedInstance
from tests.browser.axe import axe_findings
from tests.deid.test_remedies import arrive, settled

# Playwright keeps an event loop in this thread, which Django takes for an asynchronous caller.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
State = ReceivedInstance.State
SHOTS = os.environ.get("CLINICAL_ANNOT_SHOTS")
PICTURE = {"Rows": 240, "Columns": 320, "PixelData": bytes(240 * 320)}
NAMED = {"Manufacturer": "Acme", "ManufacturerModelName": "Scope 9", "SoftwareVersions": "4.2"}


@pytest.fixture
def open_as(browser: Browser, live_server: Any) -> Iterator[Callable[[Actor], Page]]:
    contexts, problems = [], []

    def open_page(actor: Actor) -> Page:
        client = Client()
        client.force_login(actor.user)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        value = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": value, "url": live_server.url}])
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def looked_at(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)
    assert axe_findings(page) == [], name


def tab_to(page: Page, selector: str) -> None:
    """Go to an element by the Tab key alone, and see that it shows where one is."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("(s) => document.activeElement?.matches(s) ?? false", selector):
            break
    else:
        raise AssertionError(f"no way by keyboard to {selector}")
    assert page.evaluate(
        """() => {
          const style = getComputedStyle(document.activeElement)
          return style.outlineStyle !== 'none' || style.boxShadow !== 'none'
        }"""
    ), selector


def test_a_profile_is_saved_approved_by_another_and_chosen(
    live_server: Any, project: Any, person: Callable[..., Actor], open_as: Any
) -> None:
    steward, lead = open_as(person("data_steward")), open_as(person("project_lead"))
    steward.goto(f"{live_server.url}/deid/")
    steward.fill("#f-text", "name: ours\nversion: 1\nages: {cap: 95}")
    steward.click("text=Save this version")
    assert "ages.cap" in steward.inner_text("[data-testid=refusal]")
    looked_at(steward, "rules-refused")
    steward.fill("#f-text", "name: ours\nversion: 1\noptions: [retain_device_identity]")
    steward.click("text=Save this version")
    steward.wait_for_selector("[data-profile=ours-1]")
    assert "Another person approves" in steward.inner_text("[data-profile=ours-1]")
    lead.goto(f"{live_server.url}/deid/")
    lead.click("[data-profile=ours-1] >> text=Approve")
    lead.click("[data-profile=ours-1] >> text=Choose")
    lead.wait_for_selector("text=What arrives goes by ours, version 1")
    lead.click("details:has-text('What ours 1 says') > summary")
    looked_at(lead, "rules")
    assert ProfileVersion.objects.get().state == "approved"


def test_a_review_saves_a_mask_asks_for_a_second_person_and_prints_its_sheet(
    live_server: Any, project: Any, person: Callable[..., Actor], open_as: Any, command: Any
) -> None:
    one, two = person("data_steward"), person("data_steward")
    policy.set_options(one, project, options={"second_reviewer": True, "phantom_gate": False})
    row = arrive(command, project, **PICTURE, **NAMED)
    ReceivedInstance.objects.filter(pk=row.pk).update(pixels_choice="")
    assert settled(row).state == State.PIXEL_REVIEW
    first, second = open_as(one), open_as(two)
    for page in (first, second):
        page.goto(f"{live_server.url}/quarantine/{row.pk}/")
        page.wait_for_selector("#review[data-ready=true]")
    assert "Two people confirm" in first.inner_text("[data-testid=second]")
    first.keyboard.press("KeyR")
    first.keyboard.press("Enter")
    first.click("[data-testid=save-mask]")
    first.wait_for_selector("#mode:has-text('Saved: 1 box for Acme Scope 9 4.2')")
    looked_at(first, "review-mask")
    assert DeviceMask.objects.get().author == one.user
    first.click("[data-testid=confirm]")
    first.wait_for_selector("#review[data-mine=true][data-ready=true]")
    assert first.is_disabled("[data-testid=confirm]")
    looked_at(first, "review-mine")
    second.reload()
    second.wait_for_selector("#review[data-ready=true]")
    assert "has confirmed what stands here" in second.inner_text("[data-testid=second]")
    looked_at(second, "review-second")
    second.click("[data-testid=confirm]")
    second.wait_for_selector("#working:not([hidden])")
    assert settled(row).state == State.CLEARED
    second.wait_for_selector("[data-testid=report]", timeout=60_000)
    second.click("text=Reviewer's sheet")
    second.wait_for_selector("[data-testid=sheet]")
    text = second.inner_text("[data-testid=sheet]")
    assert one.user.display_name in text and two.user.display_name in text
    looked_at(second, "sheet")
    second.goto(f"{live_server.url}/deid/{project.pk}/devices/")
    assert "Acme Scope 9 4.2" in second.inner_text("main")
    looked_at(second, "devices")
    tab_to(second, "[data-mask] button")
    second.keyboard.press("Enter")
    second.wait_for_selector("[data-mask]:has-text('Retired')")
    second.goto(f"{live_server.url}/deid/{project.pk}/report/")
    looked_at(second, "project-report")


def test_a_hold_is_acted_on_tried_dry_and_its_subject_withdrawn_from_the_screen(
    live_server: Any, project: Any, person: Callable[..., Actor], open_as: Any, command: Any
) -> None:
    steward = person("data_steward")
    project = policy.set_options(steward, project, options={"phantom_gate": True})
    page = open_as(steward)
    row = settled(arrive(command, project, EncapsulatedDocument=b"%PDF", **NAMED))
    assert (row.state, row.reason) == (State.HELD, "device_unseen")
    page.goto(f"{live_server.url}/quarantine/{row.pk}/")
    looked_at(page, "held-gate")
    page.goto(f"{live_server.url}/deid/{project.pk}/devices/")
    looked_at(page, "devices-gate")
    tab_to(page, "[data-device] summary")
    page.keyboard.press("Enter")
    tab_to(page, "[data-device] [name=reason]")
    page.keyboard.type("The same software as the tower next door")
    tab_to(page, "[data-device] details button")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=gate]:has-text('Released')")
    looked_at(page, "devices-released")
    assert settled(row).reason == "encapsulated_document"
    page.goto(f"{live_server.url}/quarantine/{row.pk}/")
    page.wait_for_selector("[data-testid=held]", timeout=60_000)
    looked_at(page, "held-document")
    page.click("[data-testid=remedy-remove]")
    page.wait_for_selector("#working:not([hidden])")
    assert settled(row).state == State.CLEARED
    page.wait_for_selector("[data-testid=report]", timeout=60_000)
    page.click("text=Dry run…")
    looked_at(page, "dry-run-asked")
    assert "Zyxwood" not in page.content()
    page.click("[data-testid=dry-run]")
    page.wait_for_selector("[data-trial='1']")
    assert "Zyxwood^Planted" in page.inner_text("[data-trial='1']")
    looked_at(page, "dry-run")
    page.fill("#f-find", "zyxwood")
    assert (
        page.locator("tr[data-what]:visible").count()
        == page.locator("tr[data-what]:visible:has-text('zyxwood')").count()
        > 0
    )
    page.fill("#f-find", "")
    page.select_option("#f-what", "kept")
    assert set(page.eval_on_selector_all(
        "tr[data-what]:not([hidden])", "rows => rows.map((row) => row.dataset.what)"
    )) == {"kept"}  # fmt: skip
    assert page.locator("tr[data-what=kept]:visible").count() > 0
    looked_at(page, "dry-run-kept")
    page.goto(f"{live_server.url}/quarantine/{row.pk}/withdraw/")
    looked_at(page, "withdraw")
    tab_to(page, "#f-reason")
    page.keyboard.type("Consent withdrawn in writing")
    tab_to(page, "#f-name")
    page.keyboard.type(ProjectSubject.objects.get().pseudonym)
    tab_to(page, "[data-testid=withdraw]")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid=withdrawn]")
    looked_at(page, "withdrawn")
    assert Deidentification.objects.get(instance=row).sealed_harvest is None
    page.goto(f"{live_server.url}/quarantine/{row.pk}/")
    looked_at(page, "review-withdrawn")
