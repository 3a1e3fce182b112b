"""Adjudication: two blind sets, every difference decided, signed with the password, amended."""

from __future__ import annotations

import json
import uuid

import pytest
from django.db import connection

from apps.access import signing
from apps.access.actor import Actor, service
from apps.access.errors import Conflict, Forbidden, NotFound, Refused
from apps.access.models import Signature
from apps.adjudication import binding, queries, services
from apps.adjudication.assigning import assign_clip
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.tasks import open_where_both_submitted
from apps.annotation import store
from apps.annotation.closing import return_label_set
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations
from apps.audit.models import Event
from apps.jobs import work
from apps.library.models import Clip
from apps.ontology.models import OntologyVersion
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
def opened(project, person, clip) -> tuple[Adjudication, Actor]:
    return builders.open_adjudication(project, person, clip)


def consensus_of(adjudication: Adjudication) -> LabelSet:
    return LabelSet.objects.get(pk=adjudication.consensus_id)


def decide_all(judge: Actor, adjudication: Adjudication, choice: str) -> None:
    for item in adjudication.findings["disagreements"]:
        services.decide(judge, adjudication, disagreement=item["id"], choice=choice, reason="So.")


def sign(judge: Actor, adjudication: Adjudication, **given) -> Adjudication:
    revision = consensus_of(adjudication).revision
    facts = {"password": builders.PASSWORD, "revision": revision, **given}
    return services.sign(judge, adjudication, **facts)


def content(labels: dict) -> list:
    """Labels without the ids of their objects: what is drawn where."""
    tracks = [json.dumps({**t, "number": 0}, sort_keys=True) for t in labels["tracks"].values()]
    spans = [json.dumps(span, sort_keys=True) for span in labels["intervals"].values()]
    return sorted(tracks) + sorted(spans)


def test_the_background_assigns_opens_and_compares_by_itself(project, person, clip):
    first, second, judge = person("annotator"), person("annotator"), person("adjudicator")
    builders.published_ontology(project)
    work.run_pending()
    assert Assignment.objects.filter(clip=clip, kind="annotate").count() == 2
    builders.submitted_set(project, first, clip, builders.sample_steps(clip))
    work.run_pending()
    assert not Adjudication.objects.exists()
    builders.submitted_set(project, second, clip, builders.sample_steps(clip, 14))
    work.run_pending()
    made = Adjudication.objects.get()
    assert made.adjudicator == judge.user and made.findings["disagreements"]
    assert {made.set_a.state, made.set_b.state} == {"locked"}
    work.run_pending()
    assert Adjudication.objects.count() == 1


def test_without_an_adjudicator_of_other_hands_nothing_is_opened(project, person, clip):
    both = person("annotator", "adjudicator"), person("annotator", "adjudicator")
    for author in both:
        builders.submitted_set(project, author, clip, builders.sample_steps(clip))
    work.run_pending()
    assert not Adjudication.objects.exists()
    assert set(LabelSet.objects.values_list("state", flat=True)) == {"submitted"}


def test_nobody_adjudicates_work_of_their_own(project, person, clip):
    sets = [
        builders.submitted_set(project, author, clip, builders.sample_steps(clip))
        for author in (person("annotator", "adjudicator"), person("annotator"))
    ]
    with pytest.raises(Refused) as refusal:
        services.open_adjudication(
            service("worker"), clip, set_a=sets[0], set_b=sets[1], adjudicator=sets[0].author
        )
    assert refusal.value.code == "own_work"
    assert Event.objects.filter(action="adjudication.open", outcome="refused").count() == 1
    # Even where a row says otherwise, the verbs hold.
    made = services.open_adjudication(
        service("worker"), clip, set_a=sets[0], set_b=sets[1],
        adjudicator=person("adjudicator").user,
    )  # fmt: skip
    Adjudication.objects.filter(pk=made.pk).update(adjudicator=sets[0].author, findings={
        "disagreements": [], "lanes": [], "summary": []})  # fmt: skip
    with pytest.raises(Forbidden):
        services.sign(Actor(sets[0].author), made, password=builders.PASSWORD, revision=0)


