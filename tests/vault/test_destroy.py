"""Destroying a subject's key: nothing that shows or names the subject opens again, anywhere."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset

from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.audit import triggers
from apps.audit.models import Event
from apps.audit.tree import sequence
from apps.audit.verify import verify_trail
from apps.deid.domain.profile import load_builtin
from apps.deid.identity import identity_of
from apps.intake.ingest import ingest
from apps.intake.models import ReceivedInstance
from apps.intake.receiving import Incoming, take
from apps.keys import destroyed, keyring, services, tasks
from apps.keys.keyring import KeyDestroyedError
from apps.keys.models import DestroyedKey, Subject
from apps.projects.services import create_project
from apps.vault import files, storage
from apps.vault.models import VaultFile


@pytest.fixture(autouse=True)
def place(settings: Any, tmp_path: Path, monkeypatch: Any) -> Path:
    """A vault of this test's own, and the list of destroyed keys beside no key of another's."""
    own = storage.LocalStorage(tmp_path / "data" / "vault")
    for module in ("apps.vault.files", "apps.intake.receiving"):
        monkeypatch.setattr(f"{module}.storage", lambda: own)
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0
    settings.CLINICAL_ANNOT_DESTROYED_FILE = tmp_path / "keys" / "destroyed-keys.jsonl"
    # Another test may have handed out a checkpoint of another log.
    settings.CLINICAL_ANNOT_CHECKPOINT_FILE = tmp_path / "checkpoints.txt"
    assert files.storage() is own
    return tmp_path


def instance(patient: str, uid: str) -> bytes:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.1.1", uid
    ds.StudyInstanceUID, ds.Modality, ds.NumberOfFrames = f"{uid}.9", "ES", 75
    ds.PatientName, ds.PatientID = f"Zyx^{patient}", patient
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def arrive(command: Any, project: Any, patient: str, uid: str) -> ReceivedInstance:
    incoming = Incoming()
    incoming.write(instance(patient, uid))
    return take(command, project, incoming)


def subject_of(received: ReceivedInstance) -> Subject:
    return Subject.objects.get(pk=received.subject_id)


def readable(received: ReceivedInstance) -> list[str]:
    """What of a subject still opens, with every key that this server has."""
    received = ReceivedInstance.objects.select_related("original", "subject").get(pk=received.pk)
    assert received.original is not None
    event = Event.objects.get(action="intake.receive", object_id=str(received.pk))
    tries = {
        "original": lambda: keyring.open_vault_file(received.original).read(),
        "uids": lambda: keyring.unseal_for(received.subject, received.sealed_uids, "received-uids"),
        "mapping": lambda: (
            identity_of(received.project, subject_of(received), load_builtin("basic")).uid_key
        ),
        "audit detail": lambda: keyring.detail_of(event),
    }
    opened = []
    for name, attempt in tries.items():
        try:
            attempt()
            opened.append(name)
        except KeyDestroyedError:
            pass
    return opened


ALL = ["original", "uids", "mapping", "audit detail"]


def files_with(folder: Path, needle: bytes) -> list[str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert paths
    return [path.name for path in paths if needle in path.read_bytes()]


@pytest.mark.django_db(transaction=True)
def test_after_destroying_nothing_of_the_subject_opens_and_everything_of_others_does(
    command: Any, project: Any, person: Any, place: Path, settings: Any
) -> None:
    gone, kept = (arrive(command, project, f"PID-{n}", f"1.2.3.{n}") for n in (71, 72))
    assert readable(gone) == readable(kept) == ALL
    wrapped = bytes(subject_of(gone).wrapped_key or b"")
    steward = person("data_steward")
    services.destroy_subject_key(steward, subject_of(gone), reason="consent withdrawn")
    assert readable(gone) == []
    assert readable(kept) == ALL
    # What the key was made of stands nowhere: no row, no freed page, no log of the database.
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM keys_subject WHERE wrapped_key = %s", [wrapped])
        assert cursor.fetchone()[0] == 0
    if connection.vendor == "sqlite":
        database = Path(str(connection.settings_dict["NAME"]))
        for path in database.parent.glob(f"{database.name}*"):
            assert wrapped[-32:] not in path.read_bytes(), path.name
    assert not files_with(place, wrapped[-32:])
    assert not files_with(place, b"PID-71")
    # The proofs still hold, the event says who and why, and the outside list names the subject.
    sequence()
    verify_trail()
    event = Event.objects.get(action="keys.destroy")
    assert event.actor == steward.id and b"consent withdrawn" in bytes(event.private)
    listed = destroyed.read_list(Path(settings.CLINICAL_ANNOT_DESTROYED_FILE))
    assert [subject for subject, _ in listed] == [gone.subject_id]
    client = Client()
    client.force_login(steward.user)
    assert client.get("/quarantine/").status_code == 200
    assert client.get(reverse("review-frame", args=[gone.pk, 0])).status_code in (404, 409, 410)


@pytest.mark.django_db(transaction=True)
def test_a_restored_database_is_made_to_forget_again_before_it_serves(
    command: Any, project: Any, place: Path, settings: Any
) -> None:
    gone, kept = (arrive(command, project, f"PID-{n}", f"1.2.3.{n}") for n in (81, 82))
    backup = dict(Subject.objects.values_list("pk", "wrapped_key"))
    services.destroy_subject_key(command, subject_of(gone), reason="withdrawn")
    # The database as it was copied: the key is back, and it does not know that it was destroyed.
    Subject.objects.filter(pk=gone.subject_id).update(
        wrapped_key=backup[gone.subject_id], destroyed_at=None
    )
    triggers.remove(("keys_destroyedkey",))
    DestroyedKey.objects.all().delete()
    triggers.install(("keys_destroyedkey",))
    assert readable(gone) == ALL
    path = Path(settings.CLINICAL_ANNOT_DESTROYED_FILE)
    assert destroyed.replay_destroyed(command, path) == 1
    assert readable(gone) == [] and readable(kept) == ALL
    assert destroyed.replay_destroyed(command, path) == 0
    assert destroyed.records() == [
        {"subject": str(s), "destroyed_at": t.isoformat()} for s, t in destroyed.read_list(path)
    ]
    # Records say the same as the file, also to a database that never had the subject.
    elsewhere = [{"subject": str(project.pk), "destroyed_at": "2026-01-01T00:00:00+00:00"}]
    assert destroyed.replay_destroyed(command, elsewhere) == 0
    assert DestroyedKey.objects.filter(pk=project.pk).exists()


@pytest.mark.django_db
def test_a_damaged_list_is_refused_whole_and_an_unfinished_line_is_not(
    command: Any, place: Path
) -> None:
    subject = keyring.subject_for("4711")
    good = f'{{"destroyed_at": "2026-01-01T00:00:00+00:00", "subject": "{subject.pk}"}}\n'
    path = place / "list.jsonl"
    path.write_text(good + "rubbish\n" + good)
    with pytest.raises(destroyed.BadListError, match="line 2"):
        destroyed.replay_destroyed(command, path)
    assert subject_key_stands(subject)
    path.write_text(good + '{"destroyed_at": "20')
    assert destroyed.replay_destroyed(command, path) == 1
    assert not subject_key_stands(subject)


def subject_key_stands(subject: Subject) -> bool:
    return Subject.objects.get(pk=subject.pk).wrapped_key is not None


@pytest.mark.django_db
def test_the_outside_list_is_made_whole_again_by_the_worker(
    command: Any, place: Path, settings: Any, monkeypatch: Any
) -> None:
    """The process died after its commit and in the middle of its line."""
    one, other = keyring.subject_for("1"), keyring.subject_for("2")
    for subject in (one, other):
        services.destroy_subject_key(command, subject, reason="withdrawn")
    path = Path(settings.CLINICAL_ANNOT_DESTROYED_FILE)
    destroyed.sync_outside()
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    monkeypatch.setattr(tasks, "_listed", -1)
    assert tasks.list_destroyed_keys() == 1
    assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.django_db
def test_only_a_steward_of_every_project_that_holds_the_subject_may_destroy_its_key(
    command: Any, project: Any, person: Any
) -> None:
    second = create_project(command, None, slug="second", name="Second", ae_title="SECOND")
    here = arrive(command, project, "PID-91", "1.2.3.91")
    arrive(command, second, "PID-91", "1.2.3.92")
    subject, both = subject_of(here), person("data_steward")
    for actor in (both, person("annotator", "project_lead"), person(system=("administrator",))):
        with pytest.raises((NotFound, Forbidden)):
            services.destroy_subject_key(actor, subject, reason="withdrawn")
    assert subject_key_stands(subject)
    assert Event.objects.filter(action="keys.destroy", outcome="refused").count() == 3
    from apps.projects.services import grant_role

    grant_role(command, second, both.user, "data_steward")
    with pytest.raises(Refused, match="reason"):
        services.destroy_subject_key(both, subject, reason=" ")
    services.destroy_subject_key(both, subject, reason="withdrawn")
    assert not subject_key_stands(subject)
    with pytest.raises(Conflict):
        services.destroy_subject_key(both, subject, reason="again")


@pytest.mark.django_db
def test_what_arrives_of_the_subject_later_is_not_taken_and_leaves_nothing(
    command: Any, project: Any, place: Path
) -> None:
    here = arrive(command, project, "PID-95", "1.2.3.95")
    services.destroy_subject_key(command, subject_of(here), reason="withdrawn")
    stored = {name for name, _ in files.storage().names()}
    with pytest.raises(KeyDestroyedError):
        arrive(command, project, "PID-95", "1.2.3.96")
    again = place / "again.dcm"
    again.write_bytes(instance("PID-95", "1.2.3.97"))
    (taken,) = ingest(command, project, again)
    assert (taken.received, taken.reason) == (None, "subject_destroyed")
    assert {name for name, _ in files.storage().names()} == stored
    assert VaultFile.objects.count() == 1


@pytest.mark.django_db
def test_the_list_of_destroyed_keys_only_grows(command: Any) -> None:
    services.destroy_subject_key(command, keyring.subject_for("1"), reason="withdrawn")
    for change in (
        "UPDATE keys_destroyedkey SET destroyed_at = NULL",
        "DELETE FROM keys_destroyedkey",
    ):
        with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
            from django.db import transaction

            with transaction.atomic():
                cursor.execute(change)
    assert DestroyedKey.objects.count() == 1


@pytest.mark.django_db
def test_the_command_destroys_by_an_instance_and_wants_a_reason(command: Any, project: Any) -> None:
    here = arrive(command, project, "PID-97", "1.2.3.97")
    words = ("destroy_subject_key", "--instance", str(here.pk), "--reason")
    for reason, code in ((" ", 1), ("withdrawn", 0), ("again", 1)):
        try:
            call_command(*words, reason, stdout=io.StringIO(), stderr=io.StringIO())
            ended = 0
        except SystemExit as end:
            ended = int(end.code or 0)
        assert ended == code
    assert not subject_key_stands(subject_of(here))


@pytest.mark.django_db
def test_a_steward_destroys_by_the_api_and_a_stranger_finds_no_subject(
    command: Any, project: Any, person: Any
) -> None:
    here = arrive(command, project, "PID-98", "1.2.3.98")
    address = reverse("subject-destroy-key", args=[here.subject_id])

    def ask(actor: Any, reason: Any) -> int:
        client = Client()
        client.force_login(actor.user)
        body = {"reason": reason}
        return client.post(address, body, content_type="application/json").status_code

    assert ask(person(), "withdrawn") == 404
    assert ask(person("annotator"), "withdrawn") in (403, 404)
    steward = person("data_steward")
    assert ask(steward, "") == 400 and ask(steward, 7) == 400
    assert subject_key_stands(subject_of(here))
    assert ask(steward, "withdrawn") == 200
    assert not subject_key_stands(subject_of(here))
    assert ask(steward, "again") == 409
    shown = Client()
    shown.force_login(steward.user)
    told = shown.get(reverse("review-api", args=[here.pk])).json()
    assert told["subject"] == str(here.subject_id)
