"""The second factor where a program or an open page signs in, without a page of its own."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpRequest

from apps.access.errors import Refused
from apps.access.models import User
from clinical_annot.sign_in.events import note

_CODES = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)


def check(request: HttpRequest, user: User, code: str) -> None:
    """Raises Refused (403) for who has a second factor and gave no right code of it."""
    if not is_mfa_enabled(user):
        return
    held = Authenticator.objects.filter(user=user, type__in=_CODES)
    if code and any(one.wrap().validate_code(code) for one in held):
        return
    if code:
        note("session.factor_failed", request, user, outcome="refused")
    raise Refused(
        "second_factor",
        "The code of your second factor is needed.",
        "Type the code of your app, or sign in on the sign-in page.",
        field="code",
        status=403,
    )
