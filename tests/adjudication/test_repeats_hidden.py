"""Nothing that a person is told tells a clip that came back to them from another."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from apps.access import grants, roles
from apps.access.errors import Refused
from apps.adjudication import (
    assigning,
)
from apps.adjudication.models import Assignment
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations
from apps.intake.models import ReceivedInstance
from apps.library.models import Clip
from apps.library.services import open_clip
from tests import builders
from tests.adjudication.coming_back import come_back, hand_in, seen_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(kept: Any, clips: list[Clip]) -> Any:
    return kept.person


def addresses_of(clip: Clip) -> Iterator[str]:
    """Every address of the URL map that asks for a clip alone (or a frame or segment of it)."""

    def walk(patterns: Any, held: dict[str, Any]) -> Iterator[str]:
        for each in patterns:
            if isinstance(each, URLResolver):
                yield from walk(each.url_patterns, {**held, **each.pattern.converters})
            elif isinstance(each, URLPattern) and each.name:
                names = {**held, **each.pattern.converters}
                if "clip_id" in names and set(names) <= {"clip_id", "frame_index", "start_frame"}:
                    given = {name: 0 for name in names} | {"clip_id": clip.pk}
                    yield reverse(each.name, kwargs=given)

    yield from walk(get_resolver().url_patterns, {})


def told(client: Client, address: str) -> tuple[int, str]:
    """Status, and headers and text of an answer (pictures are the clip's own: left out)."""
    answer = client.get(address)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    kind = answer.get("Content-Type", "")
    text = "" if kind.startswith(("image/", "video/")) else body.decode()
    return answer.status_code, f"{dict(answer.items())} {text}"


def signs_of(clip: Clip, *label_sets: Any) -> set[str]:
    instance = clip.instance
    return {
        str(clip.pk), clip.name, clip.pseudonym, str(instance.pk), instance.sop_instance_uid,
        clip.study.study_instance_uid, str(clip.study.pk), str(instance.source_id),
        *map(str, label_sets),
    }  # fmt: skip


def test_no_address_tells_the_person_a_repeat_from_another_clip(clips, person, lead):
    """The original, its repeat, and an ordinary clip are asked for under every address that there
    is for a clip: the repeat answers as the ordinary one does and never says a name of the
    original, which (as all that was handed in) is out of sight."""
    author = person("annotator")
    original, sibling, other = clips
    first = hand_in(author, original, builders.sample_steps(original))
    builders.label_set(original.project, author, sibling)
    ordinary = builders.label_set(other.project, author, other)
    repeat = come_back(author)
    twin = repeat.again.clip
    of_original = signs_of(original, first.pk, repeat.pk) | {sibling.name, str(sibling.pk)}
    of_twin = {str(twin.pk), twin.name, twin.pseudonym, str(repeat.again.label_set_id)}
    client, n_read = seen_by(author), 0
    beside = reverse("beside", args=[twin.pk])
    for mine, like, old in zip(
        addresses_of(twin), addresses_of(other), addresses_of(original), strict=True
    ):
        status, text = told(client, mine)
        assert status == told(client, like)[0], mine
        n_read += status == 200
        # What can be put beside a clip names every other: below, that it sets none apart.
        if mine != beside:
            assert not [sign for sign in of_original if sign in text], mine
        gone, beside_it = told(client, old)
        assert gone in (403, 404, 405), old
        assert not [sign for sign in of_twin if sign in beside_it], old
        assert "repeat" not in text.lower().replace("repeated_times", ""), mine
    assert n_read >= 8

    def keys(clip: Clip) -> Any:
        return client.get(reverse("clip", args=[clip.pk])).json()

    assert keys(twin).keys() == keys(other).keys()
    near = {c["id"]: c["near"] for c in client.get(beside).json()["clips"]}
    assert near == {str(sibling.pk): "project", str(other.pk): "project"}

    # Lists: one clip more, under its own name; the old patient's name finds the old clips alone.
    listed = {c["id"]: c for c in client.get(reverse("clips")).json()["clips"]}
    assert set(listed) == {str(c.pk) for c in (sibling, other, twin)}
    assert listed[str(twin.pk)]["pseudonym"] == twin.shown_as
    shown = client.get(f"{reverse('studies')}?subject={original.pseudonym}").content.decode()
    assert sibling.name in shown and twin.name not in shown and original.name not in shown
    whole = client.get(reverse("studies")).content.decode()
    assert twin.name in whole and whole.count(twin.pseudonym) == 2
    todo = client.get(reverse("my-work")).content.decode()
    assert twin.name in todo and "repeat" not in todo.lower()

    given = {
        one["clip"]: one for one in client.get(reverse("own-assignments")).json()["assignments"]
    }
    assert set(given) == {*listed, str(original.pk)} and "repeat" not in str(given)
    likes = {**given[str(other.pk)], **{k: given[str(twin.pk)][k] for k in
             ("id", "clip", "name", "label_set")}}  # fmt: skip
    assert given[str(twin.pk)] == likes

    def sets(label_set_id: Any) -> Any:
        return client.get(reverse("label-set", args=[label_set_id]))

    again, like_again = sets(repeat.again.label_set_id), sets(ordinary.pk)
    assert again.status_code == like_again.status_code == 200
    assert again.json().keys() == like_again.json().keys()
    assert not [sign for sign in of_original if sign in again.content.decode()]

    # The instance of the original is in no list of DICOMweb: its lack would mark the repeat.
    def instances(who: Client) -> str:
        address = reverse("dicomweb-all-instances", kwargs={"scope": original.project.slug})
        answer = who.get(address, HTTP_ACCEPT="application/dicom+json")
        assert answer.status_code in (200, 204)
        return answer.content.decode()

    uid = original.instance.sop_instance_uid
    assert uid not in instances(client) and uid in instances(seen_by(lead))


def test_the_played_bytes_bear_another_tag_and_open_to_nobody_else(clips, person, lead):
    author, second = person("annotator"), person("annotator")
    builders.label_set(clips[0].project, author, clips[0])
    client = seen_by(author)
    old = client.get(reverse("clip-review", args=[clips[0].pk]))
    body = b"".join(old.streaming_content)
    hand_in(author, clips[0], builders.sample_steps(clips[0]))
    twin = come_back(author).again.clip
    mine = client.get(reverse("clip-review", args=[twin.pk]))
    assert b"".join(mine.streaming_content) == body and mine["ETag"] != old["ETag"]
    # An ordinary clip's tag is no digest of its bytes either: that would set the repeat's apart.
    assert sha256(body).hexdigest()[:32] not in old["ETag"]
    for nobody in (second, lead):
        assert seen_by(nobody).get(reverse("clip", args=[twin.pk])).status_code == 404
    assert str(twin.pk) not in json.dumps(seen_by(lead).get(reverse("clips")).json())
    # It stands and falls with what it was made of.
    ReceivedInstance.objects.filter(pk=clips[0].instance.source_id).update(state="withdrawn")
    with pytest.raises(Refused) as refusal:
        open_clip(author, Clip.objects.get(pk=twin.pk))
    assert refusal.value.code == "withdrawn"


def test_what_was_handed_in_is_out_of_sight_until_it_is_returned(clips, person, lead):
    clip, author = clips[0], person("annotator")
    mine = builders.label_set(clip.project, author, clip)
    client = seen_by(author)
    steps = builders.interval(clip, "preparation", 0, 20)
    done = save_operations(
        author, mine, client_id=str(uuid.uuid4()), base_revision=0,
        operations=builders.numbered(steps),
    )  # fmt: skip
    reads = [
        reverse("label-set", args=[mine.pk]),
        reverse("label-set-revision", args=[mine.pk, 1]),
        f"{reverse('label-set-outline', args=[mine.pk])}?clip={clip.pk}&from=0&to=10",
        reverse("workspace", args=[clip.pk]),
        reverse("clip", args=[clip.pk]),
        reverse("clip-frames-csv", args=[clip.pk]),
    ]
    assert {client.get(address).status_code for address in reads} == {200}
    answer = client.post(
        reverse("label-set-submit", args=[mine.pk]), {"revision": done["revision"]},
        content_type="application/json",
    )  # fmt: skip
    assert answer.json()["is_shown"] is False
    assert [client.get(address).status_code for address in reads] == [409] * 3 + [404] * 3
    page = client.get(reverse("my-work")).content.decode()
    assert clip.name in page and "Not shown again" in page and str(clip.pk) not in page
    assert "You handed this clip in" in client.get(reads[3]).content.decode()
    for state in ("locked", "submitted"):
        LabelSet.objects.filter(pk=mine.pk).update(state=state)
        said = client.get(reverse("own-assignments")).json()["assignments"]
        assert [one["labels"] for one in said] == ["submitted"]
        assert "Handed in" in client.get(reverse("my-work")).content.decode()
    # Who leads the project sees it as ever, and gives it back.
    leading = seen_by(lead)
    assert leading.get(reverse("clip", args=[clip.pk])).status_code == 200
    assigning.return_work(lead, Assignment.objects.get(label_set=mine), remark="more")
    assert {client.get(address).status_code for address in reads} == {200}
    # Where nothing comes back, what was handed in may be looked at as before.
    project = clip.project
    project.options = {k: v for k, v in project.options.items() if k != "repeats"}
    project.save()
    LabelSet.objects.filter(pk=mine.pk).update(state="locked")
    assert {client.get(address).status_code for address in reads} == {200}
    assert client.get(reads[0]).json()["state"] == "submitted"


def test_who_leads_later_is_not_told_that_a_clip_of_theirs_came_back(clips, person, lead):
    author = person("annotator")
    hand_in(author, clips[0], builders.sample_steps(clips[0]))
    repeat = come_back(author)
    grants.grant(author.user, roles.codename(roles.PROJECT_LEAD), clips[0].project)
    rows = seen_by(author).get(reverse("project-assignments", args=[clips[0].project_id])).json()
    assert {one["purpose"] for one in rows["assignments"]} == {"work"}
    other = person("annotator").user
    for told in (
        lambda: assigning.reassign(author, repeat.again, person=other),
        lambda: assigning.assign_clip(author, repeat.again.clip, person=other),
    ):
        with pytest.raises(Refused) as refusal:
            told()
        assert refusal.value.code == "blinded"
