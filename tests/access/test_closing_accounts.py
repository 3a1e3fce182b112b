"""Closing accounts, by an administrator or a directory over SCIM; the lock of an idle session."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from apps.access import people, tokens
from apps.access.actor import Actor, service
from apps.access.errors import Refused
from apps.access.models import User
from apps.audit.models import Event
from apps.projects.queries import roles_in
from clinical_annot.sign_in import idle
from tests.builders import PASSWORD

pytestmark = pytest.mark.django_db
ME, USERS = "/api/v1/me/", "/api/v1/scim/v2/Users"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def directory(person: Any) -> Client:
    """A service account that closes accounts and does nothing else."""
    _, clear = tokens.add_machine(
        person(system=("administrator",)),
        None,
        username="entra",
        scopes=["people"],
        keeps_people=True,
    )
    return Client(HTTP_AUTHORIZATION=f"Bearer {clear}")


def patch(client: Client, user: User, value: Any, **one: Any) -> Any:
    body = {"Operations": [{"op": "replace", "path": "active", "value": value, **one}]}
    return client.patch(f"{USERS}/{user.pk}", json.dumps(body), "application/scim+json")


def test_a_directory_ends_sessions_tokens_and_roles_of_who_left(person, project, directory):
    leaver, stays = person("annotator", "adjudicator", system=("pacs_administrator",)), person()
    browser, other = signed_in(leaver.user), signed_in(stays.user)
    clear = tokens.make_token(leaver, None, name="script", scopes=["read"])
    found = directory.get(USERS, {"filter": f'userName eq "{leaver.user.username}"'}).json()
    assert found["totalResults"] == 1 and found["Resources"][0]["id"] == str(leaver.user.pk)
    answer = patch(directory, leaver.user, False)
    assert answer.status_code == 200 and answer.json()["active"] is False
    assert browser.get(ME).status_code == 401 and other.get(ME).status_code == 200
    by_token = Client(HTTP_AUTHORIZATION=f"Bearer {clear}")
    assert by_token.get(ME).status_code == 401
    # Opened again, the account has nothing of what it had: neither session, token nor role.
    assert patch(directory, leaver.user, "True").json()["active"] is True
    leaver.user.refresh_from_db()
    assert roles_in(leaver.user, project) == set() and leaver.user.system_roles == []
    assert browser.get(ME).status_code == 401 and by_token.get(ME).status_code == 401
    events = Event.objects.filter(action__startswith="person.", object_id=str(leaver.user.pk))
    actions = events.order_by("recorded_at").values_list("action", flat=True)
    assert list(actions)[-2:] == ["person.deprovision", "person.switch_on"]
    assert json.loads(bytes(events.get(action="person.deprovision").entry))["public"]["tokens"] == 1


def test_delete_ends_access_and_keeps_the_account_for_what_was_done(person, directory):
    leaver = person("annotator")
    assert directory.delete(f"{USERS}/{leaver.user.pk}").status_code == 204
    assert User.objects.get(pk=leaver.user.pk).is_active is False
    assert directory.get(f"{USERS}/{leaver.user.pk}").json()["active"] is False


def test_a_directory_does_nothing_but_keep_people(person, project, directory):
    assert directory.get("/api/v1/clips/").status_code == 403
    assert directory.get("/api/v1/releases/").status_code == 403
    for scopes in (["people", "read"], ["read"]):
        with pytest.raises(Refused):
            tokens.add_machine(
                person(system=("administrator",)),
                None,
                username="x",
                scopes=scopes,
                keeps_people=True,
            )
    lead = signed_in(person("project_lead").user)
    assert lead.get(USERS).status_code == 404
    assert patch(lead, person().user, False).status_code in (403, 404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Operations": []},
        {"Operations": "active"},
        {"Operations": [{"op": "remove", "path": "active"}]},
        {"Operations": [{"op": "replace", "path": "userName", "value": "mallory"}]},
        {"Operations": [{"op": "replace", "path": "active", "value": "perhaps"}]},
        {"Operations": [{"op": "replace", "value": {"active": False, "userName": "mallory"}}]},
        {"Operations": [1]},
    ],
)
def test_any_other_change_is_refused_whole(person, directory, body):
    user = person().user
    answer = directory.patch(f"{USERS}/{user.pk}", json.dumps(body), "application/json")
    assert answer.status_code == 400
    user.refresh_from_db()
    assert user.is_active and user.username != "mallory"


def test_a_list_is_paged_and_asked_wrongly_says_so(person, directory):
    for _ in range(3):
        person()
    page = directory.get(USERS, {"startIndex": "2", "count": "1"}).json()
    assert page["totalResults"] >= 4 and page["itemsPerPage"] == 1
    assert directory.get(USERS, {"count": "x"}).status_code == 400
    assert directory.get(USERS, {"filter": "active eq true"}).status_code == 400


def test_switching_off_ends_every_session_so_that_none_revives(person, command):
    user = person("annotator").user
    browser = signed_in(user)
    people.switch_off(command, user)
    people.switch_on(command, user)
    assert browser.get(ME).status_code == 401
    assert not Session.objects.exists()
    with pytest.raises(Refused):
        people.deprovision(Actor(command.user), command.user)


def test_a_locked_session_shows_nothing_until_its_person_signs_in_again(person, settings):
    user, stranger = person("annotator").user, person("annotator").user
    browser = signed_in(user)
    assert browser.post("/api/v1/session/lock/", "{}", "application/json").status_code == 200
    assert browser.get(ME).status_code == 401
    assert browser.get("/")["Location"].startswith("/accounts/login/")
    assert browser.post("/api/v1/session/lock/", "{}", "application/json").status_code == 401
    body = {"username": user.username, "password": PASSWORD}
    wrong = {**body, "password": "wrong"}
    answer = browser.post("/api/v1/session/", json.dumps(wrong), "application/json")
    assert answer.status_code == 403 and browser.get(ME).status_code == 401
    browser.post("/api/v1/session/", json.dumps(body), "application/json")
    assert browser.get(ME).json()["username"] == user.username
    assert Event.objects.filter(action="session.locked").count() == 1
    # Somebody else on the same computer gets a session of their own.
    browser.post("/api/v1/session/lock/", "{}", "application/json")
    browser.post("/accounts/login/", {"username": stranger.username, "password": PASSWORD})
    assert browser.get(ME).json()["username"] == stranger.username


def test_a_session_that_is_not_heard_of_locks_itself(person, settings, monkeypatch):
    settings.CLINICAL_ANNOT_IDLE_LOCK_S = 900
    browser, began = signed_in(person("annotator").user), time.time()

    def at(later_s: float) -> int:
        monkeypatch.setattr(idle, "time", SimpleNamespace(time=lambda: began + later_s))
        return browser.get(ME).status_code

    assert [at(0), at(800), at(1600)] == [200, 200, 200]
    assert at(1600 + 961) == 401
    # Coming back does not open it.
    assert at(1600 + 962) == 401
    settings.CLINICAL_ANNOT_IDLE_LOCK_S = 0
    assert service("worker").is_service and signed_in(person().user).get(ME).status_code == 200
