"""Labels of an import as proposals: shown to who labels the clip, decided, told in a release."""

from __future__ import annotations

import csv
import io
import json
import uuid

import pytest

from apps.access.actor import service
from apps.access.errors import Refused
from apps.adjudication import services as adjudicating
from apps.adjudication.tasks import compare
from apps.annotation import queries, store
from apps.annotation.services import import_label_set, save_operations
from apps.jobs import work
from apps.jobs.models import Job
from apps.projects.services import grant_role
from apps.release import collecting
from apps.release.domain.formats import csv_tables
from apps.release.domain.freeze import load_freeze
from apps.release.domain.manifest import clip_entry
from apps.release.domain.splits import split_by_patient
from apps.release.domain.view import parse_choice, release_view
from tests import builders

pytestmark = pytest.mark.django_db
TIP = {"type": "tip", "point": [60.5, 40.25]}
BOX = {"type": "box", "box": [10, 12, 30, 20]}


def import_by(actor, clip, *steps):
    ontology = builders.published_ontology(clip.project)
    return import_label_set(
        actor, clip, ontology=ontology, steps=[s for each in steps for s in each],
        source={"format": "test", "digest": "0" * 64},
    )  # fmt: skip


def _assigned(project, person):
    clip = builders.ready_clip(project)
    people = [person("annotator"), person("annotator")]
    sets = [builders.label_set(project, each, clip) for each in people]
    source = import_by(
        person("project_lead"), clip,
        builders.track(clip, "grasper", {3: TIP, 9: TIP}),
        builders.track(clip, "specimen_bag", {3: BOX, 9: BOX}),
        builders.interval(clip, "bleeding", 5, 8),
    )  # fmt: skip
    grant_role(service("command"), project, people[1].user, "project_lead")
    return clip, people, sets, source, (person("adjudicator"), person("annotator"))


@pytest.fixture(scope="module")
def assigned(kept):
    return kept.make(_assigned, kept.person)


def taken(clip, source, *, decisions=("accepted", "accepted", "refused"), change=None):
    """Operations that decide on a source's objects, and the relation of the two that were kept."""
    labels, steps, made = store.load(source), [], {}
    objects = [*labels["tracks"], *labels["intervals"]]
    for name, decision in zip(objects, decisions, strict=True):
        result = None if decision == "refused" else str(uuid.uuid4())
        if result and name in labels["tracks"]:
            track = labels["tracks"][name]
            made[track["class_id"]] = result
            steps.append({"op": "track.create", "object": result, "clip": str(clip.pk),
                          "class_id": track["class_id"]})  # fmt: skip
            steps += [
                {"op": "keyframe.set", "object": result, "frame_index": int(i), **k,
                 "shape": change or k["shape"]}
                for i, k in track["keyframes"].items()
            ]  # fmt: skip
        steps.append({"op": "proposal.set", "object": name, "clip": str(clip.pk),
                      "source": str(source.pk), "decision": decision,
                      "result": result})  # fmt: skip
    steps.append({"op": "relation.set", "object": str(uuid.uuid4()), "clip": str(clip.pk),
                  "relation": "holds", "subject": made["grasper"], "target": made["specimen_bag"],
                  "start_frame": 3, "end_frame": 7})  # fmt: skip
    return steps


def test_who_labels_the_clip_gets_what_was_imported_and_nobody_s_own_work(assigned, client):
    clip, (author, other), (mine, _), source, (_, stranger) = assigned
    import_by(other, clip, builders.track(clip, "grasper", {1: TIP}))  # by who labels it too
    client.force_login(author.user)
    shown = client.get(f"/api/v1/label-sets/{mine.pk}/proposals/").json()["sources"]
    assert [each["id"] for each in shown] == [str(source.pk)]
    assert shown[0]["labels"] == store.load(source)
    client.force_login(stranger.user)
    assert client.get(f"/api/v1/label-sets/{mine.pk}/proposals/").status_code == 404


