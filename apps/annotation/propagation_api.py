"""Doors to propagations: begin one, see how far it is, cancel it."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import NotFound, Refused
from apps.annotation import propagating, queries
from apps.annotation.models import Propagation


class PropagationsView(ApiView):
    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (202, 400, 404, 409, 423)},
    )
    def post(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """Carry {"clip", "class_id", "shape", "from_frame", "to_frame"} on by optical flow."""
        label_set = queries.label_set_for(request.user, label_set_id)
        body = body_of(request)
        frames: dict[str, int] = {}
        for name in ("from_frame", "to_frame"):
            value = body.get(name)
            if isinstance(value, int) and not isinstance(value, bool):
                frames[name] = value
            else:
                raise Refused(
                    "invalid_body", f"{name} is not a frame index.", "Send a whole number.",
                    field=name,
                )  # fmt: skip
        made = propagating.begin(
            actor_of(request),
            label_set,
            clip_id=str(body.get("clip")),
            class_id=str(body.get("class_id")),
            shape=body.get("shape"),
            from_frame=frames["from_frame"],
            to_frame=frames["to_frame"],
        )
        return Response(propagating.as_json(made), status=202)


class PropagationView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, label_set_id: uuid.UUID, propagation_id: uuid.UUID) -> Response:
        """How far one's propagation is, and what it found."""
        return Response(propagating.as_json(_own(request, label_set_id, propagation_id)))


class PropagationCancelView(ApiView):
    @extend_schema(
        request=None, responses={status: OpenApiTypes.OBJECT for status in (200, 404, 409)}
    )
    def post(self, request: Any, label_set_id: uuid.UUID, propagation_id: uuid.UUID) -> Response:
        """Cancel one's propagation."""
        own = _own(request, label_set_id, propagation_id)
        return Response(propagating.as_json(propagating.cancel(actor_of(request), own)))


def _own(request: Any, label_set_id: uuid.UUID, propagation_id: uuid.UUID) -> Propagation:
    label_set = queries.label_set_for(request.user, label_set_id)
    found: Propagation | None = label_set.propagations.filter(pk=propagation_id).first()
    if found is None:
        raise NotFound
    return found
