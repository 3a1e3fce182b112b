"""How refusals and failures look: JSON under /api/, a page elsewhere; no value of a patient."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from apps.access.errors import Refused
from apps.keys.keyring import KeyDestroyedError

logger = logging.getLogger(__name__)


def refusal_response(request: HttpRequest, refusal: Refused) -> HttpResponse:
    if (
        request.path.startswith(("/api/", "/dicomweb"))
        or request.headers.get("Accept") == "application/json"
    ):
        return JsonResponse(refusal.as_json(), status=refusal.status)
    return render(request, "refused.html", {"refusal": refusal}, status=refusal.status)


def destroyed() -> Refused:
    """What a door says that meets a subject's destroyed key where it did not look for one."""
    return Refused(
        "destroyed",
        "What belongs to this subject has been destroyed and cannot be read.",
        "Ask the data steward why.",
        status=410,
    )


def api_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error as {"error": {"code", "message", "remedy", …}}."""
    if isinstance(error, KeyDestroyedError):
        error = destroyed()
    if isinstance(error, Refused):
        return Response(error.as_json(), status=error.status)
    response = exception_handler(error, context)
    if response is None:
        return None
    codes = {
        400: ("bad_request", "The request is not as the API says.", "See /api/v1/schema/."),
        401: ("signed_out", "You are signed out.", "Sign in again; unsent work is kept."),
        403: ("forbidden", "This is not allowed.", "Ask the project lead for the role."),
        404: ("not_found", "There is nothing here that you may see.", "Check the address."),
        405: (
            "method_not_allowed",
            "This address does not take this method.",
            "See /api/v1/schema/.",
        ),
        413: ("too_large", "The request is too large.", "Send less at once."),
        415: ("media_type", "Only JSON is taken here.", "Send application/json."),
    }
    code, message, remedy = codes.get(response.status_code, ("error", "It did not work.", ""))
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        response.status_code = 401
        code, message, remedy = codes[401]
    response.data = {"error": {"code": code, "message": message, "remedy": remedy}}
    return response


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    from apps.access.errors import NotFound

    return refusal_response(request, NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    failure = Refused(
        "failed",
        "Something went wrong on our side. Nothing that was saved is lost.",
        "Try again; if it stays, tell the system administrator the time.",
        status=500,
    )
    return refusal_response(request, failure)
