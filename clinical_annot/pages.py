"""The top floor's pages: My work, studies, project, audit."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.access import roles, trail
from apps.access.doors import actor_of, uuid_of
from apps.access.errors import Refused
from apps.access.models import User
from apps.adjudication import blinding
from apps.adjudication import queries as adjudications
from apps.adjudication.assigning import assign_clip
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.planning_api import workflow_context
from apps.annotation.habits import time_on_task
from apps.annotation.models import LabelSet
from apps.audit.models import Pending
from apps.audit.verify import TrailBrokenError
from apps.library import listing
from apps.library import queries as library
from apps.library.models import Clip
from apps.projects.queries import projects_for
from clinical_annot.queries import events_for
from clinical_annot.trail import newest_checkpoint


@require_GET
@login_required
def my_work(request: HttpRequest) -> HttpResponse:
    """The next assignment large and first, then the rest."""
    user: User = request.user  # type: ignore[assignment]
    annotate = list(
        adjudications.assignments_for(user)
        .filter(kind=Assignment.Kind.ANNOTATE)
        .order_by("created_at")
    )
    State = LabelSet.State
    rank = {State.RETURNED: 0, State.IN_PROGRESS: 1, State.ASSIGNED: 2}
    todo = [item for item in annotate if item.label_set and item.label_set.state in rank]
    todo.sort(
        key=lambda item: (
            item.label_set.state != State.RETURNED,  # type: ignore[union-attr]
            item.due_on or date.max,
            rank[State(item.label_set.state)],  # type: ignore[union-attr]
            item.created_at,
        )
    )
    skipped = Assignment.objects.filter(person=user, state=Assignment.State.SKIPPED)
    done = [item for item in annotate if item not in todo]
    shown = library.clips_for(user).filter(pk__in=[item.clip_id for item in done])
    decide = list(
        adjudications.adjudications_for(user).exclude(state=Adjudication.State.SUPERSEDED)
    )
    return render(
        request,
        "my_work.html",
        {
            "minutes": (5, 10, 20),
            "next": todo[0] if todo else None,
            "rest": todo[1:],
            "done": done,
            "shown": set(shown.values_list("pk", flat=True)),
            "today": timezone.now().date(),
            "skipped": list(skipped.select_related("clip").order_by("-created_at")[:20]),
            "adjudications": [item for item in decide if item.state == Adjudication.State.OPEN],
            "signed": [item for item in decide if item.signature_id is not None],
            "returned": [item for item in decide if item.state == Adjudication.State.RETURNED],
            "to_countersign": list(adjudications.waiting_for_countersignature(user)),
        },
    )


@require_GET
@login_required
def studies(request: HttpRequest) -> HttpResponse:
    """De-identified clips that one may see, newest first, by the page."""
    user: User = request.user  # type: ignore[assignment]
    asked = {name: request.GET.get(name, "").strip() for name in ("project", "state", "subject")}
    mine = list(projects_for(user).order_by("name"))
    try:
        found = listing.page(
            user,
            project=next((one for one in mine if one.slug == asked["project"]), None),
            state=asked["state"],
            subject=asked["subject"],
            after=request.GET.get("after", ""),
            newest_first=True,
        )
    except Refused:
        return redirect("studies")
    progress = listing.progress_of(found.clips)
    shown = {
        "rows": [{"clip": clip, "progress": progress.get(clip.pk)} for clip in found.clips],
        "asked": asked,
        "is_asked": any(asked.values()),
        "projects": mine,
        "states": [state for state in Clip.State if state != Clip.State.WITHDRAWN],
        "is_first": not request.GET.get("after"),
        "here": urlencode({name: text for name, text in request.GET.items() if text}),
        "newest": urlencode({name: text for name, text in asked.items() if text}),
        "older": urlencode({**asked, "after": found.following}) if found.following else "",
    }
    template = "partials/studies.html" if request.headers.get("HX-Request") else "studies.html"
    return render(request, template, shown)


@require_GET
@login_required
def projects(request: HttpRequest) -> HttpResponse:
    """Members, ontology and the assignment matrix of the projects one leads."""
    user: User = request.user  # type: ignore[assignment]
    from apps.access import grants

    shown = []
    for project in projects_for(user, roles.PROJECT_LEAD):
        members: dict[User, list[str]] = {}
        for role in roles.GRANTED_ROLES:
            for person in grants.holders(roles.codename(role), project):
                members.setdefault(person, []).append(role.replace("_", " "))
        clips = library.clips_for(user).filter(project=project).order_by("created_at")
        matrix = []
        people = grants.holders(roles.codename(roles.ANNOTATOR), project)
        held = Assignment.objects.filter(project=project).select_related("label_set")
        cells = {(item.clip_id, item.person_id): item for item in held if item.kind == "annotate"}
        blinded = blinding.blinded_clip_ids(user)
        for clip in clips:
            decided = (
                Adjudication.objects.filter(clip=clip)
                .exclude(state__in=("superseded", "ended"))
                .first()
            )
            matrix.append(
                {
                    "clip": clip,
                    "cells": [
                        {"person": person, "item": cells.get((clip.pk, person.pk))}
                        for person in people
                    ],
                    "adjudication": decided,
                    "is_blinded": clip.pk in blinded,
                }
            )
        shown.append(
            {
                "project": project,
                "members": members,
                "people": people,
                "matrix": matrix,
                "agreement": adjudications.agreement_in(project, user),
                "time": time_on_task(project, hidden=blinding.of_others(user)),
                "accept_below_percent": f"{100 * project.options.get('accept_below', 0):g}",
                **workflow_context(project),
                "ontologies": project.ontologies.all(),
            }
        )
    return render(request, "projects/projects.html", {"shown": shown})


@require_POST
@login_required
def assign(request: HttpRequest) -> HttpResponse:
    """Give a clip to an annotator."""
    user: User = request.user  # type: ignore[assignment]
    clip = library.clip_for(user, uuid_of(request.POST.get("clip")))
    person = get_object_or_404(User, pk=uuid_of(request.POST.get("person")), is_service=False)
    assign_clip(actor_of(request), clip, person=person)
    messages.success(request, _("%(clip)s is assigned.") % {"clip": clip.name})
    if request.POST.get("back") == "assignments":
        return redirect("assignments", clip.project_id)
    return redirect("projects")


def _midnight(day: str, days_later: int = 0) -> datetime | None:
    """The day's first moment (UTC); None for what is no day."""
    try:
        start = datetime.combine(date.fromisoformat(day), time(), tzinfo=UTC)
        return start + timedelta(days=days_later)
    except (ValueError, OverflowError):
        return None


