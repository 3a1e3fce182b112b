"""What comes of a review that is returned: by whom, to whom it goes on, and what is signed then."""

from __future__ import annotations

import uuid

import pytest

from apps.access.actor import Actor, service
from apps.access.errors import Conflict, Refused
from apps.adjudication import assigning, endorsing, planning, reviewing, services, tasks, workflow
from apps.adjudication.models import Adjudication, Assignment
from apps.annotation import store
from apps.annotation.closing import return_label_set
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations, submit_label_set
from apps.audit.models import Event
from apps.jobs import work
from apps.library.models import Clip
from apps.projects.models import Project
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def ready(kept) -> Clip:
    return kept.make(builders.ready_clip)


@pytest.fixture
def project(kept, db) -> Project:
    return Project.objects.get(pk=kept.project.pk)


@pytest.fixture
def clip(ready, db) -> Clip:
    return Clip.objects.get(pk=ready.pk)


@pytest.fixture
def lead(person) -> Actor:
    return person("project_lead")


@pytest.fixture
def review(project, person, clip, lead) -> tuple[Adjudication, Actor, Actor]:
    """One person's labels, with their reviewer: the adjudication, the reviewer, the author."""
    author, judge = person("annotator"), person("adjudicator")
    workflow.set_workflow(lead, project, rule={"giving": "by_hand", "passes": 1})
    builders.submitted_set(project, author, clip, builders.sample_steps(clip))
    work.run_pending()
    return Adjudication.objects.get(), judge, author


def consensus_of(made: Adjudication) -> LabelSet:
    return LabelSet.objects.get(pk=made.consensus_id)


def draw(author: Actor, label_set: LabelSet, steps: list) -> int:
    done = save_operations(
        author,
        label_set,
        client_id=str(uuid.uuid4()),
        base_revision=label_set.revision,
        operations=builders.numbered(steps),
    )
    return done["revision"]


def hand_in(author: Actor, label_set_id: uuid.UUID, steps: list | None = None) -> None:
    mine = LabelSet.objects.get(pk=label_set_id)
    revision = draw(author, mine, steps) if steps else mine.revision
    submit_label_set(author, mine, revision=revision)
    work.run_pending()


def sign(judge: Actor, made: Adjudication) -> Adjudication:
    revision = consensus_of(made).revision
    return services.sign(judge, made, revision=revision, password=builders.PASSWORD)


def test_a_lead_returns_nothing_that_a_reviewer_has(review, lead):
    made, judge, _ = review
    given = Assignment.objects.get(label_set=made.set_a_id)
    with pytest.raises(Conflict) as refusal:
        assigning.return_work(lead, given, remark="Look again.")
    assert refusal.value.code == "under_review"
    assert LabelSet.objects.get(pk=made.set_a_id).state == "submitted"
    assert sign(judge, made).state == "signed"


def test_labels_that_are_newer_than_the_review_are_not_signed(review, lead, clip):
    made, judge, author = review
    # Past the door of the assignments, as if it had been returned before reviews held their labels.
    return_label_set(lead, made.set_a, remark="Look again.")
    hand_in(author, made.set_a_id, builders.interval(clip, "bleeding", 30, 34))
    with pytest.raises(Conflict) as refusal:
        sign(judge, made)
    assert refusal.value.code == "other_labels"
    reviewing.return_reviewed(judge, made, remark="It comes again as it is now.")
    hand_in(author, made.set_a_id)
    done = sign(judge, made)
    kept = (store.load(label_set)["intervals"] for label_set in (done.consensus, done.set_a))
    assert len({len(intervals) for intervals in kept}) == 1


def test_a_review_is_opened_of_nothing_that_went_back_meanwhile(project, person, clip, lead):
    author, judge = person("annotator"), person("adjudicator")
    mine = builders.submitted_set(project, author, clip, builders.sample_steps(clip))
    return_label_set(lead, mine, remark="Look again.")
    with pytest.raises(Conflict) as refusal:
        services.open_adjudication(lead, clip, set_a=mine, set_b=None, adjudicator=judge.user)
    assert refusal.value.code == "not_handed_in" and not Adjudication.objects.exists()


