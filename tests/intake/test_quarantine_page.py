"""The steward's list of what arrived, as a browser gets it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset

from apps.intake.models import ReceivedInstance
from apps.intake.receiving import Incoming, take

pytestmark = pytest.mark.django_db
Person = Callable[..., Any]


def arrive(command: Any, project: Any, *, uid: str = "1.2.3.4", text: str = "") -> ReceivedInstance:
    """An instance taken the way the node and the command take it."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.1.1", uid
    ds.StudyInstanceUID, ds.Modality, ds.NumberOfFrames = "1.2.3", "ES", 75
    ds.PatientName, ds.PatientID, ds.AccessionNumber = "Zyx^Planted", "PID-90210", "ACC-555"
    ds.ImageComments = text
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    incoming = Incoming()
    incoming.write(buffer.getvalue())
    return take(command, project, incoming, calling_ae="OR3_TOWER")


@pytest.fixture(autouse=True)
def _room(settings: Any) -> None:
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0


def signed_in(actor: Any) -> Client:
    client = Client()
    client.force_login(actor.user)
    return client


def test_a_clash_is_shown_with_its_reason_and_remedy_in_words(
    command: Any, project: Any, person: Person
) -> None:
    arrive(command, project)
    clash = arrive(command, project, text="other bytes")
    assert (clash.state, clash.reason) == ("held", "uid_clash")
    page = signed_in(person("data_steward")).get("/quarantine/").content.decode()
    assert page.count("<tr data-received=") == 2
    assert "Another instance with the same SOP Instance UID and other bytes" in page
    assert "then remove the other" in page
    assert f"/quarantine/{clash.pk}/reject/" in page
    assert f"/quarantine/{clash.pk}/retry/" not in page


def test_the_list_is_renewed_without_the_frame_of_the_page(
    command: Any, project: Any, person: Person
) -> None:
    arrive(command, project)
    part = signed_in(person("data_steward")).get("/quarantine/", headers={"HX-Request": "true"})
    assert b"<tr data-received=" in part.content
    assert b"<html" not in part.content


def test_the_page_that_rejects_asks_for_a_reason_and_the_list_offers_to_retry(
    command: Any, project: Any, person: Person
) -> None:
    held = arrive(command, project)
    client = signed_in(person("data_steward"))
    page = client.get(f"/quarantine/{held.pk}/reject/").content
    assert b"<textarea" in page and b"Planted" not in page
    client.post(f"/quarantine/{held.pk}/reject/", {"reason": "sent by mistake"})
    assert f"/quarantine/{held.pk}/retry/" in client.get("/quarantine/").content.decode()


def test_the_node_page_names_routes_and_refusals_to_its_administrator_alone(
    command: Any, project: Any, person: Person
) -> None:
    from apps.access.actor import service
    from apps.intake.services import note_association

    note_association(
        service("node"), None, outcome="refused", calling_ae="STRANGER",
        called_ae="NOBODY", peer="10.0.0.9", reason="unknown_called_ae",
    )  # fmt: skip
    page = signed_in(person(system=("pacs_administrator",))).get("/node/").content.decode()
    for shown in ("CLINANNOT", "STRANGER", "NOBODY", "10.0.0.9", "unknown_called_ae"):
        assert shown in page
    assert signed_in(person("data_steward")).get("/node/").status_code == 404


def test_a_study_is_found_by_an_exact_number_that_stands_in_no_address(
    command: Any, project: Any, person: Person
) -> None:
    from apps.audit.models import Event

    row = arrive(command, project)
    client = signed_in(person("data_steward"))
    for number in ("PID-90210", "1.2.3.4", "1.2.3", " PID-90210 "):
        page = client.post("/quarantine/search/", {"number": number})
        assert str(row.pk) in page.content.decode(), number
        assert b"PID-90210" not in page.content and "no-store" in page["Cache-Control"]
    for number in ("PID-9021", "PID-90210*", ""):
        assert (
            b"data-received" not in client.post("/quarantine/search/", {"number": number}).content
        )
    assert (
        b"data-received"
        not in client.post(
            "/quarantine/search/", {"number": "PID-90210", "issuer": "OTHER"}
        ).content
    )
    told = Event.objects.filter(action="intake.search")
    assert told.count() == 8 and "PID-9" not in repr(list(told.values()))
    assert client.get("/quarantine/search/?number=PID-90210").status_code == 405


