"""Verbs on projects and memberships."""

from __future__ import annotations

from typing import Any

from apps.access import grants, roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.models import User
from apps.access.verb import event, verb
from apps.projects.models import Project

_MANAGERS = {roles.ADMINISTRATOR, roles.SERVICE}


@verb("project.create", roles=_MANAGERS)
def create_project(
    actor: Actor,
    _: None,
    *,
    slug: str,
    name: str,
    ae_title: str,
    profile: str = "basic",
    options: dict[str, Any] | None = None,
) -> Project:
    """Make a project."""
    if Project.objects.filter(slug=slug).exists():
        raise Refused("taken", "A project of this name exists.", "Choose another.", field="slug")
    if Project.objects.filter(ae_title=ae_title).exists():
        raise Refused(
            "taken", "Another project has this AE title.", "Choose another.", field="ae_title"
        )
    project = Project.objects.create(
        slug=slug, name=name, ae_title=ae_title, profile=profile, options=options or {}
    )
    event(actor, project, private={"slug": slug, "profile": profile})
    return project


@verb("project.grant_role", roles={*_MANAGERS, roles.PROJECT_LEAD})
def grant_role(actor: Actor, project: Project, user: User, role: str) -> None:
    """Give a person a role in a project."""
    if role not in roles.PROJECT_ROLES:
        raise Refused(
            "unknown_role", "There is no such role.", "Choose one of the list.", field="role"
        )
    grants.grant(user, roles.codename(role), project)
    event(actor, project, private={"user": str(user.pk), "role": role})


@verb("project.revoke_role", roles={*_MANAGERS, roles.PROJECT_LEAD})
def revoke_role(actor: Actor, project: Project, user: User, role: str) -> None:
    """Take a role in a project from a person."""
    grants.revoke(user, roles.codename(role), project)
    event(actor, project, private={"user": str(user.pk), "role": role})
