"""Unmarked repeats: what a person handed in comes back to them as a clip that no address tells from
another, and their agreement with themselves is measured and decided nowhere."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.access.actor import service
from apps.access.errors import Refused
from apps.adjudication import (
    assigning,
    planning_api,
    reader_queries,
    readers,
    repeating,
    tasks,
    workflow,
)
from apps.adjudication.domain.workflow import InvalidWorkflowError, workflow_of
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.repeat_models import Repeat
from apps.annotation.models import LabelSet
from apps.annotation.services import create_label_set, save_operations, submit_label_set
from apps.intake.models import ReceivedInstance
from apps.library import listing
from apps.library.models import Clip
from apps.library.services import ensure_open
from apps.ontology.services import draft_version, publish_version
from apps.release.selecting import select
from clinical_annot.accesses import _objects_of
from tests import builders
from tests.adjudication.coming_back import RULE, come_back, hand_in, label_again, measured, seen_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(kept: Any, clips: list[Clip]) -> Any:
    return kept.person


def test_what_was_handed_in_comes_back_once_after_the_days_of_the_rule(clips, person, lead):
    author = person("annotator")
    mine = hand_in(author, clips[0], builders.sample_steps(clips[0]), days_ago=27)
    assert repeating.due() == []
    LabelSet.objects.filter(pk=mine.pk).update(submitted_at=timezone.now() - timedelta(days=57))
    repeat = come_back(author)
    assert (repeat.clip_id, repeat.first_id) == (clips[0].pk, mine.pk)
    twin = repeat.again.clip
    assert twin.pk != clips[0].pk and twin.pseudonym != clips[0].pseudonym
    assert (twin.n_frames, twin.media_sha256) == (clips[0].n_frames, clips[0].media_sha256)
    tasks.give_repeats()
    assert Repeat.objects.count() == 1 and Clip.objects.exclude(repeats=None).count() == 1


def test_the_rule_takes_shares_and_days_and_says_which_of_them_is_wrong():
    flow = workflow_of({"repeat_share": 0.3})
    drawn = [flow.repeats(b"s" * 32, str(uuid.UUID(int=n)), "p") for n in range(2000)]
    assert 0.26 < sum(drawn) / 2000 < 0.34
    for field, value in (("repeat_share", 1.5), ("repeat_share", "half"), ("repeat_after_days", 0)):
        with pytest.raises(InvalidWorkflowError) as refusal:
            workflow_of({field: value})
        assert refusal.value.field == field


@pytest.mark.parametrize("state", ["withdrawn", "held"])
def test_nothing_comes_back_of_what_was_withdrawn_or_is_held(clips, person, lead, state):
    author = person("annotator")
    mine = hand_in(author, clips[0], builders.sample_steps(clips[0]))
    given = Assignment.objects.get(label_set=mine)
    assert [one.pk for one in repeating.due()] == [given.pk]
    ReceivedInstance.objects.filter(pk=clips[0].instance.source_id).update(state=state)
    assert repeating.due() == []
    # It falls between the look for what is due and the giving.
    with pytest.raises(Refused) as refusal:
        repeating.give_again(service("worker"), Assignment.objects.get(pk=given.pk))
    assert refusal.value.code in ("withdrawn", "held_by_correction")
    assert not Clip.objects.exclude(repeats=None).exists()


def test_a_morning_of_handing_in_comes_back_scattered_and_few_a_day(
    clips, person, lead, monkeypatch
):
    flow = workflow_of(RULE)
    days = [flow.days_until_repeat(b"s" * 32, str(uuid.UUID(int=n)), "p") for n in range(400)]
    assert 28 <= min(days) < 30 and 54 < max(days) < 56 and len(set(days)) == 400
    author = person("annotator")
    sets = [hand_in(author, clip, builders.sample_steps(clip)) for clip in clips]
    flow = workflow.workflow_in(clips[0].project)
    secret, now = clips[0].project.secret(), timezone.now()
    days = [flow.days_until_repeat(secret, str(c.pk), str(author.user.pk)) for c in clips]
    early, late = sorted(zip(days, sets, strict=True), key=lambda one: one[0])[::2]
    # All at the same moment, when the first is due and the last is not.
    middle = now - timedelta(days=(early[0] + late[0]) / 2)
    LabelSet.objects.filter(pk__in=[s.pk for s in sets]).update(submitted_at=middle)
    due = {one.label_set_id for one in repeating.due()}
    assert early[1].pk in due and late[1].pk not in due
    LabelSet.objects.filter(pk__in=[s.pk for s in sets]).update(submitted_at=now - timedelta(57))
    assert len(repeating.due()) == 3
    repeating.give_again(service("worker"), repeating.due()[0])
    repeating.give_again(service("worker"), repeating.due()[0])
    assert len(repeating.due()) == 1
    Repeat.objects.update(given_at=now - timedelta(hours=2))
    monkeypatch.setattr(repeating, "MOST_A_DAY", 2)
    assert repeating.due() == []
    Repeat.objects.update(given_at=now - timedelta(hours=25))
    assert len(repeating.due()) == 1


def test_what_is_due_is_asked_for_without_loading_what_is_not(clips, person, lead):
    """As many questions for many handed-in clips as for one, and no label set loaded that the draw
    leaves out."""
    workflow.set_workflow(lead, clips[0].project, rule={**RULE, "repeat_share": 1e-9})
    author = person("annotator")
    asked = []
    for clip in clips:
        clip.project.refresh_from_db()
        hand_in(author, clip, builders.sample_steps(clip))
        with CaptureQueriesContext(connection) as queries:
            assert repeating.due() == []
        asked.append(len(queries))
    assert len(set(asked)) == 1


def test_a_part_of_a_recording_in_parts_does_not_come_back_alone(clips, person, lead):
    author = person("annotator")
    hand_in(author, clips[0], builders.sample_steps(clips[0]))
    given = assigning.assign_clip(lead, clips[2], person=author.user)
    assert len(repeating.due()) == 1
    series = clips[2].instance.series
    type(series).objects.filter(pk=series.pk).update(study=clips[0].study)
    assert repeating.due() == []
    assigning.skip(author, given, reason="blurred")
    assert repeating.due() == []


def test_a_list_is_turned_by_ids_and_a_repeat_lies_where_clips_lie(clips, person, lead):
    """Given by hand, it lies shortly after some clip of old; given as clips come, at the end. What
    a page says of the next names no time."""
    now, project = timezone.now(), clips[0].project
    for clip, days in zip(clips, (300, 200, 100), strict=True):
        Clip.objects.filter(pk=clip.pk).update(created_at=now - timedelta(days=days))
    author = person("annotator")
    hand_in(author, clips[0], builders.sample_steps(clips[0]))
    twin = come_back(author).again.clip
    near = (now - twin.created_at).total_seconds() / 86400
    assert min(abs(near - days) for days in (300, 200, 100)) < 0.001
    builders.label_set(project, author, clips[2])
    page = seen_by(author).get(f"{reverse('clips')}?limit=1").json()
    assert uuid.UUID(page["next"]) and page["next"] == page["clips"][0]["id"]
    with pytest.raises(Refused):
        listing.page(author.user, after=str(uuid.uuid4()))
    workflow.set_workflow(lead, project, rule={**RULE, "giving": "all"})
    project.refresh_from_db()
    hand_in(author, clips[1], builders.sample_steps(clips[1]))
    tasks.give_repeats()
    newest = Clip.objects.exclude(repeats=None).exclude(pk=twin.pk).get()
    assert newest.created_at >= now


def test_the_first_time_is_what_stood_when_it_came_back(clips, person, lead):
    clip, author = clips[0], person("annotator")
    first = hand_in(author, clip, builders.interval(clip, "preparation", 0, 20))
    repeat = come_back(author)
    assert repeat.first_revision == first.revision
    assigning.return_work(lead, Assignment.objects.get(label_set=first), remark="once more")
    first.refresh_from_db()
    done = save_operations(
        author, first, client_id=str(uuid.uuid4()), base_revision=first.revision,
        operations=builders.numbered(
            builders.interval(clip, "calot_triangle_dissection", 20, clip.n_frames)
        ),
    )  # fmt: skip
    submit_label_set(author, LabelSet.objects.get(pk=first.pk), revision=done["revision"])
    twin = repeat.again.clip
    label_again(author, repeat, builders.interval(twin, "preparation", 0, 20))
    assert measured(repeat)["phases", "accuracy"] == 1.0
    Repeat.objects.update(measured_at=None)
    LabelSet.objects.filter(pk=first.pk).update(state="superseded")
    assert repeating.handed_in().count() == 0


def test_the_agreement_with_oneself_is_what_numpy_counts(clips, person, lead):
    """Two phases that meet 5 frames later the second time, and a tip that lies (3, 4) px away."""
    clip, author, n = clips[0], person("annotator"), clips[0].n_frames

    def steps(on: Clip, meet: int, dx: float, dy: float) -> list[dict[str, Any]]:
        return [
            *builders.interval(on, "preparation", 0, meet),
            *builders.interval(on, "calot_triangle_dissection", meet, n),
            *builders.track(
                on, "grasper", {0: {"type": "tip", "point": [100.0 + dx, 80.0 + dy]}, 10: None}
            ),
        ]

    hand_in(author, clip, steps(clip, 20, 0, 0))
    repeat = come_back(author)
    label_again(author, repeat, steps(repeat.again.clip, 25, 3, 4))
    figures = measured(repeat)

    first, again = (np.arange(n) >= edge for edge in (20, 25))
    same = np.mean(first == again)
    by_chance = np.mean(first) * np.mean(again) + np.mean(~first) * np.mean(~again)
    assert figures["phases", "accuracy"] == pytest.approx(same, abs=1e-12)
    assert figures["phases", "kappa"] == pytest.approx((same - by_chance) / (1 - by_chance))
    assert figures["grasper", "mean distance px"] == pytest.approx(np.hypot(3, 4))
    # Krippendorff: coincidences of two readings of n units, expected from all 2n values.
    n_late = first.sum() + again.sum()
    disagree = 2 * np.sum(first != again) / (2 * n)
    expected = 2 * n_late * (2 * n - n_late) / (2 * n * (2 * n - 1))
    assert figures["phases", "alpha"] == pytest.approx(1 - disagree / expected)

    found = reader_queries.project_json(lead.user, clip.project)["with_oneself"]
    assert (found["given"], found["measured"]) == (1, 1)
    mean = {(r["class_id"], r["metric"]): r["mean"] for r in found["by_class"]}
    assert mean["phases", "accuracy"] == pytest.approx(same)
    assert {r["pseudonym"] for r in found["by_person"]} == {author.user.pseudonym}
    assert {r["month"] for r in found["by_month"]} == {f"{timezone.now():%Y-%m}"}
    page = seen_by(lead).get(reverse("project-agreement", args=[clip.project_id])).content.decode()
    assert 'data-testid="own-people"' in page and author.user.display_name in page
    text = seen_by(lead).get(reverse("project-agreement-csv", args=[clip.project_id])).content
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    told_of = {r["by"] for r in rows if r["class_id"] == "phases" and r["figure"] == "accuracy"}
    assert told_of == {"oneself by class", "oneself by person", "oneself by month"}


def test_what_was_drawn_again_is_decided_nowhere_and_given_to_nobody_else(clips, person, lead):
    clip, author, second = clips[0], person("annotator"), person("annotator")
    person("adjudicator")
    hand_in(author, clip, builders.sample_steps(clip))
    repeat = come_back(author)
    twin = repeat.again.clip
    ensure_open(author, twin)
    label_again(author, repeat, builders.sample_steps(twin, 3))
    hand_in(second, clip, builders.sample_steps(clip))
    tasks.open_where_both_submitted()
    assert {one.clip_id for one in Adjudication.objects.all()} == {clip.pk}
    assert {place.clip_id for place in readers.unread_places()} == {clip.pk}
    assert str(twin.pk) not in str(select(clip.project))
    for refused in (
        lambda: assigning.assign_clip(lead, twin, person=second.user),
        lambda: assigning.reassign(lead, repeat.again, person=second.user),
        lambda: assigning.return_work(lead, repeat.again, remark="again"),
    ):
        with pytest.raises(Refused) as refusal:
            refused()
        assert refusal.value.code == "repeat"
    # The officer who asks for the patient's accesses is told of those of the repeat.
    officer = person("compliance_officer").user
    assert str(twin.pk) in _objects_of(officer, clip.study.project_subject.pseudonym)


@pytest.mark.parametrize("why", ["leads", "imported", "other ontology", "no longer annotates"])
def test_nothing_comes_back_where_it_could_be_known_or_not_compared(clips, person, lead, why):
    clip = clips[0]
    author = person("annotator", *(["project_lead"] if why == "leads" else []))
    mine = hand_in(author, clip, builders.sample_steps(clip))
    assert why == "leads" or [one.label_set_id for one in repeating.due()] == [mine.pk]
    if why == "imported":
        create_label_set(
            service("command"), clip, author=lead.user, ontology=mine.ontology,
            origin=LabelSet.Origin.IMPORTED,
        )  # fmt: skip
    if why == "other ontology":
        definition = {**mine.ontology.definition, "tolerances": {"mask_iou": 0.5}}
        publish_version(lead, draft_version(lead, clip.project, definition=definition))
    if why == "no longer annotates":
        from apps.projects.services import revoke_role

        revoke_role(lead, clip.project, author.user, "annotator")
    assert repeating.due() == []


def test_the_person_may_skip_a_repeat_as_any_other_clip(clips, person, lead):
    author = person("annotator")
    hand_in(author, clips[0], builders.sample_steps(clips[0]))
    repeat = come_back(author)
    assigning.skip(author, repeat.again, reason="blurred")
    assert repeating.handed_in().count() == 0 and repeating.due() == []
    assert Assignment.objects.get(pk=repeat.again_id).state == Assignment.State.SKIPPED


def test_a_workflow_keeps_what_is_left_out_and_its_form_what_it_showed(clips, person, lead):
    project = clips[0].project
    workflow.set_workflow(lead, project, rule={"repeat_share": 0.125, "sampled_share": 0.005})
    kept = workflow.set_workflow(lead, project, rule={"passes": 2}).rule
    assert (kept["repeat_share"], kept["repeat_after_days"]) == (0.125, 28)
    shown = planning_api.workflow_context(project)
    names = ("sampled_percent", "repeat_percent")
    form = {**kept, **{name: shown[name] for name in names}}
    seen_by(lead).post(reverse("workflow", args=[project.pk]), form)
    assert workflow.workflow_in(project).as_json() == kept and workflow.version_of(project) == 4
    seen_by(lead).post(reverse("workflow", args=[project.pk]), {**form, "repeat_percent": "nan"})
    assert workflow.version_of(project) == 4