def test_what_is_ticked_is_rejected_and_retried_together_each_by_its_own_event(
    command: Any, project: Any, person: Person
) -> None:
    from apps.audit.models import Event

    rows = [arrive(command, project, uid=f"1.2.3.{n}") for n in range(3)]
    ReceivedInstance.objects.filter(pk=rows[2].pk).update(state="cleared")
    client = signed_in(person("data_steward"))
    ticked = {"picked": [str(row.pk) for row in rows], "what": "reject"}
    assert client.post("/quarantine/bulk/", ticked).status_code == 400
    page = client.post("/quarantine/bulk/", {**ticked, "reason": "test images"}, follow=True)
    assert b"2 instances done." in page.content and "1 × This is cleared" in page.content.decode()
    assert ReceivedInstance.objects.filter(state="rejected").count() == 2
    assert Event.objects.filter(action="intake.reject", outcome="done").count() == 2
    client.post("/quarantine/bulk/", {**ticked, "what": "retry"})
    assert ReceivedInstance.objects.filter(state="received").count() == 2
    assert client.post("/quarantine/bulk/", {"what": "retry"}).status_code == 400


def test_another_projects_instances_cannot_be_ticked(
    command: Any, project: Any, person: Person
) -> None:
    from apps.projects.services import create_project

    other = create_project(command, None, slug="other", name="Other", ae_title="OTHER")
    row = arrive(command, project)
    client = signed_in(person("data_steward", where=other))
    ticked = {"picked": [str(row.pk)], "what": "reject", "reason": "x"}
    assert client.post("/quarantine/bulk/", ticked).status_code == 404
    row.refresh_from_db()
    assert row.state == "received"


def test_the_list_is_filtered_by_sender_modality_and_day(
    command: Any, project: Any, person: Person
) -> None:
    row = arrive(command, project)
    client = signed_in(person("data_steward"))
    day = row.received_at.date().isoformat()
    for query, is_there in (
        ("sender=OR3_TOWER", True), ("sender=ELSE", False), ("modality=ES", True),
        ("modality=US", False), (f"day={day}", True), ("day=2001-01-01", False),
        ("day=nonsense", True), ("state=held", False), ("state=received&sender=OR3_TOWER", True),
    ):  # fmt: skip
        page = client.get(f"/quarantine/?{query}").content.decode()
        assert (str(row.pk) in page) == is_there, query


def test_refusals_are_counted_with_reason_and_remedy_for_those_whom_they_concern(
    command: Any, project: Any, person: Person
) -> None:
    from apps.access.actor import service
    from apps.intake.services import note_refusal
    from apps.projects.services import create_project

    other = create_project(command, None, slug="other", name="Other", ae_title="OTHER")
    for _ in range(3):
        note_refusal(
            service("node"), project, reason="cannot_understand", calling_ae="OR3", peer="10.0.0.3"
        )
    note_refusal(service("node"), other, reason="not_dicom", calling_ae="", peer="")
    page = signed_in(person("data_steward")).get("/quarantine/").content.decode()
    assert "The header cannot be read (status C000)." in page and ">3</td>" in page
    assert "The sender must repair the instance." in page and "neither DICOM" not in page
    page = signed_in(person(system=("pacs_administrator",))).get("/node/").content.decode()
    assert 'data-refusal="cannot_understand"' in page and 'data-refusal="not_dicom"' in page


def test_the_node_page_says_how_much_comes_now_and_from_whom(
    command: Any, project: Any, person: Person
) -> None:
    for n in range(3):
        arrive(command, project, uid=f"1.2.3.{n}")
    ReceivedInstance.objects.update(size_bytes=20 << 20)
    page = (
        signed_in(person(system=("pacs_administrator",)))
        .get("/node/", headers={"HX-Request": "true"})
        .content.decode()
    )
    assert "3 instances in the last minute" in page and "1.0\xa0MB/s" in page
    assert page.count('height="100"') == 1 and page.count("<rect") == 30
    assert "OR3_TOWER" in page and "60.0\xa0MB" in page and "<html" not in page
    for identifier in ("PID-90210", "Zyx", "ACC-555", "1.2.3.1"):
        assert identifier not in page


def test_a_studys_progress_is_shown_through_the_rooms(project: Any, person: Person) -> None:
    from tests.builders import ready_clip

    lead = person("data_steward")
    clip = ready_clip(project)
    held = ReceivedInstance.objects.create(
        **{
            name: getattr(clip.instance.source, name)
            for name in ("project", "subject", "sealed_uids", "study_digest", "sop_class_uid",
                         "transfer_syntax_uid", "size_bytes")
        },
        sop_uid_digest=b"x" * 32, sha256="1" * 64, state="held", reason="decode_failed",
    )  # fmt: skip
    page = signed_in(lead).get("/quarantine/progress/").content.decode()
    assert page.count("data-study") == 1
    for shown in ("1 held or rejected", "1 cleared", "1 ready", clip.pseudonym):
        assert shown in page
    assert str(held.pk) not in page
    assert signed_in(person("annotator")).get("/quarantine/progress/").status_code == 404
