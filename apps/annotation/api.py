"""Doors of the workspace: label sets, operations, submission."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.annotation import beside, habits, queries, services
from apps.annotation.domain.comparing import changes
from apps.annotation.models import LabelSet
from apps.library.models import Clip
from apps.library.queries import clips_for


class LabelSetView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """One's own label set with its ontology and labels."""
        label_set = queries.shown_set_for(request.user, label_set_id)
        return Response(queries.as_json(label_set, request.user))


class RevisionsView(ApiView):
    @extend_schema(
        operation_id="api_v1_label_sets_revisions_list",
        parameters=[OpenApiParameter("before", int, description="Revisions below this one.")],
        responses={status: OpenApiTypes.OBJECT for status in (200, 400, 404, 409)},
    )
    def get(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """Revisions of one's own label set, newest first: when, and what was done where."""
        label_set = queries.shown_set_for(request.user, label_set_id, with_ontology=False)
        return Response(queries.revisions(label_set, _number(request, "before")))


class RevisionView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, label_set_id: uuid.UUID, revision: int) -> Response:
        """One's own label set as it stood at a revision."""
        label_set = queries.shown_set_for(request.user, label_set_id)
        try:
            labels = queries.store.at_revision(label_set, revision)
        except ValueError:
            raise NotFound("There is no such revision.") from None
        return Response({"revision": revision, "labels": labels})


class RevisionChangesView(ApiView):
    @extend_schema(
        parameters=[OpenApiParameter("to", int, description="A revision; the newest if left out.")],
        responses={status: OpenApiTypes.OBJECT for status in (200, 400, 404, 409)},
    )
    def get(self, request: Any, label_set_id: uuid.UUID, revision: int) -> Response:
        """What one's own label set differs in at a revision (now) from how it stood at another."""
        label_set = queries.shown_set_for(request.user, label_set_id)
        asked = _number(request, "to")
        to = label_set.revision if asked is None else asked
        try:
            before, after = (queries.store.at_revision(label_set, one) for one in (revision, to))
        except ValueError:
            raise NotFound("There is no such revision.") from None
        return Response({"from": revision, "to": to, "changes": changes(before, after)})


class ProposalsView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """Labels that imported label sets propose to one's own; what was decided is in its own."""
        return Response(queries.proposals_json(queries.shown_set_for(request.user, label_set_id)))


class OperationsView(ApiView):
    @extend_schema(
        parameters=[
            OpenApiParameter("after", int, required=True, description="revision that one holds"),
            OpenApiParameter("client", OpenApiTypes.UUID, required=True, description="one's own"),
        ],
        responses={status: OpenApiTypes.OBJECT for status in (200, 400, 404, 409)},
    )
    def get(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """What one's other tabs and devices did to one's label set above a revision."""
        label_set = queries.shown_set_for(request.user, label_set_id, with_ontology=False)
        after, client = _number(request, "after"), request.query_params.get("client")
        if after is None:
            raise Refused(
                "invalid_query", "after is missing.", "Send the revision you hold.", field="after"
            )
        if not _is_uuid(client):
            raise Refused(
                "invalid_query", "client is not a UUID.", "Send your client id.", field="client"
            )
        return Response(queries.since(label_set, str(client), after))

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (200, 400, 404, 409, 413, 423)},
    )
    def post(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """Save a batch of operations on a base revision."""
        label_set = queries.label_set_for(request.user, label_set_id, with_ontology=False)
        body = body_of(request)
        client, base, operations = (
            body.get("client_id"),
            body.get("base_revision"),
            body.get("operations"),
        )
        if not _is_uuid(client):
            raise Refused(
                "invalid_body", "client_id is not a UUID.", "Make one per tab.", field="client_id"
            )
        if type(base) is not int or base < 0:
            raise Refused(
                "invalid_body",
                "base_revision is not a whole number from 0.",
                "Send the revision last received.",
                field="base_revision",
            )
        if not isinstance(operations, list) or not operations:
            raise Refused(
                "invalid_body",
                "operations is not a list of one or more.",
                "Send at least one operation.",
                field="operations",
            )
        return Response(
            services.save_operations(
                actor_of(request),
                label_set,
                client_id=str(client),
                base_revision=base,
                operations=operations,
            )
        )


class SubmitView(ApiView):
    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={status: OpenApiTypes.OBJECT for status in (200, 400, 404, 409, 423)},
    )
    def post(self, request: Any, label_set_id: uuid.UUID) -> Response:
        """Submit one's label set at the revision that one saw."""
        label_set = queries.label_set_for(request.user, label_set_id)
        revision = body_of(request).get("revision")
        if type(revision) is not int:
            raise Refused(
                "invalid_body",
                "revision is not a whole number.",
                "Send the revision shown.",
                field="revision",
            )
        done = services.submit_label_set(actor_of(request), label_set, revision=revision)
        # Where clips come back unmarked, what is handed in is out of sight.
        is_shown = done.places.filter(clip__in=clips_for(request.user).values("pk")).exists()
        return Response({"state": done.state, "revision": done.revision, "is_shown": is_shown})


def _number(request: Any, name: str) -> int | None:
    """A whole number of the query, or None where it is left out. Raises Refused."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Refused(
            "invalid_query",
            f"{name} is not a whole number from 0.",
            "Send a revision.",
            field=name,
        )
    return int(text)


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


@require_GET
def workspace(request: HttpRequest, clip_id: uuid.UUID) -> HttpResponse:
    """The workspace on the person's own label set of this clip; opening it is an event. A lead
    without one looks at a label set (``set``) that they may read."""
    from apps.library.queries import clip_for
    from apps.library.services import open_clip

    user: User = request.user  # type: ignore[assignment]
    try:
        clip = clip_for(user, clip_id)
    except NotFound:
        if queries.has_handed_in(user, clip_id):
            raise NotFound("You handed this clip in; its project does not show it again.") from None
        raise
    mine = (
        queries.own_label_sets(user)
        .filter(places__clip=clip)
        .exclude(origin=LabelSet.Origin.CONSENSUS)
        .order_by("-created_at")
        .first()
    )
    if mine is None and not beside.leads(user, clip):
        raise NotFound("You have no label set on this clip.")
    label_set = mine or _looked_at(user, clip, request.GET.get("set", ""))
    open_clip(actor_of(request), clip)
    said = request.GET.get("minutes", "")
    context = {
        "clip": clip,
        "label_set": label_set,
        "reads": "label-sets" if mine is not None else "beside",
        "frame": habits.resumed_frame(user, mine) if mine is not None else 0,
        "minutes": said
        if said.isascii() and said.isdigit() and len(said) <= 3 and 0 < int(said) <= 240
        else "",
    }
    return render(request, "workspace/workspace.html", context)


def _looked_at(user: User, clip: Clip, asked: str) -> LabelSet | None:
    """Which of the label sets that a lead may read is shown: the one asked for, else the first."""
    sets = [label_set for label_set, _name in beside.sets_beside(user, clip)]
    return next((one for one in sets if str(one.pk) == asked), sets[0] if sets else None)
