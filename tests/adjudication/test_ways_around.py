"""Ways around blinding, each closed: countersigning, leading, calibrations, examples, figures."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

from apps.access.actor import Actor, service
from apps.access.errors import Forbidden, Refused
from apps.adjudication import (
    assigning,
    calibrating,
    endorsing,
    further_readers,
    reader_tasks,
    readers,
    tasks,
)
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.reader_models import FurtherReading, ReadersReport
from apps.annotation import habits, looking
from apps.annotation.closing import return_label_set
from apps.annotation.examples import add_example
from apps.annotation.models import LabelSet
from apps.audit.models import Event
from apps.jobs import work
from apps.library.models import Clip
from apps.projects.models import Project
from apps.projects.services import grant_role
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(kept: Any, kept_clip: Clip, db: None) -> Project:
    return Project.objects.get(pk=kept.project.pk)


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


def test_a_calibration_is_no_reading_and_a_signed_clip_is_read_by_nobody_more(
    project, person, clip
):
    made, lead = builders.signed_adjudication(project, person, clip), person("project_lead")
    rule = {"metric": "agreement", "below": 1.0, "share": 1.0, "by_itself": True}
    further_readers.set_rule(lead, project, **rule)
    learner, idle = person("annotator"), person("annotator")
    given = calibrating.give_gold(lead, made, person=learner.user)
    assert given.label_set is not None
    builders.submitted_set(project, learner, clip, builders.interval(clip, "bleeding", 30, 34))
    assert reader_tasks.ask_where_two_handed_in() == 1
    work.run_pending()
    report = ReadersReport.objects.get(clip=clip)
    assert report.state == "done"
    assert {row.label_set_id for row in report.sets.all()} == {made.set_a_id, made.set_b_id}
    assert Assignment.objects.get(pk=given.pk).result is not None
    assert reader_tasks.ask_where_two_handed_in() == 0
    assert not FurtherReading.objects.exists()
    lowest = report.figures.first()
    reading = further_readers.propose(service("worker"), report, lowest=lowest, below=1.0)
    with pytest.raises(Refused) as refusal:
        further_readers.call(lead, reading, person=idle.user)
    assert refusal.value.code == "decided"


def test_a_report_that_holds_all_it_can_is_not_asked_for_again(project, person, clip, monkeypatch):
    monkeypatch.setattr(readers, "MOST_SETS", 2)
    people = [person("annotator") for _ in range(3)]
    first, *_ = (
        builders.submitted_set(project, one, clip, builders.interval(clip, "bleeding", 1, 3))
        for one in people
    )
    assert reader_tasks.ask_where_two_handed_in() == 1
    assert reader_tasks.ask_where_two_handed_in() == 0
    # One of its sets is given back: what is left is measured, the third now among it.
    return_label_set(person("project_lead"), first, remark="Again.")
    assert reader_tasks.ask_where_two_handed_in() == 1
    assert reader_tasks.ask_where_two_handed_in() == 0


def test_an_example_on_a_clip_that_one_labels_now_is_not_shown(project, person, clip):
    made, lead = builders.signed_adjudication(project, person, clip), person("project_lead")
    slug = made.set_a.ontology.slug
    add_example(lead, clip, ontology=slug, class_id="bleeding", frame_index=30, note="Begins here")
    learner = person("annotator")
    calibrating.give_gold(lead, made, person=learner.user)
    shown = f"/api/v1/clips/{clip.pk}/examples/"
    assert seen_by(learner).get(shown).json()["examples"] == []
    builders.submitted_set(project, learner, clip, builders.interval(clip, "bleeding", 30, 34))
    for one in (learner, lead):
        assert len(seen_by(one).get(shown).json()["examples"]) == 1


def test_a_blinded_lead_is_told_of_the_others_by_no_round_time_reason_or_figure(
    project, person, clip
):
    made, lead = builders.signed_adjudication(project, person, clip), person("project_lead")
    learner, both = person("annotator"), person("annotator", "project_lead")
    theirs, own = (calibrating.give_gold(lead, made, person=one.user) for one in (learner, both))
    mine = LabelSet.objects.get(pk=theirs.label_set_id)
    habits.record_time(learner, mine, page=uuid.uuid4(), active_s=77.0)
    habits.record_time(
        both, LabelSet.objects.get(pk=own.label_set_id), page=uuid.uuid4(), active_s=33.0
    )
    builders.submitted_set(project, learner, clip, builders.interval(clip, "bleeding", 30, 34))
    work.run_pending()
    skipping = person("annotator")
    skipped = assigning.assign_clip(lead, clip, person=skipping.user)
    assigning.skip(skipping, skipped, reason="Nothing bleeds here.")

    def told(one: Actor) -> tuple[int, set[str], bool, set[Any], bool]:
        seen = seen_by(one)
        page = seen.get(f"/projects/{project.pk}/assignments/")
        (whole,) = seen.get("/projects/").context["shown"]
        return (
            seen.get(f"/calibrations/{theirs.pk}/").status_code,
            {row["person"] for row in whole["time"]},
            bool(whole["agreement"]),
            {item.person_id for item in page.context["rounds"]},
            "Nothing bleeds" in page.content.decode(),
        )

    everybody = {learner.user.printed_name, both.user.printed_name}
    assert told(lead) == (200, everybody, True, {learner.user.pk, both.user.pk}, True)
    assert told(both) == (404, {both.user.printed_name}, False, {both.user.pk}, False)
    assert seen_by(learner).get(f"/calibrations/{theirs.pk}/").status_code == 200


def test_the_adjudicator_is_told_no_reader_s_name(project, person, clip):
    made, judge = builders.open_adjudication(project, person, clip)
    third = person("annotator")
    builders.submitted_set(project, third, clip, builders.interval(clip, "bleeding", 1, 3))
    reader_tasks.ask_where_two_handed_in()
    work.run_pending()
    authors = [side.author for side in made.sides()] + [third.user]
    ways = ("agreement.csv", "agreement/")
    pages = [f"/clips/{clip.pk}/{way}" for way in ways] + [f"/api/v1/clips/{clip.pk}/agreement/"]
    seen, led = seen_by(judge), seen_by(person("project_lead"))
    for page in pages:
        text = seen.get(page).content.decode()
        assert "Reader 1" in text
        for one in authors:
            assert one.display_name not in text
        for side in made.sides():
            assert str(side.pk) not in text
    assert authors[0].display_name in led.get(pages[-1]).content.decode()
    found = seen.get(pages[-1]).json()
    (report,) = found["reports"]
    assert {one["reader"] for one in report["readers"]} == {"A", "B", "Reader 1"}
    assert {one["label_set"] for one in (*report["readers"], *found["label_sets"])} == {None}


def test_reading_another_s_labels_beside_is_an_event_once_a_quarter_of_an_hour(
    project, person, clip
):
    theirs, lead = builders.label_set(project, person("annotator"), clip), person("project_lead")
    looked = Event.objects.filter(action="label_set.look", object_id=str(theirs.pk))
    for one in (lead, Actor(theirs.author)):
        for part in ("outline", "keyframes"):
            answer = seen_by(one).get(f"/api/v1/beside/{theirs.pk}/{part}/")
            assert answer.status_code == 200
    assert list(looked.values_list("actor", flat=True)) == [str(lead.user.pk)]
    later = timezone.now() + timedelta(minutes=16)
    with patch.object(timezone, "now", return_value=later):
        looking.ensure_looked(lead, theirs)
    assert looked.count() == 2