@require_GET
@login_required
def audit(request: HttpRequest) -> HttpResponse:
    """The trail, filtered by person, object, action and time."""
    user: User = request.user  # type: ignore[assignment]
    events = events_for(user).select_related("leaf").order_by("-recorded_at")
    asked = {name: request.GET.get(name, "").strip() for name in _FILTERS}
    if asked["person"]:
        people = User.objects.filter(username__icontains=asked["person"])
        events = events.filter(actor__in=[str(person.pk) for person in people])
    if asked["object"]:
        events = events.filter(object_id=asked["object"])
    if asked["action"]:
        events = events.filter(action__startswith=asked["action"])
    if asked["outcome"]:
        events = events.filter(outcome=asked["outcome"])
    if (since := _midnight(asked["since"])) is not None:
        events = events.filter(recorded_at__gte=since)
    if (until := _midnight(asked["until"], days_later=1)) is not None:
        events = events.filter(recorded_at__lt=until)
    page = Paginator(events, 50).get_page(request.GET.get("page"))
    names = {
        str(person.pk): person
        for person in User.objects.filter(pk__in={e.actor for e in page if e.actor})
    }
    rows = [
        {
            "event": item,
            "person": names.get(item.actor),
            "seq": getattr(getattr(item, "leaf", None), "seq", None),
        }
        for item in page
    ]
    query = request.GET.copy()
    query.pop("page", None)
    return render(
        request,
        "audit/audit.html",
        {
            "page": page,
            "rows": rows,
            "asked": asked,
            "query": query.urlencode(),
            "waiting": Pending.objects.count(),
            "checkpoint": newest_checkpoint(),
            "findings": library.waiting_findings(user),
            "actions": sorted(
                events_for(user).order_by().values_list("action", flat=True).distinct()
            ),
        },
    )


_FILTERS = ("person", "object", "action", "outcome", "since", "until")


@require_POST
@login_required
def audit_verify(request: HttpRequest) -> HttpResponse:
    """Verify the whole trail now."""
    try:
        verdict = trail.verify(actor_of(request))
    except TrailBrokenError as error:
        messages.error(request, _("The trail does not hold: %(finding)s") % {"finding": error})
    else:
        messages.success(
            request,
            _("The trail holds: %(n)s entries, root %(root)s")
            % {"n": verdict.entries, "root": verdict.root.hex()[:16]},
        )
    return redirect("audit")


@require_POST
@login_required
def audit_export(request: HttpRequest) -> StreamingHttpResponse:
    """Hand out the bundle that the stand-alone verifier checks."""
    lines = trail.export_bundle(actor_of(request))
    response = StreamingHttpResponse(lines, content_type="application/octet-stream")
    response["Content-Disposition"] = 'attachment; filename="audit.bundle"'
    return response
