"""A draft: chosen, checked in the background, frozen; or thrown away."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from apps.access.actor import service
from apps.access.errors import Conflict, NotFound, Refused
from apps.audit.models import Event
from apps.jobs import work
from apps.jobs.models import Job
from apps.release import drafts, services, tasks
from apps.release.collecting import read_freeze
from apps.release.dividing import checked_division
from apps.release.domain.splits import splits_document
from apps.release.models import ClipLook, Release
from tests import builders
from tests.release.releasing import build

pytestmark = pytest.mark.django_db


def checked(draft: Release) -> Release:
    """Do the background work there is."""
    tasks.find_unchecked()
    while handle := work.claim("test"):
        work.run(handle)
        handle.job.refresh_from_db()
        assert handle.job.state == "done", (handle.job.kind, handle.job.reason)
    draft.refresh_from_db()
    return draft


def choose(actor, draft, **more):
    asked = {"formats": ["mot"], "clips": [], "division": {}, "about": {}, **more}
    return drafts.choose(actor, draft, **asked)


def test_the_wizard_leads_from_a_draft_over_its_check_to_a_frozen_release(
    project, person, signed, client
):
    lead, other = person("project_lead"), builders.ready_clip(project)
    client.force_login(lead.user)
    assert 'data-testid="begin-draft"' in client.get("/releases/").content.decode()
    begun = client.post(reverse("release-draft"), {"project": "demo", "version": "1.0.0"})
    draft = Release.objects.get()
    address = reverse("release", args=[draft.pk])
    assert begun.status_code == 302 and begun["Location"] == address
    page = client.get(address).content.decode()
    assert signed.clip.name in page and other.name in page and "not assigned" in page
    freeze = reverse("release-freeze", args=[draft.pk])
    client.post(freeze)
    draft.refresh_from_db()
    assert draft.state == Release.State.DRAFT  # not checked yet
    form = {
        "formats": ["dicom-seg", "yolo", "csv"], "stride": "5", "height": "120",
        "offered": [str(signed.clip_id)], "clip": [str(signed.clip_id)],
        "share-train": "60", "share-val": "20", "share-test": "20", "by": ["class", "device"],
        "sampling": "", "licence": "CC BY 4.0", "consent": "", "authors": "The group",
        "raters": "yes",
    }  # fmt: skip
    client.post(reverse("release-choose", args=[draft.pk]), form)
    assert 'hx-trigger="load' in client.get(address).content.decode()
    checked(draft)
    part = client.get(reverse("release-check", args=[draft.pk])).content.decode()
    assert "each signature holds" in part and "Not stated: basis of consent" in part
    assert "hx-trigger" not in part and "disabled" not in part
    assert client.post(freeze).status_code == 302
    draft.refresh_from_db()
    assert draft.state == Release.State.FROZEN and draft.frozen_by == lead.user
    assert draft.formats == ["dicom-seg", "yolo:stride=5:height=120", "csv:stride=5:height=120"]
    frozen = read_freeze(draft)
    assert [r["pseudonym"] for r in frozen.clips[0].label_set.raters] == [
        signed.set_a.author.pseudonym, signed.set_b.author.pseudonym
    ]  # fmt: skip
    document = splits_document(frozen)
    assert document["shares"] == {"test": 0.2, "train": 0.6, "val": 0.2}
    assert document["strata"] == ["class", "device"]
    assert [row["clip"] for row in draft.left_out] == [other.name]
    page = client.get(address).content.decode()
    assert signed.clip.name in page and 'data-testid="raters"' in page
    actions = list(Event.objects.filter(object_id=str(draft.pk)).values_list("action", flat=True))
    assert {"release.draft", "release.choose", "release.check", "release.freeze"} <= set(actions)


def test_a_draft_that_was_changed_after_its_check_is_not_frozen(project, person, signed):
    lead = person("project_lead")
    draft = drafts.begin_draft(lead, project, version="1")
    choose(lead, draft)
    draft = checked(draft)
    assert drafts.is_checked(draft)
    stale = Release.objects.get(pk=draft.pk)
    choose(lead, draft, formats=["csv"])
    with pytest.raises(Conflict):
        drafts.freeze_draft(lead, Release.objects.get(pk=draft.pk))
    with pytest.raises(Conflict, match="changed"):
        drafts.freeze_draft(lead, stale)
    # A check that ends after the choices changed says nothing of them.
    drafts.store_report(service("worker"), draft, report=stale.report, of=stale.report["of"])
    draft.refresh_from_db()
    assert draft.report is None
    assert drafts.freeze_draft(lead, checked(draft)).state == Release.State.FROZEN
    with pytest.raises(Conflict):
        choose(lead, Release.objects.get(pk=draft.pk))


def test_a_check_that_finds_a_fault_names_it_and_forbids_freezing(project, person, signed):
    lead = person("project_lead")
    other = builders.ready_clip(project)
    draft = drafts.begin_draft(lead, project, version="1")
    choose(lead, draft, clips=[str(other.pk)])
    draft = checked(draft)
    assert not drafts.is_checked(draft)
    assert other.name in draft.report["lines"][0]["said"]
    assert draft.report["lines"][0]["state"] == "bad"


def test_a_version_that_is_a_draft_is_taken_until_it_is_thrown_away(
    project, person, signed, tmp_path
):
    lead = person("project_lead")
    draft = drafts.begin_draft(lead, project, version="1.0.0")
    with pytest.raises(Refused, match="draft of this version"):
        services.freeze(lead, project, version="1.0.0", formats=["mot"])
    code, told = build(project, tmp_path / "a")
    assert code == 1 and "draft" in told
    assert tasks.find_releases() == 0  # no archive of a draft
    drafts.discard_draft(lead, draft)
    assert not Release.objects.exists()
    assert Event.objects.filter(action="release.discard", object_id=str(draft.pk)).exists()
    frozen = services.freeze(lead, project, version="1.0.0", formats=["mot"])
    with pytest.raises(Conflict):
        drafts.discard_draft(lead, frozen)


def test_others_see_no_draft_and_an_officer_does_not_change_it(project, person, signed, client):
    draft = drafts.begin_draft(person("project_lead"), project, version="1")
    for actor in (person("researcher"), person("annotator")):
        client.force_login(actor.user)
        assert client.get(reverse("release", args=[draft.pk])).status_code == 404
    client.force_login(person("compliance_officer").user)
    page = client.get(reverse("release", args=[draft.pk])).content.decode()
    assert 'data-testid="save-draft"' not in page and "release-freeze" not in page
    difference = client.get(reverse("api-release-difference", args=[draft.pk]))
    assert difference.status_code == 404
    with pytest.raises(NotFound):
        read_freeze(draft)


def test_clips_of_two_patients_with_the_same_pictures_are_drawn_together_or_refused(
    project, person, signed
):
    lead = person("project_lead")
    twin = builders.signed_adjudication(project, person, builders.ready_clip(project))
    draft = drafts.begin_draft(lead, project, version="1")
    choose(lead, draft)
    draft = checked(draft)
    (line,) = (row for row in draft.report["lines"] if row["what"] == "Near-duplicates")
    assert line["state"] == "look" and twin.clip.name in line["said"]
    assert ClipLook.objects.count() == 2
    frozen = drafts.freeze_draft(lead, draft)
    document = json.loads(json.dumps(splits_document(read_freeze(frozen))))
    assert len(set(document["patients"].values())) == 1
    assert document["alike_clips"][0][2] == "same"
    # Where earlier versions put the two apart, nothing is frozen until one is left out.
    apart = {signed.clip.pseudonym: "train", twin.clip.pseudonym: "test"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apps.release.collecting._earlier_splits", lambda project: apart)
        with pytest.raises(Refused) as refusal:
            services.freeze(lead, project, version="2", formats=["mot"])
        assert refusal.value.code == "leakage" and twin.clip.name in refusal.value.message
        only = services.freeze(
            lead, project, version="2", formats=["mot"], only=[str(signed.clip_id)]
        )
    assert only.n_clips == 1


def test_a_sampling_rule_leaves_out_what_it_does_not_draw(project, person, signed):
    builders.signed_adjudication(project, person, builders.ready_clip(project))
    rule = checked_division({"sampling": {"by": "disagreement", "at_most": 1}})
    release = services.freeze(
        person("project_lead"), project, version="1", formats=["mot"], division=rule
    )
    assert release.n_clips == 1
    assert [row["reason"] for row in release.left_out] == ["not drawn by the sampling rule"]


@pytest.mark.parametrize(
    "raw",
    [{"shares": {"train": 0.5, "val": 0.2, "test": 0.2}}, {"shares": {"train": "much"}},
     {"shares": {"dev": 1.0}}, {"by": ["hospital"]}, {"by": "class"},
     {"sampling": {"by": "best", "at_most": 3}}, {"sampling": {"by": "rare", "at_most": "x"}},
     {"sampling": {"by": "rare", "at_most": 0}}, {"shares": {"train": float("nan")}}],
)  # fmt: skip
def test_splits_that_make_no_sense_are_refused_with_their_field(raw):
    with pytest.raises(Refused) as refusal:
        checked_division(raw)
    assert refusal.value.code == "invalid_splits" and refusal.value.remedy


def test_a_check_that_was_given_up_waits_for_a_person(project, person, signed):
    lead = person("project_lead")
    draft = drafts.begin_draft(lead, project, version="1")
    assert tasks.find_unchecked() == 0
    choose(lead, draft)
    Job.objects.filter(kind=drafts.CHECK).update(state=Job.State.PARKED, reason="no room")
    assert tasks.find_unchecked() == 0
    choose(lead, draft)
    assert drafts.is_checked(checked(draft))
