"""Assignments by API: one's own; skip; give to another, return, due, for who leads."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access import roles
from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.adjudication import assigning, queries
from apps.adjudication.models import Assignment
from apps.adjudication.planning_api import day_of
from apps.annotation.queries import told_state
from apps.projects.queries import project_ids

_ANSWERS = {status: OpenApiTypes.OBJECT for status in (200, 400, 403, 404, 409)}
State = Assignment.State


def _own_json(item: Assignment) -> dict[str, Any]:
    """What a person is told of what they have to label: nothing that says why it was given."""
    return {
        "id": str(item.pk),
        "clip": str(item.clip_id),
        "name": item.clip.name,
        "project": item.project.slug,
        "state": item.state,
        "label_set": str(item.label_set_id) if item.label_set_id else None,
        "labels": told_state(item.label_set) if item.label_set else None,
        "due_on": item.due_on.isoformat() if item.due_on else None,
        "remark": item.remark or None,
    }


def _led_json(item: Assignment) -> dict[str, Any]:
    return {
        "id": str(item.pk),
        "clip": str(item.clip_id),
        "person": item.person.username,
        "state": item.state,
        "due_on": item.due_on.isoformat() if item.due_on else None,
    }


def _led(request: Any, assignment_id: uuid.UUID) -> Assignment:
    """One of a project that the person leads. Raises NotFound."""
    led = project_ids(request.user, roles.PROJECT_LEAD)
    found = Assignment.objects.filter(
        pk=assignment_id, project_id__in=led, kind=Assignment.Kind.ANNOTATE
    )
    if (one := found.select_related("clip", "person").first()) is None:
        raise NotFound
    return one


class OwnAssignmentsView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any) -> Response:
        """The clips that you were given to label, the first given first."""
        mine = queries.assignments_for(request.user).filter(kind=Assignment.Kind.ANNOTATE)
        return Response({"assignments": [_own_json(item) for item in mine.order_by("created_at")]})


class SkipView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, assignment_id: uuid.UUID) -> Response:
        """Give up a clip of your own that is not handed in: {"reason"}."""
        found = Assignment.objects.filter(pk=assignment_id, person=request.user)
        if (one := found.select_related("clip", "project").first()) is None:
            raise NotFound
        reason = str(body_of(request).get("reason") or "")
        return Response(_own_json(assigning.skip(actor_of(request), one, reason=reason)))


class ReassignView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, assignment_id: uuid.UUID) -> Response:
        """Give a clip that is not handed in to another: {"person" (user name), "reason"}."""
        found, body = _led(request, assignment_id), body_of(request)
        name = str(body.get("person") or "")
        # A name with a zero byte is none that PostgreSQL takes as a question.
        named = User.objects.filter(username=name, is_active=True, is_service=False)
        person = named.first() if name.isprintable() else None
        if person is None:
            raise Refused(
                "invalid_person", "There is no such person.", "Give a user name.", field="person"
            )
        reason = str(body.get("reason") or "")
        made = assigning.reassign(actor_of(request), found, person=person, reason=reason)
        return Response(_led_json(made))


class ReturnView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, assignment_id: uuid.UUID) -> Response:
        """Return handed-in labels that nobody decides yet: {"remark"}."""
        found = _led(request, assignment_id)
        remark = str(body_of(request).get("remark") or "")
        return Response(_led_json(assigning.return_work(actor_of(request), found, remark=remark)))


class DueView(ApiView):
    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, assignment_id: uuid.UUID) -> Response:
        """Say until when a clip is to be labelled: {"due_on": "2026-11-26" or null}."""
        found = _led(request, assignment_id)
        day = day_of(str(body_of(request).get("due_on") or ""))
        return Response(_led_json(assigning.set_due(actor_of(request), found, due_on=day)))
