"""API tokens: given once, kept as a digest, with scopes, an end, and networks they work from."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256

from django.db import models
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.domain.scopes import SCOPES, is_within, networks_of
from apps.access.errors import Refused
from apps.access.models import ApiToken, User
from apps.access.people import check_username
from apps.access.prepared import Given, Prepared
from apps.access.verb import event, verb

MOST_DAYS = 366
_NOTED_EVERY = timedelta(hours=1)


def digest_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def make(user: User, name: str, **fields: object) -> str:
    """A new token in clear; it cannot be read again."""
    token = "ca_" + secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, name=name, digest=digest_of(token), **fields)
    return token


def _live() -> models.QuerySet[ApiToken]:
    ends_later = models.Q(expires_at__gt=Given("now", models.DateTimeField()))
    return (
        ApiToken.objects.select_related("user")
        .filter(digest=Given("digest", models.CharField()), revoked_at=None, user__is_active=True)
        .filter(models.Q(expires_at=None) | ends_later)
        .order_by()
    )


_LIVE = Prepared(_live)


def found(token: str, address: str) -> ApiToken | None:
    """The live token of an active owner, asked from ``address``; None for any other."""
    now = timezone.now()
    row = next(iter(_LIVE(digest=digest_of(token), now=now)), None)
    if row is None or not is_within(address, row.networks):
        return None
    if row.last_used_at is None or now - row.last_used_at > _NOTED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def _checked(name: str, scopes: list[str], networks: str, days: int) -> dict[str, object]:
    if not name.strip():
        raise Refused("name_missing", "The token has no name.", "Name its program.", field="name")
    if not scopes or set(scopes) - set(SCOPES):
        raise Refused(
            "scope", "A token needs one or more scopes of the list.", "Tick some.", field="scopes"
        )
    if not 1 <= days <= MOST_DAYS:
        raise Refused(
            "days", f"A token lives 1 to {MOST_DAYS} days.", "Give its days.", field="days"
        )
    try:
        within = networks_of(networks)
    except ValueError:
        raise Refused(
            "networks",
            "This is no list of addresses or networks.",
            "Write them like 10.1.0.0/16, or leave it empty.",
            field="networks",
        ) from None
    return {
        "scopes": sorted(set(scopes)),
        "networks": within,
        "expires_at": timezone.now() + timedelta(days=days),
    }


@verb("token.make", roles={roles.ANYONE})
def make_token(
    actor: Actor, _: None, *, name: str, scopes: list[str], networks: str = "", days: int = 90
) -> str:
    """Make a token of one's own for a program; it is shown once."""
    fields = _checked(name, scopes, networks, days)
    clear = make(actor.user, name.strip()[:80], **fields)
    row = ApiToken.objects.get(digest=digest_of(clear))
    event(actor, row, private={"scopes": fields["scopes"], "networks": fields["networks"]})
    return clear


@verb("token.revoke", roles={roles.ANYONE}, relation="author")
def revoke_token(actor: Actor, token: ApiToken) -> ApiToken:
    """Revoke a token of one's own; it opens nothing from then on."""
    token.revoked_at = token.revoked_at or timezone.now()
    token.save(update_fields=["revoked_at"])
    event(actor, token)
    return token


@verb("person.add_machine", roles={roles.ADMINISTRATOR, roles.SERVICE})
def add_machine(
    actor: Actor,
    _: None,
    *,
    username: str,
    scopes: list[str],
    networks: str = "",
    days: int = 90,
    keeps_people: bool = False,
) -> tuple[User, str]:
    """Add a service account: a program that acts by token alone, with the roles it is given.
    ``keeps_people``: a directory that closes accounts, and does nothing else."""
    check_username(username)
    if keeps_people and set(scopes) != {"people"}:
        raise Refused(
            "scope",
            "A directory has the scope people and no other.",
            "Tick people alone, or do not let it keep people.",
            field="scopes",
        )
    fields = _checked(username, scopes, networks, days)
    user = User(username=username, printed_name=f"Program {username}")
    user.system_roles = [roles.ADMINISTRATOR] if keeps_people else []
    user.set_unusable_password()
    user.save()
    clear = make(user, "first", **fields)
    event(
        actor,
        user,
        public={"keeps_people": keeps_people},
        private={"scopes": fields["scopes"], "networks": fields["networks"]},
    )
    return user, clear
