"""Doors to incidental findings for who flags them: flag, read one's own, take back."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of
from apps.library import incidental
from apps.library.queries import clip_for


class ClipFindingsView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, clip_id: uuid.UUID) -> Response:
        """The incidental findings that you flagged on a clip, and how far each is."""
        found = incidental.own_on(request.user, clip_for(request.user, clip_id))
        return Response({"findings": [incidental.as_json(each) for each in found]})

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (201, 400, 403, 404, 410)},
    )
    def post(self, request: Any, clip_id: uuid.UUID) -> Response:
        """Flag something that the clinic should know: {"frame_index", "severity", "text"}."""
        body = body_of(request)
        made = incidental.flag(
            actor_of(request),
            clip_for(request.user, clip_id),
            frame_index=body.get("frame_index"),
            severity=body.get("severity"),
            text=body.get("text"),
        )
        return Response(incidental.as_json(made), status=201)


class TakeBackView(ApiView):
    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (200, 400, 403, 404, 409)},
    )
    def post(self, request: Any, finding_id: uuid.UUID) -> Response:
        """Take back what you flagged, with {"reason"}, while nobody has acted on it."""
        finding = incidental.own(request.user, finding_id)
        reason = body_of(request).get("reason")
        return Response(
            incidental.as_json(incidental.take_back(actor_of(request), finding, reason=reason))
        )
