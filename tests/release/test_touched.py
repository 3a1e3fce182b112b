"""What a correction touches: study, label sets, signature, release. What is held is neither opened
nor released."""

from __future__ import annotations

from typing import Any

import pytest

from apps.access.actor import service
from apps.access.errors import Conflict, NotFound, Refused
from apps.intake import corrections
from apps.intake.models import Correction, ReceivedInstance
from apps.library import services as library
from apps.release import services
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
