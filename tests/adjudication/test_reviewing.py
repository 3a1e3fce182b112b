"""The project's workflow: one pass and a reviewer, three passes and an adjudicator, a sample."""

from __future__ import annotations

import json
import uuid

import pytest

from apps.access.actor import Actor
from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.adjudication import binding, queries, reviewing, services, workflow
from apps.adjudication.models import Adjudication, Assignment
from apps.annotation import store
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations, submit_label_set
from apps.audit.models import Event
from apps.jobs import work
from apps.library.models import Clip
from apps.projects.models import Project
from apps.release.collecting import collect, load_freeze
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


def flow(project: Project, lead: Actor, **rule) -> None:
    workflow.set_workflow(lead, project, rule={"giving": "by_hand", **rule})
    project.refresh_from_db()


def labels_of(adjudication: Adjudication) -> dict:
    return store.load(LabelSet.objects.get(pk=adjudication.consensus_id))


def sign(judge: Actor, made: Adjudication) -> Adjudication:
    revision = LabelSet.objects.get(pk=made.consensus_id).revision
    return services.sign(judge, made, revision=revision, password=builders.PASSWORD)


def draw(author: Actor, label_set: LabelSet, steps: list, seq: int = 1, client: str = "") -> int:
    done = save_operations(
        author,
        label_set,
        client_id=client or str(uuid.uuid4()),
        base_revision=label_set.revision,
        operations=builders.numbered(steps, seq),
    )
    return done["revision"]


@pytest.fixture
def review(project, person, clip) -> tuple[Adjudication, Actor, Actor]:
    """One person's labels, with their reviewer: the adjudication, the reviewer, the author."""
    author, judge = person("annotator"), person("adjudicator")
    flow(project, person("project_lead"), passes=1)
    builders.submitted_set(project, author, clip, builders.sample_steps(clip))
    work.run_pending()
    return Adjudication.objects.get(), judge, author


def content(labels: dict) -> list[str]:
    tracks = [json.dumps({**t, "number": 0}, sort_keys=True) for t in labels["tracks"].values()]
    return sorted(tracks) + sorted(
        json.dumps(s, sort_keys=True) for s in labels["intervals"].values()
    )


def test_one_person_s_labels_go_to_a_reviewer_who_accepts_them_by_signing(review, project):
    made, judge, author = review
    assert made.is_review and made.adjudicator == judge.user and made.set_a.author == author.user
    assert made.findings["disagreements"] == [] and made.set_a.state == "submitted"
    assert content(labels_of(made)) == content(store.load(made.set_a))
    done = sign(judge, made)
    assert json.loads(bytes(done.signature.statement))["meaning"] == binding.MEANING_OF_REVIEW
    assert LabelSet.objects.get(pk=made.set_a_id).state == "locked"
    frozen = load_freeze(collect(project, "1", with_raters=True).content)
    (kept,) = frozen.clips
    assert kept.label_set.annotators == [author.user.pseudonym] and len(kept.label_set.raters) == 1
    told = queries.as_json(done, judge.user)
    assert len(told["sets"]) == 1 and told["signature"]["holds"]
    assert {row[0]["set"] for row in told["derived_from"].values()} == {"A"}


def test_the_reviewer_corrects_with_a_reason_and_not_without(review):
    made, judge, _ = review
    consensus = LabelSet.objects.get(pk=made.consensus_id)
    draw(judge, consensus, builders.interval(made.clip, "bleeding", 20, 24))
    with pytest.raises(Refused) as refusal:
        sign(judge, made)
    assert refusal.value.code == "reason_missing"
    with pytest.raises(Refused):
        reviewing.correct(judge, made, reason=" ")
    reviewing.correct(judge, made, reason="A bleeding was missed.")
    done = sign(judge, made)
    assert done.state == "signed" and content(labels_of(done)) != content(store.load(made.set_a))
    assert Event.objects.filter(action="adjudication.correct", outcome="done").count() == 1


def test_what_is_returned_comes_back_to_the_same_reviewer_as_it_is_now(review, project, clip):
    made, judge, author = review
    with pytest.raises(Refused):
        reviewing.return_reviewed(judge, made, remark="")
    reviewing.return_reviewed(judge, made, remark="The bleeding at the end is missing.")
    mine = Assignment.objects.get(label_set=made.set_a_id)
    assert mine.remark and mine.label_set.state == "returned"
    work.run_pending()
    made.refresh_from_db()
    assert made.state == "returned"
    with pytest.raises(Conflict):
        sign(judge, made)
    label_set = LabelSet.objects.get(pk=made.set_a_id)
    revision = draw(author, label_set, builders.interval(clip, "bleeding", 30, 34))
    submit_label_set(author, label_set, revision=revision)
    work.run_pending()
    made.refresh_from_db()
    assert made.state == "open" and Adjudication.objects.count() == 1
    assert content(labels_of(made)) == content(store.load(label_set))
    assert sign(judge, made).state == "signed"


