"""What a correction touches: study, label sets, signature, release. What is held is neither opened
nor released."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.access.actor import service
from apps.access.errors import Conflict, NotFound, Refused
from apps.access.verb import event
from apps.intake import corrections
from apps.intake.models import Correction, ReceivedInstance
from apps.library import services as library
from apps.release import services
from apps.release.models import Release
from apps.release.selecting import select
from clinical_annot.queries import touched_by
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def released(project: Any, person: Any) -> Any:
    """A signed and frozen clip, and another patient's clip beside it."""
    clip = builders.ready_clip(project)
    adjudication = builders.signed_adjudication(project, person, clip)
    release = services.freeze(
        person("project_lead"), project, version="1.0.0", formats=["coco-video"]
    )
    return clip, adjudication, release, builders.ready_clip(project)


def rejected(received: ReceivedInstance) -> Correction:
    note = builders.cleared_instance(received.project)
    return corrections.reject_by_note(
        service("node"), note, title="113037", modifier="", digests=[bytes(received.sop_uid_digest)]
    )


def test_everything_that_hangs_on_a_study_or_subject_is_shown_to_its_steward_alone(
    released: Any, person: Any, client: Any
) -> None:
    clip, adjudication, release, other = released
    steward = person("data_steward").user
    correction = rejected(clip.instance.source)
    for what in (clip.study, clip.instance.source.subject, correction):
        found = touched_by(steward, what)
        assert found.studies == [clip.study] and found.clips == [clip]
        assert found.received == [clip.instance.source]
        wanted = {adjudication.set_a_id, adjudication.set_b_id, adjudication.consensus_id}
        assert {each.pk for each in found.label_sets} == wanted
        assert [each.pk for each in found.signatures] == [adjudication.signature_id]
        assert found.releases == [release]
    beside = touched_by(steward, other.study)
    assert beside.clips == [other]
    assert not (beside.label_sets or beside.signatures or beside.releases)
    for actor in (person("project_lead"), person(system=("administrator",))):
        with pytest.raises(NotFound):
            touched_by(actor.user, clip.study)
    client.force_login(steward)
    page = client.get(f"/studies/{clip.study.pk}/touched/").content.decode()
    for kind, pk in (
        ("study", clip.study.pk),
        ("label-set", adjudication.set_a_id),
        ("signature", adjudication.signature_id),
        ("release", release.pk),
    ):
        assert f'data-{kind}="{pk}"' in page


def test_a_patient_s_impact_names_who_has_what_and_offers_what_may_be_done(
    released: Any, person: Any, client: Any, project: Any
) -> None:
    clip, adjudication, release, other = released
    steward, officer = person("data_steward"), person("compliance_officer")
    researcher = person("researcher")
    Release.objects.filter(pk=release.pk).update(state="published", published_at=timezone.now())
    with transaction.atomic():
        event(researcher, release, action="release.download", public={"sha256": "ab" * 32})
    url = f"/api/v1/patients/{clip.pseudonym}/touched/"
    client.force_login(officer.user)
    body = client.get(url.replace(clip.pseudonym, clip.pseudonym.lower())).json()
    assert body["patient"] == clip.pseudonym
    (found,) = body["clips"]
    assert {each["id"] for each in found["label_sets"]} == {
        str(adjudication.set_a_id), str(adjudication.set_b_id), str(adjudication.consensus_id),
    }  # fmt: skip
    assert [each["signature"] for each in found["consensus"]] == [str(adjudication.signature_id)]
    (held,) = body["releases"]
    assert held["id"] == str(release.pk) and held["may_recall"]
    assert held["downloads"][0] | {"at": None} == {
        "by": researcher.user.pseudonym, "at": None, "sha256": "ab" * 32,
    }  # fmt: skip
    beside = client.get(f"/api/v1/patients/{other.pseudonym}/touched/").json()
    assert not beside["releases"] and not beside["clips"][0]["label_sets"]

    page = client.get("/impact/", {"pseudonym": clip.pseudonym}).content.decode()
    assert "data-print" in page and f"/releases/{release.pk}/recall/" in page
    assert researcher.user.display_name in page and "Hold the study" not in page
    assert "No patient" in client.get("/impact/", {"pseudonym": "S-NONE"}).content.decode()
    for actor in (person("project_lead"), person("annotator"), researcher):
        client.force_login(actor.user)
        assert client.get("/impact/", {"pseudonym": clip.pseudonym}).status_code == 404
        assert client.get(url).status_code == 404
        assert client.get(f"/api/v1/studies/{clip.study.pk}/touched/").status_code == 404

    client.force_login(steward.user)
    page = f"/studies/{clip.study.pk}/touched/"
    assert "Hold the study" in client.get(page).content.decode()
    assert "recall/" not in client.get(page).content.decode()
    hold = f"/studies/{clip.study.pk}/hold/"
    assert client.post(hold, {"reason": ""}).status_code == 400
    held_at = client.post(hold, {"reason": "the clinic called: another patient's"})
    made = Correction.objects.get()
    assert held_at.headers["Location"] == f"/corrections/{made.pk}/"
    assert (
        made.kind == "reported"
        and "Reported as wrong" in client.get("/corrections/").content.decode()
    )
    assert "Hold the study" not in client.get(page).content.decode()
    with pytest.raises(Refused):
        library.open_clip(person("project_lead"), clip)
    assert client.post(hold, {"reason": "again"}).status_code == 302


