"""Which projects a person may see."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from apps.access import grants, roles
from apps.access.actor import system_roles
from apps.access.models import User
from apps.projects.models import EmergencyAccess, LegalHold, Project


def project_ids(user: User, *wanted: str) -> list[Any]:
    """Ids of the projects in which ``user`` holds any of the roles (all roles when none named)."""
    names = wanted or roles.PROJECT_ROLES
    return grants.granted_ids(user, [roles.codename(role) for role in names], Project)


def projects_by_role(user: User) -> dict[str, set[Any]]:
    """Ids of the projects in which ``user`` holds each role; one query."""
    held = grants.ids_by_codename(user, Project)
    return {name.removeprefix("role_"): ids for name, ids in held.items()}


def projects_for(user: User, *wanted: str) -> QuerySet[Project]:
    return Project.objects.filter(pk__in=project_ids(user, *wanted))


def roles_in(user: User, project: Project) -> set[str]:
    """The roles ``user`` holds in ``project``."""
    held = grants.granted_codenames(user, project)
    return {name.removeprefix("role_") for name in held if name.startswith("role_")}


def roles_anywhere(user: User) -> set[str]:
    """Every role that ``user`` holds in any project."""
    return {name.removeprefix("role_") for name in grants.held_anywhere(user, Project)}


def by_called_ae(ae_title: str) -> Project | None:
    """The project that a called AE title routes to."""
    return Project.objects.filter(ae_title=ae_title.strip()).first()


def emergencies_for(user: User) -> QuerySet[EmergencyAccess]:
    """Emergency accesses that ``user`` may read of: one's own, and those of the projects whose
    officer one is (of every project for the system's officer)."""
    rows = EmergencyAccess.objects.select_related("project", "person", "reviewed_by")
    if roles.COMPLIANCE_OFFICER in system_roles(user):
        return rows
    seen = Q(project_id__in=project_ids(user, roles.COMPLIANCE_OFFICER)) | Q(person=user)
    return rows.filter(seen)


def to_review(user: User) -> QuerySet[EmergencyAccess]:
    """Those of others that nobody has reviewed yet, open ones among them, for this officer."""
    return emergencies_for(user).exclude(person=user).exclude(state="reviewed")


def breakable_for(user: User) -> QuerySet[Project]:
    """Projects whose glass ``user`` may break."""
    if roles.COMPLIANCE_OFFICER in system_roles(user):
        return Project.objects.all()
    return projects_for(user, roles.COMPLIANCE_OFFICER, roles.DATA_STEWARD)


def holds_for(user: User) -> QuerySet[LegalHold]:
    """Legal holds on projects that ``user`` is steward, lead or officer of (on all for the
    system's officer), newest first."""
    rows = LegalHold.objects.select_related("project", "placed_by", "lifted_by")
    if roles.COMPLIANCE_OFFICER in system_roles(user):
        return rows
    seen = (roles.COMPLIANCE_OFFICER, roles.DATA_STEWARD, roles.PROJECT_LEAD)
    return rows.filter(project_id__in=project_ids(user, *seen))


def holdable_projects(user: User) -> QuerySet[Project]:
    """Projects on which ``user`` may place a legal hold."""
    if roles.COMPLIANCE_OFFICER in system_roles(user):
        return Project.objects.all()
    return projects_for(user, roles.COMPLIANCE_OFFICER)


def managed_projects(user: User) -> QuerySet[Project]:
    """Projects whose members and agreements ``user`` keeps: all for an administrator, who sees
    nothing else of them, else those that one leads."""
    if roles.ADMINISTRATOR in system_roles(user):
        return Project.objects.all()
    return projects_for(user, roles.PROJECT_LEAD)
