"""Single sign-on by SAML 2.0 against a real identity provider (pysaml2), groups to roles.

Those with the provider are a bar: it is installed by pip into a folder of its own (``SAML_IDP``
names a Python that has it)."""

from __future__ import annotations

import base64
import datetime as dt
import html
import json
import os
import re
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from apps.access.models import User
from apps.audit.models import Event
from apps.projects.queries import roles_in
from clinical_annot.sign_in import saml

HERE = "/accounts/provider/saml/site"
PEOPLE = {
    "hanna": ["surgeons"],
    "olga": ["officers", "adjudicators"],
    "mallory": ["visitors"],
    # Whose answers are signed with SHA-1.
    "sha1": ["surgeons"],
}
_PYSAML2 = ("pysaml2==7.5.5", "pyXMLSecurity==1.0.0")


# python3-saml takes no host without a dot.
HOST = "annot.example.org"


def browser() -> Client:
    return Client(HTTP_HOST=HOST)


def _pair(folder: Path) -> None:
    """A key and its own certificate, as an identity provider signs with."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.TraditionalOpenSSL
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))


@pytest.fixture(scope="module")
def idp_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    if named := os.environ.get("SAML_IDP"):
        return named
    folder = tmp_path_factory.mktemp("saml") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin/python")
    subprocess.run([python, "-m", "pip", "install", "-q", *_PYSAML2], check=True)
    return python


@pytest.fixture
def provider(idp_python: str, settings: Any, tmp_path: Path) -> Iterator[str]:
    from allauth.socialaccount.providers import registry

    registry.load()
    _pair(tmp_path)
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    theirs = tmp_path / "sp.xml"
    process = subprocess.Popen(
        [
            idp_python,
            str(Path(__file__).with_name("saml_idp.py")),
            str(port),
            str(tmp_path),
            str(theirs),
            json.dumps(PEOPLE),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and "READY" in process.stdout.readline()
        base = f"http://127.0.0.1:{port}"
        metadata = tmp_path / "idp.xml"
        with urllib.request.urlopen(f"{base}/metadata", timeout=60) as answer:
            metadata.write_bytes(answer.read())
        settings.SOCIALACCOUNT_PROVIDERS = saml.provider(str(metadata), "Hospital")
        settings.ALLOWED_HOSTS = [HOST]
        settings.ROOT_URLCONF = "tests.access.saml_urls"
        settings.CLINICAL_ANNOT_OIDC_GROUPS = {
            "surgeons": "demo:annotator",
            "officers": "compliance_officer",
            "adjudicators": "demo:adjudicator",
        }
        shown = browser().get(f"{HERE}/metadata/")
        assert shown.status_code == 200, shown.content
        theirs.write_bytes(shown.content)
        yield base
    finally:
        process.terminate()
        process.wait(20)


def _fields(page: str) -> dict[str, str]:
    found = re.findall(r'name="(\w+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def ask(client: Client, base: str, login: str) -> dict[str, str]:
    """What the provider sends back by the person's browser."""
    sent = client.post(f"{HERE}/login/")
    assert sent.status_code == 302 and sent["Location"].startswith(f"{base}/sso?"), sent.content
    with urllib.request.urlopen(sent["Location"], timeout=60) as answer:
        form = _fields(answer.read().decode())
    data = urllib.parse.urlencode({**form, "login": login}).encode()
    with urllib.request.urlopen(f"{base}/login", data, timeout=60) as answer:
        page = answer.read().decode()
    assert f'action="http://{HOST}{HERE}/acs/"' in page
    return _fields(page)


def come_back(client: Client, answer: dict[str, str]) -> str:
    """Who is signed in once the answer was handed over; empty for nobody."""
    taken = client.post(f"{HERE}/acs/", answer)
    assert taken.status_code == 302
    client.get(taken["Location"])
    me = client.get("/api/v1/me/")
    return str(me.json()["username"]) if me.status_code == 200 else ""


def sign_in(base: str, login: str) -> str:
    client = browser()
    return come_back(client, ask(client, base, login))


