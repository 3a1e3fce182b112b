"""Merging by decision, accepting small differences together, and the way back to each source."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

from apps.access.actor import service
from apps.access.errors import Conflict, Refused
from apps.adjudication import findings, queries, services
from apps.adjudication.domain.merging import merges_of
from apps.adjudication.models import Adjudication, Decision
from apps.annotation import store
from apps.annotation.domain import rle
from apps.annotation.models import LabelSet
from apps.audit.models import Event
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


def labels_of(adjudication: Adjudication) -> dict:
    return store.load(LabelSet.objects.get(pk=adjudication.consensus_id))


def item_of(adjudication: Adjudication, kind: str) -> dict:
    return next(d for d in adjudication.findings["disagreements"] if d["kind"] == kind)


def test_masks_are_united_or_intersected_by_decision_and_lead_back_to_both(project, person, clip):
    made, judge = builders.open_adjudication(project, person, clip)
    item = item_of(made, "mask")
    sides = [
        store.load(label_set)["tracks"][item[name]]["keyframes"]["5"]["shape"]["rle"]
        for label_set, name in ((made.set_a, "a"), (made.set_b, "b"))
    ]
    for how, wanted in (("union", rle.union(*sides)), ("intersect", rle.intersection(*sides))):
        services.decide(judge, made, disagreement=item["id"], choice=how)
        held = labels_of(made)["tracks"][item["consensus"]]["keyframes"]["5"]
        assert held["shape"]["rle"] == wanted
        told = Event.objects.filter(action="adjudication.decide").latest("recorded_at")
        assert f'"choice":"{how}"'.encode() in bytes(told.entry).replace(b" ", b"")
    sources = queries.as_json(made, judge.user)["derived_from"][item["consensus"]]
    assert sources == [
        {"set": "A", "object": item["a"], "label_set": str(made.set_a_id)},
        {"set": "B", "object": item["b"], "label_set": str(made.set_b_id)},
    ]
    for item in made.findings["disagreements"]:
        offered = merges_of(item["kind"])
        for choice in {"union", "mean"} - set(offered):
            with pytest.raises(Refused) as refusal:
                services.decide(judge, made, disagreement=item["id"], choice=choice)
            assert refusal.value.field == "decision"


def test_three_sides_are_merged_by_majority_and_median_and_lead_back_to_all(project, person, clip):
    judge = person("adjudicator")
    steps = [builders.sample_steps(clip, shift) for shift in (0, 14, 18)]
    sets = [builders.submitted_set(project, person("annotator"), clip, one) for one in steps]
    made = services.open_adjudication(
        service("worker"), clip, set_a=sets[0], set_b=sets[1], further=sets[2:],
        adjudicator=judge.user,
    )  # fmt: skip
    definition, compared = sets[0].ontology.definition, findings.compare(made)
    made = services.prepare(
        service("worker"), made, found=findings.as_findings(compared, definition),
        steps=compared.agreed(definition),
    )  # fmt: skip
    mask, tip = item_of(made, "mask"), item_of(made, "tip")
    offered = {d["id"]: d["merges"] for d in queries.disagreements_json(made)}
    assert "majority" in offered[mask["id"]] and "median" in offered[tip["id"]]
    for item, how in ((mask, "majority"), (mask, "staple"), (tip, "mean"), (tip, "median")):
        services.decide(judge, made, disagreement=item["id"], choice=how)
    shapes = [
        [
            store.load(one)["tracks"][item[letter]]["keyframes"][frame]["shape"]
            for one, letter in zip(sets, "abc", strict=True)
        ]
        for item, frame in ((mask, "5"), (tip, "2"))
    ]
    services.decide(judge, made, disagreement=mask["id"], choice="majority")
    held = labels_of(made)["tracks"]
    votes = sum(rle.decode(shape["rle"]).astype(int) for shape in shapes[0])
    found = held[mask["consensus"]]["keyframes"]["5"]["shape"]
    assert (rle.decode(found["rle"]) == (votes >= 2)).all()
    middle = np.median([shape["point"] for shape in shapes[1]], axis=0)
    assert held[tip["consensus"]]["keyframes"]["2"]["shape"]["point"] == pytest.approx(middle)
    sources = queries.sources_of(made)
    for item in (mask, tip):
        assert sources[item["consensus"]] == [
            {"set": letter.upper(), "object": item[letter], "label_set": str(one.pk)}
            for letter, one in zip("abc", sets, strict=True)
        ]


def test_a_relation_that_one_annotator_alone_has_is_decided_by_itself(project, person, clip):
    def drawn():
        return [
            *builders.track(clip, "grasper", {2: {"type": "tip", "point": [100.0, 80.0]}}),
            *builders.track(clip, "specimen_bag", {2: {"type": "box", "box": [20, 30, 50, 40]}}),
        ]

    a, b = drawn(), drawn()
    holds = {"op": "relation.set", "object": str(uuid.uuid4()), "clip": str(clip.pk),
             "relation": "holds", "subject": a[0]["object"], "target": a[2]["object"],
             "start_frame": 2, "end_frame": 20}  # fmt: skip
    made, judge = builders.open_adjudication(project, person, clip, steps=([*a, holds], b))
    (item,) = made.findings["disagreements"]
    assert (item["kind"], item["b"]) == ("relation", None)
    assert item["label"] == "Grasper 1 holds Specimen bag 1"
    assert "relations" not in labels_of(made)
    services.decide(judge, made, disagreement=item["id"], choice="a")
    (held,) = labels_of(made)["relations"].values()
    assert (held["start_frame"], held["end_frame"]) == (2, 20)
    services.decide(judge, made, disagreement=item["id"], choice="b")
    assert "relations" not in labels_of(made)


def test_small_differences_are_accepted_together_and_each_is_a_decision(
    project, person, clip, client
):
    made, judge = builders.open_adjudication(project, person, clip, shift=7)
    with pytest.raises(Conflict) as refusal:
        services.accept_small(judge, made)
    assert refusal.value.code == "nothing_small"
    rules = f"/projects/{project.pk}/adjudication-rules/"
    client.force_login(judge.user)
    client.post(rules, {"accept_below_percent": "20"})
    assert "accept_below" not in Project.objects.get(pk=project.pk).options
    client.force_login(person("project_lead").user)
    for wrong in ("26", "-1", "nan", "much"):
        client.post(rules, {"accept_below_percent": wrong})
    assert "accept_below" not in Project.objects.get(pk=project.pk).options
    assert client.post(rules, {"accept_below_percent": "20"}).status_code == 302
    assert b'value="20"' in client.get("/projects/").content
    made = Adjudication.objects.get(pk=made.pk)
    small = {d["id"] for d in services.acceptable(made)}
    everything = {d["id"]: d["size"] for d in made.findings["disagreements"]}
    assert small and small == {name for name, size in everything.items() if size < 0.2}
    client.force_login(judge.user)
    answer = client.post(f"/api/v1/adjudications/{made.pk}/accept-small/").json()
    assert {d["id"] for d in answer["disagreements"] if d["decision"] == "a"} == small
    assert Decision.objects.filter(adjudication=made, by=judge.user).count() == len(small)
    assert Event.objects.filter(action="adjudication.decide").count() == len(small)
    assert Event.objects.filter(action="adjudication.accept_small", outcome="done").count() == 1
    assert {d["id"] for d in services.acceptable(made)} == set()


def test_labels_on_frames_that_the_signer_never_saw_are_shown_before_and_told_with_the_signature(
    project, person, clip, client
):
    made, judge = builders.open_adjudication(project, person, clip, shift=0)
    client.force_login(judge.user)
    url = f"/api/v1/adjudications/{made.pk}/"
    shown = client.get(url).json()
    labels = shown["consensus"]["labels"]
    assert {row["object"] for row in shown["unseen"]} == {*labels["tracks"], *labels["intervals"]}
    watched = f"/api/v1/clips/{clip.pk}/watched/"
    for spans in ([[0, 6]], [[6, clip.n_frames - 1]]):
        assert client.post(watched, {"spans": spans}, content_type="application/json")
    (last,) = client.get(url).json()["unseen"]
    assert last["first_frame"] == clip.n_frames - 1 and last["frames"] == 1
    body = {"password": builders.PASSWORD, "revision": shown["consensus"]["revision"]}
    assert client.post(f"{url}sign/", body, content_type="application/json").status_code == 200
    told = Event.objects.get(action="adjudication.sign", outcome="done")
    assert b'"unseen":1' in bytes(told.entry)
