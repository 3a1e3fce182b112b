"""Pages of emergency access: break the glass, look, end it; for officers the list to review."""

from __future__ import annotations

import uuid
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from apps.access import again, roles
from apps.access.actor import system_roles
from apps.access.doors import actor_of, uuid_of
from apps.access.errors import NotFound
from apps.access.models import User
from apps.audit.models import Event
from apps.library.models import Clip, IncidentalFinding
from apps.library.queries import clip_for, stewarded_findings
from apps.library.services import ensure_open, identify
from apps.projects import emergency
from apps.projects.models import EmergencyAccess
from apps.projects.queries import breakable_for, emergencies_for, roles_anywhere, to_review


def _passkey_at(request: HttpRequest) -> float | None:
    """When this session last saw the person's passkey."""
    records = get_authentication_records(request, request.user)
    return max((m["at"] for m in records if m.get("type") == "webauthn"), default=None)


@require_GET
@login_required
@never_cache
def listing(request: HttpRequest) -> HttpResponse:
    """One's own emergency access, the form to begin one; for officers those to review."""
    user: User = request.user  # type: ignore[assignment]
    projects = breakable_for(user)
    if not projects.exists():
        raise NotFound
    now = timezone.now()
    mine = emergencies_for(user).filter(person=user, state="open", ends_at__gt=now)
    held = system_roles(user) | roles_anywhere(user)
    others = emergencies_for(user).exclude(person=user)
    passkey_at = _passkey_at(request)
    context = {
        "projects": projects.exclude(pk__in=mine.values("project")),
        "minutes": emergency.MINUTES,
        "mine": [{"access": one, "clips": _clips(user, one)} for one in mine],
        "is_officer": roles.COMPLIANCE_OFFICER in held,
        "to_review": to_review(user),
        "reviewed": others.filter(state="reviewed")[:100],
        "own_past": emergencies_for(user).filter(person=user).exclude(pk__in=mine)[:50],
        "has_factor": again.has_second_factor(user),
        "uses_codes": again.uses_codes(user),
        "has_used_passkey": passkey_at is not None
        and now.timestamp() - passkey_at < again.RECENT_S,
        "now": now,
        "finding": _finding(user, request.GET.get("finding")),
    }
    return render(request, "emergency/emergency.html", context)


def _finding(user: User, named: str | None) -> IncidentalFinding | None:
    """The incidental finding for which the glass is broken, if it is for one of theirs."""
    return stewarded_findings(user).filter(pk=uuid_of(named)).first() if named else None


def _clips(user: User, access: EmergencyAccess) -> Any:
    return Clip.objects.filter(
        project=access.project, state=Clip.State.READY, repeats=None
    ).order_by("name")[:500]


@sensitive_post_parameters("password", "code")
@require_POST
@login_required
def begin(request: HttpRequest) -> HttpResponse:
    """Break the glass of one project."""
    user: User = request.user  # type: ignore[assignment]
    project = breakable_for(user).filter(pk=uuid_of(request.POST.get("project"))).first()
    if project is None:
        raise NotFound
    minutes = request.POST.get("minutes", "")
    proof = again.Proof(
        request.POST.get("password", ""), request.POST.get("code", ""), _passkey_at(request)
    )
    emergency.begin(
        actor_of(request),
        project,
        reason=request.POST.get("reason", ""),
        minutes=int(minutes) if minutes.isascii() and minutes.isdigit() else 0,
        proof=proof,
    )
    messages.success(request, _("Emergency access is open. Everything that you open is recorded."))
    finding = _finding(user, request.POST.get("finding"))
    return redirect("emergency") if finding is None else redirect("finding", finding.pk)


def _found(request: HttpRequest, access_id: uuid.UUID) -> EmergencyAccess:
    found = emergencies_for(request.user).filter(pk=access_id).first()  # type: ignore[arg-type]
    if found is None:
        raise NotFound
    return found


@require_POST
@login_required
def end(request: HttpRequest, access_id: uuid.UUID) -> HttpResponse:
    """End one's own before its time."""
    emergency.end(actor_of(request), _found(request, access_id))
    messages.success(request, _("Emergency access has ended."))
    return redirect("emergency")


@require_GET
@login_required
def one(request: HttpRequest, access_id: uuid.UUID) -> HttpResponse:
    """What somebody did while the glass was broken, for the review."""
    access = _found(request, access_id)
    done = Event.objects.filter(
        actor=str(access.person_id),
        project=str(access.project_id),
        recorded_at__gte=access.began_at,
        recorded_at__lte=access.last_moment,
    ).order_by("recorded_at")
    rows = list(done[:1000])
    ids = [row.object_id for row in rows if row.object_type == "clip"]
    names = {str(clip.pk): clip.name for clip in Clip.objects.filter(pk__in=ids)}
    context = {
        "access": access,
        "rows": [{"event": row, "name": names.get(row.object_id, "")} for row in rows],
        "may_review": access.state == "ended" and access.person_id != request.user.pk,
        "findings": EmergencyAccess.Finding.choices,
    }
    return render(request, "emergency/one.html", context)


@require_POST
@login_required
def review(request: HttpRequest, access_id: uuid.UUID) -> HttpResponse:
    """An officer's word on somebody else's emergency access."""
    emergency.review(
        actor_of(request),
        _found(request, access_id),
        finding=request.POST.get("finding", ""),
        remark=request.POST.get("remark", ""),
    )
    messages.success(request, _("Reviewed."))
    return redirect("emergency")


@require_GET
@login_required
@never_cache
def clip(request: HttpRequest, clip_id: uuid.UUID) -> HttpResponse:
    """A clip's pictures without any labels: opening it is recorded."""
    user: User = request.user  # type: ignore[assignment]
    found = clip_for(user, clip_id)
    ensure_open(actor_of(request), found)
    return render(request, "emergency/clip.html", _clip_context(user, found))


@require_POST
@login_required
@never_cache
def identity(request: HttpRequest, clip_id: uuid.UUID) -> HttpResponse:
    """Whose pictures these are, in this answer alone."""
    user: User = request.user  # type: ignore[assignment]
    found = clip_for(user, clip_id)
    uids = identify(actor_of(request), found)
    source = found.instance.source
    context = {**_clip_context(user, found), "uids": uids, "sender": source.calling_ae}
    return render(request, "emergency/clip.html", context)


def _clip_context(user: User, found: Clip) -> dict[str, Any]:
    access = emergencies_for(user).filter(
        person=user, project=found.project, state="open", ends_at__gt=timezone.now()
    )
    return {"clip": found, "access": access.first(), "plays": found.review_id is not None}
