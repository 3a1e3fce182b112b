"""Parts of a label set: what a window or a track needs, and nothing of the rest."""

from __future__ import annotations

import random
import uuid
from importlib import import_module

import pytest
from django.apps import apps

from apps.access.actor import Actor
from apps.annotation import services, store
from apps.annotation.domain.interpolate import at
from apps.annotation.domain.runs import numbers_of
from apps.annotation.models import LabelObject, LabelSet
from apps.library.models import Clip
from apps.ontology.domain.geometries import rule_of
from tests import builders

pytestmark = pytest.mark.django_db
N_FRAMES = 12_000
# Keyframes of each track: thick, with holes over several chunks, at the edges of chunks, one alone.
FRAMES = {
    "thick": list(range(3000, 3700, 3)),
    "holes": [10, 20, 2000, 2010, 9000, 9001],
    "edges": [255, 256, 511, 512, 1024, 5119, 5120],
    "alone": [7000],
}


def _made(project, person) -> tuple[LabelSet, Actor, Clip, dict[str, str]]:
    author, clip = person("annotator"), builders.ready_clip(project)
    # Only its length matters here: no picture is asked for.
    Clip.objects.filter(pk=clip.pk).update(n_frames=N_FRAMES)
    clip.refresh_from_db()
    label_set = builders.label_set(project, author, clip)
    steps, names = [], {}
    for name, frames in FRAMES.items():
        shapes = {f: {"type": "tip", "point": [f % 300 + 0.25, f % 200 + 0.5]} for f in frames}
        if name == "edges":
            shapes[512] = None
        steps += builders.track(clip, "grasper", shapes)
        names[name] = steps[-1]["object"]
    services.save_operations(
        author, label_set, client_id=str(uuid.uuid4()), base_revision=0,
        operations=builders.numbered(steps),
    )  # fmt: skip
    return label_set, author, clip, names


@pytest.fixture(scope="module")
def made(kept):
    return kept.make(_made, kept.person)


@pytest.fixture
def ask(made, client):
    client.force_login(made[1].user)

    def get(end, **query):
        answer = client.get(f"/api/v1/label-sets/{made[0].pk}/{end}/", query)
        return answer.status_code, answer.json()

    return get


def test_every_frame_of_a_window_is_what_the_whole_set_says(made, ask):
    label_set, _, clip, names = made
    whole = store.load(label_set)["tracks"]
    grasper = next(c for c in label_set.ontology.definition["classes"] if c["id"] == "grasper")
    rule, pick = rule_of(grasper), random.Random(4)
    starts = [0, 2900, 3690, *(pick.randrange(N_FRAMES - 700) for _ in range(12))]
    for start in starts:
        status, read = ask("keyframes", clip=str(clip.pk), **{"from": start, "to": start + 700})
        assert status == 200 and read["revision"] == 1
        for track in names.values():
            chunks = read["tracks"].get(track, {})
            part = {"keyframes": {f: k for chunk in chunks.values() for f, k in chunk.items()}}
            for frame in range(start, start + 700, 7):
                full = at(whole[track], "tip", frame, rule)
                assert at(part, "tip", frame, rule) == full, (track, frame)


def test_a_window_holds_its_own_chunks_and_one_to_each_side(made, ask):
    _, _, clip, names = made
    _, read = ask("keyframes", clip=str(clip.pk), **{"from": 3072, "to": 3328})
    found = {name: set(read["tracks"].get(track, {})) for name, track in names.items()}
    assert found == {
        "thick": {"11", "12", "13"}, "holes": {"7", "35"}, "edges": {"4", "19"}, "alone": set(),
    }  # fmt: skip


