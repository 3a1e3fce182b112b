"""The door of STOW-RS: who may store where, the body as it comes, the answer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils.http import parse_header_parameters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.intake import queries
from apps.intake.dicomweb.doors import DicomwebView, dicomweb_actor
from apps.intake.dicomweb.storing import BodyTooLarge, Outcome, store
from apps.intake.services import note_stow
from apps.projects.models import Project

logger = logging.getLogger(__name__)

# A body may take hours; the other threads of a web process must stay free for people.
_REQUESTS = 6
_running = threading.BoundedSemaphore(_REQUESTS)


class StowView(DicomwebView):
    """``POST`` stores instances; the address or the sender's only grant says into which project."""

    streams_body = True

    @extend_schema(
        request={"multipart/related": OpenApiTypes.BINARY},
        responses=dict.fromkeys((200, 202, 400, 403, 404, 409, 413, 415, 503), OpenApiTypes.OBJECT),
    )
    def post(self, request: Any, scope: str, study_uid: str | None = None) -> Response:
        """Store instances (STOW-RS): multipart/related of application/dicom, into quarantine"""
        actor = dicomweb_actor(request)
        project = _project(actor, scope)
        boundary = _boundary(request)
        read = _reader(request)
        if not _running.acquire(blocking=False):
            raise Refused(
                "busy",
                f"{_REQUESTS} store requests run already.",
                "Send again in a minute, or fewer at once.",
                status=503,
            )
        began = time.monotonic()
        try:
            outcome = store(actor, project, read, boundary, study_uid)
        finally:
            _running.release()
        _note(actor, project, outcome, time.monotonic() - began)
        response = Response(outcome.as_dicom_json(), status=outcome.status)
        if outcome.status == 503:
            response["Retry-After"] = "60"
        return response


def _note(actor: Actor, project: Project, outcome: Outcome, duration_s: float) -> None:
    try:
        note_stow(
            actor,
            project,
            outcome="aborted" if outcome.fault else "done",
            stored=len(outcome.stored),
            refused=outcome.n_refused,
            duration_s=duration_s,
            reason=outcome.fault,
        )
    except DatabaseError:
        # Each instance has its own event: the answer to the sender is what must not be lost.
        logger.error("store request not recorded")


def _project(actor: Actor, slug: str) -> Project:
    """Raises NotFound, Forbidden (recorded), Refused where the project is not clear."""
    project = queries.project_to_store_in(actor.user, slug)
    if not queries.may_store(actor, project):
        # The verb refuses, and its refusal is an event.
        note_stow(actor, project, outcome="refused", stored=0, refused=0, duration_s=0.0)
    return project


def _boundary(request: Any) -> str:
    """Raises Refused with 415 for any other media type than multipart/related of DICOM files, and
    for a body that is encoded."""
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() != "identity":
        raise Refused(
            "content_encoding",
            "A compressed request body is not taken here.",
            "Send it without Content-Encoding; transfer syntaxes compress.",
            status=415,
        )
    media_type, parameters = parse_header_parameters(request.META.get("CONTENT_TYPE", ""))
    inner = parameters.get("type", "application/dicom").lower()
    if media_type != "multipart/related" or inner != "application/dicom":
        raise Refused(
            "media_type",
            "Only multipart/related with application/dicom parts is taken here.",
            'Send Content-Type: multipart/related; type="application/dicom"; boundary=….',
            status=415,
        )
    if not parameters.get("boundary"):
        raise Refused("boundary_missing", "The boundary is missing.", "Name it in Content-Type.")
    return parameters["boundary"]


def _reader(request: Any) -> Callable[[int], bytes]:
    """Reads the body as it comes: by its length, or in chunks without one. Raises Refused (413)."""
    limit_bytes = settings.CLINICAL_ANNOT_STOW_LIMIT_BYTES
    plain = request._request
    length = plain.META.get("CONTENT_LENGTH") or ""
    if length.isdigit() and int(length) > limit_bytes:
        raise Refused(
            "too_large",
            f"The request is larger than {limit_bytes} bytes.",
            "Send fewer instances a request.",
            status=413,
        )
    is_chunked = "chunked" in plain.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    # HTTP/2 frames a body without saying so in a header.
    is_open_ended = is_chunked or (not length and plain.META["SERVER_PROTOCOL"] == "HTTP/2")
    source = plain.environ["wsgi.input"] if is_open_ended else plain._stream
    taken = 0

    def read(size_bytes: int) -> bytes:
        nonlocal taken
        block: bytes = source.read(size_bytes)
        taken += len(block)
        if taken > limit_bytes:
            raise BodyTooLarge
        return block

    return read
