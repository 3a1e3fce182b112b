"""What DICOMweb doors share: who acts, and how they answer."""

from __future__ import annotations

from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from apps.access.actor import Actor
from apps.access.doors import ApiView, scopes_of

DICOM_JSON = "application/dicom+json"


class DicomJsonRenderer(JSONRenderer):
    """The DICOM JSON model (PS3.18 Annex F), by its media type without parameters: clients
    compare the header as a whole."""

    media_type = DICOM_JSON
    charset = None


class _OwnNegotiation(BaseContentNegotiation):
    """Resources choose by themselves (PS3.18 section 8.7): the framework would refuse ``multipart``
    before they are asked."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0] if parsers else None

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], DICOM_JSON


class DicomwebView(ApiView):
    renderer_classes = [DicomJsonRenderer]
    content_negotiation_class = _OwnNegotiation

    def handle_exception(self, exc: Exception) -> Response:
        """Refusals are JSON as everywhere in the API."""
        response = super().handle_exception(exc)
        response.content_type = "application/json"
        return response


def dicomweb_actor(request: Any) -> Actor:
    """The acting person or machine, by this door."""
    return Actor(request.user, "dicomweb", request.META.get("REMOTE_ADDR", ""), scopes_of(request))
