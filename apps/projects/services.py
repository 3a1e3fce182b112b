"""Verbs on projects and memberships."""

from __future__ import annotations

import re
from typing import Any

from apps.access import grants, roles, tokens
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
    if role not in roles.GRANTED_ROLES:
        raise Refused(
            "unknown_role", "There is no such role.", "Choose one of the list.", field="role"
        )
    grants.grant(user, roles.codename(role), project)
    event(actor, project, private={"user": str(user.pk), "role": role})


@verb("project.add_sender", roles=_MANAGERS)
def add_sender(actor: Actor, project: Project, *, username: str) -> tuple[User, str]:
    """Add a machine that may store into this project over DICOMweb; gives its token, shown once.

    It cannot sign in, and its token opens nothing else. Closed like a person (``switch_off``).
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,40}", username):
        raise Refused(
            "invalid_username",
            "The name is not 2 to 41 small letters, digits, dots or dashes.",
            "Choose another.",
            field="username",
        )
    if User.objects.filter(username=username).exists():
        raise Refused("taken", "This user name is taken.", "Choose another.", field="username")
    sender = User(username=username, printed_name=f"Sender {username}")
    sender.set_unusable_password()
    sender.save()
    grants.grant(sender, roles.codename(roles.SENDER), project)
    event(actor, project, private={"user": str(sender.pk), "role": roles.SENDER})
    return sender, tokens.make(sender, "dicomweb")


@verb("project.revoke_role", roles={*_MANAGERS, roles.PROJECT_LEAD})
def revoke_role(actor: Actor, project: Project, user: User, role: str) -> None:
    """Take a role in a project from a person."""
    grants.revoke(user, roles.codename(role), project)
    event(actor, project, private={"user": str(user.pk), "role": role})
