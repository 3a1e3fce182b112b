"""Who is signed in; signing in again without leaving a page; sign-ins and outs as events."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import Any

from django.contrib.auth import authenticate, login
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.dispatch import receiver
from django.middleware.csrf import get_token
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.doors import ApiView, body_of
from apps.access.errors import Refused
from apps.access.models import User
from apps.audit import log
from apps.vault.master import master_key
from clinical_annot.context import held_roles


def device_key(user: User) -> bytes:
    """32 bytes under which this person's unsent work is kept on a shared computer."""
    return hmac.new(master_key("device"), user.pk.bytes, sha256).digest()


class MeView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 401: OpenApiTypes.OBJECT})
    def get(self, request: Any) -> Response:
        """Who you are, your roles, and the key of your unsent work on this device."""
        return Response(
            {
                "username": request.user.username,
                "display_name": request.user.display_name,
                "pseudonym": request.user.pseudonym,
                "roles": sorted(held_roles(request.user)),
                "user_key": base64.b64encode(device_key(request.user)).decode(),
            }
        )


class SessionView(APIView):
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, 400: OpenApiTypes.OBJECT, 403: OpenApiTypes.OBJECT},
    )
    def post(self, request: Any) -> Response:
        """Sign in (again) from within a page; unsent work stays where it is."""
        body = body_of(request)
        user = authenticate(
            request._request,
            username=str(body.get("username") or ""),
            password=str(body.get("password") or ""),
        )
        if user is None:
            raise Refused(
                "wrong_credentials",
                "User name or password is not right.",
                "Check both and try again.",
                status=403,
            )
        login(request._request, user)
        return Response({"username": user.get_username(), "csrf": get_token(request._request)})


def _note(action: str, request: Any, user: Any, outcome: str = "done") -> None:
    origin = request.META.get("REMOTE_ADDR", "") if request is not None else ""
    with transaction.atomic():
        log.append(
            action,
            outcome=outcome,
            actor=str(user.pk) if user is not None else "",
            private={"origin": origin},
        )


@receiver(user_logged_in)
def _signed_in(sender: Any, request: Any, user: Any, **_: Any) -> None:
    _note("session.sign_in", request, user)


@receiver(user_logged_out)
def _signed_out(sender: Any, request: Any, user: Any, **_: Any) -> None:
    if user is not None:
        _note("session.sign_out", request, user)


@receiver(user_login_failed)
def _failed(sender: Any, credentials: dict[str, Any], request: Any = None, **_: Any) -> None:
    # What was typed as a user name may be a password or a patient's name: it is not kept.
    known = User.objects.filter(username=credentials.get("username") or "").first()
    _note("session.sign_in", request, known, outcome="refused")
