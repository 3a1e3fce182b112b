"""The data steward's pages of corrections: what an archive said, and what it touches."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.access import roles
from apps.access.doors import actor_of, uuid_of
from apps.access.errors import NotFound
from apps.intake import corrections, queries
from apps.intake.domain.corrections import REJECTIONS
from apps.intake.models import Correction
from apps.projects.queries import projects_for
from clinical_annot.queries import touched_by


def _in_words(correction: Correction) -> dict[str, Any]:
    kinds = {
        Correction.Kind.REJECTED: _("Rejected by the archive"),
        Correction.Kind.PATIENT_CHANGED: _("Came again under another patient"),
        Correction.Kind.DEMOGRAPHICS_CHANGED: _("Came again with other patient data"),
        Correction.Kind.PATIENTS_MERGED: _("Two patients merged"),
        Correction.Kind.REPORTED: _("Reported as wrong or another patient's"),
    }
    return {
        "row": correction,
        "kind": kinds[Correction.Kind(correction.kind)],
        "title": REJECTIONS.get(correction.code, ""),
        "targets": correction.targets.count(),
        "waiting": correction.targets.filter(instance=None).count(),
    }


@require_GET
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    """What was corrected, open ones first; and the form for a merge that came by telephone."""
    user: Any = request.user
    stewarded = projects_for(user, roles.DATA_STEWARD)
    if not stewarded:
        raise NotFound
    found = queries.corrections_for(user)
    is_open = found.filter(state=Correction.State.OPEN)
    return render(
        request,
        "corrections/corrections.html",
        {
            "open": [_in_words(row) for row in is_open[:200]],
            "settled": [_in_words(row) for row in found.exclude(pk__in=is_open.values("pk"))[:50]],
            "projects": stewarded,
        },
    )


@require_GET
@login_required
def one(request: HttpRequest, correction_id: uuid.UUID) -> HttpResponse:
    """Everything that a correction touches, and the decision."""
    user: Any = request.user
    row = queries.correction_for(user, correction_id)
    has_arrived = row.targets.filter(instance__isnull=False).exists()
    return render(
        request,
        "corrections/correction.html",
        {
            "item": _in_words(row),
            "touched": touched_by(user, row) if has_arrived else None,
            "later": corrections.later_versions(row) if row.state == "withdrawn" else [],
        },
    )


@require_POST
@login_required
def settle(request: HttpRequest, correction_id: uuid.UUID) -> HttpResponse:
    """Keep or withdraw what a correction holds."""
    row = queries.correction_for(request.user, correction_id)  # type: ignore[arg-type]
    corrections.settle(
        actor_of(request),
        row,
        decision=request.POST.get("decision", ""),
        reason=request.POST.get("reason", ""),
    )
    messages.success(request, _("Decided."))
    return redirect("corrections")


@require_POST
@login_required
def merge(request: HttpRequest) -> HttpResponse:
    """Hold what two patients have, because the archive has made them one."""
    user: Any = request.user
    stewarded = projects_for(user, roles.DATA_STEWARD)
    project = stewarded.filter(pk=uuid_of(request.POST.get("project"))).first()
    if project is None:
        raise NotFound
    asked = {
        name: request.POST.get(name, "")
        for name in ("gone", "gone_issuer", "stays", "stays_issuer")
    }
    made = corrections.merge_patients(
        actor_of(request),
        project,
        gone=(asked["gone"], asked["gone_issuer"]),
        stays=(asked["stays"], asked["stays_issuer"]),
    )
    return redirect("correction", made.pk)
