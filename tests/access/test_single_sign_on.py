"""Single sign-on against a real OpenID provider (npm's oidc-provider), groups to roles.

A bar: it installs the provider by npm into a folder of its own (``OIDC_MODULES`` names one that has
it)."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.access.models import User
from apps.audit.models import Event
from apps.projects.queries import roles_in

pytestmark = [pytest.mark.django_db, pytest.mark.bars]
VERSION = "9.13.3"
CALLBACK = "/accounts/provider/oidc/site/login/callback/"
PEOPLE = {"hanna": ["surgeons"], "olga": ["officers", "adjudicators"], "mallory": ["visitors"]}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if named := os.environ.get("OIDC_MODULES"):
        return Path(named)
    folder = tmp_path_factory.mktemp("oidc")
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", f"oidc-provider@{VERSION}"],
        cwd=folder,
        check=True,
    )
    return folder


@pytest.fixture
def provider(modules: Path, settings: Any) -> Iterator[str]:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    process = subprocess.Popen(
        [
            "node",
            str(Path(__file__).with_name("oidc_provider.mjs")),
            str(port),
            f"http://testserver{CALLBACK}",
            str(modules),
            json.dumps(PEOPLE),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and "READY" in process.stdout.readline()
    app = {
        "provider_id": "site",
        "name": "Hospital",
        "client_id": "annot",
        "secret": "annot-secret",
        "settings": {
            "server_url": f"http://127.0.0.1:{port}",
            "scope": ["openid", "profile"],
        },
    }
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
    }
    settings.CLINICAL_ANNOT_OIDC_GROUPS = {
        "surgeons": "demo:annotator",
        "officers": "compliance_officer",
        "adjudicators": "demo:adjudicator",
    }
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


class _Browser:
    """Follows redirects until one leads back to us."""

    def __init__(self) -> None:
        policy = DefaultCookiePolicy(rfc2965=False)
        stay = type("Stay", (urllib.request.HTTPRedirectHandler,), {"redirect_request": _none})
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar(policy)), stay
        )

    def go(self, address: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """(the address that it ended at, the page)."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        while True:
            try:
                with self._opener.open(address, data, timeout=30) as answer:
                    return address, answer.read().decode()
            except urllib.error.HTTPError as error:
                if error.code not in (302, 303):
                    raise
                address = urllib.parse.urljoin(address, error.headers["Location"])
                data = None
            if "testserver" in address:
                return address, ""


def _none(*_: Any) -> None:
    return None


def sign_in(login: str) -> Client:
    """By the sign-in page's button, the provider's own forms, and back."""
    client, browser = Client(), _Browser()
    sent = client.post("/accounts/provider/oidc/site/login/")
    assert sent.status_code == 302
    address, page = browser.go(sent["Location"])
    for _ in range(4):
        if "testserver" in address:
            break
        action = re.search(r'<form[^>]*action="([^"]+)"', page)
        assert action is not None, page
        prompt = re.search(r'name="prompt" value="(\w+)"', page)
        assert prompt is not None, page
        form = {"prompt": prompt[1], "login": login, "password": "any"}
        address, page = browser.go(urllib.parse.urljoin(address, action[1]), form)
    parts = urllib.parse.urlsplit(address)
    client.get(f"{parts.path}?{parts.query}")
    return client


def who(client: Client) -> str:
    answer = client.get("/api/v1/me/")
    return str(answer.json()["username"]) if answer.status_code == 200 else ""


def test_a_person_of_the_provider_comes_in_with_the_roles_of_their_groups(provider, project):
    client = sign_in("hanna")
    user = User.objects.get(username=who(client))
    assert user.printed_name == "Dr hanna" and not user.has_usable_password()
    assert roles_in(user, project) == {"annotator"} and user.system_roles == []
    officer = User.objects.get(username=who(sign_in("olga")))
    assert roles_in(officer, project) == {"adjudicator"}
    assert officer.system_roles == ["compliance_officer"]
    for action in ("person.provided", "project.grant_role", "session.sign_in"):
        assert Event.objects.filter(action=action, outcome="done").exists(), action


def test_who_is_in_no_group_of_the_map_gets_no_account(provider, project):
    assert who(sign_in("mallory")) == ""
    assert not User.objects.filter(username__icontains="mallory").exists()


def test_roles_follow_the_groups_at_the_next_sign_in_and_their_end_shuts_the_door(
    provider, project, settings
):
    user = User.objects.get(username=who(sign_in("hanna")))
    settings.CLINICAL_ANNOT_OIDC_GROUPS = {
        "surgeons": "demo:adjudicator",
        "left": "demo:annotator",
    }
    assert who(sign_in("hanna")) == user.username
    assert roles_in(user, project) == {"adjudicator"}
    settings.CLINICAL_ANNOT_OIDC_GROUPS = {"left": "demo:adjudicator"}
    assert who(sign_in("hanna")) == ""
    assert roles_in(user, project) == set()
