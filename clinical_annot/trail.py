"""Doors of the trail's proofs: the newest checkpoint, consistency, one entry's proof file."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.access import trail
from apps.access.actor import Actor
from apps.access.doors import ApiView, actor_of
from apps.access.errors import NotFound, Refused
from apps.audit import proving
from apps.audit.models import Leaf
from apps.projects.models import Project
from clinical_annot.queries import events_for

_SIZE = OpenApiParameter("since", int, description="also: the log only grew from this size")


def newest_checkpoint() -> dict[str, Any] | None:
    """For the badge: size, time, note and places; None before the first."""
    try:
        told = trail.checkpoint_json()
    except NotFound:
        return None
    return {**told, "at": told["signed_at"][:19].replace("T", " ")}


def _proof(actor: Actor, event_id: uuid.UUID, since: str | None) -> bytes:
    found = events_for(actor.user).filter(pk=event_id).first()
    if found is None:
        raise NotFound
    project = Project.objects.filter(pk=found.project).first() if found.project else None
    try:
        return trail.prove(
            actor, event_id, project, with_private=True, since=_size(since) if since else None
        )
    except (proving.NoSuchSizeError, Leaf.DoesNotExist):
        raise _no_such_size() from None


def _size(text: str | None) -> int:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise _no_such_size()
    return int(text)


def _no_such_size() -> Refused:
    return Refused(
        "no_such_size",
        "The log never had that size.",
        "Take a size that a checkpoint names.",
        field="size",
    )


@require_GET
@login_required
def proof_file(request: HttpRequest, event_id: uuid.UUID) -> HttpResponse:
    """One entry's proof as a file that the stand-alone verifier checks."""
    data = _proof(actor_of(request), event_id, request.GET.get("since"))
    response = HttpResponse(data, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{event_id}.proof"'
    return response


class ProofView(ApiView):
    @extend_schema(
        parameters=[_SIZE],
        responses={(200, "application/json"): OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT},
    )
    def get(self, request: Any, event_id: uuid.UUID) -> HttpResponse:
        """One entry's proof file: exactly these bytes are what the verifier checks."""
        data = _proof(actor_of(request), event_id, request.query_params.get("since"))
        return HttpResponse(data, content_type="application/json")


class CheckpointView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any) -> Response:
        """The newest signed checkpoint, with its witnesses' lines."""
        events_for(request.user)
        return Response(trail.checkpoint_json())


class ConsistencyView(ApiView):
    @extend_schema(
        parameters=[OpenApiParameter("old", int), OpenApiParameter("new", int)],
        responses={
            200: OpenApiTypes.OBJECT,
            400: OpenApiTypes.OBJECT,
            404: OpenApiTypes.OBJECT,
        },
    )
    def get(self, request: Any) -> Response:
        """That the log of ``new`` entries begins with that of ``old`` (RFC 6962 section 2.1.2)."""
        events_for(request.user)
        old, new = (_size(request.query_params.get(name)) for name in ("old", "new"))
        try:
            grown = proving.consistency(old, new)
        except proving.NoSuchSizeError:
            raise _no_such_size() from None
        return Response(
            {
                "old": old,
                "new": new,
                "old_root": base64.b64encode(grown.root).decode(),
                "proof": [base64.b64encode(step).decode() for step in grown.proof],
            }
        )
