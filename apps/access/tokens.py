"""API tokens: given once, kept as a digest."""

from __future__ import annotations

import secrets
from hashlib import sha256

from django.db import models
from django.utils import timezone

from apps.access.models import ApiToken, User


def digest_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def make(user: User, name: str) -> str:
    """A new token in clear; it cannot be read again."""
    token = "ca_" + secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, name=name, digest=digest_of(token))
    return token


def user_of(token: str) -> User | None:
    """The active user whose token this is, or None."""
    now = timezone.now()
    row = (
        ApiToken.objects.select_related("user")
        .filter(digest=digest_of(token), revoked_at=None, user__is_active=True)
        .filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now))
        .first()
    )
    return row.user if row is not None else None
