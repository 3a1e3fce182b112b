"""Two readers or more: measured in the background, again when one changes, for nobody blinded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.access.actor import Actor, service
from apps.access.errors import Refused
from apps.adjudication import binding, further_readers, reader_tasks, readers
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.reader_models import FurtherReading, ReaderSet, ReadersFigure, ReadersReport
from apps.annotation.closing import return_label_set
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations, submit_label_set
from apps.audit.models import Event
from apps.jobs import work
from apps.jobs.models import Job
from apps.library.models import Clip
from apps.projects.models import Project
from tests import builders

pytestmark = pytest.mark.django_db
State = ReadersReport.State


@pytest.fixture
def person(kept: Any, clip: Clip) -> Any:
    return kept.person


def read(clip: Clip, author: Actor, shift: int = 0) -> LabelSet:
    return builders.submitted_set(clip.project, author, clip, builders.sample_steps(clip, shift))


def measure(clip: Clip) -> ReadersReport:
    """What the worker does, for these figures alone."""
    reader_tasks.ask_where_two_handed_in()
    for _ in iter(lambda: run_next(), None):
        pass
    return ReadersReport.objects.get(clip=clip, is_chosen=False, state=State.DONE)


def run_next() -> bool | None:
    waiting = Job.objects.filter(kind=readers.KIND, state=Job.State.QUEUED)
    if not waiting.exists():
        return None
    Job.objects.exclude(kind=readers.KIND).filter(state=Job.State.QUEUED).delete()
    handle = work.claim("tests")
    assert handle is not None and handle.job.kind == readers.KIND
    work.run(handle)
    handle.job.refresh_from_db()
    assert handle.job.state == Job.State.DONE, handle.job.reason
    return True


def value(report: ReadersReport, class_id: str, metric: str) -> float:
    return ReadersFigure.objects.get(
        report=report, class_id=class_id, metric=metric, set_a=None, phase=""
    ).value


def test_what_two_handed_in_is_measured_and_a_third_reader_is_measured_with_them(clip, person):
    people = [person("annotator") for _ in range(3)]
    first = read(clip, people[0])
    assert reader_tasks.ask_where_two_handed_in() == 0
    second = read(clip, people[1])
    made = measure(clip)
    held = list(made.sets.all())
    assert [row.label_set_id for row in held] == [first.pk, second.pk]
    assert [row.digest for row in held] == [binding.content_digest(s) for s in (first, second)]
    assert value(made, "phases", "alpha") == value(made, "lesion", "agreement") == 1
    assert made.tolerances["all"]["mask_iou"] == 0.85 and len(made.made_of) == 64
    assert reader_tasks.ask_where_two_handed_in() == 0

    read(clip, people[2], shift=14)
    again = measure(clip)
    made.refresh_from_db()
    assert made.state == State.REPLACED and again.sets.count() == 3
    pairs = again.figures.filter(class_id="lesion", metric="agreement", phase="")
    pairs = pairs.exclude(set_a=None)
    assert sorted(pairs.values_list("set_a__place", "set_b__place")) == [(0, 1), (0, 2), (1, 2)]
    mean = sum(pairs.values_list("value", flat=True)) / 3
    assert value(again, "lesion", "agreement") == pytest.approx(mean) and mean < 1
    assert value(again, "phases", "kappa") < 1
    told = Event.objects.filter(action="readers.keep").order_by("recorded_at")
    told_of = [json.loads(bytes(e.entry))["public"]["made_of"] for e in told]
    assert told_of == [made.made_of, again.made_of]


def test_figures_do_not_stand_once_a_set_is_given_back_and_are_made_anew_from_what_it_became(
    clip, person
):
    people, lead = [person("annotator") for _ in range(2)], person("project_lead")
    read(clip, people[0])
    mine = read(clip, people[1], shift=3)
    made = measure(clip)
    standing = ReadersReport.objects.filter(clip=clip, state=State.DONE)
    assert list(readers.as_they_stood(standing)) == [made]
    return_label_set(lead, mine, remark="Look at the phases again.")
    assert not readers.as_they_stood(standing).exists()
    mine.refresh_from_db()
    done = save_operations(
        people[1],
        mine,
        client_id="11111111-1111-4111-8111-111111111111",
        base_revision=mine.revision,
        operations=builders.numbered(builders.interval(clip, "bleeding", 1, 3)),
    )
    submit_label_set(people[1], mine, revision=done["revision"])
    again = measure(clip)
    assert again.pk != made.pk and again.made_of != made.made_of
    assert list(readers.as_they_stood(standing)) == [again]


def test_a_set_that_changes_while_it_is_measured_leaves_no_figures(clip, person):
    people, lead = [person("annotator") for _ in range(2)], person("project_lead")
    sets = [read(clip, one) for one in people]
    reader_tasks.ask_where_two_handed_in()
    return_label_set(lead, sets[1], remark="Again.")
    assert run_next()
    report = ReadersReport.objects.get(clip=clip)
    assert report.state == State.REPLACED and not report.figures.exists()


def test_any_handed_in_sets_can_be_chosen_also_the_consensus_but_no_other(clip, person):
    made = builders.signed_adjudication(clip.project, person, clip)
    lead = person("project_lead")
    chosen = [made.set_b, made.consensus]
    report = readers.ask(lead, clip, label_sets=chosen)
    assert run_next()
    report.refresh_from_db()
    assert report.state == State.DONE and report.asked_by == lead.user
    assert value(report, "phases", "accuracy") < 1
    for wrong, code in (([made.set_a], "not_enough_sets"), ([made.set_a] * 2, "not_enough_sets")):
        with pytest.raises(Refused) as refusal:
            readers.ask(lead, clip, label_sets=wrong)
        assert refusal.value.code == code
    other = builders.label_set(clip.project, person("annotator"), clip)
    with pytest.raises(Refused) as refusal:
        readers.ask(lead, clip, label_sets=[made.set_a, other])
    assert refusal.value.code == "not_handed_in"


def test_work_that_is_given_up_says_so(clip, person, monkeypatch):
    for _ in range(2):
        read(clip, person("annotator"))
    reader_tasks.ask_where_two_handed_in()
    row = Job.objects.get(kind=readers.KIND)
    reader_tasks.parked(row)
    report = ReadersReport.objects.get(clip=clip)
    assert report.state == State.FAILED
    assert Event.objects.filter(action="readers.give_up", outcome="failed").count() == 1
    assert reader_tasks.ask_where_two_handed_in() == 0


def low(project: Project, lead: Actor, **given: Any) -> None:
    rule = {"metric": "agreement", "below": 0.9, "share": 1.0, "by_itself": False, **given}
    further_readers.set_rule(lead, project, **rule)


def test_low_agreement_asks_for_a_further_reader_whom_the_lead_chooses(clip, person):
    people, lead = [person("annotator") for _ in range(2)], person("project_lead")
    low(clip.project, lead)
    for place, one in enumerate(people):
        read(clip, one, shift=14 * place)
    report = measure(clip)
    reading = FurtherReading.objects.get()
    assert (reading.state, reading.report, reading.metric) == ("proposed", report, "agreement")
    assert reading.value < 0.9 == reading.below
    third = person("annotator")
    assert further_readers.free_readers(reading) == [third.user]
    further_readers.call(lead, reading, person=third.user)
    given = Assignment.objects.get(clip=clip, person=third.user)
    reading.refresh_from_db()
    assert (reading.state, reading.reader) == ("assigned", third.user)
    read(clip, third)
    assert given.kind == "annotate" and measure(clip).sets.count() == 3
    assert FurtherReading.objects.count() == 1


def test_by_itself_the_clip_goes_to_who_has_least_to_do_and_to_nobody_who_has_a_part_in_it(
    clip, person
):
    people = [person("annotator") for _ in range(3)]
    busy, idle, lead = person("annotator"), person("annotator"), person("project_lead")
    other = builders.ready_clip(clip.project, 8)
    builders.label_set(clip.project, busy, other)
    builders.label_set(clip.project, people[2], clip)
    low(clip.project, lead, by_itself=True)
    for place, one in enumerate(people[:2]):
        read(clip, one, shift=14 * place)
    measure(clip)
    reading = FurtherReading.objects.get()
    assert (reading.state, reading.reader) == ("assigned", idle.user)


@pytest.mark.parametrize("rule", [{"share": 0.0}, {"below": 0.1}, {"metric": "HOTA", "below": 0.0}])
def test_what_the_rule_leaves_out_is_not_asked_for(clip, person, rule):
    lead = person("project_lead")
    low(clip.project, lead, **rule)
    for place in range(2):
        read(clip, person("annotator"), shift=14 * place)
    measure(clip)
    assert not FurtherReading.objects.exists()


def test_a_share_is_drawn_alike_every_time_and_about_as_large_as_it_says(clip):
    import uuid

    report = ReadersReport(project=clip.project)
    drawn = []
    for number in range(400):
        report.clip_id = uuid.UUID(int=number)
        found = [further_readers.is_drawn(report, share) for share in (0.0, 0.25, 0.25, 1.0)]
        assert found[1] == found[2] and found[0] is False and found[3] is True
        drawn.append(found[1])
    # Of a binomial of 400 and 0.25 (the secret is another in each run): eight deviations.
    assert 30 <= sum(drawn) <= 170


def test_the_lead_declines_with_a_reason_and_rules_have_limits(clip, person):
    lead = person("project_lead")
    low(clip.project, lead)
    for place in range(2):
        read(clip, person("annotator"), shift=14 * place)
    measure(clip)
    reading = FurtherReading.objects.get()
    with pytest.raises(Refused):
        further_readers.decline(lead, reading, reason=" ")
    done = further_readers.decline(lead, reading, reason="The picture is lost there.")
    assert done.state == "declined"
    for wrong in ({"metric": "beauty"}, {"below": 2.0}, {"share": -0.1}, {"share": float("nan")}):
        with pytest.raises(Refused):
            low(clip.project, lead, **wrong)


def test_who_reads_further_is_blinded_until_their_own_labels_are_handed_in(clip, person):
    from apps.adjudication import blinding

    made, _ = builders.open_adjudication(clip.project, person, clip)
    third = person("annotator", "project_lead")
    assert not blinding.blinded_clip_ids(third.user)
    builders.label_set(clip.project, third, clip)
    assert blinding.blinded_clip_ids(third.user) == {clip.pk}
    with pytest.raises(Refused) as refusal:
        readers.ask(third, clip, label_sets=[made.set_a, made.set_b])
    assert refusal.value.code == "blinded"
    read(clip, third)
    assert not blinding.blinded_clip_ids(third.user)


def test_a_machine_s_sweep_names_no_set_twice(clip, person):
    for _ in range(2):
        read(clip, person("annotator"))
    assert reader_tasks.ask_where_two_handed_in() == 1
    assert reader_tasks.ask_where_two_handed_in() == 0
    assert ReaderSet.objects.count() == 2 and not Adjudication.objects.exists()
    assert Event.objects.filter(action="readers.ask", actor=service("worker").id).count() == 1