def test_what_is_agreed_stands_in_the_consensus_from_the_start(project, person, clip):
    made, _ = builders.open_adjudication(project, person, clip, shift=0)
    assert made.findings["disagreements"] == []
    assert content(store.load(consensus_of(made))) == content(store.load(made.set_a))


@pytest.mark.parametrize("choice", ["a", "b"])
def test_deciding_all_for_one_side_gives_that_side(opened, choice):
    made, judge = opened
    assert len(made.findings["disagreements"]) >= 4
    decide_all(judge, made, choice)
    side = made.set_a if choice == "a" else made.set_b
    assert content(store.load(consensus_of(made))) == content(store.load(side))


def test_a_decision_can_be_changed_until_it_is_signed(opened):
    made, judge = opened
    for choice in ("a", "b", "redraw", "a"):
        decide_all(judge, made, choice)
    assert content(store.load(consensus_of(made))) == content(store.load(made.set_a))
    assert set(services.decisions_of(made).values()) == {"a"}


def test_redraw_needs_a_reason_and_leaves_it_to_the_adjudicator(opened, clip):
    made, judge = opened
    item = next(d for d in made.findings["disagreements"] if d["kind"] == "tip")
    with pytest.raises(Refused) as refusal:
        services.decide(judge, made, disagreement=item["id"], choice="redraw", reason="  ")
    with pytest.raises(Refused):
        services.decide(judge, made, disagreement=item["id"], choice="a", reason="A" * 401)
    assert refusal.value.field == "reason"
    services.decide(judge, made, disagreement=item["id"], choice="redraw", reason="Both missed.")
    mine = consensus_of(made)
    steps = builders.track(clip, "grasper", {4: {"type": "tip", "point": [33.25, 44.5]}})
    save_operations(
        judge, mine, client_id="7d5b2a5e-7c0f-4d3e-9d44-0d3a52a7c0aa",
        base_revision=mine.revision, operations=builders.numbered(steps),
    )  # fmt: skip
    assert steps[0]["object"] in store.load(consensus_of(made))["tracks"]


@pytest.mark.parametrize(
    ("given", "field"), [({"choice": "c"}, "decision"), ({"disagreement": "x"}, "disagreement")]
)
def test_a_decision_that_makes_no_sense_is_refused(opened, given, field):
    made, judge = opened
    item = made.findings["disagreements"][0]
    with pytest.raises(Refused) as refusal:
        services.decide(judge, made, **{"disagreement": item["id"], "choice": "a", **given})
    assert refusal.value.field == field


def test_nothing_is_signed_while_something_is_undecided(opened):
    made, judge = opened
    for item in made.findings["disagreements"][1:]:
        services.decide(judge, made, disagreement=item["id"], choice="a")
    with pytest.raises(Conflict) as refusal:
        sign(judge, made)
    assert refusal.value.code == "undecided"
    assert refusal.value.details["disagreements"] == [made.findings["disagreements"][0]["id"]]
    assert not Signature.objects.exists()


def test_a_wrong_password_signs_nothing_and_is_an_event(opened):
    made, judge = opened
    decide_all(judge, made, "a")
    for password in ("wrong", "", "correct horse batter"):
        with pytest.raises(Refused) as refusal:
            sign(judge, made, password=password)
        assert (refusal.value.code, refusal.value.status) == ("wrong_password", 403)
    refused = Event.objects.filter(action="adjudication.sign", outcome="refused")
    assert refused.count() == 3 and not Signature.objects.exists()
    assert all(b"horse" not in bytes(row.entry) + bytes(row.private) for row in refused)
    assert consensus_of(made).state == "open"


