"""An authenticator app for a person of a test."""

from __future__ import annotations

from allauth.mfa.totp.internal import auth as totp

from apps.access.models import User


def with_app(user: User) -> str:
    """Give the person an authenticator app; its secret."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    return secret


def code_of(secret: str) -> str:
    """The code that the app shows now."""
    return totp.format_hotp_value(
        totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time()))
    )
