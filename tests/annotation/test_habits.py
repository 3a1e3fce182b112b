"""A person's own keys, and the time that they spent on a clip."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from apps.annotation import habits
from apps.annotation.domain import key_choices
from apps.annotation.models import WorkSpell
from tests import builders

pytestmark = pytest.mark.django_db
KEY = {"code": "KeyY", "shift": False, "alt": False, "ctrl": False}


def choices(**keys):
    return {"characters": True, "keys": keys}


def test_keys_are_kept_for_the_person_who_chose_them(person, client):
    mine, other = person("annotator"), person("annotator")
    client.force_login(mine.user)
    url = "/api/v1/me/keys/"
    assert client.get(url).json() == {"characters": True, "keys": {}}
    chosen = {"characters": False, "keys": {"tool-brush": KEY, "absent": None}}
    for _ in range(2):
        assert client.post(url, chosen, content_type="application/json").json() == chosen
    assert client.get(url).json() == chosen
    client.force_login(other.user)
    assert client.get(url).json() == habits.DEFAULTS
    answer = client.post(url, {"characters": 1, "keys": {}}, content_type="application/json")
    assert answer.status_code == 400 and client.get(url).json() == habits.DEFAULTS


@pytest.mark.parametrize(
    "wrong",
    [
        None, [], {}, {"keys": {}}, choices() | {"more": 1}, choices() | {"keys": []},
        choices() | {"characters": 1}, choices(**{"a b": KEY}), choices(a={}),
        choices(a={**KEY, "code": "Tab"}), choices(a={**KEY, "code": "<b>"}),
        choices(a={**KEY, "shift": 1}), choices(a={**KEY, "code": 3}),
        choices(**{f"a{n}": None for n in range(key_choices.MAX_KEYS + 1)}),
    ],
)  # fmt: skip
def test_keys_that_a_page_could_not_take_are_refused(wrong):
    assert key_choices.problem(wrong)
    assert not key_choices.problem(choices(a=KEY, b=None))


def test_time_counts_once_a_page_and_never_more_than_has_passed(person, project, client):
    author, lead = person("annotator"), person("project_lead")
    clip = builders.ready_clip(project)
    mine = builders.label_set(project, author, clip)
    client.force_login(author.user)
    page = str(uuid.uuid4())

    def report(active_s, page=page, **more):
        return client.post(
            f"/api/v1/label-sets/{mine.pk}/time/", {"page": page, "active_s": active_s, **more},
            content_type="application/json",
        )  # fmt: skip

    assert [report(s).json()["active_s"] for s in (40, 55.5, 55.5, 41)] == [40, 55.5, 55.5, 55.5]
    assert report(1e6).json()["active_s"] < 400
    WorkSpell.objects.update(began_at=WorkSpell.objects.get().began_at - timedelta(hours=2))
    assert report(3600).json()["active_s"] == 3600
    assert report(30, str(uuid.uuid4())).json()["active_s"] == 30
    for wrong in (-1, "5", None, True):
        assert report(wrong).status_code == 400
    assert report(5, "no page").status_code == 400
    report(31, str(uuid.uuid4()), frame_index=17)
    opened = client.get(f"/clips/{clip.pk}/work/?minutes=10").content.decode()
    assert 'data-frame="17"' in opened and 'data-minutes="10"' in opened
    for said in ("0", "241", "-5", "x", "99999999999"):
        opened = client.get(f"/clips/{clip.pk}/work/?minutes={said}").content.decode()
        assert 'data-minutes=""' in opened
    (row,) = habits.time_on_task(project)
    assert (row["clip"], row["active_s"]) == (clip.name, 3661)
    assert 'minutes-10"' in client.get("/").content.decode()
    client.force_login(lead.user)
    assert report(5).status_code == 404
    page_of_lead = client.get("/projects/").content.decode()
    assert "Time on task" in page_of_lead and "61.0" in page_of_lead
