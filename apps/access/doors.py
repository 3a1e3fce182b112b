"""What every API door shares: the acting person, the body, the base view."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.views import APIView

from apps.access.actor import Actor
from apps.access.bearer import BearerAuthentication
from apps.access.errors import NotFound, Refused
from apps.access.models import User


def actor_of(request: Any) -> Actor:
    """The actor of an authenticated DRF or Django request."""
    django_request: HttpRequest = getattr(request, "_request", request)
    door = "api" if django_request.path.startswith("/api/") else "web"
    return Actor(request.user, door, django_request.META.get("REMOTE_ADDR", ""))


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
    request.user = found[0]
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
    """A door for signed-in people and tokens."""
