"""Doors to releases for programs: list, one, its archive in ranges."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    inline_serializer,
)
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of
from apps.access.errors import NotFound
from apps.keys.keyring import open_vault_file
from apps.library.domain import ranges
from apps.release import draft_api, queries, recalls, services
from apps.release.collecting import read_freeze

_BLOCK = 1 << 20


class ReleaseListView(ApiView):
    @extend_schema(operation_id="releases_list", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any) -> Response:
        """Releases that you may see, newest first, and the recalls of what you downloaded."""
        releases = queries.releases_for(request.user)[:500]
        return Response(
            {
                "releases": [queries.as_json(release) for release in releases],
                "recalls": [queries.notice_json(n) for n in queries.notices_for(request.user)],
            }
        )

    @extend_schema(
        request=inline_serializer(
            "Draft", {"project": serializers.SlugField(), "version": serializers.CharField()}
        ),
        responses={status: OpenApiTypes.OBJECT for status in (201, 400, 403, 404, 409)},
    )
    def post(self, request: Any) -> Response:
        """Begin a draft of {"project", "version"}: the version is taken, nothing is frozen."""
        return draft_api.begin(request)


class ReleaseView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, release_id: uuid.UUID) -> Response:
        """One release: state, what is left out, its archive's size and digest."""
        return Response(queries.as_json(queries.release_for(request.user, release_id)))


class DifferenceView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, release_id: uuid.UUID) -> Response:
        """What the release changed against the version it supersedes: clips, tracks, frames."""
        found = read_freeze(queries.release_for(request.user, release_id)).supersedes
        if found is None:
            raise NotFound("This release supersedes none.")
        return Response(found)


class RecallView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, release_id: uuid.UUID) -> Response:
        """Who has the release: every download, and what a recall wrote and was answered."""
        release = queries.release_for(request.user, release_id)
        return Response(queries.handed_out(request.user, release))

    @extend_schema(
        request=inline_serializer("Recall", {"reason": serializers.CharField()}),
        responses={
            200: OpenApiTypes.OBJECT,
            400: OpenApiTypes.OBJECT,
            403: OpenApiTypes.OBJECT,
            404: OpenApiTypes.OBJECT,
            409: OpenApiTypes.OBJECT,
        },
    )
    def post(self, request: Any, release_id: uuid.UUID) -> Response:
        """Recall a published release: nobody gets it any more, who has it is written to."""
        release = queries.release_for(request.user, release_id)
        reason = str(request.data.get("reason", "")) if isinstance(request.data, dict) else ""
        done = recalls.recall(actor_of(request), release, reason=reason)
        return Response(queries.handed_out(request.user, done))


class RecallAnswerView(ApiView):
    @extend_schema(
        request=inline_serializer("RecallAnswer", {"answer": serializers.CharField()}),
        responses={
            200: OpenApiTypes.OBJECT,
            400: OpenApiTypes.OBJECT,
            404: OpenApiTypes.OBJECT,
            409: OpenApiTypes.OBJECT,
        },
    )
    def post(self, request: Any, notice_id: uuid.UUID) -> Response:
        """Answer a recall: what became of your copies."""
        notice = queries.notice_for(request.user, notice_id)
        answer = str(request.data.get("answer", "")) if isinstance(request.data, dict) else ""
        return Response(
            queries.notice_json(recalls.answer_recall(actor_of(request), notice, answer=answer))
        )


class _AnyType(BaseContentNegotiation):
    """An archive is what it is, whatever the client accepts; errors stay JSON."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class DownloadView(ApiView):
    scope = "download"

    content_negotiation_class = _AnyType

    @extend_schema(
        parameters=[OpenApiParameter("Range", OpenApiTypes.STR, OpenApiParameter.HEADER)],
        responses={
            (200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY),
            (206, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY),
            404: OpenApiTypes.OBJECT,
            409: OpenApiTypes.OBJECT,
            416: OpenApiTypes.OBJECT,
        },
    )
    def get(self, request: Any, release_id: uuid.UUID) -> HttpResponseBase:
        """The archive of a published release (ZIP), whole or in ranges."""
        release = queries.release_for(request.user, release_id)
        asked = request.headers.get("Range") if request.method == "GET" else None
        archive = services.download(actor_of(request), release, asked=asked or "")
        planned = ranges.plan(
            asked,
            request.headers.get("If-Range"),
            archive.size_bytes,
            f'"{archive.sha256[:32]}"',
            max_answer_bytes=archive.size_bytes,
        )
        response: HttpResponseBase
        if planned.status == 416 or request.method == "HEAD":
            response = HttpResponse(status=planned.status)
        else:
            response = StreamingHttpResponse(
                _blocks(open_vault_file(archive), planned.start, planned.end),
                status=planned.status,
            )
        for name, value in planned.headers.items():
            response[name] = value
        name = f"{release.project.slug}-{release.version}.zip"
        response["Content-Type"] = "application/zip"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store"
        return response


def _blocks(source: Any, start: int, end: int) -> Iterator[bytes]:
    try:
        source.seek(start)
        while start < end and (block := source.read(min(_BLOCK, end - start))):
            start += len(block)
            yield block
    finally:
        source.close()
