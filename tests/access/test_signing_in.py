"""Signing in: lock-out, second factor, sessions, tokens with scope, end and network."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.access import tokens
from apps.access.errors import Forbidden, NotFound, Refused
from apps.access.models import ApiToken, User
from apps.audit.models import Event
from tests.access.factors import code_of, with_app
from tests.builders import PASSWORD

pytestmark = pytest.mark.django_db
LOGIN, HOME, ME = "/accounts/login/", "/", "/api/v1/me/"


@pytest.fixture(autouse=True)
def _no_earlier_tries() -> None:
    cache.clear()


def sign_in(client: Client, user: User, password: str = PASSWORD) -> Any:
    return client.post(LOGIN, {"username": user.username, "password": password})


def events(action: str, outcome: str = "done") -> int:
    return Event.objects.filter(action=action, outcome=outcome).count()


def test_user_name_and_password_are_enough_for_who_has_no_second_factor(client, person):
    user = person("annotator").user
    answer = sign_in(client, user)
    assert answer.status_code == 302 and answer["Location"] == HOME
    assert client.get(ME).json()["username"] == user.username
    assert events("session.sign_in") == 1


def test_five_wrong_passwords_lock_the_account_and_the_right_one_does_not_open_it(client, person):
    user = person("annotator").user
    for _ in range(5):
        assert sign_in(client, user, "wrong").status_code == 200
    locked = sign_in(client, user)
    assert locked.status_code == 200 and "too many wrong passwords" in locked.content.decode()
    body = {"username": user.username, "password": PASSWORD}
    by_program = client.post("/api/v1/session/", json.dumps(body), "application/json")
    assert by_program.status_code == 429 and by_program.json()["error"]["code"] == "locked_out"
    assert client.get(ME).status_code == 401
    assert events("session.sign_in", "refused") == 5
    assert events("session.locked_out", "refused") == 2


def test_a_second_factor_is_asked_for_at_both_doors(client, person):
    user = person("annotator").user
    secret = with_app(user)
    answer = sign_in(client, user)
    assert answer["Location"].startswith(reverse("mfa_authenticate"))
    assert client.get(ME).status_code == 401
    refused = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert refused.status_code == 200 and client.get(ME).status_code == 401
    assert events("session.factor_failed", "refused") == 1
    assert client.post(reverse("mfa_authenticate"), {"code": code_of(secret)}).status_code == 302
    assert client.get(ME).status_code == 200

    program = Client()
    body = {"username": user.username, "password": PASSWORD}
    asked = program.post("/api/v1/session/", json.dumps(body), "application/json")
    assert asked.status_code == 403 and asked.json()["error"]["field"] == "code"
    assert program.get(ME).status_code == 401


def test_the_secret_of_a_second_factor_lies_sealed(person):
    user = person("annotator").user
    secret = with_app(user)
    assert secret not in json.dumps(Authenticator.objects.get(user=user).data)


def test_nobody_signs_up(client):
    page = client.get("/accounts/signup/")
    assert b"password1" not in page.content
    client.post("/accounts/signup/", {"username": "mallory", "password1": PASSWORD})
    assert not User.objects.filter(username="mallory").exists()


def test_another_session_is_ended_from_the_page(client, person):
    user, elsewhere = person("annotator").user, Client()
    sign_in(client, user)
    sign_in(elsewhere, user)
    page = client.get("/accounts/sessions/")
    other = next(row["row"] for row in page.context["rows"] if not row["is_current"])
    assert client.post("/accounts/sessions/", {"session": other.pk}).status_code == 302
    assert elsewhere.get(ME).status_code == 401 and client.get(ME).status_code == 200
    assert events("session.ended") == 1
    assert client.post("/accounts/sessions/", {"session": other.pk}).status_code == 404


def test_a_short_or_common_password_is_not_taken(client, person):
    user = person("annotator").user
    sign_in(client, user)
    for weak in ("short", "password1234", f"{user.username}-word"):
        form = {"oldpassword": PASSWORD, "password1": weak, "password2": weak}
        client.post("/accounts/password/", form)
        user.refresh_from_db()
        assert user.check_password(PASSWORD), weak
    strong = "a quite other sentence"
    form = {"oldpassword": PASSWORD, "password1": strong, "password2": strong}
    client.post("/accounts/password/", form)
    user.refresh_from_db()
    assert user.check_password(strong) and events("session.password_changed") == 1


def bearer(token: str, **more: str) -> Client:
    return Client(HTTP_AUTHORIZATION=f"Bearer {token}", **more)


def test_a_token_is_made_on_its_page_shown_once_and_revoked(client, person):
    user = person("annotator").user
    client.force_login(user)
    made = client.post("/account/tokens/", {"name": "pipeline", "scopes": ["read"], "days": "9"})
    clear = made.context["clear"]
    assert (
        clear in made.content.decode()
        and clear not in client.get("/account/tokens/").content.decode()
    )
    assert bearer(clear).get(ME).status_code == 200
    row = ApiToken.objects.get(user=user)
    assert row.expires_at < timezone.now() + timedelta(days=10) and row.digest != clear
    assert client.post(f"/account/tokens/{row.pk}/revoke/").status_code == 302
    assert bearer(clear).get(ME).status_code == 401
    assert events("token.make") == events("token.revoke") == 1
    with pytest.raises(NotFound):
        tokens.revoke_token(person("annotator"), row)


def test_a_token_does_only_what_its_scopes_say_though_its_owner_may_more(person, project):
    actor = person("data_steward")
    store = tokens.make_token(actor, None, name="tower", scopes=["store"])
    refused = bearer(store).get("/api/v1/clips/")
    assert refused.status_code == 403
    read = tokens.make_token(actor, None, name="reader", scopes=["read"])
    assert bearer(read).get("/api/v1/clips/").status_code == 200
    dicom = bearer(read).post(
        "/dicomweb/studies", b"--x--", 'multipart/related; type="application/dicom"; boundary=x'
    )
    assert dicom.status_code == 403


def test_a_token_ends_and_works_from_its_networks_alone(person):
    actor = person("annotator")
    clear = tokens.make_token(
        actor, None, name="p", scopes=["read"], networks="10.1.0.0/16, 2001:db8::/32"
    )
    assert bearer(clear, REMOTE_ADDR="10.1.2.3").get(ME).status_code == 200
    assert bearer(clear, REMOTE_ADDR="::ffff:10.1.2.3").get(ME).status_code == 200
    assert bearer(clear, REMOTE_ADDR="10.2.0.1").get(ME).status_code == 401
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert bearer(clear, REMOTE_ADDR="10.1.2.3").get(ME).status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"days": 0},
        {"days": 4000},
        {"networks": "all"},
        {"name": " "},
    ],
)
def test_a_token_that_names_no_scope_end_or_network_is_not_made(person, wrong):
    asked = {"name": "p", "scopes": ["read"], **wrong}
    with pytest.raises(Refused):
        tokens.make_token(person("annotator"), None, **asked)
    assert not ApiToken.objects.exists()


def test_a_service_account_acts_by_token_alone_and_is_added_by_an_administrator(person, client):
    with pytest.raises(Forbidden):
        tokens.add_machine(person("project_lead"), None, username="pipe", scopes=["read"])
    user, clear = tokens.add_machine(
        person(system=("administrator",)), None, username="pipe", scopes=["read"]
    )
    assert bearer(clear).get(ME).json()["username"] == "pipe"
    assert not user.has_usable_password()
    assert sign_in(client, user, "").status_code == 200 and client.get(ME).status_code == 401
