"""Pages of retention: rules, what will be erased, what was, and legal holds."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from apps.access import roles
from apps.access.doors import actor_of
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.deid import queries, retention
from apps.deid.models import ProjectSubject
from apps.projects import holds
from apps.projects.domain.retention import NOTICE, Kind
from apps.projects.models import LegalHold, Project
from apps.projects.queries import holdable_projects, holds_for, roles_in
from apps.projects.retention import rule as rule_of

AHEAD = timedelta(days=30)
ON_PAGE = 200
_WORDS = {
    Kind.DELETE: gettext_lazy("Erase once cleared"),
    Kind.KEEP: gettext_lazy("Keep, encrypted"),
    Kind.DAYS: gettext_lazy("Erase some days after clearing"),
    Kind.AFTER_RELEASE: gettext_lazy("Erase some days after a release that holds it"),
}


def _due(project: Project) -> dict[str, Any]:
    """What comes due in the next weeks, with pseudonyms and sizes."""
    now = timezone.now()
    rows = list(retention.due_until(project, now + AHEAD, ON_PAGE))
    named = ProjectSubject.objects.filter(
        project=project, subject__in=[row.received.subject_id for row in rows]
    )
    names = dict(named.values_list("subject_id", "pseudonym"))
    return {
        "project": project,
        "rule": rule_of(project),
        "words": _WORDS[rule_of(project).kind],
        "due": [
            {
                "row": row,
                "name": names.get(row.received.subject_id, "") if row.received.subject_id else "",
                "is_now": row.due_at <= now,
                "size_bytes": row.received.size_bytes,
            }
            for row in rows
        ],
        "is_more": len(rows) == ON_PAGE,
    }


@require_GET
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """Rules, holds, what comes due and what was erased, of the projects that one looks after."""
    user: User = request.user  # type: ignore[assignment]
    projects = list(queries.ruled_projects(user))
    standing, may_hold = holds_for(user), list(holdable_projects(user))
    held_by = {project.pk: roles_in(user, project) for project in projects}
    rulers = {roles.PROJECT_LEAD, roles.DATA_STEWARD}
    return render(
        request,
        "deid/retention.html",
        {
            "projects": [
                {**_due(project), "may_rule": bool(held_by[project.pk] & rulers)}
                for project in projects
            ],
            "kinds": [(str(kind), words) for kind, words in _WORDS.items()],
            "standing": _named(standing.filter(lifted_at=None)),
            "lifted": _named(standing.exclude(lifted_at=None)[:50]),
            "may_hold": may_hold,
            "erased": queries.erased_originals(projects, ON_PAGE),
            "notice_days": NOTICE.days,
            "ahead_days": AHEAD.days,
        },
    )


def _named(rows: Any) -> list[dict[str, Any]]:
    out = []
    for hold in rows:
        found = ProjectSubject.objects.filter(project=hold.project_id, subject=hold.subject_id)
        known = found.first() if hold.subject_id else None
        out.append({"hold": hold, "name": known.pseudonym if known is not None else ""})
    return out


@require_POST
@login_required
def set_rule(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Say what becomes of a project's originals."""
    user: User = request.user  # type: ignore[assignment]
    project = queries.ruled_project(user, project_id)
    days = request.POST.get("days", "")
    retention.set_rule(
        actor_of(request),
        project,
        kind=request.POST.get("kind", ""),
        days=int(days) if days.isascii() and days.isdigit() and len(days) < 7 else 0,
    )
    messages.success(request, _("Set. What it finds already there is erased in a week at first."))
    return redirect("retention")


@require_POST
@login_required
def place(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Hold everything of a project, or of one patient in it."""
    user: User = request.user  # type: ignore[assignment]
    project = queries.ruled_project(user, project_id)
    name, subject = request.POST.get("pseudonym", "").strip(), None
    if name:
        found = ProjectSubject.objects.filter(project=project, pseudonym__iexact=name).first()
        if found is None:
            raise Refused(
                "no_such_pseudonym",
                "No patient of the project has this pseudonym.",
                "Copy it from the study.",
                field="pseudonym",
            )
        subject = found.subject
    holds.place(actor_of(request), project, subject=subject, reason=request.POST.get("reason", ""))
    messages.success(request, _("Held: nothing of it is erased."))
    return redirect("retention")


@require_POST
@login_required
def lift(request: HttpRequest, hold_id: uuid.UUID) -> HttpResponse:
    """Lift a hold."""
    user: User = request.user  # type: ignore[assignment]
    hold: LegalHold | None = holds_for(user).filter(pk=hold_id).first()
    if hold is None:
        raise NotFound
    holds.lift(actor_of(request), hold, reason=request.POST.get("reason", ""))
    messages.success(request, _("Lifted: what was to be erased meanwhile is erased now."))
    return redirect("retention")
