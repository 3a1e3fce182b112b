"""Doors to a person's own keys and to the time spent on a label set."""

from __future__ import annotations

import uuid
from typing import Any, TypeGuard

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import Refused
from apps.annotation import habits, queries


def _is_number(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float)


class KeysView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any) -> Response:
        """The workspace's keys that you have changed or switched off."""
        return Response(habits.keys_of(request.user))

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, 400: OpenApiTypes.OBJECT},
    )
    def post(self, request: Any) -> Response:
        """Change them: {"characters": bool, "keys": {action: key or null}}, all of them."""
        return Response(habits.choose_keys(actor_of(request), None, choices=body_of(request)))


class TimeView(ApiView):
    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (200, 400, 404)},
    )
    def post(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """Report {"page": UUID, "active_s", "frame_index"}: how long this page was worked on so
        far, and where."""
        label_set = queries.label_set_for(request.user, label_set_id)
        body = body_of(request)
        page, active_s = queries.uuid_or_none(body.get("page")), body.get("active_s")
        frame = body.get("frame_index", 0)
        if page is None or not _is_number(active_s) or type(frame) is not int:
            raise Refused(
                "invalid_body", "page is no UUID, or active_s or frame_index no number.",
                "Send each.", field="active_s",
            )  # fmt: skip
        spell = habits.record_time(
            actor_of(request), label_set, page=page, active_s=float(active_s), frame_index=frame
        )
        return Response({"active_s": spell.active_s})
