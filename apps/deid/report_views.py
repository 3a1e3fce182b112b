"""Reports of a study and of a project, the reviewer's sheet, and the dry run."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from apps.access import roles
from apps.access.doors import actor_of
from apps.access.errors import Conflict, Refused
from apps.deid import queries, reporting, rules
from apps.deid.domain.profile import Profile, ProfileError
from apps.deid.models import ProfileVersion
from apps.intake.models import ReceivedInstance
from apps.projects.models import Project
from apps.projects.queries import roles_in


@require_GET
@login_required
def project(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """What was done to everything that came into a project; no value is in it."""
    user: Any = request.user
    found = queries.ruled_project(user, project_id)
    context = {
        "project": found,
        "report": queries.report_of(ReceivedInstance.objects.filter(project=found)),
        "is_steward": roles.DATA_STEWARD in roles_in(user, found),
        "tab": "report",
    }
    return render(request, "deid/project_report.html", context)


@require_GET
@login_required
def sheet(request: HttpRequest, received_id: uuid.UUID) -> HttpResponse:
    """The reviewer's sheet of a study: a line an instance, to be printed and signed."""
    received = queries.received_for(request.user, received_id)  # type: ignore[arg-type]
    rows = queries.study_rows(received)
    lines = queries.sheet_rows(rows)
    named = [line["deid"].project_subject for line in lines if line["deid"] is not None]
    context = {
        "received": received,
        "pseudonym": next((one.pseudonym for one in named if one is not None), ""),
        "report": queries.report_of(rows),
        "lines": lines,
    }
    return render(request, "deid/sheet.html", context)


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def dry_run(request: HttpRequest, received_id: uuid.UUID) -> HttpResponse:
    """Ask for a profile; then show side by side what it would change in the study, once."""
    received = queries.received_for(request.user, received_id)  # type: ignore[arg-type]
    usable = _profiles(received.project)
    context: dict[str, Any] = {"received": received, "profiles": usable, "trials": None}
    context["chosen"] = rules.chosen(received.project)
    if request.method == "POST":
        digest = request.POST.get("profile", "")
        profile = next((one for one in usable if one.sha256 == digest), None)
        if profile is None:
            raise Refused("no_such_profile", "There is no such profile.", "Choose one of the list.")
        rows = [row for row in queries.study_rows(received) if row.state in reporting.SHOWN_STATES][
            : reporting.MOST_INSTANCES
        ]
        if not rows:
            raise Conflict("nothing_here", "Nothing of the study can be shown any more.", "")
        reporting.note_dry_run(actor_of(request), received, profile=profile, instances=len(rows))
        context |= {"trials": reporting.dry_run(rows, profile), "chosen": profile}
    return render(request, "deid/dry_run.html", context)


def _profiles(project: Project) -> list[Profile]:
    """The product's, and the project's own that nobody refused: a proposed one is tried first."""
    own = []
    rows = ProfileVersion.objects.filter(project=project)
    for row in rows.exclude(state=ProfileVersion.State.REFUSED):
        try:
            own.append(rules.loaded(row))
        except ProfileError:
            continue
    return [*rules.builtins(), *own]
