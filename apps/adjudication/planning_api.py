"""Doors of a project's workflow."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.access import roles
from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import NotFound
from apps.access.models import User
from apps.adjudication import workflow
from apps.adjudication.domain.workflow import MOST_PASSES
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
        """Set the workflow, as a new version: passes, sampled_share, sampled_passes, giving."""
        project = led_project(request.user, project_id)
        made = workflow.set_workflow(actor_of(request), project, rule=body_of(request))
        return Response({"version": made.number, **made.rule})


@require_POST
@login_required
def workflow_page(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Set the project's workflow from its page."""
    project = led_project(request.user, project_id)  # type: ignore[arg-type]
    sent = request.POST
    rule = {
        "passes": _whole(sent.get("passes")),
        "sampled_share": _whole(sent.get("sampled_percent") or "0") / 100,
        "sampled_passes": _whole(sent.get("sampled_passes") or "2"),
        "giving": sent.get("giving", ""),
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
        "sampled_percent": round(flow.sampled_share * 100),
        "several": range(2, MOST_PASSES + 1),
    }


def _whole(text: str | None) -> int:
    """A whole number from a form; −1, which no rule takes, for anything else."""
    try:
        return int(text or "")
    except ValueError:
        return -1