def test_the_outline_says_where_the_keyframes_are_that_it_does_not_hold(made, ask):
    label_set, _, clip, names = made
    status, found = ask("outline", clip=str(clip.pk), **{"from": 6900, "to": 7100})
    assert status == 200
    whole, tracks = store.load(label_set)["tracks"], found["labels"]["tracks"]
    assert found["revision"] == 1 and found["author_is_me"]
    for name, track in names.items():
        wanted = sorted({f // store.CHUNK_FRAMES for f in FRAMES[name]})
        assert tracks[track]["chunks"] == wanted
        assert tracks[track]["keyframes"].items() <= whole[track]["keyframes"].items()
    _, runs = ask("outline", clip=str(clip.pk), form="runs", **{"from": 6900, "to": 7100})
    for track in runs["labels"]["tracks"].values():
        spans = track.pop("chunk_runs")
        track["chunks"] = [number for first, last in spans for number in range(first, last + 1)]
    assert runs == found
    assert tracks[names["alone"]]["keyframes"] == whole[names["alone"]]["keyframes"]
    assert tracks[names["thick"]]["keyframes"] == {}


def test_one_track_comes_whole(made, ask):
    label_set, _, _, names = made
    status, read = ask("keyframes", track=names["holes"])
    assert status == 200 and list(read["tracks"]) == [names["holes"]]
    chunks = read["tracks"][names["holes"]].values()
    found = {frame: keyframe for chunk in chunks for frame, keyframe in chunk.items()}
    assert found == store.load(label_set)["tracks"][names["holes"]]["keyframes"]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "-1"}, {"from": "1e3"}, {"from": "5", "to": "5"}, {"from": "0", "to": "99999"},
        {"clip": "x"}, {"track": "x"}, {"from": "٣"},
    ],
)  # fmt: skip
def test_a_window_that_makes_no_sense_is_refused(ask, query):
    status, said = ask("keyframes", **query)
    assert status == 400 and said["error"]["code"] == "invalid_window"


def test_a_save_over_many_chunks_takes_few_statements(made, django_assert_max_num_queries):
    label_set, author, _, names = made
    tip = {"state": "visible", "shape": {"type": "tip", "point": [1, 1]}, "attributes": {}}
    steps = [
        {"op": "keyframe.set", "object": track, "frame_index": frame, **tip}
        for track in names.values()
        for frame in range(0, N_FRAMES, 500)
    ]
    # From locking the set to its event; on SQLite the event is two.
    with django_assert_max_num_queries(14):
        services.save_operations(
            author, label_set, client_id=str(uuid.uuid4()), base_revision=1,
            operations=builders.numbered(steps),
        )  # fmt: skip


def _said_and_held(label_set: LabelSet) -> tuple[dict, dict]:
    """Of each object where its row says that it has keyframes, and where it has some."""
    rows = list(LabelObject.objects.filter(label_set=label_set))
    said = {row.uuid: numbers_of(row.chunk_runs) for row in rows}
    held = {
        row.uuid: list(row.chunks.order_by("number").values_list("number", flat=True))
        for row in rows
    }
    return said, held


def test_a_track_says_where_its_keyframes_are_whatever_happens_to_them(made):
    label_set, author, clip, names = made
    client, seq, pick = str(uuid.uuid4()), 1, random.Random(6)

    def save(steps):
        nonlocal seq
        label_set.refresh_from_db()
        services.save_operations(
            author, label_set, client_id=client, base_revision=label_set.revision,
            operations=builders.numbered(steps, seq),
        )  # fmt: skip
        seq += len(steps)

    tip = {"state": "visible", "shape": {"type": "tip", "point": [1, 1]}, "attributes": {}}
    again = {"op": "track.create", "clip": str(clip.pk), "class_id": "grasper"}
    alone, holes = names["alone"], names["holes"]
    save([{"op": "keyframe.delete", "object": alone, "frame_index": 7000}])
    save([{"op": "keyframe.set", "object": alone, "frame_index": pick.randrange(N_FRAMES), **tip}])
    save([{"op": "track.delete", "object": holes}])
    assert (said := _said_and_held(label_set))[0] == said[1]
    save([{**again, "object": holes},
          {"op": "keyframe.set", "object": holes, "frame_index": 5, **tip}])  # fmt: skip
    save([{"op": "track.delete", "object": alone}, {**again, "object": alone},
          {"op": "keyframe.set", "object": alone, "frame_index": 9000, **tip}])  # fmt: skip
    said, held = _said_and_held(label_set)
    assert said == held and said[uuid.UUID(holes)] == [0] and said[uuid.UUID(alone)] == [35]
    assert store.load(label_set)["tracks"][holes]["keyframes"].keys() == {"5"}


def test_the_migration_fills_in_where_the_tracks_that_stand_have_keyframes(made):
    label_set = made[0]
    said, held = _said_and_held(label_set)
    assert said == held
    LabelObject.objects.update(chunk_runs=[])
    import_module("apps.annotation.migrations.0007_chunk_runs").fill(apps, None)
    assert _said_and_held(label_set)[0] == held
