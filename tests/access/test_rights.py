"""Every address, tried by everybody on what they may and may not reach, answers as the hand-written
pages say (``rights.md``, ``doors.md``); so do the policy rows.

In full size (``RIGHTS_FULL=1``, ``make bars NAME=rights``) by token as well as by session, and with
every method; else by session with the methods that there are.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from apps.access import roles
from apps.access.domain.policy import PolicyRow, Verdict, verdict
from apps.access.verb import POLICY
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations, submit_label_set
from apps.library.models import Clip
from clinical_annot.management.commands.render_access import render
from tests import builders
from tests.access import rights as pages
from tests.access.rights import Door, doors, rights
from tests.access.test_doors import ALL, SIGNING_IN, taken_by
from tests.access.world import Someone, Thing, World, build

FULL = os.environ.get("RIGHTS_FULL") == "1"
RIGHTS, DOORS = rights(), doors()
NAMED = {str(pattern.name): pattern for pattern in ALL}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
# Answered by the framework for every address, without asking a view.
HARMLESS = {"HEAD", "OPTIONS"}
# What may change between two answers to the same question.
_CHANGING = re.compile(rb'(?:data-csrf|name="csrfmiddlewaretoken" value)="[^"]*"')


@pytest.fixture(scope="module")
def kept_world(kept: Any) -> World:
    return kept.make(build)


@pytest.fixture
def world(kept_world: World, db: None) -> World:
    return kept_world


def ours() -> dict[str, PolicyRow]:
    """The product's rows, without those that other tests declare."""
    render()
    return {
        action: row for action, row in POLICY.items() if row.function.startswith(("apps.", "clin"))
    }


# The policy rows


def test_each_role_may_do_by_the_policy_rows_what_its_page_says_and_nothing_else():
    by_role: dict[str, set[str]] = {role: set() for role in RIGHTS.held}
    for action, row in ours().items():
        for role in row.roles:
            by_role[role].add(action)
    for role, held in RIGHTS.held.items():
        promised = {right for right in held if not right.startswith("read ")}
        assert by_role[role] == promised, role


def test_no_role_holds_what_the_product_says_it_must_never():
    for action, row in ours().items():
        for role in row.roles:
            assert not pages.is_never(RIGHTS, role, action), (role, action)


def test_a_row_asks_for_the_relation_that_the_page_names():
    for action, row in ours().items():
        for role in row.roles - {roles.SERVICE}:
            how_much = RIGHTS.held[role][action]
            assert (row.not_relation is not None) == _is_parted(action), (role, action)
            if how_much in ("assigned", "own", "granted"):
                assert row.relation is not None, (role, action)
            if how_much == "another's":
                assert row.not_relation is not None, (role, action)


def _is_parted(action: str) -> bool:
    """Actions of which the page says that one must not do them to one's own, or that are decided
    by who must have no part in it."""
    own = ("decide", "take_in", "accept_small", "sign", "amend", "withdraw", "correct", "return")
    return action in {f"adjudication.{name}" for name in own} or any(
        held.get(action) == "another's" for held in RIGHTS.held.values()
    )


def test_a_row_lets_in_exactly_its_roles_relation_and_states():
    """Verb x role x relation x state, all of it."""
    for row in ours().values():
        states = [*sorted(row.states or {""}), "some other state"]
        relations = [set(), *({one} for one in filter(None, (row.relation, row.not_relation)))]
        for role, related, state in itertools.product((*RIGHTS.held, ""), relations, states):
            said = verdict(
                row, {role} - {""}, related, state=state, is_service=role == roles.SERVICE
            )
            is_machine = role == roles.SERVICE
            expected = (
                (role in row.roles or roles.ANYONE in row.roles)
                and (row.relation is None or row.relation in related or is_machine)
                and row.not_relation not in related
                and (row.states is None or state in row.states)
            )
            assert (said == Verdict.ALLOWED) == expected, (row.action, role, related, state)
            if not role and not related and roles.ANYONE not in row.roles:
                assert said == Verdict.ABSENT


# The addresses


def test_every_address_stands_on_the_page_with_its_methods():
    listed = {door.name for door in DOORS}
    assert set(NAMED) - listed == set(), "write into doors.md what these ask for"
    assert listed - set(NAMED) == set(), "these addresses are gone"


def test_every_right_that_an_address_asks_for_is_somebodys():
    known = {right for held in RIGHTS.held.values() for right in held}
    assert {door.asks for door in DOORS} - known == {pages.OPEN, pages.SIGNED_IN, pages.AGAIN}


def _address(name: str, kwargs: dict[str, Any]) -> str:
    return reverse(name, kwargs={key: kwargs.get(key, "") for key in taken_by(name)})


def _thing(world: World, door: Door) -> Thing | None:
    return world.things[door.thing] if door.thing not in ("", "any project") else None


