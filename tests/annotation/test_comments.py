"""Comments on a frame and an object: who reads them, and that nobody else can."""

from __future__ import annotations

import uuid

import pytest

from apps.access.actor import service
from apps.adjudication import services as adjudicating
from apps.annotation.models import Comment
from apps.annotation.services import save_operations
from apps.audit.models import Event
from apps.keys.models import Subject
from apps.keys.services import destroy_subject_key
from tests import builders

pytestmark = pytest.mark.django_db
TEXT = "Is this still the cystic duct?"


def _assigned(project, person):
    clip = builders.ready_clip(project)
    people = [person("annotator"), person("annotator")]
    sets = [builders.label_set(project, each, clip) for each in people]
    return clip, people, sets, person("adjudicator"), person("annotator")


@pytest.fixture(scope="module")
def assigned(kept):
    return kept.make(_assigned, kept.person)


@pytest.fixture
def door(assigned, client, db):
    clip = assigned[0]

    class Door:
        def as_(self, actor):
            client.force_login(actor.user)
            return self

        def begin(self, label_set, **more):
            body = {"clip": str(clip.pk), "frame_index": 4, "object": None, "text": TEXT, **more}
            url = f"/api/v1/label-sets/{label_set.pk}/comments/"
            return client.post(url, body, content_type="application/json")

        def answer(self, thread, text):
            url = f"/api/v1/comments/{thread['id']}/answer/"
            return client.post(url, {"text": text}, content_type="application/json")

        def settle(self, thread, settled):
            url = f"/api/v1/comments/{thread['id']}/settle/"
            return client.post(url, {"settled": settled}, content_type="application/json")

        def threads(self):
            answer = client.get(f"/api/v1/clips/{clip.pk}/comments/")
            return answer.json()["threads"] if answer.status_code == 200 else answer.status_code

    return Door()


def test_a_thread_is_its_author_s_until_the_clip_is_adjudicated(assigned, door):
    clip, (author, other), (mine, theirs), judge, stranger = assigned
    made = door.as_(author).begin(mine)
    assert made.status_code == 201, made.content
    thread = made.json()
    assert (thread["frame_index"], thread["object"], thread["settled"]) == (4, None, False)
    assert [(c["by"], c["text"]) for c in thread["comments"]] == [("you", TEXT)]
    assert door.threads() == [thread]
    for person in (other, stranger):
        assert not door.as_(person).threads() or door.threads() == 404
        assert door.answer(thread, "I think so").status_code == 404
        assert door.settle(thread, True).status_code == 404
    assert door.as_(other).begin(mine).status_code == 404

    for actor in (author, other):
        builders.submitted_set(clip.project, actor, clip, builders.sample_steps(clip))
    for each in (mine, theirs):
        each.refresh_from_db()
    adjudicating.open_adjudication(
        service("worker"), clip, set_a=mine, set_b=theirs, adjudicator=judge.user
    )
    (seen,) = door.as_(judge).threads()
    assert [c["by"] for c in seen["comments"]] == ["annotator"]
    assert author.user.printed_name not in str(seen) and author.user.pseudonym not in str(seen)
    answered = door.answer(thread, "Yes: see frame 9").json()
    assert [c["by"] for c in answered["comments"]] == ["annotator", "you"]
    assert door.settle(thread, True).json()["settled"] is True
    assert door.as_(other).threads() == []
    (held,) = door.as_(author).threads()
    assert held["settled"] and [c["by"] for c in held["comments"]] == ["you", "adjudicator"]
    assert not door.answer(thread, "Thank you").json()["settled"]


def test_a_comment_names_a_frame_and_an_object_that_are_there(assigned, door):
    clip, (author, _), (mine, _), *_ = assigned
    door.as_(author)
    for wrong in (
        {"clip": str(uuid.uuid4())}, {"clip": 3}, {"frame_index": clip.n_frames},
        {"frame_index": "4"}, {"frame_index": True}, {"object": str(uuid.uuid4())},
        {"object": 7}, {"text": "  "}, {"text": "x" * 1001}, {"text": None},
    ):  # fmt: skip
        assert door.begin(mine, **wrong).status_code == 400, wrong
    steps = builders.track(clip, "specimen_bag", {0: {"type": "box", "box": [1, 1, 5, 5]}})
    save_operations(
        author, mine, client_id=str(uuid.uuid4()), base_revision=0,
        operations=builders.numbered(steps),
    )  # fmt: skip
    made = door.begin(mine, object=steps[0]["object"]).json()
    assert made["object"] == steps[0]["object"]
    assert door.answer(made, "").status_code == door.settle(made, "yes").status_code == 400


def test_the_words_stand_nowhere_in_the_clear_and_go_with_the_subject_s_key(assigned, door):
    clip, (author, _), (mine, _), *_ = assigned
    door.as_(author).begin(mine)
    (row,) = Comment.objects.all()
    assert TEXT.encode() not in bytes(row.sealed)
    for event in Event.objects.filter(action__startswith="comment."):
        assert TEXT not in str(event.__dict__)
    subject = Subject.objects.get(pk=clip.instance.source.subject_id)
    destroy_subject_key(service("command"), subject, reason="consent withdrawn")
    (thread,) = door.threads()
    assert [c["text"] for c in thread["comments"]] == [None]
