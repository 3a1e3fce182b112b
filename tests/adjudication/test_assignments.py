"""Who has which clip: planned and looked at before it is given, moved, skipped, returned, due; and
calibration against what is signed."""

from __future__ import annotations

import re
import uuid
from datetime import date

import pytest

from apps.access.actor import Actor
from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.adjudication import assigning, calibrating, planning, queries, workflow
from apps.adjudication.models import Adjudication, Assignment
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations, submit_label_set
from apps.audit.models import Event
from apps.jobs import work
from apps.library.models import Clip
from apps.projects.models import Project
from apps.release.collecting import collect, load_freeze
from tests import builders

pytestmark = pytest.mark.django_db
DAY = date(2031, 5, 4)


@pytest.fixture(scope="module")
def ready(kept) -> list[Clip]:
    def make(project):
        builders.published_ontology(project)
        return [builders.ready_clip(project, n) for n in (8, 40)]

    return kept.make(make)


@pytest.fixture
def project(kept, ready, db) -> Project:
    found = Project.objects.get(pk=kept.project.pk)
    found.options = {**found.options, "assign_to_all": False}
    found.save()
    return found


@pytest.fixture
def clip(ready, project) -> Clip:
    return Clip.objects.get(pk=ready[0].pk)


def given(**wanted) -> set:
    return set(Assignment.objects.filter(**wanted).values_list("clip_id", "person_id"))


def hand_in(author: Actor, assignment: Assignment, steps: list | None = None) -> LabelSet:
    mine = LabelSet.objects.get(pk=assignment.label_set_id)
    done = save_operations(
        author, mine, client_id=str(uuid.uuid4()), base_revision=mine.revision,
        operations=builders.numbered(
            steps or builders.interval(assignment.clip, "preparation", 0, 4)
        ),
    )  # fmt: skip
    return submit_label_set(author, mine, revision=done["revision"])


def test_a_plan_is_looked_at_first_and_given_as_it_was_seen_or_not_at_all(
    project, person, ready, client
):
    lead, people = person("project_lead"), [person("annotator") for _ in range(3)]
    client.force_login(lead.user)
    address = f"/api/v1/projects/{project.pk}/plan/"
    told = client.get(address).json()
    assert len(told["given"]) == 4 and told["lacking"] == {} and not given()
    # Somebody gives one by hand in between: the plan is another.
    assigning.assign_clip(lead, ready[0], person=people[0].user)
    sent = {"digest": told["digest"], "due_on": DAY.isoformat()}
    assert client.post(address, sent, "application/json").status_code == 409
    assert len(given()) == 1
    sent["digest"] = client.get(address).json()["digest"]
    done = client.post(address, sent, "application/json").json()
    assert len(done["given"]) == 3 and len(given(due_on=DAY)) == 3
    assert {c for c, _ in given()} == {c.pk for c in ready} and len(given()) == 4
    assert Event.objects.filter(action="assignment.plan", outcome="done").count() == 1
    assert client.post(address, {}, "application/json").status_code == 400
    bad = {"people": ["nobody"], "due_on": "soon"}
    assert client.post(address, bad, "application/json").status_code == 400


def test_the_page_shows_what_would_be_given_and_gives_it(project, person, client):
    lead, author = person("project_lead"), person("annotator")
    workflow.set_workflow(lead, project, rule={"passes": 1})
    client.force_login(lead.user)
    page = f"/projects/{project.pk}/assignments/"
    shown = client.get(page, {"people": str(author.user.pk), "due_on": "2001-02-03"})
    assert shown.content.count(b"would be given") == 3 and not given()
    sent = {"people": [str(author.user.pk)], "due_on": "2001-02-03",
            "digest": shown.context["plan"].digest}  # fmt: skip
    assert client.post(f"/projects/{project.pk}/plan/", sent).status_code == 302
    assert len(given(person=author.user)) == 2
    assert client.get(page).content.count(b"was due 2001-02-03") == 2
    client.force_login(author.user)
    assert client.get("/").content.count(b"was due 2001-02-03") == 2
    for address in (page, f"/projects/{project.pk}/plan/"):
        assert client.get(address).status_code in (404, 405)


