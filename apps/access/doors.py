"""What every API door shares: the acting person, the body, the base view."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.views import APIView

from apps.access.actor import Actor
from apps.access.bearer import BearerAuthentication
from apps.access.errors import Forbidden, NotFound, Refused
from apps.access.models import User


def actor_of(request: Any) -> Actor:
    """The actor of an authenticated DRF or Django request."""
    django_request: HttpRequest = getattr(request, "_request", request)
    door = "api" if django_request.path.startswith("/api/") else "web"
    return Actor(request.user, door, django_request.META.get("REMOTE_ADDR", ""), scopes_of(request))


def scopes_of(request: Any) -> tuple[str, ...]:
    """The scopes of the token by which a request came; none for a session."""
    return tuple(getattr(getattr(request, "auth", None), "scopes", None) or ())


def _check_reading(request: Any, scope: str) -> None:
    """Raises Forbidden for a token that is not for reading (or for ``scope``)."""
    scopes = scopes_of(request)
    if scopes and not {"read", scope} & set(scopes):
        raise Forbidden("The token does not include this.", "Use one with its scope.")


def sign_in_by_token(request: HttpRequest) -> User:
    """At a door beside the API that programs use too: who is not signed in by session may be by
    token. Raises Refused (401)."""
    if request.user.is_authenticated:
        return request.user
    try:
        found = BearerAuthentication().authenticate(request)
    except AuthenticationFailed:
        found = None
    if found is None:
        raise Refused("signed_out", "You are signed out.", "Sign in again.", status=401)
    request.user, request.auth = found  # type: ignore[attr-defined]
    _check_reading(request, "read")
    return found[0]


def body_of(request: Any) -> dict[str, Any]:
    """The JSON object of a request. Raises Refused when it is something else."""
    if not isinstance(request.data, dict):
        raise Refused("invalid_body", "A JSON object is expected.", "See /api/v1/schema/.")
    return dict(request.data)


def uuid_of(text: str | None) -> uuid.UUID:
    """An id that came in a form. Raises NotFound for anything that is none."""
    try:
        return uuid.UUID(text or "")
    except ValueError:
        raise NotFound from None


class ApiView(APIView):
    """A door for signed-in people and tokens. ``scope``: what a token may have instead of "read"
    to get something here; a change asks for the scope of its verb."""

    scope = "read"

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method in SAFE_METHODS:
            _check_reading(request, self.scope)
