"""What an archive sends afterwards: rejection notes, other patients, other demographics; each holds
what it touches until the data steward has decided."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import highdicom as hd
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from apps.access.errors import Conflict, Forbidden, Refused
from apps.audit.models import Event
from apps.intake import corrections, services
from apps.intake.models import Correction, ReceivedInstance
from tests.intake import peers

pytestmark = pytest.mark.django_db(transaction=True)
State = ReceivedInstance.State
SAFETY = Code("113037", "DCM", "Rejected for Patient Safety Reasons")
# What highdicom copies from the study into its note.
_STUDY = {
    "StudyID": "1", "StudyDate": "20260101", "StudyTime": "101500", "SeriesNumber": 1,
    "AccessionNumber": "", "PatientBirthDate": "", "PatientSex": "", "ReferringPhysicianName": "",
}  # fmt: skip
OF_INTEREST = Code("113000", "DCM", "Of Interest")


@pytest.fixture(autouse=True)
def _room(settings: Any) -> None:
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0


class Archive:
    """Sends to the node with dcmtk's storescu, as a PACS would."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port, self._folder = port, folder

    def send(self, content: bytes) -> bytes:
        path = self._folder / f"{generate_uid(None)}.dcm"
        path.write_bytes(content)
        done = peers.storescu(self._port, path)
        assert peers.SUCCESS in done.stdout, done.stdout
        return content

    def send_again(self, content: bytes, **changes: str) -> bytes:
        """The same instance with other values in its header."""
        ds = dcmread(io.BytesIO(content))
        for keyword, value in changes.items():
            setattr(ds, keyword, value)
        out = io.BytesIO()
        dcmwrite(out, ds)
        return self.send(out.getvalue())

    def note(self, *contents: bytes, title: Code = SAFETY) -> bytes:
        """A Key Object Selection Document of highdicom's making."""
        evidence = []
        for content in contents:
            ds = dcmread(io.BytesIO(content))
            for keyword, value in _STUDY.items():
                setattr(ds, keyword, value)
            evidence.append(ds)
        document = hd.ko.KeyObjectSelection(document_title=title, referenced_objects=evidence)
        made = hd.ko.KeyObjectSelectionDocument(
            evidence=evidence,
            content=document,
            series_instance_uid=generate_uid(None),
            series_number=9,
            sop_instance_uid=generate_uid(None),
            instance_number=1,
            manufacturer="Archive",
        )
        out = io.BytesIO()
        made.save_as(out)
        return out.getvalue()


@pytest.fixture
def archive(node: Any, tmp_path: Path) -> Archive:
    return Archive(node.port, tmp_path)


def row_of(content: bytes) -> ReceivedInstance:
    digest = services.sop_uid_digest(peers.uid_of(content))
    return ReceivedInstance.objects.get(sop_uid_digest=digest, clash_with=None)


def settled(steward: Any, correction: Correction, decision: str) -> Correction:
    return corrections.settle(steward, correction, decision=decision, reason="asked the archive")


def test_a_rejection_note_holds_what_it_names_and_nothing_else(
    archive: Archive, person: Any
) -> None:
    named, other = archive.send(peers.instance()), archive.send(peers.instance())
    archive.send(archive.note(named))
    made = Correction.objects.get()
    assert (made.kind, made.code, made.state) == ("rejected", "113037", "open")
    assert (row_of(named).state, row_of(named).reason) == ("held", "correction")
    assert row_of(other).state == "received"
    assert made.told_by is not None and made.told_by.reason == "rejection_note"
    assert Event.objects.get(action="correction.reject").outcome == "held"
    steward = person("data_steward")
    for verb, more in ((services.retry_instance, {}), (services.reject_instance, {"reason": "x"})):
        with pytest.raises(Conflict):
            verb(steward, row_of(named), **more)
    settled(steward, made, "kept")
    assert (row_of(named).state, row_of(named).reason) == ("received", "")


def test_what_a_note_names_is_held_when_it_arrives_later(archive: Archive, person: Any) -> None:
    late = peers.instance()
    archive.send(archive.note(late))
    assert Correction.objects.get().targets.get().instance is None
    archive.send(late)
    assert (row_of(late).state, row_of(late).reason) == ("held", "correction")
    settled(person("data_steward"), Correction.objects.get(), "withdrawn")
    assert row_of(late).state == "rejected"