def test_the_background_gives_by_load_where_the_workflow_says_so(project, person, clip):
    judge = person("annotator", "adjudicator")
    people = [person("annotator") for _ in range(2)]
    assigning.assign_clip(person("project_lead"), clip, person=judge.user, kind="adjudicate")
    rule = {"passes": 2, "giving": "balanced"}
    workflow.set_workflow(person("project_lead"), project, rule=rule)
    work.run_pending()
    held = given(kind="annotate", clip=clip)
    assert held == {(clip.pk, p.user.pk) for p in people}
    assert len(given(kind="annotate")) == 4
    work.run_pending()
    assert len(given(kind="annotate")) == 4
    assert not Event.objects.filter(outcome="refused").exists()


def test_who_skips_says_why_and_has_the_clip_no_longer(project, person, clip, client):
    author, lead = person("annotator"), person("project_lead")
    mine = assigning.assign_clip(lead, clip, person=author.user)
    for reason in ("", "x" * 401):
        with pytest.raises(Refused):
            assigning.skip(author, mine, reason=reason)
    client.force_login(author.user)
    done = client.post(f"/assignments/{mine.pk}/skip/", {"reason": "I operated on this patient."})
    assert done.status_code == 302 and not queries.assignments_for(author.user).exists()
    assert b"I operated on this patient." in client.get("/").content
    assert client.get(f"/clips/{clip.pk}/work/").status_code == 404
    label_set = LabelSet.objects.get(pk=mine.label_set_id)
    with pytest.raises(Conflict):
        hand_in(author, mine)
    assert label_set.state == "superseded"
    client.force_login(lead.user)
    page = client.get(f"/projects/{project.pk}/assignments/").content
    assert b"I operated on this patient." in page
    # Not planned for them again, but the lead may give it anew: with an empty label set.
    barred = planning.preview(project, {str(author.user.pk)})
    assert str(clip.pk) not in {c for c, _ in barred.plan.given}
    again = assigning.assign_clip(lead, clip, person=author.user)
    assert again.pk == mine.pk and again.label_set_id != label_set.pk
    assert hand_in(author, again).state == "submitted"
    with pytest.raises(Conflict):
        assigning.skip(author, again, reason="Too late.")


def test_a_clip_goes_to_another_person_with_its_due_day(project, person, clip):
    first, second, lead = person("annotator"), person("annotator"), person("project_lead")
    mine = assigning.assign_clip(lead, clip, person=first.user, due_on=DAY)
    made = assigning.reassign(lead, mine, person=second.user, reason="Away.")
    assert made.due_on == DAY and made.pass_number == 1
    assert not queries.assignments_for(first.user).exists()
    with pytest.raises(Conflict):
        hand_in(first, mine)
    with pytest.raises(Conflict):
        assigning.reassign(lead, mine, person=first.user)
    hand_in(second, made)
    with pytest.raises(Conflict):
        assigning.reassign(lead, made, person=first.user)
    made.refresh_from_db()
    assert made.state == "given"
    judge = person("annotator", "adjudicator")
    third = assigning.assign_clip(lead, clip, person=person("annotator").user)
    assigning.assign_clip(lead, clip, person=judge.user, kind="adjudicate")
    with pytest.raises(Refused) as refusal:
        assigning.reassign(lead, third, person=judge.user)
    assert refusal.value.code == "has_seen"
    third.refresh_from_db()
    assert third.state == "given"