def test_a_decision_names_what_was_proposed_for_the_clip_and_is_held_with_the_labels(assigned):
    clip, (author, _), (mine, _), source, _ = assigned
    mine.refresh_from_db()
    steps = taken(clip, source)

    def save(steps, first=1):
        return save_operations(
            author, mine, client_id=str(uuid.uuid4()), base_revision=0,
            operations=builders.numbered(steps, first),
        )  # fmt: skip

    for wrong in ({"object": str(uuid.uuid4())}, {"source": str(mine.pk)}):
        with pytest.raises(Refused) as refusal:
            save([{**next(s for s in steps if s["op"] == "proposal.set"), **wrong}])
        assert (refusal.value.field, refusal.value.details["index"]) == ("object", 0)
    assert save(steps)["revision"] == 1
    mine.refresh_from_db()
    held = store.load(mine)
    assert sorted(p["decision"] for p in held["proposals"].values()) == [
        "accepted", "accepted", "refused",
    ]  # fmt: skip
    (relation,) = held["relations"].values()
    assert store.at_revision(mine, 0) == {"clips": [str(clip.pk)], "tracks": {}, "intervals": {}}
    gone = [{"op": "track.delete", "object": relation["subject"]}]
    save_operations(
        author, mine, client_id=str(uuid.uuid4()), base_revision=1,
        operations=builders.numbered(gone),
    )  # fmt: skip
    mine.refresh_from_db()
    assert "relations" not in store.load(mine) and store.at_revision(mine, 1) == held
    assert queries.proposals_json(mine)["sources"]


def test_a_release_tells_what_became_of_proposals_and_carries_relations(assigned):
    clip, people, sets, source, (judge, _) = assigned
    builders.submitted_set(clip.project, people[0], clip, taken(clip, source))
    moved = {"type": "tip", "point": [60.5, 40.5]}
    steps = taken(clip, source)
    for step in steps:
        if step["op"] == "keyframe.set" and step["shape"]["type"] == "tip":
            step["shape"] = moved
    builders.submitted_set(clip.project, people[1], clip, steps)
    for each in sets:
        each.refresh_from_db()
    opened = adjudicating.open_adjudication(
        service("worker"), clip, set_a=sets[0], set_b=sets[1], adjudicator=judge.user
    )
    work.enqueue("adjudication.compare", opened.pk, priority=99)
    handle = work.claim("test")
    compare(handle)
    handle._mine().update(state=Job.State.DONE)
    opened.refresh_from_db()
    assert opened.findings["disagreements"] == []
    opened.consensus.refresh_from_db()
    adjudicating.sign(judge, opened, password=builders.PASSWORD, revision=opened.consensus.revision)
    freeze = load_freeze(collecting.collect(clip.project, "1").content)
    told = freeze.clips[0].label_set.proposals
    assert [each["id"] for each in told["sources"]] == [str(source.pk)]
    rows = [(r["annotator"], r["decision"], r["changed"]) for r in told["decisions"]]
    first, second = (each.user.pseudonym for each in people)
    assert sorted(rows, key=str) == sorted(
        [(first, "accepted", False), (first, "accepted", False), (first, "refused", None),
         (second, "accepted", True), (second, "accepted", False), (second, "refused", None)],
        key=str,
    )  # fmt: skip
    labels = store.load(source)
    assert sorted(told["unchanged"].values()) == sorted(labels["tracks"])
    entry = clip_entry(freeze.clips[0], "train", "", "", [], [])
    assert entry["label_set"]["proposals"] == told
    files: dict[str, bytes] = {}
    lost = csv_tables.write(_view(freeze), _into(files))
    assert not lost
    (relation,) = csv.DictReader(io.StringIO(files["relations.csv"].decode()))
    assert (relation["relation"], relation["start_frame"], relation["end_frame"]) == (
        "holds", "3", "7",
    )  # fmt: skip
    tracks = {r["tracking_uid"]: r["class_id"] for r in _rows(files["tracks.csv"])}
    assert [tracks[relation[k]] for k in ("subject_uid", "target_uid")] == [
        "grasper", "specimen_bag",
    ]  # fmt: skip
    told_rows = _rows(files["proposals.csv"])
    assert {r["tracking_uid"] for r in told_rows if r["decision"] == "accepted"} == set(tracks)
    assert json.loads(collecting.collect(clip.project, "1").content)["clips"][0]["label_set"]


def _view(freeze):
    return release_view(freeze, split_by_patient(freeze), parse_choice("csv"))


def _rows(data):
    return list(csv.DictReader(io.StringIO(data.decode())))


def _into(files):
    class Out(io.BytesIO):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def __exit__(self, *exc):
            files[self.name] = self.getvalue()

    return Out