def test_a_signature_is_for_the_revision_that_was_seen(opened):
    made, judge = opened
    decide_all(judge, made, "a")
    with pytest.raises(Conflict) as refusal:
        sign(judge, made, revision=consensus_of(made).revision - 1)
    assert refusal.value.code == "stale_revision"


def test_a_signature_binds_name_time_meaning_and_content(opened):
    made, judge = opened
    decide_all(judge, made, "b")
    done = sign(judge, made)
    signature = done.signature
    said = json.loads(bytes(signature.statement))
    released = json.loads(bytes(signature.released_statement))
    assert said["name"] == judge.user.printed_name and said["meaning"] == binding.MEANING
    assert said["digest"] == signature.digest == binding.content_digest(consensus_of(made))
    assert said["facts"]["media_sha256"] == made.clip.media_sha256
    assert released == {k: v for k, v in said.items() if k != "name"}
    assert signing.is_valid(signature)
    signature.statement = bytes(signature.statement).replace(b"approve", b"refuse ")
    assert not signing.is_valid(signature)
    assert (done.state, consensus_of(made).state) == ("signed", "signed")


def test_two_sets_on_different_ontologies_are_left_alone_without_a_word(project, person, clip):
    """The worker looks each second: a refusal each time would fill the trail."""
    person("adjudicator")
    for author in (person("annotator"), person("annotator")):
        made = builders.submitted_set(project, author, clip, builders.sample_steps(clip))
    LabelSet.objects.filter(pk=made.pk).update(ontology=other_version(made.ontology))
    open_where_both_submitted()
    assert not Adjudication.objects.exists()
    assert not Event.objects.filter(action="adjudication.open").exists()


def other_version(ontology: OntologyVersion) -> OntologyVersion:
    ontology.pk, ontology.number, ontology._state.adding = uuid.uuid4(), 2, True
    ontology.save()
    return ontology


def test_what_is_signed_is_read_only(opened, clip):
    made, judge = opened
    decide_all(judge, made, "a")
    done = sign(judge, made)
    item = made.findings["disagreements"][0]
    with pytest.raises(Conflict) as refusal:
        services.decide(judge, made, disagreement=item["id"], choice="b")
    assert refusal.value.status == 423
    with pytest.raises(Conflict):
        sign(judge, done)
    with pytest.raises(Conflict) as refusal:
        save_operations(
            judge, consensus_of(made), client_id="7d5b2a5e-7c0f-4d3e-9d44-0d3a52a7c0aa",
            base_revision=1,
            operations=builders.numbered(builders.interval(clip, "bleeding", 1, 2)),
        )  # fmt: skip
    assert refusal.value.status == 423
    with pytest.raises(Conflict):
        return_label_set(judge, made.set_a, remark="Again.")


def test_a_correction_is_a_new_version_with_a_reason(opened):
    made, judge = opened
    decide_all(judge, made, "a")
    first = sign(judge, made)
    for reason in (" ", "A" * 401):
        with pytest.raises(Refused):
            services.amend(judge, first, reason=reason)
    second = services.amend(judge, first, reason="The bleeding began earlier.")
    assert second.supersedes == first and first.state == "signed"
    assert store.load(second.consensus) == store.load(consensus_of(first))
    assert services.decisions_of(second) == services.decisions_of(first)
    with pytest.raises(Conflict):
        services.amend(judge, first, reason="Twice.")
    done = sign(judge, second)
    first.refresh_from_db()
    assert (first.state, done.state) == ("superseded", "signed")
    assert consensus_of(first).state == "superseded"
    assert signing.is_valid(first.signature)


