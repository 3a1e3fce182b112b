"""Verbs on people: add, switch off, system roles. Passwords are given once and changed by their
owner; nothing here shows one again."""

from __future__ import annotations

import secrets

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils import timezone

from apps.access import grants, roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.models import User
from apps.access.verb import event, verb

_MANAGERS = {roles.ADMINISTRATOR, roles.SERVICE}
_USERNAME = RegexValidator(r"\A[a-z0-9][a-z0-9._-]{1,40}\Z")


def check_username(username: str) -> None:
    """Raises Refused for a name that is none or is taken."""
    try:
        _USERNAME(username)
    except ValidationError:
        raise Refused(
            "invalid_username",
            "The user name is not 2 to 41 small letters, digits, dots or dashes.",
            "Choose another.",
            field="username",
        ) from None
    if User.objects.filter(username=username).exists():
        raise Refused("taken", "This user name is taken.", "Choose another.", field="username")


@verb("person.add", roles=_MANAGERS)
def add_person(
    actor: Actor, _: None, *, username: str, printed_name: str, system_role: str = ""
) -> tuple[User, str]:
    """Add a person; gives their first password, which is shown once."""
    check_username(username)
    if not printed_name.strip():
        raise Refused(
            "name_missing",
            "The printed name is missing.",
            "Signatures show it: give the full name.",
            field="printed_name",
        )
    if system_role and system_role not in roles.SYSTEM_ROLES:
        raise Refused(
            "unknown_role", "There is no such role.", "Choose one of the list.", field="role"
        )
    password = secrets.token_urlsafe(12)
    user = User(
        username=username,
        printed_name=printed_name.strip()[:120],
        system_roles=[system_role] if system_role else [],
    )
    user.set_password(password)
    user.save()
    event(actor, user, private={"system_role": system_role})
    return user, password


@verb("person.set_department", roles=_MANAGERS)
def set_department(actor: Actor, user: User, *, department: str) -> User:
    """Say in which department a person works, as studies name it; empty for none."""
    said = " ".join(department.split())
    if len(said) > 64:
        raise Refused(
            "department",
            "The department has more than 64 characters.",
            "Write it as studies name it.",
            field="department",
        )
    user.department = said
    user.save(update_fields=["department"])
    event(actor, user, private={"department": said})
    return user


def _close(actor: Actor, user: User) -> int:
    """Nobody is signed in as ``user`` any more, nor can be; how many sessions were ended."""
    if user.pk == actor.user.pk:
        raise Refused(
            "own_account", "You cannot switch off yourself.", "Ask another administrator."
        )
    user.is_active = False
    user.save(update_fields=["is_active"])
    mine = [
        row.pk
        for row in Session.objects.filter(expire_date__gt=timezone.now())
        if row.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    return Session.objects.filter(pk__in=mine).delete()[0]


@verb("person.switch_off", roles=_MANAGERS)
def switch_off(actor: Actor, user: User) -> User:
    """Close a person's access at once, with every session; what they did stays theirs."""
    event(actor, user, public={"sessions": _close(actor, user)})
    return user


@verb("person.deprovision", roles=_MANAGERS)
def deprovision(actor: Actor, user: User) -> User:
    """Close a person's access for good: sessions, tokens and every role end. Switched on again,
    they begin with nothing."""
    ended = {
        "sessions": _close(actor, user),
        "tokens": user.api_tokens.filter(revoked_at=None).update(revoked_at=timezone.now()),
        "grants": grants.end_all(user),
        "system_roles": len(user.system_roles),
    }
    user.system_roles = []
    user.save(update_fields=["system_roles"])
    event(actor, user, public=ended)
    return user


@verb("person.switch_on", roles=_MANAGERS)
def switch_on(actor: Actor, user: User) -> User:
    """Open a person's access again."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    event(actor, user)
    return user


@verb("person.provided", roles={roles.SERVICE})
def note_provided(actor: Actor, user: User) -> None:
    """Record that the site's provider brought a person for the first time."""
    event(actor, user)


@verb("person.set_system_roles", roles={roles.SERVICE})
def set_system_roles(actor: Actor, user: User, system_roles: list[str]) -> User:
    """Give a person the roles over the whole system that the provider's groups name."""
    before = list(user.system_roles)
    user.system_roles = [role for role in system_roles if role in roles.SYSTEM_ROLES]
    user.save(update_fields=["system_roles"])
    event(actor, user, private={"before": before, "after": user.system_roles})
    return user


@verb("system.note", roles={roles.SERVICE})
def note_process(actor: Actor, _: None, *, process: str, what: str) -> None:
    """Record that a process started or stopped."""
    event(actor, None, public={"process": process, "what": what})
