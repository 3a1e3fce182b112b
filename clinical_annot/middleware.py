"""The acting person on every request; refusals as pages or JSON; a log line a request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from apps.access.actor import Actor
from apps.access.errors import Refused
from clinical_annot.errors import refusal_response

logger = logging.getLogger(__name__)


class ActorMiddleware:
    """Sets ``request.actor`` (None when nobody is signed in) and turns Refused into an answer.

    The log line names the route's pattern, never the URL: a query string can hold a name.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        start = time.perf_counter()
        user = request.user
        request.actor = (  # type: ignore[attr-defined]
            Actor(user, "web", request.META.get("REMOTE_ADDR", ""))
            if user.is_authenticated
            else None
        )
        response = self._get_response(request)
        match = request.resolver_match
        logger.info(
            "request",
            extra={
                "method": request.method,
                "route": match.route if match else "none",
                "status": response.status_code,
                "ms": round((time.perf_counter() - start) * 1000),
            },
        )
        # The API's authentication sets the request's user to None where nobody is signed in.
        if request.user and request.user.is_authenticated and "Cache-Control" not in response:
            response["Cache-Control"] = "no-store"
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return refusal_response(request, error) if isinstance(error, Refused) else None
