"""Clips by the page."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.access import grants, roles, tokens
from apps.access.errors import Refused
from apps.library import listing
from apps.library.models import Clip
from apps.projects.models import Project
from tests.builders import label_set, ready_clip

pytestmark = pytest.mark.django_db


@pytest.fixture
def clips(project: Any) -> list[Clip]:
    return [ready_clip(project) for _ in range(5)]


def _names(page: listing.Page) -> list[Any]:
    return [clip.pk for clip in page.clips]


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_one_after_another_hold_each_clip_once_in_order(
    clips: list[Clip], person: Any, newest_first: bool
) -> None:
    lead = person("project_lead").user
    # Two of one moment: the id decides, so that neither is skipped nor shown twice.
    Clip.objects.filter(pk=clips[1].pk).update(created_at=clips[2].created_at)
    seen, after = [], ""
    while True:
        page = listing.page(lead, count=2, after=after, newest_first=newest_first)
        seen += _names(page)
        if not (after := page.following):
            break
    assert len(seen) == 5 and set(seen) == {clip.pk for clip in clips}
    times = [Clip.objects.get(pk=name).created_at for name in seen]
    assert times == sorted(times, reverse=newest_first)


def test_a_page_holds_only_what_the_person_may_see_and_asked_for(
    clips: list[Clip], project: Any, person: Any
) -> None:
    author, lead = person("annotator"), person("project_lead").user
    label_set(project, author, clips[3])
    assert _names(listing.page(author.user)) == [clips[3].pk]
    assert _names(listing.page(person("researcher").user)) == []
    Clip.objects.filter(pk=clips[0].pk).update(state="failed", name="Zebra 1")
    assert _names(listing.page(lead, state="failed")) == [clips[0].pk]
    assert _names(listing.page(lead, subject="zebra")) == [clips[0].pk]
    mine = clips[4].pseudonym
    assert clips[4].pk in _names(listing.page(lead, subject=mine))
    assert listing.page(lead, subject=mine).clips[0].subject == mine  # type: ignore[attr-defined]
    for wrong in ({"state": "gone"}, {"count": 0}, {"count": 201}, {"after": "2026_x"}):
        with pytest.raises(Refused):
            listing.page(lead, **wrong)


def test_who_leads_many_projects_sees_the_same_by_the_other_way_of_asking(
    clips: list[Clip], person: Any
) -> None:
    lead = person("project_lead").user
    before = _names(listing.page(lead))
    for number in range(20):
        other = Project.objects.create(slug=f"m{number}", name=f"M{number}", ae_title=f"M{number}")
        grants.grant(lead, roles.codename(roles.PROJECT_LEAD), other)
    assert _names(listing.page(lead)) == before and len(before) == 5


def test_the_list_reads_neither_index_nor_digests_and_asks_no_more_for_more_clips(
    client: Any, clips: list[Clip], project: Any, person: Any
) -> None:
    lead = person("project_lead").user
    token = {"Authorization": f"Bearer {tokens.make(lead, 'test')}"}
    asked = []
    client.get("/api/v1/me/", headers=token)  # The first use of a token is noted with it.
    for limit in (1, 5):
        with CaptureQueriesContext(connection) as queries:
            body = client.get(f"/api/v1/clips/?limit={limit}", headers=token).json()
        assert len(body["clips"]) == limit and body["clips"][0]["time_base"]
        assert not [q for q in queries if '"digests"' in q["sql"]]
        asked.append(len(queries))
    assert asked[0] == asked[1]
    first = client.get("/api/v1/clips/?limit=3", headers=token).json()
    rest = client.get("/api/v1/clips/", {"after": first["next"]}, headers=token).json()
    assert (len(rest["clips"]), rest["next"]) == (2, None)
    assert client.get("/api/v1/clips/?limit=x", headers=token).status_code == 400


def test_the_page_of_studies_filters_and_goes_on(
    client: Any, clips: list[Clip], person: Any
) -> None:
    client.force_login(person("project_lead").user)
    whole = client.get("/studies/").content.decode()
    assert whole.count("data-clip") == 5 and "Older" not in whole
    assert "No clip fits" in client.get("/studies/?state=failed").content.decode()
    assert client.get("/studies/?state=none").status_code == 302
