"""Doors to importing labels: a screen for project leads, an address for programs."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, uuid_of
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.library.queries import clip_for
from apps.release import queries
from apps.release.domain.registry import FORMATS
from apps.release.importing import MAX_UPLOAD_BYTES, import_labels


def _sent(request: Any) -> list[tuple[str, bytes]]:
    """The files of a form; a path that the sender gives beside a file (`paths`) is its name."""
    files = request.FILES.getlist("files")
    paths = request.POST.getlist("paths")
    names = paths if len(paths) == len(files) else [file.name or "" for file in files]
    return [(name, file.read()) for name, file in zip(names, files, strict=True)]


def _stride(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def import_page(request: HttpRequest) -> HttpResponse:
    """Import labels of other tools for a clip: choose, send, read the report by line."""
    user: User = request.user  # type: ignore[assignment]
    clips = queries.importable_clips(user)
    if not clips and not queries.led_projects(user):
        raise NotFound
    context: dict[str, Any] = {"clips": clips[:1000], "formats": FORMATS.values()}
    status = 200
    if request.method == "POST":
        context["asked"] = request.POST
        clip = clips.filter(pk=uuid_of(request.POST.get("clip"))).first()
        if clip is None:
            raise NotFound
        try:
            label_set, report = import_labels(
                actor_of(request),
                clip,
                format_name=request.POST.get("format", ""),
                files=_sent(request),
                stride=_stride(request.POST.get("stride", "") or "1"),
            )
            context |= {"made": label_set, "report": report.as_json(), "clip": clip}
        except Refused as refusal:
            status = refusal.status
            context |= {"refusal": refusal, "report": refusal.details.get("report")}
    context["imported"] = queries.imported_sets(user)[:100]
    return render(request, "release/import.html", context, status=status)


import_page.max_body_bytes = MAX_UPLOAD_BYTES  # type: ignore[attr-defined]


class ImportView(ApiView):
    parser_classes = [MultiPartParser]
    max_body_bytes = MAX_UPLOAD_BYTES

    @extend_schema(
        request={"multipart/form-data": {
            "type": "object",
            "required": ["format", "files"],
            "properties": {
                "format": {"type": "string", "enum": list(FORMATS)},
                "stride": {"type": "integer", "minimum": 1, "default": 1},
                "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                "paths": {"type": "array", "items": {"type": "string"}},
            },
        }},
        responses={status: OpenApiTypes.OBJECT for status in (201, 400, 403, 404, 409, 413, 422)},
    )  # fmt: skip
    def post(self, request: Any, clip_id: uuid.UUID) -> Response:
        """Import labels of another tool as a label set of origin imported, whole or not at all.

        `files` are the format's files or ZIP archives of them; `paths`, one a file, keep folders.
        """
        clip = clip_for(request.user, clip_id)
        label_set, report = import_labels(
            actor_of(request),
            clip,
            format_name=str(request.data.get("format", "")),
            files=_sent(request),
            stride=_stride(str(request.data.get("stride", "1"))),
        )
        body = {"label_set": str(label_set.pk), "clip": str(clip.pk), "report": report.as_json()}
        return Response(body, status=201)
