"""What becomes of the original once an instance is cleared."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from apps.access.actor import service
from apps.access.errors import Conflict, Forbidden, Refused
from apps.audit import tree
from apps.audit.models import Event
from apps.audit.verify import verify_trail
from apps.deid import retention, tasks, withdrawal
from apps.deid.retention import settle_original
from apps.intake import erased
from apps.intake.models import CommitmentRequest, ReceivedInstance
from apps.intake.pacs import committing as committing_rules
from apps.jobs.models import Job
from apps.keys.keyring import subject_key
from apps.keys.services import destroy_subject_key
from apps.projects import holds
from apps.projects.domain.retention import Kind, Rule
from apps.release import services as releasing
from apps.release.models import Release
from apps.vault.files import create_file, storage
from tests import builders
from tests.builders import received_instance

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _a_slow_turn():
    cache.clear()


@pytest.fixture
def cleared(project, tmp_path):
    from fixtures.broken import sound

    row = received_instance(project, sound(tmp_path))
    ReceivedInstance.objects.filter(pk=row.pk).update(state="cleared")
    row.refresh_from_db()
    return row


def test_a_project_that_keeps_originals_keeps_them_and_says_so(command, cleared):
    name = cleared.original.storage_name
    assert settle_original(command, cleared) is False
    assert storage().exists(name)
    assert Event.objects.filter(action="retention.original").count() == 1


def test_a_project_that_keeps_none_lets_it_go_and_says_so(project, cleared, committing):
    name = cleared.original.storage_name
    project.options = {**project.options, "keep_originals": False}
    project.save()
    assert committing(tasks.let_originals_go) == 1
    cleared.refresh_from_db()
    assert cleared.original is None and not storage().exists(name)
    assert tasks.let_originals_go() == 0
    assert b'"original":"deleted"' in bytes(Event.objects.get(action="retention.original").entry)


def ruled(project, kind, days=0, since=None):
    rule = Rule(Kind(kind), days, since)
    project.options = {**project.options, "originals": rule.as_option()}
    project.save(update_fields=["options"])


def cleared_ago(row, days):
    """As if it had been cleared so many days ago."""
    at = timezone.now() - timedelta(days=days)
    ReceivedInstance.objects.filter(pk=row.pk).update(state_changed_at=at)


@pytest.fixture
def committing(django_capture_on_commit_callbacks):
    """What waits for a commit is done, as it is outside a test."""

    def do(function, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return function(*args, **kwargs)

    return do


def test_what_is_due_stands_on_a_list_first_and_leaves_its_proof(
    project, cleared, person, client, committing
):
    lead, officer = person("project_lead"), person("compliance_officer")
    file, client_page = cleared.original, "/retention/"
    cleared_ago(cleared, 29)
    ruled(project, "days", 30)
    client.force_login(officer.user)
    page = client.get(client_page).content.decode()
    assert f'data-due="{cleared.pk}"' in page and file.sha256 in page
    assert committing(tasks.let_originals_go) == 0
    cleared_ago(cleared, 31)
    assert committing(tasks.let_originals_go) == 1
    cleared.refresh_from_db()
    assert cleared.original is None and not storage().exists(file.storage_name)
    told = Event.objects.get(action="retention.original")
    assert file.sha256.encode() in bytes(told.entry)
    page = client.get(client_page).content.decode()
    assert file.sha256 in page and "data-due" not in page
    tree.sequence(1000)
    assert verify_trail().entries > 0
    client.force_login(lead.user)
    wrong = client.post(f"/retention/{project.pk}/rule/", {"kind": "days", "days": "0"})
    assert wrong.status_code == 400
    done = client.post(f"/retention/{project.pk}/rule/", {"kind": "keep", "days": "9"})
    assert done.status_code == 302
    project.refresh_from_db()
    assert project.keeps_originals and Event.objects.filter(action="retention.set_rule").exists()


def test_a_new_rule_erases_what_it_finds_only_after_a_week_on_the_list(
    project, cleared, person, committing
):
    cleared_ago(cleared, 400)
    retention.set_rule(person("data_steward"), project, kind="delete", days=0)
    project.refresh_from_db()
    assert committing(tasks.let_originals_go) == 0
    (due,) = retention.due_until(project, timezone.now() + timedelta(days=8), 10)
    assert due.received == cleared and due.due_at > timezone.now() + timedelta(days=6)
    ruled(project, "delete", since=timezone.now() - timedelta(days=8))
    assert committing(tasks.let_originals_go) == 1


def test_a_legal_hold_stops_the_rule_until_the_officer_lifts_it(
    project, cleared, person, client, committing
):
    officer, steward = person("compliance_officer"), person("data_steward")
    ruled(project, "delete")
    hold = holds.place(officer, project, subject=cleared.subject, reason="a lawsuit")
    with pytest.raises(Conflict):
        holds.place(officer, project, subject=cleared.subject, reason="again")
    with pytest.raises(Forbidden):
        holds.lift(steward, hold, reason="in the way")
    assert committing(tasks.let_originals_go) == 0
    cleared.refresh_from_db()
    assert cleared.original is not None
    client.force_login(steward.user)
    assert '<span class="badge look">held</span>' in client.get("/retention/").content.decode()
    with pytest.raises(Conflict, match="legal hold"):
        destroy_subject_key(steward, cleared.subject, reason="consent withdrawn")
    client.force_login(officer.user)
    assert client.post(f"/retention/holds/{hold.pk}/lift/", {"reason": "over"}).status_code == 302
    assert client.post(f"/retention/holds/{hold.pk}/lift/", {"reason": "over"}).status_code == 409
    assert committing(tasks.let_originals_go) == 1


def test_a_withdrawal_under_a_hold_ends_the_use_at_once_and_erases_once_it_is_lifted(
    project, cleared, person, command, committing
):
    officer, steward = person("compliance_officer"), person("data_steward")
    hold = holds.place(officer, project, subject=None, reason="an inspection")
    name = cleared.original.storage_name
    done = withdrawal.withdraw_subject(steward, cleared.subject, reason="consent withdrawn")
    assert (done.instances, done.originals, done.is_key_destroyed) == (1, 0, False)
    cleared.refresh_from_db()
    assert (cleared.state, cleared.reason) == ("withdrawn", "withdrawn")
    assert committing(tasks.let_originals_go) == 0 and storage().exists(name)
    cleared.subject.refresh_from_db()
    assert cleared.subject.wrapped_key is not None
    holds.lift(officer, hold, reason="the inspection is over")
    assert committing(tasks.let_originals_go) == 2
    assert not storage().exists(name)
    cleared.subject.refresh_from_db()
    assert cleared.subject.wrapped_key is None
    assert Event.objects.filter(action="deid.finish_withdrawal", outcome="done").count() == 1
    assert committing(tasks.let_originals_go) == 0


def test_bytes_that_a_crash_left_after_the_erasing_are_deleted_later(project, cleared, committing):
    ruled(project, "delete")
    file = cleared.original
    # Without the commit's own work: as if the process had ended there.
    assert tasks.let_originals_go() == 1
    assert storage().exists(file.storage_name)
    cache.clear()
    assert committing(tasks.let_originals_go) == 1
    assert not storage().exists(file.storage_name)
    cache.clear()
    assert committing(tasks.let_originals_go) == 0


def test_an_original_goes_some_days_after_the_first_release_that_holds_it(
    project, person, committing
):
    clip = builders.ready_clip(project, 16)
    builders.signed_adjudication(project, person, clip, shift=3)
    release = releasing.freeze(person("project_lead"), project, version="1", formats=["mot"])
    held = clip.instance.source
    with create_file("original", subject_key(held.subject)) as out:
        out.write(b"original")
        file = out.finish()
    file.save(force_insert=True)
    ReceivedInstance.objects.filter(pk=held.pk).update(original=file)
    ruled(project, "after_release", 10)
    assert retention.erase_due(service("worker")) == 0
    for days, count in ((9, 0), (11, 1)):
        at = timezone.now() - timedelta(days=days)
        Release.objects.filter(pk=release.pk).update(state="published", published_at=at)
        assert committing(retention.erase_due, service("worker")) == count
    assert not storage().exists(file.storage_name)


def test_what_was_promised_to_senders_is_never_let_go(project, person):
    steward = person("data_steward")
    project.options = {**project.options, "storage_commitment": True}
    project.save(update_fields=["options"])
    with pytest.raises(Conflict, match="promised"):
        retention.set_rule(steward, project, kind="days", days=30)
    project.options = {**project.options, "storage_commitment": False}
    project.save(update_fields=["options"])
    CommitmentRequest.objects.create(
        project=project, sealed=b"", n_referenced=1, n_committed=1, next_try_at=timezone.now()
    )
    with pytest.raises(Conflict, match="promised"):
        retention.set_rule(steward, project, kind="delete", days=0)
    retention.set_rule(steward, project, kind="keep", days=0)


def test_a_project_that_erases_later_cannot_promise_anything_either(project, person):
    ruled(project, "days", 3650)
    admin = person(system=("pacs_administrator",))
    with pytest.raises(Refused, match="cannot commit"):
        committing_rules.switch(admin, project, is_wanted=True)


def test_a_restored_database_does_not_bring_an_erased_original_back(
    project, cleared, command, committing, settings, tmp_path
):
    settings.CLINICAL_ANNOT_DESTROYED_FILE = tmp_path / "outside" / "destroyed-keys.jsonl"
    ruled(project, "delete")
    file = cleared.original
    with storage().open(file.storage_name) as source:
        content = source.read()
    assert committing(tasks.let_originals_go) == 1
    listed = erased.read_list(erased.place())
    assert [row["file"] for row in listed] == [str(file.pk)]

    # An older database and its files, as a backup has them.
    pending = storage().create(file.pk.hex)
    pending.write(content)
    pending.commit()
    file.save(force_insert=True)
    ReceivedInstance.objects.filter(pk=cleared.pk).update(original=file)
    erased.ErasedOriginal.objects.all().delete()
    assert committing(erased.replay, command, None, listed=listed) == 1
    cleared.refresh_from_db()
    assert cleared.original is None and not storage().exists(file.storage_name)
    assert erased.records()[0]["file"] == str(file.pk)
    assert committing(erased.replay, command, None, listed=listed) == 0
    # A line that nobody ended was never acknowledged; one that is damaged is named.
    with erased.place().open("ab") as out:
        out.write(b'{"file": ')
    assert len(erased.read_list(erased.place())) == 1
    with erased.place().open("ab") as out:
        out.write(b"\n")
    with pytest.raises(erased.BadErasedListError, match="line 2"):
        erased.read_list(erased.place())


def test_what_arrived_first_is_examined_first(project, tmp_path):
    from fixtures import broken

    rows = [received_instance(project, make(tmp_path)) for make in (broken.sound, broken.truncated)]
    tasks.find_received()
    queued = Job.objects.filter(kind="deid.examine").order_by("-priority", "created_at")
    assert [job.object_id for job in queued] == [str(row.pk) for row in rows]


def test_a_decision_that_was_replaced_is_not_finished_by_a_late_worker(command, cleared):
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