def test_what_a_lead_returns_opens_again_with_the_remark(project, person, clip, client):
    author, lead = person("annotator"), person("project_lead")
    mine = assigning.assign_clip(lead, clip, person=author.user)
    hand_in(author, mine)
    client.force_login(lead.user)
    sent = {"remark": "The phases are missing."}
    assert client.post(f"/assignments/{mine.pk}/return/", sent).status_code == 302
    client.force_login(author.user)
    assert b"The phases are missing." in client.get("/").content
    steps = builders.interval(clip, "bleeding", 1, 3)
    assert hand_in(author, mine, steps).state == "submitted"
    with pytest.raises((NotFound, Forbidden)):
        assigning.return_work(author, mine, remark="Mine.")


def test_a_lead_who_labels_a_clip_learns_of_the_others_by_no_answer(project, person, clip, client):
    lead, other, third = (
        person("project_lead", "annotator"),
        person("annotator"),
        person("annotator"),
    )
    assigning.assign_clip(lead, clip, person=lead.user)
    theirs = assigning.assign_clip(lead, clip, person=other.user)
    client.force_login(lead.user)
    page = f"/projects/{project.pk}/assignments/"

    def seen() -> list:
        answers = [client.get(f"/api/v1/projects/{project.pk}/{way}/").json()
                   for way in ("assignments", "plan")]  # fmt: skip
        shown = client.get(page, {"people": str(other.user.pk)})
        answers += [shown.content.count(b"Submitted"), shown.context["loads"]]
        for verb, said in (
            (assigning.reassign, {"person": third.user}),
            (assigning.return_work, {"remark": "So."}),
        ):
            with pytest.raises(Refused) as refusal:
                verb(lead, theirs, **said)
            answers.append(refusal.value.code)
        return answers

    before = seen()
    hand_in(other, theirs)
    assert seen() == before and before[-2:] == ["blinded", "blinded"]


def test_a_calibration_is_told_against_what_was_signed_and_comes_into_no_release(
    project, person, ready, client
):
    clip = Clip.objects.get(pk=ready[1].pk)
    gold = builders.signed_adjudication(project, person, clip)
    lead, learner = person("project_lead"), person("annotator")
    client.force_login(lead.user)
    sent = {"golds": [str(gold.pk)], "people": [str(learner.user.pk)]}
    answer = client.post(f"/projects/{project.pk}/calibrations/", sent, follow=True)
    assert b"1 calibrations are given." in answer.content
    mine = Assignment.objects.get(purpose="calibration")
    client.force_login(learner.user)
    before = client.get("/").content
    assert clip.name.encode() in before and b"alibration" not in re.sub(
        rb"<link[^>]*>", b"", before
    )
    assert client.get(f"/calibrations/{mine.pk}/").status_code == 404
    hand_in(learner, mine, builders.sample_steps(clip, 14))
    work.run_pending()
    mine.refresh_from_db()
    assert mine.label_set.state == "locked" and mine.result["disagreements"]
    assert {"label", "metric", "value", "object"} == set(mine.result["summary"][0])
    assert f"/calibrations/{mine.pk}/".encode() in client.get("/").content
    shown = client.get(f"/calibrations/{mine.pk}/").content.decode()
    assert mine.result["disagreements"][0]["label"] in shown and "#frame=" in shown
    client.force_login(lead.user)
    page = client.get(f"/projects/{project.pk}/assignments/").content
    assert f"/calibrations/{mine.pk}/".encode() in page
    assert client.get(f"/calibrations/{mine.pk}/").status_code == 200
    client.force_login(person("annotator").user)
    assert client.get(f"/calibrations/{mine.pk}/").status_code == 404
    assert Adjudication.objects.filter(clip=clip).count() == 1
    (kept,) = load_freeze(collect(project, "1", with_raters=True).content).clips
    assert learner.user.pseudonym not in kept.label_set.annotators
    assert len(kept.label_set.raters) == 2


