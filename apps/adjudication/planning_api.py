"""Doors of a project's workflow: the rule, the plan, who has which clip."""

from __future__ import annotations

import math
import uuid
from datetime import date
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.access import roles
from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.adjudication import blinding, planning, workflow
from apps.adjudication.domain.workflow import MOST_PASSES
from apps.adjudication.models import Assignment
from apps.annotation.models import LabelSet
from apps.annotation.queries import told_state
from apps.projects.models import Project
from apps.projects.queries import projects_for

_ANSWERS = {status: OpenApiTypes.OBJECT for status in (200, 400, 403, 404, 409, 423)}


def led_project(user: User, project_id: uuid.UUID) -> Project:
    """A project that the person leads. Raises NotFound."""
    found = projects_for(user, roles.PROJECT_LEAD).filter(pk=project_id).first()
    if found is None:
        raise NotFound
    return found


class WorkflowView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, project_id: uuid.UUID) -> Response:
        """How many people label a clip of the project, now and in earlier versions."""
        project = led_project(request.user, project_id)
        return Response(
            {
                "version": workflow.version_of(project),
                **workflow.workflow_in(project).as_json(),
                "versions": [
                    {"version": row.number, "at": row.at.isoformat(), **row.rule}
                    for row in project.workflows.all()
                ],
            }
        )

    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, project_id: uuid.UUID) -> Response:
        """Set the workflow, as a new version: passes, sampled_share, sampled_passes, giving,
        repeat_share, repeat_after_days."""
        project = led_project(request.user, project_id)
        made = workflow.set_workflow(actor_of(request), project, rule=body_of(request))
        return Response({"version": made.number, **made.rule})


def _assignments_json(project: Project, user: User) -> list[dict[str, Any]]:
    blinded = blinding.blinded_clip_ids(user)
    rows = Assignment.objects.filter(project=project, kind=Assignment.Kind.ANNOTATE)
    return [
        {
            "id": str(row.pk),
            "clip": str(row.clip_id),
            "person": row.person.username,
            "purpose": _purpose_told(row, user),
            "state": row.state,
            "pass": row.pass_number,
            "workflow": row.workflow,
            "due_on": row.due_on.isoformat() if row.due_on else None,
            "labels": None
            if row.label_set is None or (row.clip_id in blinded and row.person_id != user.pk)
            else _labels_told(row.label_set, user),
        }
        for row in rows.select_related("person", "label_set").order_by("created_at")
    ]


def _purpose_told(row: Assignment, user: User) -> str:
    """Why it was given; of a repeat of one's own (who leads may have annotated) that it is work."""
    is_ones_own = row.purpose == Assignment.Purpose.REPEAT and row.person_id == user.pk
    return Assignment.Purpose.WORK.value if is_ones_own else row.purpose


def _labels_told(label_set: LabelSet, user: User) -> str:
    return told_state(label_set) if label_set.author_id == user.pk else label_set.state


class AssignmentsView(ApiView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT})
    def get(self, request: Any, project_id: uuid.UUID) -> Response:
        """Who was given which clip to label; how far they are, but on clips that one labels."""
        project = led_project(request.user, project_id)
        return Response({"assignments": _assignments_json(project, request.user)})


def _plan_json(found: planning.Preview) -> dict[str, Any]:
    names = {str(person.pk): person.username for person in found.people}
    return {
        "digest": found.digest,
        "given": [{"clip": clip, "person": names[who]} for clip, who in found.plan.given],
        "load_s": {names[who]: round(load, 1) for who, load in found.plan.load_s.items()},
        "lacking": dict(found.plan.lacking),
    }


class PlanView(ApiView):
    @extend_schema(
        parameters=[OpenApiParameter("people", str, description="user names, by commas")],
        responses={200: OpenApiTypes.OBJECT, 400: OpenApiTypes.OBJECT, 404: OpenApiTypes.OBJECT},
    )
    def get(self, request: Any, project_id: uuid.UUID) -> Response:
        """What the project's rule would give to whom; nothing changes."""
        project = led_project(request.user, project_id)
        people = _named(project, request.GET.get("people", ""))
        return Response(_plan_json(planning.preview(project, people, request.user)))

    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def post(self, request: Any, project_id: uuid.UUID) -> Response:
        """Give what the plan says: people (user names), due_on, digest of the plan looked at."""
        project = led_project(request.user, project_id)
        body = body_of(request)
        done = planning.apply_plan(
            actor_of(request),
            project,
            people=_named(project, body.get("people") or ""),
            due_on=day_of(str(body.get("due_on") or "")),
            digest=str(body["digest"]) if body.get("digest") else None,
        )
        return Response(_plan_json(done))


def _named(project: Project, said: Any) -> set[str] | None:
    """Ids of the annotators that are named by user name; None for all where none is."""
    names = said.split(",") if isinstance(said, str) else said
    if not isinstance(names, list):
        raise Refused("invalid_people", "People are user names.", "Give a list.", field="people")
    wanted = {str(name) for name in names if name}
    people = planning.annotators_of(project)
    if wanted - {person.username for person in people}:
        raise Refused(
            "no_annotator", "Somebody named is no annotator here.", "Name others.", field="people"
        )
    return {str(p.pk) for p in people if p.username in wanted} if wanted else None


def day_of(text: str) -> date | None:
    """A day of a form; None for none. Raises Refused for what is no day."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Refused(
            "invalid_day", "This is no day.", "Write it as 2026-11-26.", field="due_on"
        ) from None


@require_POST
@login_required
def workflow_page(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Set the project's workflow from its page."""
    project = led_project(request.user, project_id)  # type: ignore[arg-type]
    sent = request.POST
    rule = {
        "passes": _whole(sent.get("passes")),
        "sampled_share": _share(sent.get("sampled_percent") or "0"),
        "sampled_passes": _whole(sent.get("sampled_passes") or "2"),
        "giving": sent.get("giving", ""),
        "repeat_share": _share(sent.get("repeat_percent") or "0"),
        "repeat_after_days": _whole(sent.get("repeat_after_days") or "28"),
    }
    made = workflow.set_workflow(actor_of(request), project, rule=rule)
    messages.success(request, _("Workflow %(n)s is set.") % {"n": made.number})
    return redirect("projects")


def workflow_context(project: Project) -> dict[str, Any]:
    """What the form of a project's workflow shows."""
    flow = workflow.workflow_in(project)
    return {
        "flow": flow,
        "flow_version": workflow.version_of(project),
        "sampled_percent": _percent(flow.sampled_share),
        "repeat_percent": _percent(flow.repeat_share),
        "several": range(2, MOST_PASSES + 1),
    }


def _percent(share: float) -> str:
    """A share as its field in a form says it, and ``_share`` reads it back."""
    return f"{100 * share:.10g}"


def _share(text: str) -> float:
    """A percentage from a form as a share; −1, which no rule takes, for anything else."""
    try:
        share = float(text) / 100
    except ValueError:
        return -1.0
    return round(share, 12) if math.isfinite(share) else -1.0


def _whole(text: str | None) -> int:
    """A whole number from a form; −1, which no rule takes, for anything else."""
    try:
        return int(text or "")
    except ValueError:
        return -1
