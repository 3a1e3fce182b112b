"""Production's settings: clean under Django's own deployment check, and no start when unsafe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

ROOT = Path(settings.BASE_DIR)
# Loads the settings anew for each environment of standard input, a line each: what it says.
_LOADER = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
for line in sys.stdin:
    os.environ.clear()
    os.environ.update(json.loads(line))
    for name in [n for n in sys.modules if n.startswith("clinical_annot.settings")]:
        del sys.modules[name]
    try:
        importlib.import_module("clinical_annot.settings.production")
    except ImproperlyConfigured as error:
        print(str(error).split(":")[0].split(" ")[0])
    else:
        print("starts")
"""


def _sound(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLINICAL", "DATABASE", "DJ"))}
    return {
        **kept,
        "CLINICAL_ANNOT_DATA_DIR": str(folder / "data"),
        "CLINICAL_ANNOT_KEY_FILE": str(folder / "keys" / "master.key"),
        "CLINICAL_ANNOT_SECRET_KEY": "".join(map(chr, range(40, 104))),
        "CLINICAL_ANNOT_HOSTS": "annot.example.org",
        "CLINICAL_ANNOT_ORIGINS": "https://annot.example.org",
    }


def test_production_is_clean_under_djangos_deployment_check(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "INFO"],
        cwd=ROOT,
        env={**_sound(tmp_path), "DJANGO_SETTINGS_MODULE": "clinical_annot.settings.production"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_production_starts_in_a_sound_environment_and_in_none_of_the_unsafe_ones(
    tmp_path: Path,
) -> None:
    sound, data = _sound(tmp_path), str(tmp_path / "data")
    unsafe = {
        "CLINICAL_ANNOT_SECRET_KEY": ["", "short"],
        "CLINICAL_ANNOT_KEY_FILE": [f"{data}/master.key", f"{data}/deeper/master.key"],
        "CLINICAL_ANNOT_DESTROYED_FILE": [f"{data}/destroyed.jsonl"],
        "CLINICAL_ANNOT_HOSTS": ["*", "annot.example.org,*"],
        "CLINICAL_ANNOT_ORIGINS": ["http://annot.example.org", "https://a.org,http://b.org"],
    }
    asked = [("starts", sound)]
    asked += [(name, {**sound, name: bad}) for name, values in unsafe.items() for bad in values]
    provider = {"CLINICAL_ANNOT_OIDC_CLIENT_ID": "x", "CLINICAL_ANNOT_OIDC_ISSUER": "http://idp"}
    asked.append(("CLINICAL_ANNOT_OIDC_ISSUER", {**sound, **provider}))
    asked.append(("CLINICAL_ANNOT_SAML_METADATA", {**sound, "CLINICAL_ANNOT_SAML_METADATA": "/no"}))
    asked.append(("CLINICAL_ANNOT_OIDC_GROUPS", {**sound, "CLINICAL_ANNOT_OIDC_GROUPS": "[1]"}))
    done = subprocess.run(
        [sys.executable, "-c", _LOADER],
        cwd=ROOT,
        input="\n".join(json.dumps(environment) for _, environment in asked),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [name for name, _ in asked]


@pytest.mark.django_db
def test_every_answer_carries_the_headers_that_hold_a_browser_back(client: Client) -> None:
    for address in ("/accounts/login/", "/nothing/here/", "/api/v1/me/"):
        answer = client.get(address)
        policy = answer["Content-Security-Policy"]
        assert "unsafe-inline" not in policy and "unsafe-eval" not in policy
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"


def test_no_template_needs_inline_script_or_style() -> None:
    """They would be dead under the policy, without a word."""
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|<style\b|\sstyle=|\son[a-z]+=\""
    )
    found = [
        f"{path.relative_to(ROOT)}: {match.group()[:40]}"
        for path in (ROOT / "templates").rglob("*.html")
        for match in inline.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.django_db
def test_a_host_that_is_not_named_is_not_answered(client: Client) -> None:
    assert client.get("/accounts/login/", HTTP_HOST="evil.example.org").status_code == 400


@pytest.mark.django_db
def test_over_https_alone_and_with_cookies_that_no_script_and_no_other_site_sees(
    client: Client, person: Any, settings: Any
) -> None:
    """With production's switches, which the deployment check above holds to be on."""
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = True
    settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    plain = client.get("/accounts/login/")
    assert plain.status_code == 301 and plain["Location"].startswith("https://")
    user = person("annotator").user
    form = {"username": user.username, "password": "correct horse battery"}
    answer = client.post("/accounts/login/", form, secure=True)
    assert answer["Strict-Transport-Security"].startswith("max-age=31536000")
    session = answer.cookies["sessionid"]
    assert session["secure"] and session["httponly"] and session["samesite"] == "Lax"
    page = client.get("/accounts/sessions/", secure=True)
    assert page.cookies["csrftoken"]["secure"]


@pytest.mark.django_db
def test_a_body_over_the_limit_is_refused_before_anyone_is_asked_for(client: Client) -> None:
    body = b"{" + b" " * (5 << 20) + b"}"
    answer = client.post("/api/v1/session/", body, content_type="application/json")
    assert answer.status_code == 413