def test_what_came_under_the_right_patient_takes_the_place_of_what_was_withdrawn(
    released: Any, person: Any, client: Any, project: Any
) -> None:
    older = released[0].instance.source
    steward = person("data_steward")
    made = corrections.report_study(
        steward, project, study_digests=[bytes(older.study_digest)], reason="another patient's"
    )
    older.refresh_from_db()
    newer = builders.cleared_instance(project)
    ReceivedInstance.objects.filter(pk=newer.pk).update(
        sop_uid_digest=older.sop_uid_digest, clash_with=older, state="held", reason="uid_clash",
        original=newer.deidentification.output,
    )  # fmt: skip
    assert not corrections.later_versions(made)
    with pytest.raises(Conflict):
        corrections.take_later(steward, made, reason="too early")
    corrections.settle(steward, made, decision="withdrawn", reason="the archive says so")
    client.force_login(steward.user)
    assert (
        "It came again under another patient"
        in client.get(f"/corrections/{made.pk}/").content.decode()
    )
    later = f"/corrections/{made.pk}/later/"
    assert client.post(later, {"reason": "the archive has corrected it"}).status_code == 302
    older.refresh_from_db()
    newer.refresh_from_db()
    assert (newer.state, newer.clash_with, newer.reason) == ("received", None, "")
    assert (older.state, older.clash_with) == ("withdrawn", newer)
    assert newer.subject_id != older.subject_id
    assert client.post(later, {"reason": "again"}).status_code == 409


def test_a_later_version_under_the_same_patient_does_not_take_a_withdrawn_one_s_number(
    released: Any, person: Any, project: Any
) -> None:
    older = released[0].instance.source
    steward = person("data_steward")
    made = corrections.report_study(
        steward, project, study_digests=[bytes(older.study_digest)], reason="a wrong name"
    )
    newer = builders.cleared_instance(project)
    ReceivedInstance.objects.filter(pk=newer.pk).update(
        sop_uid_digest=older.sop_uid_digest, clash_with=older, state="held", subject=older.subject,
        original=newer.deidentification.output,
    )  # fmt: skip
    corrections.settle(steward, made, decision="withdrawn", reason="the archive says so")
    with pytest.raises(Conflict):
        corrections.take_later(steward, made, reason="the same patient's")


def test_a_clip_that_is_held_is_not_opened_and_goes_into_no_new_release(
    released: Any, person: Any, project: Any
) -> None:
    clip, adjudication = released[0], released[1]
    lead, steward = person("project_lead"), person("data_steward")
    library.open_clip(lead, clip)
    correction = rejected(clip.instance.source)
    clip.refresh_from_db()
    with pytest.raises(Refused) as refused:
        library.open_clip(lead, clip)
    assert refused.value.code == "held_by_correction"
    left = {row["id"]: row["reason"] for row in select(project).left_out}
    assert "correction" in left[str(clip.pk)]
    corrections.settle(steward, correction, decision="kept", reason="a mistake of the archive")
    clip = type(clip).objects.get(pk=clip.pk)
    assert clip.instance.source.state == ReceivedInstance.State.CLEARED
    library.open_clip(lead, clip)
    assert [item.pk for item in select(project).chosen] == [adjudication.pk]


def test_what_is_withdrawn_stays_out_for_good(released: Any, person: Any, project: Any) -> None:
    clip, steward = released[0], person("data_steward")
    correction = rejected(clip.instance.source)
    corrections.settle(steward, correction, decision="withdrawn", reason="the archive confirmed")
    received = ReceivedInstance.objects.get(pk=clip.instance.source_id)
    assert (received.state, received.reason) == ("withdrawn", "correction")
    assert not select(project).chosen
    with pytest.raises(Conflict):
        corrections.settle(steward, correction, decision="kept", reason="changed my mind")
