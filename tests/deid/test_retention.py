"""What becomes of the original once an instance is cleared."""

from __future__ import annotations

import pytest

from apps.audit.models import Event
from apps.deid import tasks
from apps.deid.services import settle_original
from apps.intake.models import ReceivedInstance
from apps.vault.files import storage
from tests.builders import received_instance

pytestmark = pytest.mark.django_db


@pytest.fixture
def cleared(project, tmp_path):
    from fixtures.broken import sound

    row = received_instance(project, sound(tmp_path))
    ReceivedInstance.objects.filter(pk=row.pk).update(state="cleared")
    row.refresh_from_db()
    return row


def test_a_project_that_keeps_originals_keeps_them_and_says_so(command, cleared):
    name = cleared.original.storage_name
    assert settle_original(command, cleared) is None
    assert storage().exists(name)
    assert Event.objects.filter(action="retention.original").count() == 1


def test_a_project_that_keeps_none_lets_it_go_and_says_so(project, cleared):
    name = cleared.original.storage_name
    project.options = {**project.options, "keep_originals": False}
    project.save()
    assert tasks.let_originals_go() == 1
    cleared.refresh_from_db()
    assert cleared.original is None and not storage().exists(name)
    assert tasks.let_originals_go() == 0
    assert b'"original":"deleted"' in bytes(Event.objects.get(action="retention.original").entry)
