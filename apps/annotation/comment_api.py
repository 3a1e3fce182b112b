"""Doors to comments: read those of a clip, begin a thread, answer, settle."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import Refused
from apps.annotation import comments, queries
from apps.library.queries import clip_for

_ANSWERS = {status: OpenApiTypes.OBJECT for status in (200, 400, 404)}


class ClipCommentsView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, clip_id: uuid.UUID) -> Response:
        """The threads on a clip that you may read, by frame."""
        clip = clip_for(request.user, clip_id)
        found = comments.threads_for(request.user, clip)
        return Response({"threads": [comments.as_json(each, request.user) for each in found]})


class CommentsView(ApiView):
    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (201, 400, 404)},
    )
    def post(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """Begin a thread with {"clip", "frame_index", "object" or null, "text"}."""
        label_set = queries.label_set_for(request.user, label_set_id)
        body = body_of(request)
        thread = comments.begin_thread(
            actor_of(request),
            label_set,
            clip_id=str(queries.uuid_or_none(body.get("clip")) or uuid.UUID(int=0)),
            frame_index=body.get("frame_index"),
            object_id=body.get("object"),
            text=body.get("text"),
        )
        return Response(comments.as_json(thread, request.user), status=201)


class CommentAnswerView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, thread_id: uuid.UUID) -> Response:
        """Answer in a thread with {"text"}."""
        thread = comments.thread_for(request.user, thread_id)
        thread = comments.answer_thread(
            actor_of(request), thread, text=body_of(request).get("text")
        )
        return Response(comments.as_json(thread, request.user))


class CommentSettleView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, thread_id: uuid.UUID) -> Response:
        """Settle a thread or open it again with {"settled": true or false}."""
        thread = comments.thread_for(request.user, thread_id)
        settled = body_of(request).get("settled")
        if not isinstance(settled, bool):
            raise Refused(
                "invalid_body", "settled is neither true nor false.", "Send one.", field="settled"
            )
        thread = comments.settle_thread(actor_of(request), thread, settled=settled)
        return Response(comments.as_json(thread, request.user))
