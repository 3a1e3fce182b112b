"""Queries that are composed once answer as those composed anew, whatever is asked before."""

from __future__ import annotations

from threading import Thread

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from apps.access.models import ApiToken, User
from apps.access.prepared import Given, Prepared

pytestmark = pytest.mark.django_db


def _of_owner() -> models.QuerySet[ApiToken]:
    owner, name = Given("owner", User._meta.pk), Given("name", models.CharField())
    found = ApiToken.objects.select_related("user").filter(user_id=owner, name=name)
    return found.filter(revoked_at=None).order_by("pk")


def test_each_asking_is_answered_for_its_own_values_with_what_lies_beside():
    prepared = Prepared(_of_owner)
    people = [User.objects.create_user(name) for name in ("one", "two")]
    for number, user in enumerate(people):
        for name in ("first", "second"):
            ApiToken.objects.create(user=user, name=name, digest=f"{number}{name}", scopes=["read"])
    for user in people * 2:
        for name in ("first", "second", "third"):
            with CaptureQueriesContext(connection) as asked:
                found = prepared(owner=user.pk, name=name)
                assert [row.user.username for row in found] == [user.username] * len(found)
            assert len(asked) == 1
            wanted = list(ApiToken.objects.filter(user=user, name=name))
            assert found == wanted
            assert [vars(row)["scopes"] for row in found] == [row.scopes for row in wanted]
            assert [row.created_at for row in found] == [row.created_at for row in wanted]


def test_it_is_composed_once_and_asked_on_each_threads_own_connection():
    composed, used = [], []

    def compose() -> models.QuerySet[User]:
        composed.append(1)
        return User.objects.filter(username=Given("name", models.CharField()))

    prepared = Prepared(compose)

    def ask() -> None:
        try:
            prepared(name="nobody")
        except Exception as error:  # a test database in memory is another thread's
            used.append(error)
        finally:
            used.append(connection.connection)
            connection.close()

    assert prepared(name="nobody") == []
    other = Thread(target=ask)
    other.start()
    other.join()
    assert prepared(name="nobody") == [] and composed == [1]
    assert used[-1] is not connection.connection
