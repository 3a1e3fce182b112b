"""Doors of adjudication."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.access import passkeys
from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import NotFound, Refused
from apps.adjudication import endorsing, joining, queries, reviewing, services, workflow
from apps.adjudication.models import Adjudication
from apps.adjudication.signatures import Passkey
from apps.library.services import open_clip
from apps.projects.queries import projects_for

_ANSWERS = {status: OpenApiTypes.OBJECT for status in (200, 400, 403, 404, 409, 423)}
KINDS = ("sign", "countersign", "withdraw")


class AdjudicationView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Both label sets, their agreement, the disagreements and the consensus so far."""
        return Response(
            queries.as_json(queries.adjudication_for(request.user, adjudication_id), request.user)
        )


class DecideView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Decide one disagreement: a, b (c …), redraw, or merge (union, staple, mean …)."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        body = body_of(request)
        done = services.decide(
            actor_of(request),
            adjudication,
            disagreement=str(body.get("disagreement", "")),
            choice=str(body.get("decision", "")),
            reason=str(body.get("reason") or ""),
        )
        return Response(_after_deciding(done))


class TakeInView(ApiView):
    @extend_schema(request=None, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Make what a further reader handed in a side; all is compared and decided anew."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        done = joining.take_in(actor_of(request), adjudication)
        return Response({"state": done.state, "sides": len(done.sides())})


class AcceptSmallView(ApiView):
    @extend_schema(request=None, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Accept together what differs by less than the project's threshold."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        return Response(_after_deciding(services.accept_small(actor_of(request), adjudication)))


class CorrectView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Begin to correct the one annotator's labels under review, with a reason."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        reason = str(body_of(request).get("reason") or "")
        done = reviewing.correct(actor_of(request), adjudication, reason=reason)
        return Response({"state": done.state})


class ReturnView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Return the one annotator's labels under review with a remark."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        remark = str(body_of(request).get("remark") or "")
        done = reviewing.return_reviewed(actor_of(request), adjudication, remark=remark)
        return Response({"state": done.state})


def _after_deciding(done: Adjudication) -> dict[str, Any]:
    return {
        "disagreements": queries.disagreements_json(done),
        "consensus": queries.consensus_json(done),
    }


class SignView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Sign the consensus with one's password or passkey."""
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
            actor_of(request), adjudication, revision=body["revision"], **_means(body)
        )
        return Response(_signed(done))


class StatementView(ApiView):
    @extend_schema(
        parameters=[OpenApiParameter("kind", str, enum=KINDS)],
        responses={200: OpenApiTypes.OBJECT, 400: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT},
    )
    def get(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """What one would sign with a passkey now, and what to ask the device with."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        kind = request.GET.get("kind", KINDS[0])
        if kind not in KINDS:
            raise Refused(
                "invalid_kind", "There is no such signature.", f"One of {', '.join(KINDS)}.",
                field="kind",
            )  # fmt: skip
        statement = endorsing.to_be_signed(request.user, adjudication, kind)
        options = passkeys.options_for(request.user, statement)
        return Response({"statement": statement.decode(), "options": options})


class CountersignView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Confirm a consensus that another clinician signed."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        done = endorsing.countersign(actor_of(request), adjudication, **_means(body_of(request)))
        return Response(_signed(done))


class WithdrawView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, adjudication_id: uuid.UUID) -> Response:
        """Withdraw one's approval, with a reason."""
        adjudication = queries.adjudication_for(request.user, adjudication_id)
        body = body_of(request)
        done = endorsing.withdraw(
            actor_of(request), adjudication, reason=str(body.get("reason") or ""), **_means(body)
        )
        return Response(_signed(done))


def _means(body: dict[str, Any]) -> dict[str, Any]:
    """How the person signs: the password, or the passkey's answer over the statement shown."""
    if body.get("passkey") is None:
        return {"password": str(body.get("password") or "")}
    return {"passkey": Passkey(str(body.get("statement") or ""), body["passkey"])}


def _signed(done: Adjudication) -> dict[str, Any]:
    return {
        "state": done.state,
        "signature": queries.signature_json(done),
        "endorsements": queries.endorsements_json(done),
    }


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


@require_POST
@login_required
def rules(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Set the project's rules of adjudication."""
    found = projects_for(request.user).filter(pk=project_id).first()  # type: ignore[arg-type]
    if found is None:
        raise NotFound
    try:
        share = float(request.POST.get("accept_below_percent", "")) / 100
    except ValueError:
        share = -1.0
    workflow.set_rules(
        actor_of(request), found, accept_below=share, countersign="countersign" in request.POST
    )
    messages.success(request, _("The rules of adjudication are set."))
    return redirect("projects")
