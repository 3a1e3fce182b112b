"""Fixtures that every room's tests share. People and projects are made through the verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import TransactionTestCase

_teardown = TransactionTestCase._fixture_teardown


def _teardown_without_triggers(self: TransactionTestCase) -> None:
    """The flush after a transactional test deletes rows; the append-only triggers would refuse."""
    from apps.audit import triggers

    triggers.remove()
    try:
        _teardown(self)
    finally:
        triggers.install()


TransactionTestCase._fixture_teardown = _teardown_without_triggers  # type: ignore[method-assign]


@pytest.fixture
def command(db: None) -> Any:
    """The service account that commands act as."""
    from apps.access.actor import service

    return service("command")


@pytest.fixture
def project(command: Any) -> Any:
    from apps.projects.services import create_project

    return create_project(
        command,
        None,
        slug="demo",
        name="Demo hospital",
        ae_title="CLINANNOT",
        options={"pixels_without_person": True, "assign_to_all": True, "keep_originals": True},
    )


@pytest.fixture
def person(command: Any, project: Any) -> Callable[..., Any]:
    """``person("annotator")`` makes a user with that role in the project and gives their Actor."""
    from apps.access.actor import Actor
    from apps.access.models import User
    from apps.projects.services import grant_role

    made: Iterator[int] = iter(range(1, 1000))

    def make(*roles: str, system: tuple[str, ...] = (), where: Any = None) -> Actor:
        number = next(made)
        user = User.objects.create_user(
            username=f"person{number}",
            password="correct horse battery",
            printed_name=f"Dr P{number}",
        )
        user.system_roles = list(system)
        user.save()
        for role in roles:
            grant_role(command, where or project, user, role)
        return Actor(user)

    return make


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running server that the journeys share, started when first asked for."""
    from tests.journeys.served import Served
    from tests.journeys.stack import running

    with running(tmp_path_factory.mktemp("served") / "data") as stack:
        yield Served(stack, tmp_path_factory.mktemp("samples"))
