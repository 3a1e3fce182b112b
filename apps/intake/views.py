"""The quarantine's list and the node's page."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from pydicom.uid import UID

from apps.access import roles
from apps.access.doors import actor_of
from apps.access.errors import NotFound
from apps.intake import queries, services
from apps.intake.models import ReceivedInstance
from apps.projects.models import Project
from apps.projects.queries import project_ids

State = ReceivedInstance.State
_TONES = {
    State.CLEARED: "good",
    State.PIXEL_REVIEW: "look",
    State.HELD: "bad",
    State.REJECTED: "bad",
}


def _rows(found: list[ReceivedInstance]) -> list[dict[str, Any]]:
    jobs = queries.progress_of([str(row.pk) for row in found])
    shown = []
    for row in found:
        kind = UID(row.sop_class_uid).name.removesuffix(" Storage")
        shown.append(
            {
                "row": row,
                "kind": kind if not kind.startswith(("1.", "2.")) else _("Private class"),
                "job": jobs.get(str(row.pk)),
                "tone": _TONES.get(State(row.state), ""),
                "can_retry": row.state in (State.HELD, State.REJECTED) and not row.clash_with_id,
                "can_reject": row.state in (State.HELD, State.PIXEL_REVIEW),
            }
        )
    return shown


@require_GET
@login_required
def quarantine(request: HttpRequest) -> HttpResponse:
    """What arrived, from whom, what became of it; no identifier is shown."""
    user: Any = request.user
    if not project_ids(user, roles.DATA_STEWARD):
        raise NotFound
    found = queries.quarantine_for(user)
    state = request.GET.get("state", "")
    if state in State.values:
        found = found.filter(state=state)
    page = Paginator(found, 50).get_page(request.GET.get("page"))
    template = (
        "intake/_rows.html" if request.headers.get("HX-Request") else "intake/quarantine.html"
    )
    return render(
        request,
        template,
        {"rows": _rows(list(page)), "page": page, "state": state, "states": State.choices},
    )


@require_http_methods(["GET", "POST"])
@login_required
def reject(request: HttpRequest, received_id: uuid.UUID) -> HttpResponse:
    """Ask for the reason, then reject."""
    row = queries.received_for(request.user, received_id)  # type: ignore[arg-type]
    if request.method == "GET":
        return render(request, "intake/reject.html", {"item": _rows([row])[0]})
    services.reject_instance(actor_of(request), row, reason=request.POST.get("reason", ""))
    messages.success(request, _("Rejected."))
    return redirect("quarantine")


@require_POST
@login_required
def retry(request: HttpRequest, received_id: uuid.UUID) -> HttpResponse:
    row = queries.received_for(request.user, received_id)  # type: ignore[arg-type]
    services.retry_instance(actor_of(request), row)
    messages.success(request, _("It goes through the rules again."))
    return redirect("quarantine")


@require_GET
@login_required
def node(request: HttpRequest) -> HttpResponse:
    """Associations, throughput, refusals with their reason; for the PACS administrator."""
    if not queries.may_see_node(request.user):  # type: ignore[arg-type]
        raise NotFound
    events = queries.node_events()
    stored = [item for item in events if item["action"] == "receive" and item["outcome"] == "done"]
    context = {
        "events": events,
        "is_up": queries.node_is_up(),
        "stored": len(stored),
        "bytes": sum(item.get("size_bytes", 0) for item in stored),
        "refused": sum(1 for item in events if item["outcome"] == "refused"),
        "routes": Project.objects.all(),
    }
    template = "intake/_events.html" if request.headers.get("HX-Request") else "intake/node.html"
    return render(request, template, context)


@require_POST
@login_required
def echo(request: HttpRequest) -> HttpResponse:
    """C-ECHO to our own node."""
    if not queries.may_see_node(request.user):  # type: ignore[arg-type]
        raise NotFound
    answered = queries.echo()
    services.note_echo(actor_of(request), None, answered=answered)
    if answered:
        messages.success(request, _("The node answered C-ECHO."))
    else:
        messages.error(request, _("The node did not answer. See whether its process runs."))
    return redirect("node")
