"""Who acts: the person or service account, and by which door they came."""

from __future__ import annotations

import getpass
from dataclasses import dataclass

from apps.access import roles
from apps.access.models import User


@dataclass(frozen=True)
class Actor:
    """First argument of every verb. ``door`` is web, api, dicomweb, command, node or worker;
    ``origin`` (an address or the operating system's user) goes into the event's private part.
    ``scopes``: those of the token that it came by, if it names any."""

    user: User
    door: str = "web"
    origin: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return str(self.user.pk)

    @property
    def is_service(self) -> bool:
        return self.user.is_service


def service(name: str, door: str | None = None) -> Actor:
    """The service account ``name`` (node, worker, command), made on first use."""
    user, made = User.objects.get_or_create(
        username=f"service-{name}",
        defaults={"is_service": True, "printed_name": f"Service {name}", "is_active": True},
    )
    if made:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return Actor(user, door or name, _os_user() if (door or name) == "command" else "")


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def system_roles(user: User) -> set[str]:
    """Roles over the whole system; a superuser has none of them by being one."""
    if user.is_service:
        return {roles.SERVICE}
    return set(user.system_roles) & set(roles.SYSTEM_ROLES)
