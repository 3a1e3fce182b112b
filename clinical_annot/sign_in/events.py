"""Sign-ins, sign-outs, lock-outs and second factors as events."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.dispatch import receiver

from apps.access.models import User
from apps.audit import log


def note(action: str, request: Any, user: Any, outcome: str = "done", **public: Any) -> None:
    """Write an event of its own about ``user`` (None: nobody that is known)."""
    origin = request.META.get("REMOTE_ADDR", "") if request is not None else ""
    with transaction.atomic():
        log.append(
            action,
            outcome=outcome,
            actor=str(user.pk) if user is not None else "",
            public=public or None,
            private={"origin": origin},
        )


@receiver(user_logged_in)
def _signed_in(sender: Any, request: Any, user: Any, **_: Any) -> None:
    note("session.sign_in", request, user)


@receiver(user_logged_out)
def _signed_out(sender: Any, request: Any, user: Any, **_: Any) -> None:
    if user is not None:
        note("session.sign_out", request, user)


@receiver(user_login_failed)
def _failed(sender: Any, credentials: dict[str, Any], request: Any = None, **_: Any) -> None:
    # What was typed as a user name may be a password or a patient's name: it is not kept.
    known = User.objects.filter(username=credentials.get("username") or "").first()
    note("session.sign_in", request, known, outcome="refused")


@receiver(authenticator_added)
def _factor_added(sender: Any, request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    note("session.factor_added", request, user, kind=authenticator.type)


@receiver(authenticator_removed)
def _factor_removed(sender: Any, request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    note("session.factor_removed", request, user, kind=authenticator.type)


@receiver(authenticator_reset)
def _factor_reset(sender: Any, request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    note("session.factor_reset", request, user, kind=authenticator.type)


@receiver(authentication_failed)
def _factor_failed(sender: Any, request: Any, user: Any, authenticator: Any, **_: Any) -> None:
    note("session.factor_failed", request, user, "refused", kind=authenticator.type)


@receiver(password_changed)
def _password_changed(sender: Any, request: Any, user: Any, **_: Any) -> None:
    note("session.password_changed", request, user)
