"""Pages of incidental findings: for stewards what to do, for officers how far each is."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.access import roles
from apps.access.actor import system_roles
from apps.access.doors import actor_of
from apps.access.errors import NotFound
from apps.access.models import User
from apps.library import incidental, queries
from apps.library.domain import incidental as rule
from apps.library.models import IncidentalFinding
from apps.projects.queries import emergencies_for, roles_anywhere

_OUTCOMES = {
    rule.Outcome.ACTED_ON: gettext_lazy("The clinic acts on it"),
    rule.Outcome.KNOWN: gettext_lazy("The clinic knew of it"),
    rule.Outcome.NOTHING_TO_DO: gettext_lazy("The clinic looked: nothing to do"),
    rule.Outcome.DUPLICATE: gettext_lazy("The same as another finding"),
    rule.Outcome.NOT_IDENTIFIABLE: gettext_lazy("Nobody can say whose it is any more"),
    rule.Outcome.TAKEN_BACK: gettext_lazy("Taken back by who flagged it"),
}
_WAYS = {
    "telephone": gettext_lazy("by telephone"),
    "in_person": gettext_lazy("in person"),
    "letter": gettext_lazy("by letter"),
    "secure_mail": gettext_lazy("by secure mail"),
    "record": gettext_lazy("in the hospital's record"),
}


def _row(finding: IncidentalFinding, now: datetime) -> dict[str, Any]:
    given = (finding.severity, finding.state, finding.flagged_at)
    return {
        "finding": finding,
        "due_at": rule.due_at(finding.severity, finding.flagged_at),
        "is_overdue": rule.is_overdue(*given, now),
        "outcome": _OUTCOMES[rule.Outcome(finding.outcome)] if finding.outcome else "",
        "way": _WAYS.get(finding.way, ""),
    }


@require_GET
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    """What waits, the most urgent first, and what was closed; an officer reads no text."""
    user: User = request.user  # type: ignore[assignment]
    held = system_roles(user) | roles_anywhere(user)
    if not held & {roles.DATA_STEWARD, roles.COMPLIANCE_OFFICER}:
        raise NotFound
    found, now = queries.findings_for(user), timezone.now()
    mine = set(queries.stewarded_findings(user).values_list("pk", flat=True))
    open_ones = [_row(one, now) for one in found.exclude(state="closed")[:500]]
    open_ones.sort(key=lambda row: (not row["is_overdue"], rule.rank(row["finding"].severity)))
    closed = [_row(one, now) for one in found.filter(state="closed").order_by("-closed_at")[:100]]
    return render(
        request,
        "findings/findings.html",
        {
            "open": open_ones,
            "closed": closed,
            "mine": mine,
            "overdue": sum(row["is_overdue"] for row in open_ones),
        },
    )


def _found(request: HttpRequest, finding_id: uuid.UUID) -> IncidentalFinding:
    user: User = request.user  # type: ignore[assignment]
    found = queries.stewarded_findings(user).filter(pk=finding_id).first()
    if found is None:
        raise NotFound
    return found


def _page(
    request: HttpRequest, finding: IncidentalFinding, uids: dict[str, str] | None = None
) -> HttpResponse:
    now = timezone.now()
    access = emergencies_for(request.user).filter(  # type: ignore[arg-type]
        person=request.user.pk, project=finding.clip.project, state="open", ends_at__gt=now
    )
    allowed = rule.outcomes_in(finding.state)
    return render(
        request,
        "findings/finding.html",
        {
            **_row(finding, now),
            "text": incidental.text_of(finding, finding.sealed_text),
            "told": incidental.text_of(finding, finding.sealed_told),
            "note": incidental.text_of(finding, finding.sealed_note),
            "access": access.first(),
            "uids": uids,
            "sender": finding.clip.instance.source.calling_ae if uids else "",
            "ways": _WAYS.items(),
            "outcomes": [(key, words) for key, words in _OUTCOMES.items() if key in allowed],
            "now": now,
        },
    )


@require_GET
@login_required
@never_cache
def one(request: HttpRequest, finding_id: uuid.UUID) -> HttpResponse:
    """One finding as its project's steward works on it."""
    return _page(request, _found(request, finding_id))


@require_POST
@login_required
@never_cache
def identity(request: HttpRequest, finding_id: uuid.UUID) -> HttpResponse:
    """Whose pictures it is on, in this answer alone; under break-glass."""
    finding = _found(request, finding_id)
    uids = incidental.identify(actor_of(request), finding)
    return _page(request, _found(request, finding_id), uids)


@require_POST
@login_required
def report(request: HttpRequest, finding_id: uuid.UUID) -> HttpResponse:
    """Note that the clinic was told."""
    incidental.report(
        actor_of(request),
        _found(request, finding_id),
        told=request.POST.get("told", ""),
        way=request.POST.get("way", ""),
        told_at=_moment(request.POST.get("told_at", "")),
    )
    messages.success(request, _("Noted that the clinic was told."))
    return redirect("finding", finding_id)


def _moment(text: str) -> datetime | None:
    """A day and time (UTC) as a form gives it, to the minute; this minute is now."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    now = timezone.now()
    return now if found.replace(second=0) == now.replace(second=0, microsecond=0) else found


@require_POST
@login_required
def close(request: HttpRequest, finding_id: uuid.UUID) -> HttpResponse:
    """Close it with what came of it."""
    incidental.close(
        actor_of(request),
        _found(request, finding_id),
        outcome=request.POST.get("outcome", ""),
        note=request.POST.get("note", ""),
    )
    messages.success(request, _("Closed."))
    return redirect("findings")
