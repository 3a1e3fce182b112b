"""A further reader's labels become a side of an adjudication that is not finished."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.access.actor import Actor, service
from apps.access.errors import Conflict, NotFound
from apps.adjudication import binding, findings, joining, queries, services, tasks
from apps.adjudication.assigning import assign_clip
from apps.adjudication.models import Adjudication
from apps.adjudication.reader_models import FurtherReading, ReadersReport
from apps.annotation import store
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations
from apps.jobs import work
from apps.jobs.models import Job
from apps.library.models import Clip
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(kept: Any, clip: Clip) -> Any:
    return kept.person


@pytest.fixture
def opened(clip: Clip, person: Any) -> tuple[Adjudication, Actor]:
    return builders.open_adjudication(clip.project, person, clip)


def read_once_more(clip: Clip, author: Actor, shift: int = 7) -> LabelSet:
    """The clip was given to a further reader by the rule, and they handed in."""
    report = ReadersReport.objects.create(
        project=clip.project, clip=clip, ontology=builders.published_ontology(clip.project),
        state=ReadersReport.State.DONE, handed_in_at=clip.created_at, is_chosen=True,
    )  # fmt: skip
    FurtherReading.objects.create(
        project=clip.project, clip=clip, report=report, metric="agreement", label="Lesion",
        value=0.2, below=0.5, state=FurtherReading.State.ASSIGNED, reader=author.user,
    )  # fmt: skip
    assign_clip(service("worker"), clip, person=author.user)
    return builders.submitted_set(clip.project, author, clip, builders.sample_steps(clip, shift))


def compare(made: Adjudication) -> Adjudication:
    Job.objects.exclude(kind="adjudication.compare").filter(state=Job.State.QUEUED).delete()
    handle = work.claim("tests")
    assert handle is not None and handle.job.object_id == str(made.pk)
    work.run(handle)
    made = Adjudication.objects.get(pk=made.pk)
    assert made.findings is not None, Job.objects.get(pk=handle.job.pk).reason
    return made


def test_what_a_further_reader_hands_in_joins_by_itself_while_nothing_is_decided(
    clip, person, opened
):
    made, judge = opened
    before = {d["id"] for d in made.findings["disagreements"]}
    third = read_once_more(clip, person("annotator"))
    tasks.open_where_both_submitted()
    made = compare(made)
    assert [side.pk for side in made.sides()] == [made.set_a_id, made.set_b_id, third.pk]
    third.refresh_from_db()
    assert third.state == LabelSet.State.LOCKED
    assert findings.letters_of(made) == "abc"
    found = made.findings["disagreements"]
    assert found and not before & {d["id"] for d in found} and all("c" in d for d in found)
    # The third is decided for, and the signature says that all were looked at.
    item = next(d for d in found if d["c"])
    services.decide(judge, made, disagreement=item["id"], choice="c")
    sources = queries.sources_of(made)[item["consensus"]]
    assert sources == [{"set": "C", "object": item["c"], "label_set": str(third.pk)}]
    assert "all annotators" in binding.meaning_of(made)
    assert tasks.open_where_both_submitted() == 0


def test_once_something_is_decided_the_adjudicator_takes_it_in_and_all_begins_anew(
    clip, person, opened
):
    made, judge = opened
    item = made.findings["disagreements"][0]
    services.decide(judge, made, disagreement=item["id"], choice="a")
    client = Client()
    client.force_login(judge.user)
    address = reverse("adjudication-take-in", args=[made.pk])
    assert client.post(address).status_code == 409
    third = read_once_more(clip, person("annotator"))
    tasks.open_where_both_submitted()
    made.refresh_from_db()
    assert len(made.sides()) == 2 and made.findings is not None
    assert queries.as_json(made, judge.user)["joins"] is True
    answer = client.post(address)
    assert answer.status_code == 200 and answer.json()["sides"] == 3
    made = compare(made)
    assert third.pk in [side.pk for side in made.sides()]
    shown = queries.as_json(made, judge.user)
    assert shown["joins"] is False and not any(d["decision"] for d in shown["disagreements"])
    # The consensus holds what all three agree on, and nothing of what was decided between two.
    held = store.load(LabelSet.objects.get(pk=made.consensus_id))
    agreed = findings.compare(made).agreed(made.set_a.ontology.definition)
    assert set(held["tracks"]) == {op["object"] for op in agreed if op["op"] == "track.create"}


@pytest.mark.parametrize("why", ["not handed in", "no rule asked", "signed", "another decides"])
def test_nothing_else_becomes_a_side(clip, person, opened, why):
    made, judge = opened
    author = person("annotator")
    if why == "no rule asked":
        builders.submitted_set(clip.project, author, clip, builders.sample_steps(clip, 7))
    elif why == "not handed in":
        third = read_once_more(clip, author)
        LabelSet.objects.filter(pk=third.pk).update(state=LabelSet.State.IN_PROGRESS)
    else:
        read_once_more(clip, author)
    if why == "signed":
        Adjudication.objects.filter(pk=made.pk).update(state=Adjudication.State.SIGNED)
    who = person("adjudicator") if why == "another decides" else judge
    with pytest.raises(NotFound if why == "another decides" else Conflict):
        joining.take_in(who, made)
    if why != "another decides":
        assert joining.join_where_untouched() == 0
    assert len(Adjudication.objects.get(pk=made.pk).sides()) == 2


def test_what_the_adjudicator_begins_in_between_is_not_thrown_away(
    clip, person, opened, monkeypatch
):
    """The background looked, the adjudicator drew, the background took in: it must ask again once
    it holds the consensus, and go on with what else there is to do."""
    made, judge = opened
    read_once_more(clip, person("annotator"))
    looked = joining.is_untouched
    answers = iter([True])
    steps = builders.track(clip, "grasper", {0: {"type": "tip", "point": [30.0, 20.0]}, 5: None})

    def first_before_the_save(adjudication):
        if next(answers, False):
            consensus = LabelSet.objects.get(pk=made.consensus_id)
            save_operations(
                judge, consensus, client_id=str(uuid.uuid4()), base_revision=consensus.revision,
                operations=builders.numbered(steps),
            )  # fmt: skip
            return True
        return looked(adjudication)

    monkeypatch.setattr(joining, "is_untouched", first_before_the_save)
    assert joining.join_where_untouched() == 0
    made.refresh_from_db()
    assert len(made.sides()) == 2 and made.findings is not None
    assert LabelSet.objects.get(pk=made.consensus_id).state == LabelSet.State.OPEN
    # The adjudicator may still take it in.
    assert len(joining.take_in(judge, made).sides()) == 3