def _guessed(thing: Thing) -> Thing:
    """The same address with ids that nothing has."""
    made = {
        name: uuid.uuid4() if isinstance(value, uuid.UUID) else value
        for name, value in thing.kwargs.items()
    }
    return Thing({**made, "study_uid": "1.2.3", "series_uid": "1.2.4", "instance_uid": "1.2.5"})


def ask(
    world: World,
    door: Door,
    someone: Someone,
    thing: Thing | None,
    method: str = "",
    **headers: str,
) -> SimpleNamespace:
    """The answer, as if nothing had been asked: what it changed is rolled back."""
    body, media_type = door.body(world)
    address = _address(door.name, thing.kwargs if thing else {})
    if door.sent == "format=mot":
        body, media_type = _multipart(door.sent)
    kept = someone.client.cookies.copy()
    with transaction.atomic():
        response = someone.client.generic(
            method or door.method, address, body, content_type=media_type, headers=headers or None
        )
        content = b"".join(response.streaming_content) if response.streaming else response.content
        response.close()
        transaction.set_rollback(True)
    someone.client.cookies = SimpleCookie({k: v.value for k, v in kept.items()})
    return SimpleNamespace(
        status=response.status_code,
        content=content,
        location=response.get("Location", ""),
        boundary=response.get("Content-Type", "").partition("boundary=")[2].strip('"'),
    )


def _multipart(sent: str) -> tuple[str, str]:
    name, _, value = sent.partition("=")
    lines = ["--x", f'Content-Disposition: form-data; name="{name}"', "", value, "--x--", ""]
    return "\r\n".join(lines), "multipart/form-data; boundary=x"


def is_let_in(answer: SimpleNamespace) -> bool:
    to_sign_in = answer.status == 302 and answer.location.startswith("/accounts/login/")
    return not to_sign_in and answer.status not in (401, 403, 404)


def _leaks(world: World, door: Door, answer: SimpleNamespace, marks: set[str]) -> set[str]:
    text = (answer.content + answer.location.encode()).decode("utf-8", "replace")
    sent = door.sent + " ".join(map(str, (_thing(world, door) or Thing({})).kwargs.values()))
    for name, value in world.sent.items():
        sent = sent.replace(f"${name}", value)
    return {mark for mark in marks if mark in text and mark not in sent}


def _said(answer: SimpleNamespace) -> tuple[int, bytes]:
    content = (
        answer.content.replace(answer.boundary.encode(), b"") if answer.boundary else answer.content
    )
    return answer.status, _CHANGING.sub(b"", content)


def _tries(world: World) -> Iterator[tuple[Door, Someone, Thing | None, bool]]:
    """Each door with everybody; in small size with one of each kind who may, and with every twelfth
    of the others, others at each door."""
    for n_door, door in enumerate(DOORS):
        thing = _thing(world, door)
        is_anybodys = door.asks in (pages.OPEN, pages.SIGNED_IN, pages.AGAIN)
        for n_person, someone in enumerate(world.people.values()):
            expected = pages.may(RIGHTS, door, someone, thing)
            is_telling = expected and not is_anybodys and not someone.is_another
            if FULL or is_telling or (n_door + n_person) % 12 == 0:
                yield door, someone, thing, expected


@pytest.fixture
def quiet() -> Iterator[None]:
    """A log line a request is kept by pytest: thousands of them cost seconds."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
def test_everybody_gets_from_every_address_what_the_pages_say(world: World):
    wrong = []
    for door, someone, thing, expected in _tries(world):
        answer = ask(world, door, someone, thing)
        about = f"{door.name} {door.method} {someone.name}"
        if answer.status in (405, 500):
            wrong.append(f"{about}: {answer.status}")
        elif door.asks == pages.OPEN or (door.asks == pages.AGAIN and expected):
            continue
        elif is_let_in(answer) != expected:
            wrong.append(f"{about}: {answer.status}, should be {'in' if expected else 'refused'}")
        elif not expected and (found := _leaks(world, door, answer, _marks(world, someone))):
            wrong.append(f"{about}: was told {found}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def _marks(world: World, someone: Someone) -> set[str]:
    """Members know their project's name; nobody else may learn that it exists."""
    is_member = someone.roles and not someone.is_elsewhere and not someone.is_system
    return world.marks if is_member else world.marks | world.project_marks


def _allowed(world: World, door: Door) -> Someone:
    thing = _thing(world, door)
    return next(one for one in world.people.values() if pages.may(RIGHTS, door, one, thing))


_UNNAMED = ("", "any project", "project", "provider", "factor")


def _sampled() -> list[Door]:
    """All doors, or in small size every fourth."""
    return DOORS if FULL else DOORS[::4]


