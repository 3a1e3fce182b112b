"""Pages of sending: a release to a place, and the places that a PACS administrator enters."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.access.doors import actor_of
from apps.access.errors import Conflict, NotFound, Refused
from apps.access.models import User
from apps.intake.domain.peer_reasons import words
from apps.release import destinations, queries, sending
from apps.release.models import Destination


@require_POST
@login_required
def send(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    """Send a published release to a PACS or a bucket."""
    user: User = request.user  # type: ignore[assignment]
    found = queries.release_for(user, release_id)
    known = queries.places_to_send_to(user, found)
    place = next((each for each in known if str(each.pk) == request.POST.get("node")), None)
    if place is None:
        raise NotFound
    try:
        sending.send(actor_of(request), found, to=place)
    except Conflict as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    return redirect("release", release_id)


@require_POST
@login_required
def cancel(request: HttpRequest, sending_id: uuid.UUID) -> HttpResponse:
    """Stop a sending."""
    return _change(request, sending_id, sending.cancel_sending)


@require_POST
@login_required
def resume(request: HttpRequest, sending_id: uuid.UUID) -> HttpResponse:
    """Go on with a sending."""
    return _change(request, sending_id, sending.resume_sending)


def _change(request: HttpRequest, sending_id: uuid.UUID, verb: Any) -> HttpResponse:
    found = queries.sending_for(request.user, sending_id)  # type: ignore[arg-type]
    try:
        verb(actor_of(request), found)
    except Conflict as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    return redirect("release", found.release_id)


@require_GET
@login_required
def places(request: HttpRequest) -> HttpResponse:
    """DICOMweb services and buckets that releases may be pushed to."""
    return _places(request)


def _places(request: HttpRequest, refusal: Refused | None = None) -> HttpResponse:
    context = {
        "places": queries.destinations_for(request.user),  # type: ignore[arg-type]
        "kinds": Destination.Kind.choices,
        "refusal": refusal,
        "values": request.POST if refusal else {"kind": Destination.Kind.STOW},
    }
    status = refusal.status if refusal else 200
    return render(request, "release/destinations.html", context, status=status)


@require_POST
@login_required
def add_place(request: HttpRequest) -> HttpResponse:
    """Enter one; what does not fit is said beside the form, which keeps all but the secret."""
    queries.destinations_for(request.user)  # type: ignore[arg-type]
    values = {name: request.POST.get(name, "") for name in destinations.FIELDS}
    try:
        destinations.add_destination(actor_of(request), None, **values)
    except Refused as refusal:
        return _places(request, refusal)
    messages.success(request, _("Added. Try whether it answers."))
    return redirect("destinations")


@require_POST
@login_required
def check_place(request: HttpRequest, destination_id: uuid.UUID) -> HttpResponse:
    """Try whether a place answers to our credentials."""
    place = queries.destination_for(request.user, destination_id)  # type: ignore[arg-type]
    reason = destinations.ask(place)
    destinations.note_check(actor_of(request), place, reason=reason)
    if reason:
        messages.error(request, f"{place.name}: {' '.join(words(reason))}")
    else:
        messages.success(request, _("%(name)s answered.") % {"name": place.name})
    return redirect("destinations")


@require_POST
@login_required
def remove_place(request: HttpRequest, destination_id: uuid.UUID) -> HttpResponse:
    """Remove a place."""
    place = queries.destination_for(request.user, destination_id)  # type: ignore[arg-type]
    try:
        destinations.remove_destination(actor_of(request), place)
    except Conflict as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    else:
        messages.success(request, _("Removed."))
    return redirect("destinations")
