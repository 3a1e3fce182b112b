"""Who is signed in; signing in again without leaving a page."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib.auth import login
from django.core.exceptions import ValidationError
from django.middleware.csrf import get_token
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.doors import ApiView, body_of
from apps.access.errors import Refused
from apps.access.models import User
from apps.vault.master import master_key
from clinical_annot.context import held_roles
from clinical_annot.sign_in import idle, second_factor
from clinical_annot.sign_in.events import note


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


class LockView(ApiView):
    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT, 401: OpenApiTypes.OBJECT})
    def post(self, request: Any) -> Response:
        """Lock your session: it shows nothing until you sign in again; unsent work stays."""
        idle.lock(request._request)
        note("session.locked", request._request, request.user)
        return Response({})


class SessionView(APIView):
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (200, 400, 403, 429)},
    )
    def post(self, request: Any) -> Response:
        """Sign in (again) from within a page; unsent work stays where it is."""
        body = body_of(request)
        try:
            user = get_adapter().authenticate(
                request._request,
                username=str(body.get("username") or ""),
                password=str(body.get("password") or ""),
            )
        except ValidationError:
            raise Refused(
                "locked_out",
                "There were too many wrong passwords.",
                "Wait five minutes, then try again.",
                status=429,
            ) from None
        if user is None:
            raise Refused(
                "wrong_credentials",
                "User name or password is not right.",
                "Check both and try again.",
                status=403,
            )
        second_factor.check(request._request, user, str(body.get("code") or ""))
        login(request._request, user)
        return Response({"username": user.get_username(), "csrf": get_token(request._request)})
