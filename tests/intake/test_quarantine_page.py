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
