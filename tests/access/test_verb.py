"""The one door: policy, transaction, event, refusal."""

from __future__ import annotations

import pytest

from apps.access import grants, roles
from apps.access.errors import Forbidden, NotFound, Refused
from apps.access.verb import POLICY, VerbWroteNoEventError, event, verb
from apps.audit.models import Event
from apps.projects.models import Project
from apps.projects.services import create_project, grant_role

pytestmark = pytest.mark.django_db


@verb("test.rename", roles={roles.PROJECT_LEAD})
def rename(actor, project, name, fail=False, silent=False):
    """Rename a project."""
    project.name = name
    project.save()
    if not silent:
        event(actor, project)
    if fail:
        raise Refused("no", "No.")
    return project


def test_a_verb_changes_and_logs_in_one_go(project, person):
    rename(person("project_lead"), project, "New name")
    project.refresh_from_db()
    assert project.name == "New name"
    assert Event.objects.filter(action="test.rename", outcome="done").count() == 1


def test_a_refusal_rolls_back_and_is_an_event(project, person):
    with pytest.raises(Refused):
        rename(person("project_lead"), project, "Other", fail=True)
    project.refresh_from_db()
    assert project.name == "Demo hospital"
    assert list(Event.objects.filter(action="test.rename").values_list("outcome", flat=True)) == [
        "refused"
    ]


def test_a_verb_without_an_event_does_not_commit(project, person):
    with pytest.raises(VerbWroteNoEventError):
        rename(person("project_lead"), project, "Silent", silent=True)
    assert Project.objects.get().name == "Demo hospital"


def test_without_any_grant_an_object_does_not_exist(project, person):
    with pytest.raises(NotFound):
        rename(person(), project, "x")


def test_with_another_role_the_answer_says_so(project, person):
    with pytest.raises(Forbidden):
        rename(person("annotator"), project, "x")


def test_a_superuser_has_no_clinical_right(project, person):
    actor = person()
    actor.user.is_superuser = True
    actor.user.save()
    with pytest.raises(NotFound):
        rename(actor, project, "x")


def test_a_grant_counts_on_its_project_only(command, project, person):
    other = create_project(command, None, slug="other", name="Other", ae_title="OTHER")
    lead = person("project_lead", where=other)
    with pytest.raises(NotFound):
        rename(lead, project, "x")
    assert grants.granted_ids(lead.user, ["role_project_lead"], Project) == [other.pk]


def test_an_inactive_person_can_do_nothing(project, person):
    lead = person("project_lead")
    lead.user.is_active = False
    lead.user.save()
    with pytest.raises(NotFound):
        rename(lead, project, "x")


def test_an_unknown_role_is_refused(command, project, person):
    with pytest.raises(Refused) as refusal:
        grant_role(command, project, person().user, "emperor")
    assert refusal.value.field == "role"


def test_every_verb_says_what_it_does():
    assert all(row.summary for row in POLICY.values())
