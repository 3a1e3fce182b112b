"""Which projects a person may see."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.access import grants, roles
from apps.access.models import User
from apps.projects.models import Project


def project_ids(user: User, *wanted: str) -> list[Any]:
    """Ids of the projects in which ``user`` holds any of the roles (all roles when none named)."""
    names = wanted or roles.PROJECT_ROLES
    return grants.granted_ids(user, [roles.codename(role) for role in names], Project)


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
