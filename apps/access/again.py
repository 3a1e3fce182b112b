"""Proving again who one is, within a session that is open already, for what must not be done by who
found a computer unlocked."""

from __future__ import annotations

import time
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.core.cache import cache

from apps.access.errors import Refused
from apps.access.models import User

RECENT_S = 300
_TRIES, _LOCKED_S = 5, 300
_CODES = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)


@dataclass(frozen=True)
class Proof:
    """What a person gave: password and code of a second factor; ``passkey_at`` is when they used a
    passkey in this session (seconds since 1970)."""

    password: str = ""
    code: str = ""
    passkey_at: float | None = None


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(
        user=user, type__in=(Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    ).exists()


def uses_codes(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def two_factors(user: User, proof: Proof) -> str:
    """Two components, given just now: what they were, in words for an event. Raises Refused, and
    after five wrong ones within five minutes until those have passed."""
    if not has_second_factor(user):
        raise Refused(
            "no_second_factor",
            "This needs a second factor, and you have none.",
            "Set up an authenticator app or a passkey under your account, then come back.",
            status=409,
        )
    key = f"again/{user.pk}"
    if cache.get(key, 0) >= _TRIES:
        raise Refused(
            "locked_out",
            "There were too many wrong tries.",
            "Wait five minutes, then try again.",
            status=429,
        )
    by_passkey = proof.passkey_at is not None and 0 <= time.time() - proof.passkey_at <= RECENT_S
    # Who comes by the site's provider has no password here: their passkey asks for one of its own.
    if not (user.check_password(proof.password) or (by_passkey and not user.has_usable_password())):
        _count(key)
        raise Refused(
            "wrong_password",
            "The password is not yours.",
            "Type the password you sign in with.",
            field="password",
            status=403,
        )
    held = Authenticator.objects.filter(user=user, type__in=_CODES)
    by_code = bool(proof.code) and any(one.wrap().validate_code(proof.code) for one in held)
    if not (by_passkey or by_code):
        _count(key)
        raise Refused(
            "second_factor",
            "The second factor is missing or not right.",
            "Type the code that your app shows now, or use your passkey first.",
            field="code",
            status=403,
        )
    cache.delete(key)
    return "password and code" if by_code else "password and passkey"


def _count(key: str) -> None:
    cache.add(key, 0, _LOCKED_S)
    cache.incr(key)