def test_a_selection_of_key_images_that_rejects_nothing_holds_nothing(archive: Archive) -> None:
    shown = archive.send(peers.instance())
    note = archive.send(archive.note(shown, title=OF_INTEREST))
    assert not Correction.objects.exists()
    assert row_of(shown).state == row_of(note).state == "received"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"PatientID": "PAT-9"}, "patient_changed"),
        ({"PatientName": "Married^Name"}, "demographics_changed"),
        ({"PatientSex": "M"}, "demographics_changed"),
    ],
)
def test_an_instance_that_comes_again_under_other_data_of_the_patient_holds_both(
    archive: Archive, changes: dict[str, str], kind: str
) -> None:
    first = archive.send(peers.instance())
    archive.send_again(first, **changes)
    made = Correction.objects.get()
    assert made.kind == kind and made.told_by is not None
    assert (made.told_by.state, made.told_by.reason) == ("held", kind)
    assert (row_of(first).state, row_of(first).reason) == ("held", "correction")


def test_other_bytes_of_the_same_patient_are_a_clash_and_no_correction(archive: Archive) -> None:
    first = archive.send(peers.instance())
    archive.send_again(first, Modality="XA")
    assert not Correction.objects.exists()
    assert row_of(first).state == "received"
    assert ReceivedInstance.objects.exclude(clash_with=None).get().reason == "uid_clash"


def test_of_two_corrections_the_last_decision_lets_go(archive: Archive, person: Any) -> None:
    named, steward = archive.send(peers.instance()), person("data_steward")
    archive.send(archive.note(named))
    archive.send_again(named, PatientName="Other^Name")
    first, second = Correction.objects.order_by("created_at")
    settled(steward, first, "kept")
    assert row_of(named).state == "held"
    settled(steward, second, "kept")
    assert row_of(named).state == "received"
    with pytest.raises(Conflict):
        settled(steward, second, "withdrawn")


def test_a_merge_that_the_steward_was_told_of_holds_both_patients(
    archive: Archive, project: Any, person: Any
) -> None:
    one = archive.send(peers.instance(patient="PAT-1"))
    two = archive.send(peers.instance(patient="PAT-2"))
    third = archive.send(peers.instance(patient="PAT-3"))
    steward = person("data_steward")
    with pytest.raises(Refused) as refused:
        corrections.merge_patients(steward, project, gone=("PAT-77", ""), stays=("PAT-1", ""))
    assert refused.value.status == 404 and "PAT" not in refused.value.message
    with pytest.raises(Forbidden):
        corrections.merge_patients(
            person("annotator"), project, gone=("PAT-1", ""), stays=("PAT-2", "")
        )
    made = corrections.merge_patients(steward, project, gone=("PAT-1", ""), stays=("PAT-2", ""))
    assert made.targets.count() == 2
    assert row_of(one).state == row_of(two).state == "held"
    assert row_of(third).state == "received"
    for event in Event.objects.all():
        assert b"PAT-" not in bytes(event.entry) + bytes(event.private)


def test_the_pages_show_it_to_the_projects_steward_alone(
    archive: Archive, person: Any, client: Any, project: Any
) -> None:
    named = archive.send(peers.instance(patient="PAT-4711"))
    archive.send(archive.note(named))
    made = Correction.objects.get()
    for role in ("annotator", "project_lead"):
        client.force_login(person(role).user)
        assert client.get("/corrections/").status_code == 404
        assert client.get(f"/corrections/{made.pk}/").status_code == 404
    client.force_login(person("data_steward").user)
    assert "Rejected for Patient Safety Reasons" in client.get("/corrections/").content.decode()
    page = client.get(f"/corrections/{made.pk}/").content.decode()
    assert f'data-received="{row_of(named).pk}"' in page
    assert "PAT-4711" not in page and "Planted" not in page
    answer = client.post(f"/corrections/{made.pk}/settle/", {"decision": "withdrawn", "reason": ""})
    assert answer.status_code == 400
    told = {"decision": "withdrawn", "reason": "the archive confirmed"}
    assert client.post(f"/corrections/{made.pk}/settle/", told).status_code == 302
    assert row_of(named).state == "rejected"
    asked = {"project": str(project.pk), "gone": "PAT-4711", "stays": "PAT-0"}
    answer = client.post("/corrections/merge/", asked)
    assert answer.status_code == 404 and b"PAT-" not in answer.content
