"""Bodies that are too large; the acting person; refusals as pages or JSON; a log line a request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve

from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.keys.keyring import KeyDestroyedError
from clinical_annot.errors import destroyed, refusal_response
from clinical_annot.logs import frames_of, new_request_id, request_id

logger = logging.getLogger(__name__)


_ANSWERED = (
    Http404,
    PermissionDenied,
    BadRequest,
    SuspiciousOperation,
    ReauthenticationRequired,
)
_DRAIN_BYTES = 64 << 20
_BLOCK_BYTES = 1 << 16


def _holds_nul(request: HttpRequest) -> bool:
    """In address or query: PostgreSQL's text cannot hold it, so a filter by it would fail."""
    return "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", "")


def _is_too_large(request: HttpRequest) -> bool:
    try:
        length_bytes = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return False
    if length_bytes <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return False
    if request.content_type not in ("multipart/related", "multipart/form-data"):
        return True
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return True
    if request.content_type == "multipart/form-data":
        door = getattr(view, "cls", view)
        return length_bytes > getattr(door, "max_body_bytes", 0)
    return not getattr(getattr(view, "cls", None), "streams_body", False)


class BodyMiddleware:
    """Refuses bodies over ``DATA_UPLOAD_MAX_MEMORY_SIZE`` at every door with 413 (REST framework's
    parsers know no limit) but those that take a body as it comes (``streams_body``) or files of a
    form up to a size of their own (``max_body_bytes``), and reads what
    a view left unread: the server closes a connection with an unread body, and the client would
    then see a broken line in place of the answer.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase
        if _holds_nul(request):
            refusal = Refused(
                "invalid_text",
                "The request holds a NUL character.",
                "Leave it out.",
            )
            response = refusal_response(request, refusal)
        elif _is_too_large(request):
            limit_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            refusal = Refused(
                "too_large",
                f"The request is larger than {limit_bytes >> 20} MiB.",
                "Send less at once.",
                status=413,
            )
            response = refusal_response(request, refusal)
        else:
            response = self._get_response(request)
        self._drain(request)
        return response

    @staticmethod
    def _drain(request: HttpRequest) -> None:
        source = getattr(request, "_stream", None)
        left = _DRAIN_BYTES
        try:
            while source is not None and left > 0 and (block := source.read(_BLOCK_BYTES)):
                left -= len(block)
        except (OSError, ValueError):
            return


class RequestIdMiddleware:
    """Gives each request an id: in its log lines, and in the answer's ``X-Request-ID``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = request_id.set(new_request_id(request.headers.get("X-Request-ID", "")))
        try:
            response = self._get_response(request)
            response["X-Request-ID"] = request_id.get()
            return response
        finally:
            request_id.reset(token)


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
        if isinstance(error, KeyDestroyedError):
            error = destroyed()
        if isinstance(error, Refused):
            return refusal_response(request, error)
        if not isinstance(error, _ANSWERED):
            # Django's own line would quote the address, and a traceback the values.
            logger.error(
                "request failed",
                extra={"error": type(error).__name__, "frames": frames_of(error.__traceback__)},
            )
        return None
