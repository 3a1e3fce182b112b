"""API tokens as a way to sign in: ``Authorization: Bearer …``."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from apps.access import tokens
from apps.access.models import ApiToken, User


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer …``. Raises AuthenticationFailed for an unknown, expired or revoked
    token, and for one that is asked from where it does not work."""

    def authenticate(self, request: Any) -> tuple[User, ApiToken] | None:
        parts = get_authorization_header(request).decode("latin-1").split()
        if not parts or parts[0].lower() != "bearer":
            return None
        address = request.META.get("REMOTE_ADDR", "")
        token = tokens.found(parts[1], address) if len(parts) == 2 else None
        if token is None:
            raise AuthenticationFailed
        return token.user, token

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.access.bearer.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
