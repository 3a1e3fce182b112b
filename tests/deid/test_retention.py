"""What becomes of the original once an instance is cleared."""

from __future__ import annotations

import pytest

from apps.audit.models import Event
from apps.deid import tasks
from apps.deid.services import settle_original
from apps.intake.models import ReceivedInstance
from apps.jobs.models import Job
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


def test_what_arrived_first_is_examined_first(project, tmp_path):
    from fixtures import broken

    rows = [received_instance(project, make(tmp_path)) for make in (broken.sound, broken.truncated)]
    tasks.find_received()
    queued = Job.objects.filter(kind="deid.examine").order_by("-priority", "created_at")
    assert [job.object_id for job in queued] == [str(row.pk) for row in rows]


def test_a_decision_that_was_replaced_is_not_finished_by_a_late_worker(command, cleared):
    from datetime import timedelta

    from django.utils import timezone

    from apps.access.errors import Conflict
    from apps.deid import services
    from apps.deid.models import Deidentification

    Deidentification.objects.create(
        instance=cleared, profile="basic", profile_digest="0" * 64, confirmed_at=timezone.now()
    )
    ReceivedInstance.objects.filter(pk=cleared.pk).update(state="redacting")
    before = timezone.now() - timedelta(hours=1)
    with pytest.raises(Conflict):
        services.finish(
            command,
            cleared,
            output=cleared.original,
            report={},
            decision=None,
            confirmed_at=before,
        )
    cleared.refresh_from_db()
    assert cleared.state == "redacting"