def test_nobody_reviews_work_of_their_own_nor_another_than_theirs(review, person):
    made, _, author = review
    for verb, said in ((reviewing.correct, "reason"), (reviewing.return_reviewed, "remark")):
        for other in (author, person("adjudicator"), person("project_lead")):
            with pytest.raises((NotFound, Forbidden)):
                verb(other, made, **{said: "So."})


def test_a_review_is_opened_for_nobody_who_labelled_the_clip(project, person, clip):
    author = person("annotator", "adjudicator")
    flow(project, person("project_lead"), passes=1)
    builders.submitted_set(project, author, clip, builders.sample_steps(clip))
    work.run_pending()
    assert not Adjudication.objects.exists()


def test_correcting_and_returning_are_of_a_review_alone(project, person, clip):
    made, judge = builders.open_adjudication(project, person, clip)
    for verb, said in ((reviewing.correct, "reason"), (reviewing.return_reviewed, "remark")):
        with pytest.raises(NotFound):
            verb(judge, made, **{said: "So."})


def test_three_blinded_passes_are_decided_between_all_of_them(project, person, clip, client):
    flow(project, person("project_lead"), passes=3)
    authors, judge = [person("annotator") for _ in range(3)], person("adjudicator")
    for author, shift in zip(authors[:2], (0, 14), strict=True):
        builders.submitted_set(project, author, clip, builders.sample_steps(clip, shift))
    work.run_pending()
    assert not Adjudication.objects.exists()
    builders.submitted_set(project, authors[2], clip, builders.sample_steps(clip, 7))
    work.run_pending()
    made = Adjudication.objects.get()
    sides = made.sides()
    assert {side.author for side in sides} == {author.user for author in authors}
    assert {side.state for side in sides} == {"locked"}
    for author in authors:
        assert "author" in made.relations(author.user)
    client.force_login(judge.user)
    base = f"/api/v1/adjudications/{made.pk}/"
    told = client.get(base).json()
    assert [side["name"] for side in told["sets"]] == ["A", "B", "C"]
    merges = [set(d["merges"]) for d in told["disagreements"] if d["kind"] == "mask"]
    assert {"union", "intersect", "staple", "majority"} in merges
    for item in told["disagreements"]:
        sent = {"disagreement": item["id"], "decision": "d"}
        assert client.post(f"{base}decide/", sent, "application/json").status_code == 400
        sent["decision"] = "c"
        answer = client.post(f"{base}decide/", sent, "application/json")
        assert answer.status_code == 200
    third = store.load(sides[2])
    held = [t["keyframes"] for t in labels_of(made)["tracks"].values()]
    wanted = [third["tracks"][item["c"]]["keyframes"] for item in told["disagreements"]
              if item["kind"] == "mask" and item["c"]]  # fmt: skip
    assert wanted and all(keyframes in held for keyframes in wanted)
    done = sign(judge, made)
    assert json.loads(bytes(done.signature.statement))["meaning"] == binding.MEANING_OF_SEVERAL
    assert len({s["label_set"] for row in queries.sources_of(done).values() for s in row}) > 1


def test_a_clip_keeps_the_rule_that_it_was_given_under_and_a_sample_is_read_twice(
    project, person, clip
):
    lead, author = person("project_lead"), person("annotator")
    assert workflow.workflow_in(project).passes == 2
    flow(project, lead, passes=1, sampled_share=1, sampled_passes=2)
    builders.label_set(project, author, clip)
    flow(project, lead, passes=3)
    assert workflow.passes_of(clip) == 2
    assert [row.number for row in project.workflows.all()] == [2, 1]
    said = Event.objects.filter(action="workflow.set").order_by("recorded_at")
    assert [b'"version":2' in bytes(row.entry).replace(b" ", b"") for row in said] == [False, True]


def test_a_rule_that_nobody_can_follow_is_refused_and_only_a_lead_sets_one(project, person, client):
    lead = person("project_lead")
    with pytest.raises(Refused) as refusal:
        workflow.set_workflow(lead, project, rule={"passes": 0})
    assert refusal.value.field == "passes"
    with pytest.raises(Forbidden):
        workflow.set_workflow(person("annotator"), project, rule={"passes": 1})
    address = f"/api/v1/projects/{project.pk}/workflow/"
    client.force_login(lead.user)
    sent = {"passes": 1, "sampled_share": 0.1, "sampled_passes": 2, "giving": "by_hand"}
    assert client.post(address, sent, "application/json").json()["version"] == 1
    told = client.get(address).json()
    assert told["sampled_share"] == 0.1 and told["versions"][0]["version"] == 1
    form = {"passes": "2", "sampled_percent": "10", "sampled_passes": "3", "giving": "all"}
    assert client.post(f"/projects/{project.pk}/workflow/", form).status_code == 302
    assert workflow.workflow_in(project).sampled_passes == 3
    assert b"Version 2" in client.get("/projects/").content
