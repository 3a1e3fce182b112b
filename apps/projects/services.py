"""Verbs on projects and memberships."""

from __future__ import annotations

import re
from typing import Any

from apps.access import grants, roles, tokens
from apps.access.actor import Actor, system_roles
from apps.access.domain.policy import parted_from
from apps.access.errors import Refused
from apps.access.models import User
from apps.access.verb import event, verb
from apps.projects.emergency import end_without_role
from apps.projects.models import Agreement, Project
from apps.projects.queries import roles_in

_MANAGERS = {roles.ADMINISTRATOR, roles.SERVICE}


def _check_words(slug: str, name: str, ae_title: str) -> None:
    """Raises Refused for what would be no address, no name or no AE title (PS3.5, 6.2)."""
    wrong = {
        "slug": not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,49}", slug),
        "name": not 0 < len(name.strip()) <= 120,
        "ae_title": not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,15}", ae_title)
        or ae_title != ae_title.strip(),
    }
    said = {
        "slug": "The short name is not 2 to 50 small letters, digits or dashes.",
        "name": "The name is missing or longer than 120 characters.",
        "ae_title": "The AE title is not 1 to 16 letters, digits, spaces, dots or dashes.",
    }
    for field, is_wrong in wrong.items():
        if is_wrong:
            raise Refused("invalid_" + field, said[field], "Choose another.", field=field)


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
    """Make a project; a lead is given to it next."""
    _check_words(slug, name, ae_title)
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


def _check_role(role: str) -> None:
    """Raises Refused for what is no role that a person is given in a project."""
    if role not in roles.GRANTED_ROLES:
        raise Refused(
            "unknown_role", "There is no such role.", "Choose one of the list.", field="role"
        )


@verb("project.grant_role", roles={*_MANAGERS, roles.PROJECT_LEAD})
def grant_role(
    actor: Actor, project: Project, user: User, role: str, agreement: Agreement | None = None
) -> None:
    """Give a person a role in a project, unless it is to be kept apart from one that they hold.
    It ends with the agreement that it rests on, if one is named."""
    _check_role(role)
    held = roles_in(user, project) | system_roles(user)
    other = parted_from(role, held)
    if other is not None:
        raise Refused(
            "roles_apart",
            f"This person is {other.replace('_', ' ')}: nobody holds both in one project.",
            "Take the other role first, or choose another person.",
            field="role",
            status=409,
        )
    basis: dict[str, Any] = {}
    if agreement is not None:
        if agreement.project_id != project.pk or not agreement.is_in_force:
            raise Refused(
                "agreement",
                "The agreement is not of this project, or has ended.",
                "Choose one that is in force.",
                field="agreement",
            )
        basis = {"agreement": agreement, "ends_at": agreement.ends_at}
    grants.grant(user, roles.codename(role), project, **basis)
    event(
        actor,
        project,
        private={
            "user": str(user.pk),
            "role": role,
            "agreement": str(agreement.pk) if agreement else "",
        },
    )


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
    """Take a role in a project from a person; emergency access that came by it ends."""
    _check_role(role)
    grants.revoke(user, roles.codename(role), project)
    end_without_role(actor, project, user)
    event(actor, project, private={"user": str(user.pk), "role": role})
