"""Ways around blinding, each closed: countersigning, leading, calibrations, examples, figures."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.access.actor import Actor
from apps.access.errors import Forbidden, Refused
from apps.adjudication import calibrating, endorsing, tasks
from apps.adjudication.models import Adjudication, Assignment
from apps.library.models import Clip
from apps.projects.models import Project
from apps.projects.services import grant_role
from tests import builders

pytestmark = pytest.mark.django_db


def _clip(project: Any) -> Clip:
    builders.published_ontology(project)
    return builders.ready_clip(project)


@pytest.fixture(scope="module")
def kept_clip(kept: Any) -> Clip:
    return kept.make(_clip)


@pytest.fixture
def project(kept: Any, kept_clip: Clip, db: None) -> Project:
    return Project.objects.get(pk=kept.project.pk)


@pytest.fixture
def clip(kept_clip: Clip, db: None) -> Clip:
    return Clip.objects.get(pk=kept_clip.pk)


@pytest.fixture
def person(kept: Any, kept_clip: Clip) -> Any:
    return kept.person


def seen_by(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.user)
    return client


def option(project: Project, **said: Any) -> None:
    project.options = {**project.options, **said}
    project.save(update_fields=["options"])


def test_who_labels_a_signed_clip_neither_reads_nor_countersigns_what_was_signed(
    project, person, clip
):
    made, lead = builders.signed_adjudication(project, person, clip), person("project_lead")
    option(project, countersign=True)
    learner, reader = person("annotator", "adjudicator"), person("annotator", "adjudicator")
    own = {
        learner: calibrating.give_gold(lead, made, person=learner.user).label_set,
        reader: builders.label_set(project, reader, clip),
    }
    for one, mine in own.items():
        seen = seen_by(one)
        assert seen.get(f"/api/v1/adjudications/{made.pk}/").status_code == 404
        beside = seen.get(f"/api/v1/clips/{clip.pk}/beside/").json()["label_sets"]
        assert [each["id"] for each in beside] == [str(mine.pk)]
        for other in (made.set_a_id, made.consensus_id):
            assert seen.get(f"/api/v1/beside/{other}/outline/").status_code == 404
        with pytest.raises(Forbidden):
            endorsing.countersign(
                one, Adjudication.objects.get(pk=made.pk), password=builders.PASSWORD
            )
    other = person("adjudicator")
    assert seen_by(other).get(f"/api/v1/adjudications/{made.pk}/").status_code == 200


def test_who_countersigned_is_given_the_clip_to_label_by_nobody(project, person, clip):
    made, lead = builders.signed_adjudication(project, person, clip), person("project_lead")
    option(project, countersign=True)
    second = person("adjudicator")
    endorsing.countersign(second, Adjudication.objects.get(pk=made.pk), password=builders.PASSWORD)
    grant_role(lead, project, second.user, "annotator")
    with pytest.raises(Refused) as refusal:
        calibrating.give_gold(lead, made, person=second.user)
    assert refusal.value.code == "has_seen"
    option(project, assign_to_all=True)
    tasks.assign_to_all()
    assert not Assignment.objects.filter(person=second.user).exists()


def test_a_lead_who_may_be_given_a_clip_reads_nobody_s_labels_of_it_before_it_is_decided(
    project, person, clip
):
    """Looked at first and labelled afterwards, two passes would not be independent."""
    first, plain = person("annotator"), person("project_lead")
    both = person("annotator", "project_lead")
    theirs = builders.submitted_set(project, first, clip, builders.sample_steps(clip))

    def read(one: Actor) -> tuple[int, int, int]:
        seen = seen_by(one)
        beside = seen.get(f"/api/v1/clips/{clip.pk}/beside/").json()["label_sets"]
        page = seen.get(f"/clips/{clip.pk}/work/?set={theirs.pk}")
        assert (str(theirs.pk) in page.content.decode()) is bool(beside)
        return (
            len(beside),
            seen.get(f"/api/v1/beside/{theirs.pk}/outline/").status_code,
            seen.get(f"/api/v1/clips/{clip.pk}/agreement/").status_code,
        )

    assert read(both) == (0, 404, 404)
    assert read(plain) == (1, 200, 200)
    builders.open_adjudication(project, person, clip)
    assert read(both) == read(plain) == (4, 200, 200)
