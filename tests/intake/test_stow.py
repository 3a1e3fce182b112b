"""DICOMweb store requests: the same intake as C-STORE's, an answer for each instance."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from pydicom import Dataset, dcmread

from apps.access import tokens
from apps.access.actor import service
from apps.audit.models import Event
from apps.intake import services
from apps.intake.models import ReceivedInstance
from apps.keys import keyring
from apps.keys.services import destroy_subject_key
from apps.projects.services import create_project
from apps.vault.models import VaultFile
from tests.intake import peers

pytestmark = pytest.mark.django_db
PLAIN = "/dicomweb/studies"
DEMO = "/dicomweb/projects/demo/studies"
TYPE = 'multipart/related; type="application/dicom"; boundary="b0und"'


def body(*parts: bytes, part_type: bytes = b"application/dicom") -> bytes:
    head = b"--b0und\r\nContent-Type: " + part_type + b"\r\n\r\n"
    return b"".join(head + part + b"\r\n" for part in parts) + b"--b0und--\r\n"


@pytest.fixture
def sender(project: Any) -> str:
    out = io.StringIO()
    call_command("add_sender", "or3-gateway", "--project", "demo", stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def post(client: Client, sender: str) -> Callable[..., Any]:
    def send(data: bytes, path: str = PLAIN, content_type: str = TYPE, **headers: str) -> Any:
        headers.setdefault("Authorization", f"Bearer {sender}")
        return client.post(path, data, content_type=content_type, headers=headers)

    return send


def answer(response: Any) -> Dataset:
    assert response["Content-Type"] == "application/dicom+json"
    return Dataset.from_json(response.content.decode())


def files_in_vault(settings: Any) -> list[Path]:
    root = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "vault"
    return [path for path in root.rglob("*") if path.is_file()]


def test_every_instance_is_taken_and_named_in_the_answer(post):
    sent = [peers.instance(), peers.instance(), peers.instance(sop_class=peers.ENDOSCOPIC_VIDEO)]
    said = post(body(*sent))
    assert said.status_code == 200
    stored = answer(said).ReferencedSOPSequence
    assert [item.ReferencedSOPInstanceUID for item in stored] == [peers.uid_of(x) for x in sent]
    assert stored[2].ReferencedSOPClassUID == peers.ENDOSCOPIC_VIDEO
    assert "FailedSOPSequence" not in answer(said)
    rows = ReceivedInstance.objects.order_by("received_at")
    assert [row.sha256 for row in rows] == [peers.digest_of_data_set(x) for x in sent]
    assert {(row.door, row.peer, row.state) for row in rows} == {
        ("dicomweb", "127.0.0.1", "received")
    }
    assert Event.objects.filter(action="intake.receive", outcome="done").count() == 3
    assert Event.objects.filter(action="intake.stow", outcome="done").count() == 1


def test_the_same_again_is_one_instance_and_other_bytes_under_its_uid_are_held(post):
    first, other = peers.instance(uid="1.2.3"), peers.instance(uid="1.2.3")
    assert post(body(first)).status_code == post(body(first)).status_code == 200
    assert ReceivedInstance.objects.count() == VaultFile.objects.count() == 1
    assert post(body(other)).status_code == 200
    assert ReceivedInstance.objects.get(clash_with__isnull=False).reason == "uid_clash"


def test_what_cannot_be_read_fails_alone(post):
    good = peers.instance()
    said = post(body(good, b"no DICOM at all", peers.instance()[:300]))
    assert said.status_code == 202
    assert len(answer(said).ReferencedSOPSequence) == 1
    assert [x.FailureReason for x in answer(said).OtherFailuresSequence] == [0xC000, 0xC000]
    assert ReceivedInstance.objects.count() == VaultFile.objects.count() == 1
    assert Event.objects.filter(action="intake.refuse").count() == 2


def test_an_instance_of_another_study_than_the_address_names_fails(post, settings):
    mine, other = peers.instance(), peers.instance()
    study = dcmread(io.BytesIO(mine)).StudyInstanceUID
    said = post(body(mine, other), f"{PLAIN}/{study}")
    assert said.status_code == 202
    failed = answer(said).FailedSOPSequence[0]
    assert failed.ReferencedSOPInstanceUID == peers.uid_of(other)
    assert failed.FailureReason == 0xA900
    before = files_in_vault(settings)
    assert post(body(other), f"{PLAIN}/{study}").status_code == 409
    assert files_in_vault(settings) == before


def test_a_body_cut_in_the_middle_of_an_instance_leaves_nothing_of_it(post, settings):
    before = files_in_vault(settings)
    whole = body(peers.instance(size_bytes=3 << 20))
    for end in (10, 200, 1 << 20, len(whole) - 12):
        said = post(whole[:end])
        assert said.status_code == 400, end
    assert not ReceivedInstance.objects.exists() and files_in_vault(settings) == before
    first = peers.instance()
    said = post(body(first, peers.instance())[:-1000])
    assert said.status_code == 202, "the first one was whole"
    assert ReceivedInstance.objects.get().sha256 == peers.digest_of_data_set(first)
    assert Event.objects.filter(action="intake.stow", outcome="aborted").count() == 5


@pytest.mark.parametrize(
    "content_type",
    [
        "application/dicom",
        "application/json",
        'multipart/related; type="application/dicom+json"; boundary=b0und',
        "multipart/form-data; boundary=b0und",
    ],
)
def test_other_media_types_are_refused(post, content_type):
    said = post(body(peers.instance()), content_type=content_type)
    assert said.status_code == 415 and said.json()["error"]["remedy"]


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_compressed_body_is_refused_with_a_remedy(post, encoding):
    said = post(body(b"nothing"), **{"Content-Encoding": encoding})
    assert said.status_code == 415 and "Content-Encoding" in said.json()["error"]["remedy"]


def test_a_body_that_is_no_multipart_or_has_no_part_is_a_bad_request(post):
    assert post(b"\r\n").status_code == 400
    assert post(b"--b0und--\r\n").status_code == 400
    assert post(b"x" * 5000).status_code == 400
    no_boundary = 'multipart/related; type="application/dicom"'
    assert post(body(peers.instance()), content_type=no_boundary).status_code == 400


def test_parts_of_another_kind_are_said_to_have_failed(post):
    said = post(body(b"{}", part_type=b"application/dicom+json"))
    assert said.status_code == 409
    assert answer(said).OtherFailuresSequence[0].FailureReason == 0xC000


def test_a_request_may_be_larger_than_other_doors_take_but_not_without_end(post, settings):
    assert post(body(peers.instance(size_bytes=5 << 20))).status_code == 200
    settings.CLINICAL_ANNOT_STOW_LIMIT_BYTES = 1 << 20
    assert post(body(peers.instance(size_bytes=2 << 20))).status_code == 413
    refused = post(b"x" * (5 << 20), "/api/v1/session/", content_type="multipart/related")
    assert refused.status_code == 413
    assert ReceivedInstance.objects.count() == 1


def test_without_room_the_sender_is_told_to_come_again(post, settings):
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 1 << 62
    said = post(body(peers.instance()))
    assert said.status_code == 503 and said["Retry-After"]
    assert answer(said).OtherFailuresSequence[0].FailureReason == 0xA700
    assert not ReceivedInstance.objects.exists()


def test_nothing_of_a_withdrawn_subject_is_taken_and_the_reason_is_on_record(
    post, settings, tmp_path
):
    settings.CLINICAL_ANNOT_DESTROYED_FILE = tmp_path / "destroyed.jsonl"
    gone = keyring.subject_for("GONE")
    destroy_subject_key(service("command"), gone, reason="withdrawn")
    said = post(body(peers.instance(patient="GONE"), peers.instance(patient="STAYS")))
    assert said.status_code == 202
    assert [item.FailureReason for item in answer(said).FailedSOPSequence] == [0x0110]
    (refused,) = Event.objects.filter(action="intake.refuse")
    assert b"subject_destroyed" in bytes(refused.entry)
    assert VaultFile.objects.count() == 1


def test_an_instance_that_the_database_does_not_take_fails_by_name(post, monkeypatch):
    sent, taking = [peers.instance(), peers.instance()], services.receive_instance

    def away(*args: Any, facts: Any, **kwargs: Any) -> Any:
        if facts.sop_instance_uid == peers.uid_of(sent[0]):
            raise OperationalError("server closed the connection")
        return taking(*args, facts=facts, **kwargs)

    monkeypatch.setattr(services, "receive_instance", away)
    said = post(body(*sent))
    assert said.status_code == 202
    failed = answer(said).FailedSOPSequence[0]
    assert failed.ReferencedSOPInstanceUID == peers.uid_of(sent[0])
    assert failed.FailureReason == 0xA700


def test_a_sender_stores_into_its_own_project_alone_and_sees_nothing(post, command, client, sender):
    other = create_project(command, None, slug="other", name="Other", ae_title="OTHER")
    said = post(body(peers.instance()), "/dicomweb/projects/other/studies")
    assert said.status_code == 404
    assert Event.objects.filter(
        action="intake.stow", outcome="refused", project=str(other.pk)
    ).exists()
    assert post(body(peers.instance()), DEMO).status_code == 200
    for path in ("/api/v1/clips/", "/api/v1/releases/"):
        seen = client.get(path, headers={"Authorization": f"Bearer {sender}"}).json()
        assert seen and not any(seen.values())


def test_a_pacs_administrator_names_the_project_and_an_annotator_may_not_store(post, person):
    def token(actor: Any) -> str:
        return f"Bearer {tokens.make(actor.user, 'test')}"

    paula, anna = token(person(system=("pacs_administrator",))), token(person("annotator"))
    assert post(body(peers.instance()), DEMO, Authorization=paula).status_code == 200
    unclear = post(body(peers.instance()), PLAIN, Authorization=paula)
    assert unclear.status_code == 400 and unclear.json()["error"]["code"] == "project_unclear"
    for path in (PLAIN, DEMO):
        assert post(body(peers.instance()), path, Authorization=anna).status_code == 403
    assert post(body(peers.instance()), DEMO, Authorization="Bearer nobody").status_code == 401


def test_a_name_that_is_taken_or_no_name_makes_no_sender(sender, project):
    for name in ("or3-gateway", "Not A Name"):
        with pytest.raises(SystemExit) as ended:
            call_command("add_sender", name, "--project", "demo", stderr=io.StringIO())
        assert ended.value.code == 1
    with pytest.raises(SystemExit) as ended:
        call_command("add_sender", "x1", "--project", "none", stderr=io.StringIO())
    assert ended.value.code == 2
