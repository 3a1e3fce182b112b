"""Doors to releases for programs: list, one, its archive in ranges."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of
from apps.keys.keyring import open_vault_file
from apps.library.domain import ranges
from apps.release import queries, services

_BLOCK = 1 << 20


class ReleaseListView(ApiView):
    @extend_schema(operation_id="releases_list", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any) -> Response:
        """Releases that you may see, newest first."""
        releases = queries.releases_for(request.user)[:500]
        return Response({"releases": [queries.as_json(release) for release in releases]})


class ReleaseView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, release_id: uuid.UUID) -> Response:
        """One release: state, what is left out, its archive's size and digest."""
        return Response(queries.as_json(queries.release_for(request.user, release_id)))


class _AnyType(BaseContentNegotiation):
    """An archive is what it is, whatever the client accepts; errors stay JSON."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class DownloadView(ApiView):
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
