"""Roles that rest on an approval end with it, by themselves; the pages where projects are made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.access import grants, roles
from apps.access.actor import service
from apps.access.errors import Forbidden, NotFound, Refused
from apps.audit.models import Event
from apps.ontology.services import current
from apps.projects import agreements, tasks
from apps.projects.models import Agreement, Project, ProjectUserObjectPermission
from apps.projects.queries import project_ids, projects_for, roles_in
from apps.projects.services import create_project, grant_role

pytestmark = pytest.mark.django_db


def later(days: int) -> str:
    return (timezone.now() + timedelta(days=days)).date().isoformat()


@pytest.fixture
def agreement(project: Project) -> Agreement:
    return agreements.add_agreement(
        service("command"), project, kind="ethics", reference="EC 2026-17", until=later(30)
    )


def pass_by(agreement: Agreement) -> None:
    """The clock goes past its last day."""
    past = timezone.now() - timedelta(seconds=1)
    Agreement.objects.filter(pk=agreement.pk).update(ends_at=past)
    ProjectUserObjectPermission.objects.filter(agreement=agreement).update(ends_at=past)


def test_a_role_ends_with_its_agreement_in_lists_and_on_objects_alike(project, person, agreement):
    lead = person()
    grant_role(service("command"), project, lead.user, roles.PROJECT_LEAD, agreement)
    grant_role(lead, project, person().user, roles.RESEARCHER)
    assert roles_in(lead.user, project) == {"project_lead"}
    assert grants.holders("role_project_lead", project) == [lead.user]
    pass_by(agreement)
    # Nothing has run since: the clock alone ends it.
    assert project_ids(lead.user) == [] and not projects_for(lead.user).exists()
    assert (
        roles_in(lead.user, project) == set() and grants.holders("role_project_lead", project) == []
    )
    assert grants.held_anywhere(lead.user, Project) == set()
    assert lead.user.pk not in {row[0] for row in grants.live_rows(Project)}
    with pytest.raises(NotFound):
        grant_role(lead, project, person().user, roles.RESEARCHER)
    assert tasks.note_what_ended() == 1 and tasks.note_what_ended() == 0
    assert Event.objects.get(action="agreement.note_end").project == str(project.pk)


def test_prolonging_an_agreement_brings_its_roles_back_and_shortening_ends_them(
    project, person, agreement
):
    researcher, other = person(), person("researcher")
    grant_role(service("command"), project, researcher.user, roles.RESEARCHER, agreement)
    pass_by(agreement)
    tasks.note_what_ended()
    lead = person("project_lead")
    agreements.change_end(lead, agreement, until=later(60), reason="approved for longer")
    assert roles_in(researcher.user, project) == {"researcher"}
    agreements.change_end(lead, agreement, until=later(-1), reason="stopped by the committee")
    assert roles_in(researcher.user, project) == set()
    assert roles_in(other.user, project) == {"researcher"}
    # The new end is noted anew.
    assert tasks.note_what_ended() == 1


def test_given_again_without_an_agreement_a_role_has_no_end(project, person, agreement):
    user = person().user
    grant_role(service("command"), project, user, roles.RESEARCHER, agreement)
    grant_role(service("command"), project, user, roles.RESEARCHER)
    pass_by(agreement)
    assert roles_in(user, project) == {"researcher"}


def test_a_role_rests_on_no_agreement_of_another_project_nor_on_one_that_ended(
    project, person, agreement, command
):
    other = create_project(command, None, slug="other", name="Other", ae_title="OTHER")
    user = person().user
    with pytest.raises(Refused):
        grant_role(command, other, user, roles.RESEARCHER, agreement)
    pass_by(agreement)
    agreement.refresh_from_db()
    with pytest.raises(Refused):
        grant_role(command, project, user, roles.RESEARCHER, agreement)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "handshake"},
        {"reference": " "},
        {"reference": "x" * 121},
        {"reference": "EC 2026-17"},
        {"until": "tomorrow"},
        {"until": "2020-01-01"},
        {"until": "9999-12-31"},
    ],
)
def test_what_is_no_agreement_is_not_added(project, agreement, wrong):
    given = {"kind": "ethics", "reference": "EC 9", "until": later(3), **wrong}
    with pytest.raises(Refused):
        agreements.add_agreement(service("command"), project, **given)
    assert Agreement.objects.count() == 1


def signed_in(actor: Any) -> Client:
    client = Client()
    client.force_login(actor.user)
    return client


def test_an_administrator_makes_a_project_and_its_lead_gives_roles_on_pages(person, project):
    administrator, lead, researcher = person(system=("administrator",)), person(), person()
    asked = {
        "name": "Gastroscopy study", "slug": "gastroscopy", "ae_title": "GASTRO",
        "profile": "research", "lead": lead.user.username, "assign_to_all": "on",
    }  # fmt: skip
    made = signed_in(administrator).post("/projects/new/", asked)
    new = Project.objects.get(slug="gastroscopy")
    assert made["Location"] == f"/projects/manage/{new.pk}/" and new.options["assign_to_all"]
    assert roles_in(lead.user, new) == {"project_lead"}

    pages, here = signed_in(lead), f"/projects/manage/{new.pk}/"
    assert [row.slug for row in pages.get("/projects/manage/").context["projects"]] == [
        "gastroscopy"
    ]
    assert (
        pages.post(f"{here}ontology/", {"starter": "laparoscopic_cholecystectomy"}).status_code
        == 302
    )
    assert current(new) is not None
    pages.post(f"{here}agreements/", {"kind": "data_use", "reference": "DUA 4", "until": later(9)})
    dua = Agreement.objects.get(reference="DUA 4")
    given = {"person": researcher.user.username, "role": "researcher", "agreement": str(dua.pk)}
    assert pages.post(f"{here}give/", given).status_code == 302
    shown = pages.get(here).content.decode()
    assert "DUA 4" in shown and later(9)[:7] in shown
    end = {"until": later(-1), "reason": "withdrawn"}
    assert pages.post(f"/projects/manage/agreements/{dua.pk}/", end).status_code == 302
    assert roles_in(researcher.user, new) == set() and "Ended" in pages.get(here).content.decode()
    taken = {"person": str(researcher.user.pk), "role": "researcher"}
    assert pages.post(f"{here}take/", taken).status_code == 302
    assert researcher.user.username not in pages.get(here).content.decode()
    # Not a word of it in a project that one does not lead.
    assert pages.get(f"/projects/manage/{project.pk}/").status_code == 404
    assert signed_in(person("annotator")).get("/projects/manage/").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"slug": "A b"},
        {"slug": "demo"},
        {"name": " "},
        {"ae_title": "A\\B"},
        {"ae_title": ""},
        {"lead": "nobody"},
    ],
)
def test_a_project_with_a_wrong_name_is_not_made_and_says_which(person, project, wrong):
    asked = {"name": "N", "slug": "new", "ae_title": "NEW", **wrong}
    answer = signed_in(person(system=("administrator",))).post("/projects/new/", asked)
    assert answer.status_code == 400
    assert Project.objects.count() == 1


def test_a_lead_makes_no_project_and_no_sender(person, project):
    pages = signed_in(person("project_lead"))
    assert pages.post("/projects/new/", {"slug": "x"}).status_code == 403
    assert (
        pages.post(f"/projects/manage/{project.pk}/senders/", {"username": "tower"}).status_code
        == 403
    )
    with pytest.raises(Forbidden):
        agreements.add_agreement(
            person("researcher"), project, kind="ethics", reference="x", until=later(2)
        )
