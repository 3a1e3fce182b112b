"""Doors of adjudication."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import Refused
from apps.adjudication import queries, services
from apps.library.services import open_clip

_ANSWERS = {status: OpenApiTypes.OBJECT for status in (200, 400, 403, 404, 409, 423)}


class AdjudicationView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Both label sets, their agreement, the disagreements and the consensus so far."""
        return Response(queries.as_json(queries.adjudication_for(request.user, adjudication_id)))


class DecideView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Decide one disagreement: a, b or redraw."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        body = body_of(request)
        done = services.decide(
            actor_of(request),
            adjudication,
            disagreement=str(body.get("disagreement", "")),
            choice=str(body.get("decision", "")),
            reason=str(body.get("reason") or ""),
        )
        return Response(
            {
                "disagreements": queries.disagreements_json(done),
                "consensus": queries.consensus_json(done),
            }
        )


class SignView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Sign the consensus with one's password."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        body = body_of(request)
        if type(body.get("revision")) is not int:
            raise Refused(
                "invalid_body",
                "revision is not a whole number.",
                "Send the revision shown.",
                field="revision",
            )
        done = services.sign(
            actor_of(request),
            adjudication,
            password=str(body.get("password") or ""),
            revision=body["revision"],
        )
        return Response({"state": done.state, "signature": queries.signature_json(done)})


class AmendView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Begin a correction of a signed consensus, with a reason."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        made = services.amend(
            actor_of(request), adjudication, reason=str(body_of(request).get("reason") or "")
        )
        return Response({"id": str(made.pk), "state": made.state})


@require_GET
@login_required
def screen(request: HttpRequest, adjudication_id: uuid.UUID) -> HttpResponse:
    """The adjudication screen; opening it is an event."""
    adjudication = queries.adjudication_for(request.user, adjudication_id)  # type: ignore[arg-type]
    open_clip(actor_of(request), adjudication.clip)
    context = {
        "adjudication": adjudication,
        "clip": adjudication.clip,
        "label_set": adjudication.consensus,
    }
    return render(request, "workspace/adjudication.html", context)


@require_POST
@login_required
def amend(request: HttpRequest, adjudication_id: uuid.UUID) -> HttpResponse:
    """Begin a correction from My work and go to it."""
    adjudication = queries.adjudication_for(request.user, adjudication_id)  # type: ignore[arg-type]
    made = services.amend(actor_of(request), adjudication, reason=request.POST.get("reason", ""))
    return redirect("adjudication-screen", made.pk)
