"""Who saw what of which patient: page, PDF, CSV, each an event; and what is unusual."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from pydicom import dcmread

from apps.audit import tree
from apps.audit.models import Event
from apps.intake.departments import code_of
from apps.intake.models import ReceivedInstance
from apps.library.models import Clip
from apps.library.services import open_clip, report_watched
from apps.projects.models import Project
from fixtures import broken
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def ready(kept) -> list[Clip]:
    def make(project):
        return [builders.ready_clip(project, 8, name) for name in ("one", "two")]

    return kept.make(make)


@pytest.fixture
def project(kept, db) -> Project:
    return Project.objects.get(pk=kept.project.pk)


@pytest.fixture
def clips(ready, db) -> list[Clip]:
    return [Clip.objects.get(pk=clip.pk) for clip in ready]


def pseudonym_of(clip: Clip) -> str:
    return str(clip.instance.series.study.project_subject.pseudonym)


def today(days: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


@pytest.fixture
def looked(project, person, clips):
    """Two people looked at the first patient, one of them at the second too."""
    anna, boris = person("annotator"), person("annotator")
    for who, clip in ((anna, clips[0]), (boris, clips[0]), (anna, clips[1])):
        builders.label_set(project, who, clip)
        open_clip(who, clip)
    report_watched(anna, clips[0], spans=[(0, 4), (6, 8)])
    while tree.sequence():
        pass
    tree.make_checkpoint()
    return anna, boris


def rows_of(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_who_saw_a_patient_in_a_period_is_told_on_the_page_as_csv_and_as_pdf(
    looked, clips, person, client
):
    anna, boris = looked
    officer = person("compliance_officer")
    client.force_login(officer.user)
    asked = (
        f"/audit/accesses/?pseudonym={pseudonym_of(clips[0])}&since={today(-1)}&until={today(1)}"
    )
    page = client.get(asked).content.decode()
    for name in (anna.user.printed_name, boris.user.printed_name, "0-3, 6-7", "opened the clip"):
        assert name in page
    rows = rows_of(client.get(f"{asked}&format=csv"))
    assert {(row["User name"], row["What"]) for row in rows} == {
        (anna.user.username, "opened the clip"),
        (boris.user.username, "opened the clip"),
        (anna.user.username, "watched frames"),
    }
    assert {row["Patient"] for row in rows} == {pseudonym_of(clips[0])}
    leaf = {
        str(e.leaf.seq) for e in Event.objects.filter(action="clip.open").select_related("leaf")
    }
    assert {row["Entry"] for row in rows if row["What"] == "opened the clip"} < leaf
    made = client.get(f"{asked}&format=pdf")
    assert made["Content-Type"] == "application/pdf" and made.content.startswith(b"%PDF-1.4")
    assert boris.user.username.encode() in made.content
    told = Event.objects.filter(action="audit.report").order_by("recorded_at")
    assert [json.loads(bytes(e.entry))["public"] for e in told] == [
        {"form": form, "rows": 3} for form in ("page", "csv", "pdf")
    ]
    assert all(e.actor == str(officer.user.pk) and e.project for e in told)
    assert pseudonym_of(clips[0]).encode() not in b"".join(bytes(e.entry) for e in told)

    bundle = json.loads(client.get(f"{asked}&format=fhir").content)
    names = {row["resource"]["agent"][0]["altId"] for row in bundle["entry"]}
    assert names == {anna.user.username, boris.user.username} and len(bundle["entry"]) == 3
    with zipfile.ZipFile(io.BytesIO(client.get(f"{asked}&format=dicom").content)) as held:
        messages = [ElementTree.fromstring(held.read(name)) for name in held.namelist()]
    assert len(messages) == 3
    for message in messages:
        patient = message.find("ParticipantObjectIdentification")
        assert patient.get("ParticipantObjectID") == pseudonym_of(clips[0])

    by_person = rows_of(
        client.get(f"/audit/accesses/?pseudonym=&person={anna.user.username}&format=csv")
    )
    assert {row["Patient"] for row in by_person} == {pseudonym_of(clip) for clip in clips}
    later = f"/audit/accesses/?pseudonym={pseudonym_of(clips[0])}&since={today(2)}&format=csv"
    assert rows_of(client.get(later)) == []
    everything = rows_of(client.get(f"{asked}&everything=1&format=csv"))
    assert {row["What"] for row in everything} > {"opened the clip", "label_set.create"}


def test_a_pseudonym_of_another_project_is_not_told_and_only_officers_ask(
    looked, clips, person, client
):
    client.force_login(person("compliance_officer").user)
    shown = client.get("/audit/accesses/?pseudonym=S-ELSEWHERE&format=csv").content.decode()
    assert "No patient of your projects has this pseudonym" in shown
    for other in (looked[0], person("project_lead"), person("data_steward"), person()):
        client.force_login(other.user)
        for path in ("/audit/accesses/", "/audit/unusual/"):
            assert client.get(path).status_code == 404


def test_what_is_unusual_is_listed_by_person_and_leads_to_the_accesses(
    looked, clips, person, client
):
    client.force_login(person("compliance_officer").user)
    hour = datetime.now(UTC).hour
    quiet = f"night_from={hour}&night_to={hour}"
    assert "Nothing unusual" in client.get(f"/audit/unusual/?{quiet}").content.decode()
    found = client.get(f"/audit/unusual/?patients=2&{quiet}").content.decode()
    assert "many patients within an hour" in found and looked[0].user.printed_name in found
    assert looked[1].user.printed_name not in found
    assert f"person={looked[0].user.username}" in found
    at_night = client.get(
        f"/audit/unusual/?night_from={(hour - 1) % 24}&night_to={(hour + 2) % 24}"
    )
    assert "at night" in at_night.content.decode()


def test_patients_of_another_department_than_one_s_own_are_listed_where_both_are_known(
    looked, clips, person, client, tmp_path
):
    anna, boris = looked[0], looked[1]
    officer = person("compliance_officer")
    client.force_login(officer.user)
    hour = datetime.now(UTC).hour
    page = f"/audit/unusual/?night_from={hour}&night_to={hour}"
    source = clips[0].instance.source
    source.department_code = code_of("Gastroenterology")
    source.save(update_fields=["department_code"])
    assert "another department" not in client.get(page).content.decode()
    administrator = person(system=("administrator",))
    client.force_login(administrator.user)
    for who, name in ((anna, "  gastroENTEROLOGY "), (boris, "Visceral surgery")):
        sent = {"person": str(who.user.pk), "what": "department", "department": name}
        assert client.post("/people/change/", sent).status_code == 302
    too_long = {"person": str(anna.user.pk), "what": "department", "department": "x" * 65}
    assert client.post("/people/change/", too_long).status_code == 400
    assert "Visceral surgery" in client.get("/people/").content.decode()
    client.force_login(officer.user)
    found = client.get(page).content.decode()
    assert "another department" in found
    assert boris.user.printed_name in found and anna.user.printed_name not in found


def test_a_study_s_department_is_kept_as_a_code_that_names_nobody(project, tmp_path):
    path = broken.sound(tmp_path)
    ds = dcmread(path)
    ds.InstitutionalDepartmentName = "Klinik 7 Nord"
    ds.save_as(path)
    received = builders.received_instance(project, path)
    assert received.department_code == code_of("KLINIK 7  nord") != code_of("Klinik 8 Nord")
    assert len(received.department_code) == 16
    kept = ReceivedInstance.objects.filter(pk=received.pk).values().get()
    assert not any(b"Klinik" in bytes(str(value), "utf-8") for value in kept.values())
    assert code_of(" ") == ""