def test_nobody_is_calibrated_on_what_they_know_nor_given_it_as_work_afterwards(
    project, person, ready
):
    clip = Clip.objects.get(pk=ready[1].pk)
    gold = builders.signed_adjudication(project, person, clip)
    lead, learner = person("project_lead"), person("annotator")
    with pytest.raises(Refused):
        calibrating.give_gold(lead, gold, person=gold.set_a.author)
    with pytest.raises(Refused):
        calibrating.give_gold(lead, gold, person=gold.adjudicator)
    calibrating.give_gold(lead, gold, person=learner.user)
    with pytest.raises(Refused) as refusal:
        assigning.assign_clip(lead, clip, person=learner.user)
    assert refusal.value.code == "taken"
    with pytest.raises(Forbidden):
        calibrating.give_gold(learner, gold, person=person("annotator").user)


def test_a_perfect_calibration_differs_nowhere(project, person, ready):
    clip = Clip.objects.get(pk=ready[1].pk)
    gold = builders.signed_adjudication(project, person, clip)
    learner = person("annotator")
    mine = calibrating.give_gold(person("project_lead"), gold, person=learner.user)
    hand_in(learner, mine, builders.sample_steps(clip))
    work.run_pending()
    mine.refresh_from_db()
    assert mine.result["disagreements"] == []
    shares = [r["value"] for r in mine.result["summary"] if r["metric"] in ("HOTA", "accuracy")]
    assert shares and set(shares) == {1}


def test_a_clip_given_anew_keeps_the_rule_that_it_was_first_given_under(project, person, clip):
    lead, (one, two) = person("project_lead"), (person("annotator") for _ in range(2))
    workflow.set_workflow(lead, project, rule={"giving": "by_hand", "passes": 2})
    first = assigning.assign_clip(lead, clip, person=one.user)
    assigning.assign_clip(lead, clip, person=two.user)
    assigning.skip(one, first, reason="Later.")
    workflow.set_workflow(lead, project, rule={"giving": "by_hand", "passes": 3})
    # The same row, now of the newer rule, and still the oldest.
    again = assigning.assign_clip(lead, clip, person=one.user)
    assert (again.pk, again.workflow) == (first.pk, first.workflow + 1)
    assert workflow.passes_of(clip) == 2
    third = person("annotator")
    planned = planning.preview(project, [third.user.pk]).plan.given
    assert (str(clip.pk), str(third.user.pk)) not in planned


def test_assignments_are_skipped_moved_returned_and_due_by_api(project, person, clip, client):
    lead, first, second, third = (
        person(role) for role in ("project_lead", "annotator", "annotator", "annotator")
    )

    def post(who, item, what, **body):
        client.force_login(who.user)
        address = f"/api/v1/assignments/{item.pk}/{what}/"
        return client.post(address, body, content_type="application/json")

    def own(who):
        client.force_login(who.user)
        return client.get("/api/v1/me/assignments/").json()["assignments"]

    item = assigning.assign_clip(lead, clip, person=first.user)
    assert [one["clip"] for one in own(first)] == [str(clip.pk)] and own(second) == []
    assert post(lead, item, "due", due_on="2031-05-04").json()["due_on"] == "2031-05-04"
    assert own(first)[0]["due_on"] == "2031-05-04"
    assert post(lead, item, "due", due_on="tomorrow").status_code == 400
    for other in (second, lead):
        assert post(other, item, "skip", reason="blurred").status_code == 404
    for what in ("due", "return", "reassign"):
        assert post(first, item, what).status_code == 404
    assert post(lead, item, "reassign", person="nobody").status_code == 400
    moved = post(lead, item, "reassign", person=second.user.username, reason="on leave")
    assert moved.json()["person"] == second.user.username and own(first) == []
    mine = Assignment.objects.get(pk=moved.json()["id"])
    assert post(second, mine, "skip").status_code == 400
    assert post(second, mine, "skip", reason="blurred").json()["state"] == "skipped"
    item = assigning.assign_clip(lead, clip, person=third.user)
    assert post(lead, item, "return", remark="the end").status_code == 409
    hand_in(third, item)
    assert post(lead, item, "return", remark="the end").status_code == 200
    assert (own(third)[0]["labels"], own(third)[0]["remark"]) == ("returned", "the end")
