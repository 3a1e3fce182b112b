"""Withdrawal of a subject in one guided step: what hangs on it, what the rule does, and the act."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from apps.access.doors import actor_of
from apps.access.errors import NotFound, Refused
from apps.deid import withdrawal
from apps.deid.models import ProjectSubject
from apps.deid.queries import received_for
from apps.projects import holds
from clinical_annot.queries import touched_by


@require_http_methods(["GET", "POST"])
@login_required
def withdraw(request: HttpRequest, received_id: uuid.UUID) -> HttpResponse:
    """Show everything that hangs on the subject of an instance; withdraw it once it is named."""
    user: Any = request.user
    received = received_for(user, received_id)
    subject = received.subject
    if subject is None:
        raise NotFound
    touched = touched_by(user, subject)
    projects = subject.policy_projects()
    mine = {row.project_id for row in touched.received}
    name = _name(received.project_id, subject.pk)
    if request.method == "POST":
        if request.POST.get("name", "").strip() != name:
            raise Refused(
                "not_named",
                "The pseudonym that you typed is not this subject's.",
                "Type it as the page shows it.",
                field="name",
            )
        done = withdrawal.withdraw_subject(
            actor_of(request), subject, reason=request.POST.get("reason", "")
        )
        said = ngettext("%(n)d instance withdrawn.", "%(n)d instances withdrawn.", done.instances)
        messages.success(request, said % {"n": done.instances})
        if done.is_key_destroyed:
            messages.success(request, _("The subject's key is destroyed."))
        return redirect("withdraw", received.pk)
    context = {
        "received": received,
        "name": name,
        "touched": touched,
        "is_done": all(
            row.state == "withdrawn" and row.reason == withdrawal.REASON for row in touched.received
        ),
        "originals": sum(row.original_id is not None for row in touched.received),
        "elsewhere": len([one for one in projects if one.pk not in mine]),
        "destroys": withdrawal.destroys(projects),
        "is_held": holds.is_subject_held(subject.pk),
        "is_key_gone": subject.wrapped_key is None,
    }
    return render(request, "corrections/withdraw.html", context)


def _name(project_id: Any, subject_id: Any) -> str:
    """The subject's pseudonym in the project; its first letters of the id before it has one."""
    row = ProjectSubject.objects.filter(project_id=project_id, subject_id=subject_id).first()
    return row.pseudonym if row is not None else str(subject_id)[:8]
