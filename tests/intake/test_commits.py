"""Several associations commit together, and one that fails harms no other."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from apps.access.actor import service
from apps.access.errors import Refused
from apps.access.verb import event, verb
from apps.audit.models import Event
from apps.intake.node.commits import Commits
from apps.projects.models import Project

pytestmark = pytest.mark.django_db(transaction=True)


@verb("test.grouped", roles={"service"}, lock=False)
def grouped(actor, project, *, number):
    """Only here: an event, or a failure of a kind."""
    event(actor, project, public={"number": number})
    if number == 1:
        raise Refused("no", "No.", "None.")
    if number == 2:
        Project.objects.create(slug=project.slug, name="Twice", ae_title="TWICE")
    if number == 3:
        raise OSError("no")
    return number


def together(works):
    """All of them in one group: they come while another one commits."""
    commits, go, leading = Commits(), threading.Event(), threading.Event()

    def first():
        leading.set()
        assert go.wait(10)

    def run(work):
        try:
            return commits.run(work)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works) + 1) as pool:
        opened = pool.submit(run, first)
        assert leading.wait(10)
        waiting = [pool.submit(run, work) for work in works]
        while len(commits._waiting) < len(works):
            assert not any(item.done() for item in waiting)
        go.set()
        opened.result(20)
        return [item.result(20) for item in waiting]


def test_a_failing_one_harms_no_neighbour_and_is_refused_with_its_event(project):
    actor = service("node")
    works = [lambda n=n: grouped(actor, project, number=n) for n in range(6)]
    found = together(works)
    assert [found[place] for place in (0, 4, 5)] == [0, 4, 5]
    assert [type(found[place]) for place in (1, 2, 3)] == [Refused, IntegrityError, OSError]
    rows = Event.objects.filter(action="test.grouped")
    assert rows.filter(outcome="done").count() == 3
    assert rows.filter(outcome="refused").count() == 1
    assert not Project.objects.filter(ae_title="TWICE").exists()


def test_nobody_is_answered_before_the_commit_and_all_fail_with_it(project, monkeypatch):
    actor = service("node")

    def broken():
        raise OperationalError("the server has gone away")

    found = together([lambda: grouped(actor, project, number=0), broken])
    assert [type(item) for item in found] == [OperationalError] * 2
    assert not Event.objects.filter(action="test.grouped").exists()


def test_a_group_is_one_transaction(project):
    actor, seen = service("node"), []

    def work():
        seen.append(transaction.get_connection().in_atomic_block)
        return grouped(actor, project, number=0)

    begun = []
    real = transaction.Atomic.__enter__

    def enter(self):
        begun.append(transaction.get_connection().in_atomic_block)
        return real(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction.Atomic, "__enter__", enter)
        assert together([work] * 4) == [0] * 4
    # The first one's transaction, then one for the four.
    assert begun.count(False) == 2 and seen == [True] * 4
