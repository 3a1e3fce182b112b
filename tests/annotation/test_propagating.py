"""A shape carried on by the worker: begun, cancelled and taken by its author alone."""

from __future__ import annotations

import uuid

import pytest

import apps.annotation.tasks  # noqa: F401 - the worker knows the kind of work
from apps.annotation.models import LabelSet, Propagation
from apps.audit.models import Event
from apps.jobs import work
from apps.jobs.models import Job
from apps.library.models import Clip
from tests import builders

pytestmark = pytest.mark.django_db
BOX = {"type": "box", "box": [40, 60, 80, 60]}


def _assigned(project, person):
    author, clip = person("annotator"), builders.ready_clip(project)
    return builders.label_set(project, author, clip), author, clip, person("annotator")


@pytest.fixture(scope="module")
def assigned(kept):
    return kept.make(_assigned, kept.person)


@pytest.fixture
def door(assigned, client, db):
    label_set, author, clip, _ = assigned
    client.force_login(author.user)

    class Door:
        url = f"/api/v1/label-sets/{label_set.pk}/propagations/"

        def begin(self, **more):
            body = {"clip": str(clip.pk), "class_id": "specimen_bag", "shape": BOX,
                    "from_frame": 10, "to_frame": 20, **more}  # fmt: skip
            return client.post(self.url, body, content_type="application/json")

        def see(self, made):
            return client.get(f"{self.url}{made['id']}/").json()

        def cancel(self, made):
            return client.post(f"{self.url}{made['id']}/cancel/")

    return Door()


def work_once():
    handle = work.claim("test")
    assert handle is not None and handle.job.kind == "annotation.propagate"
    work.run(handle)


@pytest.mark.parametrize(("start", "end"), [(10, 20), (20, 10), (39, 0)])
def test_every_frame_of_the_span_is_found_and_no_label_changes(assigned, door, start, end):
    answer = door.begin(from_frame=start, to_frame=end)
    assert answer.status_code == 202
    made = answer.json()
    assert door.see(made)["state"] == "waiting"
    work_once()
    found = door.see(made)
    assert found["state"] == "done"
    step = 1 if end > start else -1
    wanted = list(range(start + step, end + step, step))
    told = [f["frame_index"] for f in found["frames"]]
    assert told == wanted[: len(told)]
    assert found["stopped"] or told == wanted
    assert set(found["keyframes"]) <= set(told)
    label_set = LabelSet.objects.get(pk=assigned[0].pk)
    assert label_set.revision == 0
    assert Event.objects.filter(action="label_set.propagate").exists()
    assert Event.objects.filter(action="propagation.finish").exists()


def test_it_ends_where_the_clip_changes_its_shot(assigned, door):
    Clip.objects.filter(pk=assigned[2].pk).update(shots=[13])
    made = door.begin().json()
    work_once()
    found = door.see(made)
    assert [f["frame_index"] for f in found["frames"]] == [11, 12]
    assert found["stopped"] == {"frame_index": 13, "reason": "shot_change"}


def test_one_at_a_time_and_a_cancelled_one_keeps_nothing(door):
    made = door.begin().json()
    again = door.begin()
    assert (again.status_code, again.json()["error"]["code"]) == (409, "busy")
    assert door.cancel(made).json()["state"] == "cancelled"
    assert work.claim("test") is None
    assert door.cancel(made).status_code == 409
    assert door.begin().status_code == 202


@pytest.mark.parametrize(
    "wrong",
    [{"to_frame": 10}, {"to_frame": 99}, {"from_frame": -1}, {"from_frame": "10"},
     {"from_frame": True}, {"class_id": "bleeding"}, {"class_id": "nothing"}, {"shape": None},
     {"shape": {"type": "tip", "point": [1, 1]}}, {"clip": str(uuid.uuid4())}],
)  # fmt: skip
def test_what_does_not_hold_is_refused_and_queues_nothing(door, wrong):
    answer = door.begin(**wrong)
    assert answer.status_code == 400
    assert not Job.objects.filter(kind="annotation.propagate").exists()


def test_another_person_sees_and_begins_nothing(assigned, door, client):
    made = door.begin().json()
    client.force_login(assigned[3].user)
    assert door.begin().status_code == 404
    assert client.get(f"{door.url}{made['id']}/").status_code == 404
    assert door.cancel(made).status_code == 404


def test_a_clip_that_cannot_be_read_fails_with_a_word(assigned, door):
    made = door.begin().json()
    Clip.objects.filter(pk=assigned[2].pk).update(state=Clip.State.FAILED)
    work_once()
    found = door.see(made)
    assert (found["state"], found["reason"]) == ("failed", "the clip cannot be read")
    assert Propagation.objects.get(pk=made["id"]).found is None