@pytest.mark.usefixtures("quiet")
def test_what_another_project_has_answers_as_what_is_not_there(world: World):
    """So no id can be guessed: the answers are equal to the last byte."""
    wrong = []
    named = [door for door in DOORS if door.thing not in _UNNAMED]
    for number, door in enumerate(named):
        thing = world.things[door.thing]
        strangers = [
            one
            for one in world.people.values()
            if one.is_elsewhere and any(door.asks in RIGHTS.held[role] for role in one.roles)
        ] + [world.people["nobody"]]
        for someone in strangers if FULL else strangers[:1]:
            if not FULL and number % 2:
                continue
            real, made_up = (
                ask(world, door, someone, thing),
                ask(world, door, someone, _guessed(thing)),
            )
            if _said(real) != _said(made_up):
                wrong.append(
                    f"{door.name} {door.method} {someone.name}: {real.status}, {made_up.status}"
                )
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.usefixtures("quiet")
def test_an_address_takes_no_method_but_those_of_the_page(world: World):
    listed = {(door.name, door.method) for door in DOORS}
    wrong = []
    for door, method in itertools.product(_sampled(), METHODS):
        if (door.name, method) in listed or method in HARMLESS or door.asks == pages.AGAIN:
            continue
        answer = ask(world, door, _allowed(world, door), _thing(world, door), method)
        # django-allauth sends on before it looks at the method.
        is_sent_on = answer.status == 302 and door.name.startswith(SIGNING_IN)
        if answer.status not in (405, 404) and not is_sent_on:
            wrong.append(f"{door.name} {method}: {answer.status}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.usefixtures("quiet")
def test_a_method_cannot_be_overridden(world: World):
    for door in _sampled():
        someone, thing = _allowed(world, door), _thing(world, door)
        plain = ask(world, door, someone, thing, "GET")
        names = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
        answer = ask(world, door, someone, thing, "GET", **dict.fromkeys(names, "POST"))
        assert answer.status == plain.status, door.name


def _by_token(door: Door) -> bool:
    route = str(NAMED[door.name].pattern)
    return route.startswith(("api/", "dicomweb")) or door.name in ("clip-review", "clip-segment")


@pytest.mark.usefixtures("quiet")
def test_a_token_opens_what_its_owner_may_reach_and_no_page(world: World):
    wrong = []
    for number, door in enumerate(DOORS):
        if door.asks in (pages.OPEN, pages.AGAIN):
            continue
        thing = _thing(world, door)
        for count, someone in enumerate(world.people.values()):
            expected = pages.may(RIGHTS, door, someone, thing) and _by_token(door)
            if not someone.token or not (FULL or (number * 5 + count) % 24 == 0):
                continue
            bare = replace(someone, client=Client(raise_request_exception=False))
            answer = ask(world, door, bare, thing, Authorization=f"Bearer {someone.token}")
            if is_let_in(answer) != expected or answer.status in (405, 500):
                wrong.append(f"{door.name} {door.method} {someone.name}: {answer.status}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.usefixtures("quiet")
def test_a_session_changes_nothing_without_its_csrf_token(world: World):
    wrong = []
    for door in _sampled():
        if door.method != "POST" or door.asks in (pages.OPEN, pages.AGAIN):
            continue
        someone = _allowed(world, door)
        strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
        strict.cookies = someone.client.cookies.copy()
        answer = ask(world, door, replace(someone, client=strict), _thing(world, door))
        if answer.status != 403:
            wrong.append(f"{door.name}: {answer.status}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.usefixtures("quiet")
def test_an_annotator_learns_nothing_of_anothers_labels_at_any_address(world: World):
    """Both have the clip; one has labelled nothing yet. What is asked before the other saves, after
    it, and after it is handed in is the same to the last byte: neither ids nor counts nor times."""
    asking, other = world.people["annotator"], world.people["annotator_b"]
    doors = [door for door in DOORS if door.asks != pages.OPEN and door.method == "GET"]
    theirs = LabelSet.objects.get(pk=world.things["their label set"].kwargs["label_set_id"])
    clip = Clip.objects.get(pk=world.things["clip"].kwargs["clip_id"])

    def seen() -> dict[str, tuple[int, bytes]]:
        found = {}
        for door in doors:
            answer = ask(world, door, asking, _thing(world, door))
            assert not _leaks(world, door, answer, world.blind), door.name
            found[door.name] = _said(answer)
        return found

    before = seen()
    # The same doors again: those that are closed to them say so whatever is there.
    doors = [door for door in doors if before[door.name][0] not in (302, 403, 404)]
    assert len(doors) > 10
    saved = save_operations(
        other.actor,
        theirs,
        client_id=str(uuid.uuid4()),
        base_revision=theirs.revision,
        operations=builders.numbered(builders.interval(clip, "preparation", 0, 4)),
    )
    submit_label_set(other.actor, theirs, revision=saved["revision"])
    after = seen()
    assert [name for name in after if before[name] != after[name]] == []
    for door in [one for one in DOORS if one.thing == "label set"]:
        answer = ask(world, door, asking, world.things["their label set"])
        assert answer.status == 404, door.name
