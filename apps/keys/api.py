"""Door to the destroying of a subject's key."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of
from apps.keys import queries, services

_ANSWERS = {
    200: OpenApiTypes.OBJECT,
    400: OpenApiTypes.OBJECT,
    404: OpenApiTypes.OBJECT,
    409: OpenApiTypes.OBJECT,
}


class DestroyKeyView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, subject_id: uuid.UUID) -> Response:
        """Destroy a subject's key for good, with {"reason"}; for a steward of all its projects."""
        subject = queries.subject_for(request.user, subject_id)
        reason = body_of(request).get("reason")
        services.destroy_subject_key(
            actor_of(request), subject, reason=reason if isinstance(reason, str) else ""
        )
        return Response({"subject": str(subject_id), "destroyed": True})
