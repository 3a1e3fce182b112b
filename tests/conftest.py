"""Fixtures that every room's tests share. People and projects are made through the verbs."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as properties

from tests import shared

if shared.FOLDER not in os.environ:
    # The workers of a parallel run find it set by the process that starts them.
    os.environ[shared.FOLDER] = tempfile.mkdtemp(prefix="clinicalannot-shared-")
    _owner = os.getpid()
    atexit.register(
        lambda: shutil.rmtree(os.environ[shared.FOLDER]) if os.getpid() == _owner else None
    )

# How fast examples are drawn says how busy the machine is.
properties.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
properties.load_profile("suite")

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


# The files that share the running server: on one worker, so that one server is started.
SERVED = frozenset(
    f"tests/{name}.py"
    for name in (
        "browser/test_axe",
        "interop/test_dicomweb_read",
        "interop/test_dicomweb_stow",
        "interop/test_orthanc_dicomweb",
        "journeys/test_failures",
        "journeys/test_foreign",
        "journeys/test_forty",
        "journeys/test_keyboard",
        "journeys/test_officer",
        "journeys/test_pictures",
        "journeys/test_procedure",
        "journeys/test_refusals",
        "traps/test_on_the_server",
    )
)
# What takes longest begins first, so that no core waits for the last.
DEAREST = ("served", "tests/journeys/", "tests/browser/", "tests/traps/", "tests/backup/",
           "tests/intake/", "tests/deid/")  # fmt: skip


def _group(nodeid: str) -> str:
    path = nodeid.partition("::")[0]
    return "served" if path in SERVED else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class ByGroup(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return ByGroup(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sharing = {i.nodeid.partition("::")[0] for i in items if "served" in i.fixturenames}  # type: ignore[attr-defined]
    if lacking := sharing - SERVED:
        raise pytest.UsageError(f"They share the running server; name them in SERVED: {lacking}")

    def place(item: pytest.Item) -> int:
        group = _group(item.nodeid)
        return next((n for n, start in enumerate(DEAREST) if group.startswith(start)), len(DEAREST))

    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=place)


def _is_sqlite() -> bool:
    from django.db import connection

    return connection.vendor == "sqlite"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Each worker's database begins as a copy of one that was migrated once."""
    from django.conf import settings

    test = settings.DATABASES["default"].setdefault("TEST", {})
    if _is_sqlite():
        shared.copy_of_migrated_sqlite(Path(test["NAME"]))
    else:
        test["TEMPLATE"] = shared.migrated_template(os.environ["DATABASE_URL"])


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """The copy is what the tests are to use."""
    return django_db_keepdb or _is_sqlite()


@pytest.fixture
def command(db: None) -> Any:
    """The service account that commands act as."""
    from apps.access.actor import service

    return service("command")


@pytest.fixture
def project(command: Any) -> Any:
    return _project()


def _project() -> Any:
    from apps.access.actor import service
    from apps.projects.services import create_project

    return create_project(
        service("command"),
        None,
        slug="demo",
        name="Demo hospital",
        ae_title="CLINANNOT",
        options={"pixels_without_person": True, "assign_to_all": True, "keep_originals": True},
    )


_numbers = itertools.count(1)


def _maker(project: Any) -> Callable[..., Any]:
    from apps.access.actor import Actor, service
    from apps.access.models import User
    from apps.projects.services import grant_role

    def make(*roles: str, system: tuple[str, ...] = (), where: Any = None) -> Actor:
        number = next(_numbers)
        user = User.objects.create_user(
            username=f"person{number}",
            password="correct horse battery",
            printed_name=f"Dr P{number}",
        )
        user.system_roles = list(system)
        user.save()
        for role in roles:
            grant_role(service("command"), where or project, user, role)
        return Actor(user)

    return make


class Kept:
    """A project whose rows stand for a whole module: see :func:`kept`."""

    def __init__(self, blocker: Any) -> None:
        self._blocker = blocker
        with blocker.unblock():
            self.project = _project()
            self.person = _maker(self.project)

    def make(self, build: Callable[..., Any], *arguments: Any) -> Any:
        """What ``build(project, *arguments)`` gives, made once for the module."""
        with self._blocker.unblock():
            return build(self.project, *arguments)


@pytest.fixture(scope="module")
def kept(django_db_setup: None, django_db_blocker: Any) -> Iterator[Kept]:
    """Rows that all tests of a module begin from: made once, in a transaction around those of the
    tests, which is rolled back after the last. Not for modules with transactional tests."""
    from django.db import connection, transaction

    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]
    # A test case closes the connection when it is torn down, which would lose these rows.
    close, connection.close = connection.close, lambda: None  # type: ignore[method-assign]
    try:
        with django_db_blocker.unblock():
            around.__enter__()
        yield Kept(django_db_blocker)
    finally:
        connection.close = close  # type: ignore[method-assign]
        with django_db_blocker.unblock():
            transaction.set_rollback(True)
            around.__exit__(None, None, None)


@pytest.fixture
def person(command: Any, project: Any) -> Callable[..., Any]:
    """``person("annotator")`` makes a user with that role in the project and gives their Actor."""
    return _maker(project)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running server that the journeys share, started when first asked for."""
    from tests.journeys.served import Served
    from tests.journeys.stack import running

    with running(tmp_path_factory.mktemp("served") / "data") as stack:
        yield Served(stack, tmp_path_factory.mktemp("samples"))
