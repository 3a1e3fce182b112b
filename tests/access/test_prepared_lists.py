"""What lists begin with is composed once; for everybody, and at any time, it says what is so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.access import grants
from apps.access.actor import service
from apps.adjudication.queries import _given_to, assigned_clip_ids
from apps.projects.agreements import add_agreement
from apps.projects.models import Project, ProjectUserObjectPermission
from apps.projects.queries import projects_by_role
from apps.projects.services import create_project, grant_role
from tests import builders

pytestmark = pytest.mark.django_db


def by_a_query(user: Any) -> dict[str, set[Any]]:
    held: dict[str, set[Any]] = {}
    rows = grants._live(Project, user=user)
    for codename, key in rows.values_list("permission__codename", "content_object_id"):
        held.setdefault(codename.removeprefix("role_"), set()).add(key)
    return held


def test_roles_are_those_of_the_person_who_asks_and_of_the_moment(project, person):
    other = create_project(service("command"), None, slug="two", name="Two", ae_title="TWO")
    people = [person("annotator"), person("project_lead", "annotator"), person()]
    ending = add_agreement(
        service("command"), project, kind="ethics", reference="E 1", until="2040-01-01"
    )
    grant_role(service("command"), project, people[2].user, "adjudicator", ending)
    grant_role(service("command"), other, people[2].user, "annotator")
    for one in people:
        assert projects_by_role(one.user) == by_a_query(one.user) != {}
    assert projects_by_role(people[2].user)["adjudicator"] == {project.pk}
    ended = timezone.now() - timedelta(seconds=1)
    ProjectUserObjectPermission.objects.filter(agreement=ending).update(ends_at=ended)
    assert projects_by_role(people[2].user) == {"annotator": {other.pk}}
    with CaptureQueriesContext(connection) as asked:
        projects_by_role(people[0].user)
    assert len(asked) == 1
    people[0].user.is_active = False
    assert projects_by_role(people[0].user) == {}


def test_assigned_clips_are_those_of_the_person_in_projects_where_they_work(project, person):
    first, second = person("annotator"), person("annotator")
    clips = [builders.ready_clip(project, 8) for _ in range(2)]
    for clip in clips:
        builders.label_set(project, first, clip)
    builders.label_set(project, second, clips[1])
    for one, wanted in ((first, {c.pk for c in clips}), (second, {clips[1].pk})):
        held = projects_by_role(one.user)
        assert set(assigned_clip_ids(one.user, held)) == wanted
        assert set(_given_to(one.user.pk).values_list("clip_id", flat=True)) == wanted
    assert assigned_clip_ids(first.user, {"annotator": {clips[0].pk}}) == []
