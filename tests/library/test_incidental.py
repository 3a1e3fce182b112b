"""Incidental findings: flagged, identified under break-glass, told, closed; who reads what."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from apps.access.again import Proof
from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.audit.models import Event
from apps.keys import keyring
from apps.keys.services import destroy_subject_key
from apps.library import incidental
from apps.library.domain import incidental as rule
from apps.library.models import Clip, IncidentalFinding
from apps.projects import emergency
from clinical_annot.accesses import Asked, accesses
from clinical_annot.logs import told
from tests import builders
from tests.access.factors import code_of, with_app

pytestmark = pytest.mark.django_db
TEXT = "A polyp of 12 mm behind the fold, Mrs Morgan should be called"
UIDS = {"study_instance_uid": "1.2.826.5", "sop_instance_uid": "1.2.826.6"}


def _assigned(project, person):
    clip = builders.ready_clip(project, 8)
    people = [person("annotator"), person("annotator")]
    for each in people:
        builders.label_set(project, each, clip)
    source = clip.instance.source
    source.sealed_uids = keyring.seal_for(
        source.subject, json.dumps(UIDS).encode(), "received-uids"
    )
    source.save(update_fields=["sealed_uids"])
    steward, officer = person("data_steward"), person("compliance_officer")
    return clip, people, steward, officer, person("project_lead")


@pytest.fixture(scope="module")
def assigned(kept):
    return kept.make(_assigned, kept.person)


@pytest.fixture(autouse=True)
def _no_earlier_tries():
    cache.clear()


@pytest.fixture
def flagged(assigned, client, db):
    clip, (author, _), *_ = assigned
    client.force_login(author.user)
    body = {"frame_index": 3, "severity": "urgent", "text": TEXT}
    made = client.post(f"/api/v1/clips/{clip.pk}/findings/", body, content_type="application/json")
    assert made.status_code == 201, made.content
    return IncidentalFinding.objects.get(pk=made.json()["id"])


def break_glass(actor, clip):
    proof = Proof(builders.PASSWORD, code_of(with_app(actor.user)))
    return emergency.begin(actor, clip.project, reason="a finding", minutes=15, proof=proof)


def test_a_finding_goes_from_the_frame_to_the_clinic_and_its_writer_learns_that_it_did(
    assigned, flagged, client
):
    clip, (author, _), steward, _, _ = assigned
    page = f"/findings/{flagged.pk}/"
    client.force_login(steward.user)
    assert client.get("/").context["chrome"]["menu"]
    shown = client.get(page).content.decode()
    assert "Mrs Morgan" in shown and "Break the glass" in shown and "1.2.826" not in shown
    assert client.post(f"{page}who/").status_code == 403
    body = {"told": "Ward 3", "way": "telephone", "told_at": f"{timezone.now():%Y-%m-%dT%H:%M}"}
    assert client.post(f"{page}report/", body).status_code == 409

    # The page of emergency access knows what the glass is broken for, and leads back.
    form = client.get(f"/emergency/?finding={flagged.pk}").context
    assert form["finding"] == flagged
    secret = with_app(steward.user)
    given = {"project": str(clip.project_id), "minutes": "15", "reason": "a finding"}
    given |= {"password": builders.PASSWORD, "code": code_of(secret), "finding": str(flagged.pk)}
    assert client.post("/emergency/begin/", given).headers["Location"] == page
    identified = client.post(f"{page}who/")
    assert identified.status_code == 200 and "1.2.826.5" in identified.content.decode()
    assert "1.2.826" not in client.get(page).content.decode()

    late = {**body, "told_at": "2999-01-01T10:00"}
    early = {**body, "told_at": "2001-01-01T10:00"}
    for wrong in (late, early, {**body, "told_at": "soon"}, {**body, "way": "rumour"}):
        assert client.post(f"{page}report/", wrong).status_code == 400
    assert client.post(f"{page}report/", body).status_code == 302
    assert client.post(f"{page}close/", {"outcome": "duplicate", "note": "x"}).status_code == 400
    done = client.post(f"{page}close/", {"outcome": "acted_on", "note": "Called in for Monday"})
    assert done.status_code == 302
    assert "The clinic acts on it" in client.get("/findings/").content.decode()

    client.force_login(author.user)
    answer = client.get(f"/api/v1/clips/{clip.pk}/findings/")
    (mine,) = answer.json()["findings"]
    assert (mine["state"], mine["said"], mine["text"]) == ("closed", "taken care of", TEXT)
    for never in ("1.2.826", "Ward 3", "Monday", steward.user.printed_name):
        assert never not in answer.content.decode()
    steps = Event.objects.filter(object_id=str(flagged.pk), outcome="done").order_by("recorded_at")
    assert [event.action for event in steps] == [
        "finding.flag", "finding.identify", "finding.report", "finding.close",
    ]  # fmt: skip


def test_a_steward_does_the_same_by_api_and_an_officer_reads_no_text_there(
    assigned, flagged, client
):
    clip, (author, _), steward, officer, lead = assigned
    api = f"/api/v1/findings/{flagged.pk}/"

    def post(what, **body):
        return client.post(f"{api}{what}/", body, content_type="application/json")

    for nobody in (author, lead):
        client.force_login(nobody.user)
        assert client.get("/api/v1/findings/").status_code == 404
        assert client.get(api).status_code == post("close").status_code == 404
    client.force_login(officer.user)
    (listed,) = client.get("/api/v1/findings/").json()["findings"]
    assert (listed["id"], listed["clip"]) == (str(flagged.pk), str(clip.pk))
    assert "text" not in listed and client.get(api).status_code == 404
    client.force_login(steward.user)
    assert client.get(api).json()["text"] == TEXT and post("who").status_code == 403
    said = {"told": "Ward 3", "way": "telephone", "told_at": timezone.now().isoformat()}
    assert post("report", **said).status_code == 409
    IncidentalFinding.objects.filter(pk=flagged.pk).update(state="identified")
    for wrong in ({"told": 3}, {"way": "rumour"}, {"told_at": "soon"}, {"told_at": "2999-01-01"}):
        assert post("report", **{**said, **wrong}).status_code == 400, wrong
    done = post("report", **said)
    assert done.status_code == 200 and done.json()["told"] == "Ward 3"
    assert "duplicate" not in done.json()["outcomes"]
    assert post("close", outcome="duplicate", note="x").status_code == 400
    closed = post("close", outcome="acted_on", note="Called in for Monday").json()
    assert (closed["state"], closed["outcome"], closed["note"]) == (
        "closed", "acted_on", "Called in for Monday",
    )  # fmt: skip


def test_what_was_written_is_read_by_its_writer_and_the_steward_alone(assigned, flagged, client):
    clip, (_, other), _, officer, lead = assigned
    for actor in (other, lead):
        client.force_login(actor.user)
        answer = client.get(f"/api/v1/clips/{clip.pk}/findings/")
        assert answer.json() == {"findings": []}
        assert client.get(f"/findings/{flagged.pk}/").status_code == 404
        assert client.get("/findings/").status_code == 404
        take = f"/api/v1/findings/{flagged.pk}/take-back/"
        assert client.post(take, {"reason": "x"}).status_code == 404
    # An officer sees that one waits and since when; nothing of what it says.
    client.force_login(officer.user)
    listed = client.get("/findings/").content.decode()
    assert flagged.reference in listed and "Morgan" not in listed
    assert client.get(f"/findings/{flagged.pk}/").status_code == 404
    audit = client.get("/audit/")
    assert audit.context["findings"] == 1 and "incidental finding is not closed" in str(
        audit.content
    )
    menu = {item["url"]: item for item in audit.context["chrome"]["menu"]}
    assert menu["/findings/"]["count"] == 1


def test_the_text_stands_in_no_event_no_log_and_not_in_the_database(assigned, client):
    clip, (author, _), *_ = assigned
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.format = lambda record: json.dumps(told(record))  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        incidental.flag(author, clip, frame_index=0, severity="urgent", text=TEXT)
    finally:
        logging.getLogger().removeHandler(handler)
    assert "incidental finding flagged" in lines.getvalue()
    assert "Morgan" not in lines.getvalue() and str(clip.pk) not in lines.getvalue()
    for event in Event.objects.filter(action__startswith="finding."):
        assert b"Morgan" not in bytes(event.entry) + bytes(event.private)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed_text FROM library_incidentalfinding")
        assert b"Morgan" not in bytes(cursor.fetchone()[0])


def test_only_under_broken_glass_is_anybody_told_whose_it_is(assigned, flagged):
    clip, _, steward, officer, _ = assigned
    with pytest.raises(Forbidden):
        incidental.identify(steward, flagged)
    access = break_glass(steward, clip)
    assert incidental.identify(steward, flagged) == UIDS
    emergency.end(steward, access)
    flagged.refresh_from_db()
    assert flagged.state == "identified"
    with pytest.raises(Forbidden):
        incidental.identify(steward, flagged)
    # Who learned it stands in the access report of the patient.
    rows, _ = accesses(officer.user, Asked(pseudonym=clip.pseudonym), 50)
    assert [row.person for row in rows if row.event.action == "clip.identify"] == [steward.user]


def test_one_takes_back_what_one_flagged_until_somebody_has_acted(assigned, flagged, client):
    clip, (author, other), steward, *_ = assigned
    with pytest.raises(NotFound):
        incidental.take_back(other, flagged, reason="not mine")
    client.force_login(author.user)
    url = f"/api/v1/findings/{flagged.pk}/take-back/"
    assert client.post(url, {"reason": ""}, content_type="application/json").status_code == 400
    back = client.post(url, {"reason": "a bubble"}, content_type="application/json").json()
    assert (back["state"], back["said"]) == ("closed", "taken back")
    second = incidental.flag(author, clip, frame_index=1, severity="soon", text="A polyp")
    break_glass(steward, clip)
    incidental.identify(steward, second)
    with pytest.raises(Conflict):
        incidental.take_back(author, second, reason="a bubble")


def test_what_cannot_be_identified_any_more_can_still_be_closed(assigned, flagged, client):
    clip, (author, _), steward, *_ = assigned
    destroy_subject_key(steward, clip.instance.source.subject, reason="withdrawn")
    flagged.refresh_from_db()
    break_glass(steward, clip)
    with pytest.raises(Refused) as gone:
        incidental.identify(steward, flagged)
    assert gone.value.status == 410
    client.force_login(steward.user)
    assert "went with the subject" in client.get(f"/findings/{flagged.pk}/").content.decode()
    incidental.close(steward, flagged, outcome="not_identifiable", note="Key destroyed")
    with pytest.raises(Refused):
        incidental.flag(
            author,
            Clip.objects.get(pk=clip.pk),
            frame_index=0,
            severity="soon",
            text="Another one",
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"frame_index": 8},
        {"frame_index": -1},
        {"frame_index": True},
        {"severity": "deadly"},
        {"severity": ["urgent"]},
        {"text": "  "},
        {"text": 7},
        {"text": "x" * 1001},
    ],
)
def test_a_flag_that_says_nothing_useful_is_refused(assigned, client, wrong):
    clip, (author, _), *_ = assigned
    client.force_login(author.user)
    body = {"frame_index": 3, "severity": "soon", "text": "A polyp", **wrong}
    answer = client.post(
        f"/api/v1/clips/{clip.pk}/findings/", body, content_type="application/json"
    )
    assert answer.status_code == 400 and not IncidentalFinding.objects.exists()


def test_the_more_urgent_is_due_sooner_and_late_only_while_the_clinic_was_not_told():
    at = timezone.now()
    due = [rule.due_at(severity, at) for severity in rule.Severity]
    assert due == sorted(due) and due[0] == at + timedelta(hours=24)
    later = at + timedelta(hours=25)
    for state, is_late in (("flagged", 1), ("identified", 1), ("reported", 0), ("closed", 0)):
        assert rule.is_overdue("urgent", state, at, later) == bool(is_late)
        assert not rule.is_overdue("soon", state, at, later)


def test_nobody_says_what_the_clinic_did_before_it_was_told():
    for state in ("flagged", "identified"):
        assert not rule.outcomes_in(state) & {"acted_on", "known", "nothing_to_do"}
    assert rule.outcomes_in("reported") == {"acted_on", "known", "nothing_to_do"}
    assert not rule.outcomes_in("closed")