@pytest.mark.bars
@pytest.mark.django_db
def test_a_person_of_the_provider_comes_in_with_the_roles_of_their_groups(provider, project):
    assert "Sign in by Hospital" in browser().get("/accounts/login/").content.decode()
    user = User.objects.get(username=sign_in(provider, "hanna"))
    assert user.printed_name == "Dr hanna" and not user.has_usable_password()
    assert roles_in(user, project) == {"annotator"} and user.system_roles == []
    officer = User.objects.get(username=sign_in(provider, "olga"))
    assert roles_in(officer, project) == {"adjudicator"}
    assert officer.system_roles == ["compliance_officer"]
    assert sign_in(provider, "hanna") == user.username, "the same person again"
    for action in ("person.provided", "project.grant_role", "session.sign_in"):
        assert Event.objects.filter(action=action, outcome="done").exists(), action


@pytest.mark.bars
@pytest.mark.django_db
def test_roles_follow_the_groups_and_who_is_in_none_of_the_map_stays_outside(
    provider, project, settings
):
    assert sign_in(provider, "mallory") == ""
    assert not User.objects.filter(username__icontains="mallory").exists()
    user = User.objects.get(username=sign_in(provider, "hanna"))
    settings.CLINICAL_ANNOT_OIDC_GROUPS = {"surgeons": "demo:adjudicator", "left": "demo:annotator"}
    assert sign_in(provider, "hanna") == user.username
    assert roles_in(user, project) == {"adjudicator"}
    settings.CLINICAL_ANNOT_OIDC_GROUPS = {"left": "demo:adjudicator"}
    assert sign_in(provider, "hanna") == ""
    assert roles_in(user, project) == set()


@pytest.mark.bars
@pytest.mark.django_db
def test_an_answer_that_is_altered_unsigned_unasked_or_used_before_lets_nobody_in(
    provider, project
):
    client = browser()
    answer = ask(client, provider, "hanna")
    plain = base64.b64decode(answer["SAMLResponse"]).decode()

    def encoded(text: str) -> dict[str, str]:
        return {**answer, "SAMLResponse": base64.b64encode(text.encode()).decode()}

    assert "surgeons" in plain
    assert come_back(browser(), encoded(plain.replace("surgeons", "officers"))) == ""
    bare = re.sub(r"<(\w+:)?Signature\b.*?</(\w+:)?Signature>", "", plain, flags=re.S)
    assert bare != plain and come_back(browser(), encoded(bare)) == ""
    assert sign_in(provider, "sha1") == ""
    # Of another browser, which asked for nothing.
    assert come_back(browser(), answer) == ""
    assert come_back(client, answer) != ""
    client.post("/accounts/logout/")
    assert come_back(client, answer) == "", "one answer signs in once"
    assert browser().post(f"{HERE}/acs/", {"SAMLResponse": "%%%"}).status_code == 302


def test_a_site_names_its_provider_by_metadata_and_what_is_none_is_refused_by_name(
    tmp_path,
):
    assert saml.provider("", "Hospital") == {}
    wrong = tmp_path / "idp.xml"
    for content in (None, "<a/>", "no xml"):
        if content is not None:
            wrong.write_text(content)
        with pytest.raises(ImproperlyConfigured, match="CLINICAL_ANNOT_SAML_METADATA"):
            saml.provider(str(wrong), "Hospital")


def test_a_provider_s_answers_must_be_signed_and_asked_for():
    idp = {"entityId": "e", "singleSignOnService": {"url": "https://idp.example/sso"}}
    with pytest.raises(ImproperlyConfigured, match="no signing certificate"):
        saml.app(idp, "Hospital")
    made = saml.app({**idp, "x509certMulti": {"signing": ["AAAA"]}}, "Hospital")
    held = made["settings"]["advanced"]
    assert held["want_assertion_signed"] and held["reject_idp_initiated_sso"] and held["strict"]
    assert held["name_id_format"].endswith(":persistent")
    assert saml.origins({"saml": {"APPS": [made]}}) == ["https://idp.example"]
    oidc = {"settings": {"server_url": "https://op.example/realm"}}
    assert saml.origins({"openid_connect": {"APPS": [oidc]}}) == ["https://op.example"]


def test_attributes_are_read_as_claims_are():
    given = {"displayName": ["Dr Hanna"], "groups": ["a", "b"]}
    assert saml.claims_of(given) == {**given, "name": "Dr Hanna"}
    assert saml.claims_of({"cn": ["H"]})["name"] == "H" and saml.claims_of({})["name"] == ""
