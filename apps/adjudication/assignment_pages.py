"""Pages on assignments: the matrix with its plan, a clip's due day and person, calibrations."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.access import roles
from apps.access.doors import actor_of, uuid_of
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.adjudication import assigning, calibrating, planning, queries
from apps.adjudication.models import Assignment
from apps.adjudication.planning_api import day_of, led_project, workflow_context
from apps.library.queries import clips_for
from apps.projects.queries import project_ids


@require_GET
@login_required
def matrix(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """The matrix of clips and people, what a plan would add, and calibrations."""
    user: User = request.user  # type: ignore[assignment]
    project = led_project(user, project_id)
    chosen = set(request.GET.getlist("people"))
    found = planning.preview(project, chosen, user) if chosen else None
    people = planning.annotators_of(project)
    context = {
        "project": project,
        "people": people,
        "chosen": chosen or {str(person.pk) for person in people},
        "plan": found,
        "today": timezone.now().date(),
        "due": request.GET.get("due_on", ""),
        "rows": planning.matrix(project, user, people, set(found.plan.given) if found else set()),
        "loads": planning.loads_shown(project, user, people, found),
        "golds": calibrating.golds_of(project),
        "rounds": calibrating.rounds_of(project, user),
        **workflow_context(project),
    }
    return render(request, "projects/assignments.html", context)


@require_POST
@login_required
def plan(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Apply the plan that was looked at."""
    project = led_project(request.user, project_id)  # type: ignore[arg-type]
    done = planning.apply_plan(
        actor_of(request),
        project,
        people=set(request.POST.getlist("people")),
        due_on=day_of(request.POST.get("due_on", "")),
        digest=request.POST.get("digest", ""),
    )
    messages.success(request, _("%(n)s assignments are given.") % {"n": len(done.plan.given)})
    return redirect("assignments", project.pk)


def _led_assignment(request: HttpRequest, assignment_id: uuid.UUID) -> Assignment:
    led = project_ids(request.user, roles.PROJECT_LEAD)  # type: ignore[arg-type]
    found = Assignment.objects.filter(pk=assignment_id, project_id__in=led).first()
    if found is None:
        raise NotFound
    return found


@require_POST
@login_required
def reassign(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """Give a clip that is not handed in to another person."""
    found = _led_assignment(request, assignment_id)
    person = User.objects.filter(pk=uuid_of(request.POST.get("person")), is_service=False).first()
    if person is None:
        raise NotFound
    reason = request.POST.get("reason", "")
    assigning.reassign(actor_of(request), found, person=person, reason=reason)
    messages.success(request, _("%(clip)s has another person.") % {"clip": found.clip.name})
    return redirect("assignments", found.project_id)


@require_POST
@login_required
def return_work(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """Return handed-in labels that nobody decides yet, with a remark."""
    found = _led_assignment(request, assignment_id)
    assigning.return_work(actor_of(request), found, remark=request.POST.get("remark", ""))
    messages.success(request, _("%(clip)s is returned.") % {"clip": found.clip.name})
    return redirect("assignments", found.project_id)


@require_POST
@login_required
def set_due(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """Change until when a clip is to be labelled."""
    found = _led_assignment(request, assignment_id)
    assigning.set_due(actor_of(request), found, due_on=day_of(request.POST.get("due_on", "")))
    return redirect("assignments", found.project_id)


@require_POST
@login_required
def skip(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """Give up a clip of one's own, with a reason."""
    user: User = request.user  # type: ignore[assignment]
    found = Assignment.objects.filter(pk=assignment_id, person=user).first()
    if found is None:
        raise NotFound
    assigning.skip(actor_of(request), found, reason=request.POST.get("reason", ""))
    messages.success(request, _("%(clip)s is skipped.") % {"clip": found.clip.name})
    return redirect("my-work")


@require_POST
@login_required
def calibrate(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Give signed clips to annotators as calibrations, all of them or none."""
    project = led_project(request.user, project_id)  # type: ignore[arg-type]
    golds = {str(gold.pk): gold for gold in calibrating.golds_of(project)}
    people = {str(person.pk): person for person in planning.annotators_of(project)}
    chosen = [golds[key] for key in request.POST.getlist("golds") if key in golds]
    named = [people[key] for key in request.POST.getlist("people") if key in people]
    due_on = day_of(request.POST.get("due_on", ""))
    if not chosen or not named:
        raise Refused("nothing_chosen", "No clip or nobody is chosen.", "Choose both.")
    with transaction.atomic():
        for gold in chosen:
            for person in named:
                calibrating.give_gold(actor_of(request), gold, person=person, due_on=due_on)
    n = len(chosen) * len(named)
    messages.success(request, _("%(n)s calibrations are given.") % {"n": n})
    return redirect("assignments", project.pk)


@require_GET
@login_required
def calibration(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """What a calibration said: figures, and where one differs from what was signed."""
    user: User = request.user  # type: ignore[assignment]
    found = queries.calibration_for(user, assignment_id)
    # What was handed in is out of sight where clips come back unmarked.
    is_own = found.person_id == user.pk
    is_shown = is_own and clips_for(user).filter(pk=found.clip_id).exists()
    context = {"item": found, "is_own": is_own, "is_shown": is_shown, **(found.result or {})}
    return render(request, "projects/calibration.html", context)