@pytest.mark.parametrize("way", ["skipped", "given to another"])
def test_a_review_ends_with_the_labels_it_returned_and_the_clip_is_decided_anew(
    review, project, lead, person, clip, way
):
    made, judge, author = review
    other = person("annotator")
    reviewing.return_reviewed(judge, made, remark="Look again.")
    given = Assignment.objects.get(label_set=made.set_a_id)
    if way == "skipped":
        assigning.skip(author, given, reason="No time.")
        planned = planning.preview(project).plan.given
        assert planned == ((str(clip.pk), str(other.user.pk)),)
        planning.apply_plan(lead, project)
    else:
        assigning.reassign(lead, given, person=other.user)
    made.refresh_from_db()
    assert made.state == "ended" and consensus_of(made).state == "superseded"
    assert Event.objects.filter(action="adjudication.end", outcome="done").count() == 1
    theirs = Assignment.objects.get(person=other.user)
    hand_in(other, theirs.label_set_id, builders.sample_steps(clip))
    anew = Adjudication.objects.exclude(pk=made.pk).get()
    assert anew.set_a_id == theirs.label_set_id and anew.adjudicator == judge.user
    (row,) = planning.matrix(project, lead.user, [other.user], [])
    assert row["adjudication"] == anew
    assert sign(judge, anew).state == "signed"
    made.refresh_from_db()
    assert made.state == "ended" and made.signature is None


def test_nothing_is_saved_into_a_consensus_while_its_labels_are_returned(review, clip):
    made, judge, author = review
    reviewing.return_reviewed(judge, made, remark="Look again.")
    with pytest.raises(Refused) as refusal:
        draw(judge, consensus_of(made), builders.interval(clip, "bleeding", 26, 28))
    assert (refusal.value.code, refusal.value.status) == ("locked", 423)
    hand_in(author, made.set_a_id)
    assert draw(judge, consensus_of(made), builders.interval(clip, "bleeding", 26, 28))


def test_what_was_corrected_before_a_return_neither_asks_for_a_reason_nor_gives_one(review, clip):
    made, judge, author = review
    draw(judge, consensus_of(made), builders.interval(clip, "bleeding", 20, 24))
    reviewing.correct(judge, made, reason="A bleeding was missed.")
    reviewing.return_reviewed(judge, made, remark="Look again.")
    hand_in(author, made.set_a_id)
    label_set = consensus_of(made)
    draw(judge, label_set, builders.interval(clip, "bleeding", 26, 28))
    with pytest.raises(Refused) as refusal:
        sign(judge, made)
    assert refusal.value.code == "reason_missing"
    made.refresh_from_db()
    reviewing.return_reviewed(judge, made, remark="Once more.")
    hand_in(author, made.set_a_id)
    assert len(store.load(consensus_of(made))["intervals"]) == 3
    assert sign(judge, made).state == "signed"


def test_what_a_reviewer_drew_before_the_comparison_stays_and_asks_for_a_reason(
    project, person, clip, lead
):
    author, judge = person("annotator"), person("adjudicator")
    workflow.set_workflow(lead, project, rule={"giving": "by_hand", "passes": 1})
    builders.submitted_set(project, author, clip, builders.sample_steps(clip))
    tasks.open_where_both_submitted()
    made = Adjudication.objects.get()
    draw(judge, consensus_of(made), builders.interval(clip, "bleeding", 20, 24))
    work.run_pending()
    assert len(store.load(consensus_of(made))["intervals"]) == 4
    with pytest.raises(Refused) as refusal:
        sign(judge, made)
    assert refusal.value.code == "reason_missing"


def test_a_clip_has_one_line_of_consensus_also_after_a_withdrawal(project, person, clip):
    made = builders.signed_adjudication(project, person, clip)
    judge = Actor(made.adjudicator)
    late = [
        builders.submitted_set(project, person("annotator"), clip, builders.sample_steps(clip))
        for _ in range(2)
    ]
    endorsing.withdraw(judge, made, reason="Wrong.", password=builders.PASSWORD)
    tasks.open_where_both_submitted()
    assert [row.state for row in Adjudication.objects.all()] == ["withdrawn"]
    with pytest.raises(Conflict) as refusal:
        services.open_adjudication(
            service("worker"), clip, set_a=late[0], set_b=late[1], adjudicator=judge.user
        )
    assert refusal.value.code == "decided_already"
    services.amend(judge, made, reason="Anew.")
    assert [row.state for row in Adjudication.objects.all()] == ["withdrawn", "open"]
