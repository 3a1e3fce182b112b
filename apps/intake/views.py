"""The quarantine's list and the node's page."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from pydicom.uid import UID

from apps.access import roles
from apps.access.doors import actor_of, uuid_of
from apps.access.errors import NotFound, Refused
from apps.intake import queries, services, watching
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
                "can_tick": row.state in services.QUARANTINED,
            }
        )
    return shown


_FILTERS = ("state", "sender", "modality", "day")


@require_GET
@login_required
def quarantine(request: HttpRequest) -> HttpResponse:
    """What arrived, from whom, what became of it; no identifier is shown."""
    user: Any = request.user
    stewarded = project_ids(user, roles.DATA_STEWARD)
    if not stewarded:
        raise NotFound
    chosen = {name: request.GET.get(name, "")[:40] for name in _FILTERS}
    found = queries.filtered(user, **{**chosen, "day": _day(chosen["day"])})  # type: ignore[arg-type]
    page = Paginator(found, 50).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "rows": _rows(list(page)),
        "page": page,
        "refusals": watching.refusals(stewarded),
        "query": urlencode({name: value for name, value in chosen.items() if value}),
    }
    if request.headers.get("HX-Request"):
        return render(request, "intake/_rows.html", context)
    context |= {"chosen": chosen, "states": State.choices, **queries.choices(user)}
    return render(request, "intake/quarantine.html", context)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@require_POST
@login_required
@never_cache
def search(request: HttpRequest) -> HttpResponse:
    """Look for an exact patient ID or UID. It comes by POST, so that it stands in no address."""
    user: Any = request.user
    projects = list(Project.objects.filter(pk__in=project_ids(user, roles.DATA_STEWARD)))
    if not projects:
        raise NotFound
    number, issuer = (request.POST.get(name, "").strip()[:64] for name in ("number", "issuer"))
    found = list(queries.known_by(user, number, issuer)[:200]) if number else []
    for project in projects:
        count = sum(row.project_id == project.pk for row in found)
        services.note_search(actor_of(request), project, count=count)
    return render(request, "intake/search.html", {"rows": _rows(found)})


@require_POST
@login_required
def bulk(request: HttpRequest) -> HttpResponse:
    """Reject or retry what was ticked, each by its own verb; what may not be done is counted."""
    user: Any = request.user
    if not project_ids(user, roles.DATA_STEWARD):
        raise NotFound
    ticked = [uuid_of(text) for text in request.POST.getlist("picked")[:200]]
    rows = list(queries.quarantine_for(user).filter(pk__in=ticked))
    what, reason = request.POST.get("what"), request.POST.get("reason", "")
    if ticked and not rows:
        raise NotFound
    if not rows:
        raise Refused("nothing_ticked", "Nothing was ticked.", "Tick what you mean, then try.")
    if what == "reject" and not reason.strip():
        raise Refused("reason_missing", "A reason is needed.", "Say why.", field="reason")
    done, refused = 0, Counter[str]()
    for row in rows:
        try:
            if what == "reject":
                services.reject_instance(actor_of(request), row, reason=reason)
            else:
                services.retry_instance(actor_of(request), row)
        except Refused as refusal:
            refused[refusal.message] += 1
        else:
            done += 1
    if done:
        messages.success(
            request,
            ngettext("%(n)d instance done.", "%(n)d instances done.", done) % {"n": done},
        )
    for message, count in refused.items():
        messages.error(request, f"{count} × {message}")
    return redirect("quarantine")


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
    """Throughput, senders, refusals with reason and remedy, associations, routes; for the PACS
    administrator."""
    if not queries.may_see_node(request.user):  # type: ignore[arg-type]
        raise NotFound
    found = watching.refusals()
    context = {
        "is_up": queries.node_is_up(),
        "now": watching.flow(timedelta(minutes=1)),
        "half_hour": watching.flow(timedelta(minutes=watching.MINUTES)),
        "day": watching.flow(watching.DAY),
        "bars": watching.by_minute(),
        "refusals": found,
        "n_refused": sum(one.count for one in found),
        "senders": watching.senders(),
        "associations": watching.associations(),
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
