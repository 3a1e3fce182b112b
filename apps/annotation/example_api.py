"""Doors to example frames: those that one may see, and what the project's lead does with them."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of
from apps.annotation import examples
from apps.library.queries import clip_for


class ExamplesView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, clip_id: uuid.UUID) -> Response:
        """Example frames of the classes of the clip's project, of clips that you may see."""
        clip = clip_for(request.user, clip_id)
        return Response({"examples": examples.examples_json(request.user, clip)})

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (201, 400, 403, 404)},
    )
    def post(self, request: Any, clip_id: uuid.UUID) -> Response:
        """Let a frame of the clip stand as an example: {"ontology", "class_id", "frame_index",
        "note"}."""
        clip = clip_for(request.user, clip_id)
        body = body_of(request)
        made = examples.add_example(
            actor_of(request),
            clip,
            ontology=body.get("ontology"),
            class_id=body.get("class_id"),
            frame_index=body.get("frame_index"),
            note=body.get("note", ""),
        )
        return Response(examples.as_json(made), status=201)


class ExampleRemoveView(ApiView):
    @extend_schema(
        request=None, responses={status: OpenApiTypes.OBJECT for status in (200, 403, 404)}
    )
    def post(self, request: Any, example_id: uuid.UUID) -> Response:
        """Take an example frame away from its class."""
        example = examples.example_led_by(request.user, example_id)
        examples.remove_example(actor_of(request), example)
        return Response({"id": str(example_id)})