def test_only_the_adjudicator_sees_and_touches_it(opened, person, client):
    made, judge = opened
    url = f"/api/v1/adjudications/{made.pk}/"
    client.force_login(judge.user)
    shown = client.get(url).json()
    assert [side["name"] for side in shown["sets"]] == ["A", "B"]
    assert shown["statement"]["digest"] == shown["consensus"]["digest"]
    names = json.dumps(shown)
    for author in (made.set_a.author, made.set_b.author):
        assert author.username not in names and str(author.pk) not in names
    others = [person("adjudicator"), person("annotator"), person("project_lead"), person(),
              Actor(made.set_a.author)]  # fmt: skip
    item = made.findings["disagreements"][0]
    for other in others:
        client.force_login(other.user)
        assert client.get(url).status_code == 404
        body = {"disagreement": item["id"], "decision": "a"}
        answer = client.post(f"{url}decide/", body, content_type="application/json")
        assert answer.status_code == 404
        assert client.get(f"/adjudications/{made.pk}/").status_code == 404
        with pytest.raises((NotFound, Forbidden)):
            services.decide(other, made, disagreement=item["id"], choice="a")
    assert not made.decisions.exists()


def test_the_api_leads_from_the_first_decision_to_the_signature(opened, client):
    made, judge = opened
    client.force_login(judge.user)
    url = f"/api/v1/adjudications/{made.pk}/"

    def post(end, body):
        return client.post(f"{url}{end}/", body, content_type="application/json")

    assert post("sign", {"password": builders.PASSWORD, "revision": 1}).status_code == 409
    for item in client.get(url).json()["disagreements"]:
        answer = post("decide", {"disagreement": item["id"], "decision": "b"}).json()
        assert item["id"] in {d["id"] for d in answer["disagreements"] if d["decision"] == "b"}
    revision = answer["consensus"]["revision"]
    assert post("sign", {"password": "wrong", "revision": revision}).status_code == 403
    assert post("sign", {"password": builders.PASSWORD, "revision": "1"}).status_code == 400
    done = post("sign", {"password": builders.PASSWORD, "revision": revision}).json()
    assert done["state"] == "signed" and done["signature"]["holds"] is True
    assert done["signature"]["name"] == judge.user.printed_name
    assert post("amend", {}).status_code == 400
    assert post("amend", {"reason": "Once more."}).json()["state"] == "open"


def test_the_lead_sees_how_far_annotators_agree_by_class_and_nobody_else(
    opened, project, person, client
):
    made, judge = opened
    rows = {
        (row["label"], row["metric"]): row
        for row in queries.agreement_in(project, person("project_lead").user)
    }
    told = {(r["label"], r["metric"]): r["value"] for r in made.findings["summary"]}
    assert ("Phases", "F1@50") in rows and any(metric == "HOTA" for _, metric in rows)
    assert all(rows[key]["mean"] == told[key] and rows[key]["clips"] == 1 for key in rows)
    client.force_login(person("project_lead").user)
    assert b"F1@50" in client.get("/projects/").content
    for other in (judge.user, made.set_a.author, person("data_steward").user):
        client.force_login(other)
        assert b"F1@50" not in client.get("/projects/").content


def test_a_clip_is_assigned_once_and_to_those_who_may(project, person, clip):
    author = person("annotator")
    with pytest.raises(Refused) as refusal:
        assign_clip(service("command"), clip, person=author.user)
    assert refusal.value.code == "no_ontology"
    builders.published_ontology(project)
    lead = person("project_lead")
    assign_clip(lead, clip, person=author.user)
    with pytest.raises(Refused) as refusal:
        assign_clip(lead, clip, person=author.user)
    assert refusal.value.code == "taken"
    with pytest.raises(Refused) as refusal:
        assign_clip(lead, clip, person=person("researcher").user)
    assert refusal.value.code == "wrong_role"
    with pytest.raises((NotFound, Forbidden)):
        assign_clip(author, clip, person=person("annotator").user)
    clip.state = "indexing"
    clip.save()
    with pytest.raises(Conflict):
        assign_clip(lead, clip, person=person("annotator").user)


def test_signed_content_survives_the_database_s_own_order(opened):
    made, judge = opened
    decide_all(judge, made, "a")
    done = sign(judge, made)
    again = LabelSet.objects.get(pk=made.consensus_id)
    assert binding.content_digest(again) == done.signature.digest, connection.vendor
