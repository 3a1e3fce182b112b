"""Passkeys (a virtual authenticator), emergency access and the idle lock in real Chromium."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from playwright.sync_api import Browser, Page

from apps.access.actor import Actor
from apps.audit.models import Event
from apps.projects.models import EmergencyAccess
from tests.browser.axe import axe_findings
from tests.builders import PASSWORD

# Playwright keeps an event loop in this thread, which Django takes for an asynchronous caller.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("CLINICAL_ANNOT_SHOTS")
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if "Security Policy" in m.text else None)
    wire = context.new_cdp_session(page)
    wire.send("WebAuthn.enable")
    wire.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield page
    context.close()
    assert problems == []


def looked_at(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)
    assert axe_findings(page) == [], name


def test_a_passkey_is_added_signs_in_and_breaks_the_glass(
    live_server: Any, project: Any, person: Callable[..., Actor], page: Page
) -> None:
    cache.clear()
    officer, base = person("compliance_officer"), live_server.url
    page.goto(f"{base}/accounts/login/")
    looked_at(page, "login")
    page.fill("#id_username", officer.user.username)
    page.fill("#id_password", PASSWORD)
    page.click("button.primary")
    page.wait_for_url(f"{base}/")

    page.goto(f"{base}/account/")
    looked_at(page, "account")
    page.goto(f"{base}/accounts/second-factor/")
    looked_at(page, "second-factor")
    page.click("text=Add a passkey")
    if "reauthenticate" in page.url:
        looked_at(page, "again")
        page.fill("#id_password", PASSWORD)
        page.click("button.primary")
    page.goto(f"{base}/accounts/second-factor/totp/activate/")
    assert page.locator(".qr svg").bounding_box()["width"] > 100  # type: ignore[index]
    looked_at(page, "app")
    page.goto(f"{base}/accounts/second-factor/webauthn/add/")
    page.wait_for_selector("#mfa_webauthn_add")
    looked_at(page, "passkey-add")
    page.fill("#id_name", "Theatre computer")
    page.click("#mfa_webauthn_add")
    page.wait_for_selector("text=Recovery codes")
    held = Authenticator.objects.get(type=Authenticator.Type.WEBAUTHN)
    assert held.wrap().is_passwordless and held.user == officer.user
    looked_at(page, "recovery-codes")

    page.click("text=Sign out")
    page.wait_for_url("**/accounts/login/**")
    page.click("#passkey_login")
    page.wait_for_url(f"{base}/")
    assert Event.objects.filter(action="session.sign_in", outcome="done").count() == 2

    page.goto(f"{base}/emergency/")
    assert page.is_visible("text=Passkey used just now")
    page.fill("#e-reason", "a tumour nobody named")
    looked_at(page, "emergency")
    page.fill("#e-password", PASSWORD)
    page.click("button:has-text('Break the glass')")
    page.wait_for_selector("[data-testid=open-emergency]")
    looked_at(page, "emergency-open")
    assert EmergencyAccess.objects.get().proof == "password and passkey"


def test_an_idle_page_is_covered_and_opens_with_what_was_typed(
    live_server: Any, project: Any, person: Callable[..., Actor], page: Page, settings: Any
) -> None:
    cache.clear()
    settings.CLINICAL_ANNOT_IDLE_LOCK_S = 0
    user, base = person("project_lead").user, live_server.url
    page.goto(f"{base}/accounts/login/?next=/projects/manage/{project.pk}/")
    page.fill("#id_username", user.username)
    page.fill("#id_password", PASSWORD)
    page.click("button.primary")
    page.wait_for_url(f"{base}/projects/manage/{project.pk}/")
    looked_at(page, "members")
    page.goto(f"{base}/projects/manage/")
    looked_at(page, "projects")
    settings.CLINICAL_ANNOT_IDLE_LOCK_S = 3
    page.goto(f"{base}/projects/manage/{project.pk}/")
    page.fill("#a-reference", "EC 2026-17, half typed")
    page.wait_for_selector("dialog.locked[open]")
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / "locked.png"))
    # The session itself is locked: another tab of it gets nowhere.
    page.wait_for_function(
        "async () => (await fetch('/api/v1/me/', {cache: 'no-store'})).status === 401"
    )
    page.keyboard.press("Escape")
    assert page.is_visible("dialog.locked")
    page.fill("dialog.locked input[type=password]", "wrong")
    page.click("dialog.locked button")
    page.wait_for_selector("dialog.locked .problem:not(:empty)")
    page.fill("dialog.locked input[type=password]", PASSWORD)
    page.click("dialog.locked button")
    page.wait_for_selector("dialog.locked", state="detached")
    assert page.input_value("#a-reference") == "EC 2026-17, half typed"
    assert page.evaluate("async () => (await fetch('/api/v1/me/')).status") == 200
