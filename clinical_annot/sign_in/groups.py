"""A provider's groups as roles: what the site's map says, given and taken at each sign-in."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.conf import settings

from apps.access import people, roles
from apps.access.actor import Actor
from apps.access.domain.policy import parted_from
from apps.access.errors import Refused
from apps.access.models import User
from apps.projects.models import Project
from apps.projects.queries import roles_anywhere, roles_in
from apps.projects.services import grant_role, revoke_role


def _targets() -> dict[str, tuple[str, str]]:
    """Group to (project's slug or "", role), without what names no role."""
    found = {}
    for group, target in settings.CLINICAL_ANNOT_OIDC_GROUPS.items():
        slug, _, role = target.rpartition(":")
        if role in (roles.PROJECT_ROLES if slug else roles.SYSTEM_ROLES):
            found[group] = (slug, role)
    return found


def granted_by(claims: dict[str, Any]) -> set[tuple[str, str]]:
    """What the groups in ``claims`` give: (project's slug or "", role)."""
    named = claims.get(settings.CLINICAL_ANNOT_OIDC_CLAIM) or []
    named = [named] if isinstance(named, str) else named
    targets = _targets()
    return {targets[group] for group in named if isinstance(group, str) and group in targets}


def welcome(actor: Actor, user: User) -> None:
    people.note_provided(actor, user)


def _give(actor: Actor, project: Project, user: User, role: str) -> None:
    """A group may name a role that must not be held beside another: it is refused, an event says
    so, and the person comes in with what they have."""
    with suppress(Refused):
        grant_role(actor, project, user, role)


def sync(actor: Actor, user: User, claims: dict[str, Any]) -> int:
    """Give and take what the map governs, each an event; what a person was given otherwise stays.
    Returns how many of the map's targets the groups give."""
    wanted, governed = granted_by(claims), set(_targets().values())
    for slug in {slug for slug, _ in governed if slug}:
        project = Project.objects.filter(slug=slug).first()
        if project is None:
            continue
        held = roles_in(user, project)
        of_project = sorted({role for where, role in governed if where == slug})
        for role in of_project:
            if (slug, role) not in wanted and role in held:
                revoke_role(actor, project, user, role)
        for role in of_project:
            if (slug, role) in wanted and role not in held:
                _give(actor, project, user, role)
    held_now = roles_anywhere(user)
    of_system = {role for slug, role in governed if not slug}
    now = set(user.system_roles) - of_system | {role for slug, role in wanted if not slug}
    now = {role for role in now if role in user.system_roles or not parted_from(role, held_now)}
    if now != set(user.system_roles):
        people.set_system_roles(actor, user, sorted(now))
        user.refresh_from_db()
    return len(wanted)
