"""The pixel review screen: what arrived, what the rules did, what a person decides."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from pydicom.datadict import dictionary_description, dictionary_has_tag
from pydicom.uid import UID

from apps.access.doors import actor_of
from apps.access.errors import NotFound, Refused
from apps.deid import devices, queries, remedies, services
from apps.deid.domain.reasons import Remedy, remedies_of
from apps.deid.opening import ensure_open
from apps.intake import services as intake
from apps.intake.models import ReceivedInstance

State = ReceivedInstance.State
_DOCUMENTS = "1.2.840.10008.5.1.4.1.1.104."
_PLAIN = {
    Remedy.ENCODE: remedies.encode_and_retry,
    Remedy.REVIEW: remedies.send_to_review,
    Remedy.WITHOUT_MASK: remedies.retry_without_mask,
    Remedy.PHANTOM: devices.run_phantom,
}
_HEADINGS = {
    State.PIXEL_REVIEW: gettext_lazy("Pixel review"),
    State.HELD: gettext_lazy("Held instance"),
    State.CLEARED: gettext_lazy("Cleared instance"),
    State.REJECTED: gettext_lazy("Rejected instance"),
    State.WITHDRAWN: gettext_lazy("Withdrawn instance"),
}
_TONES = {
    State.CLEARED: "good",
    State.PIXEL_REVIEW: "look",
    State.HELD: "bad",
    State.REJECTED: "bad",
}


def remedies_shown(received: ReceivedInstance) -> list[str]:
    """What can be done about a hold, but for what cannot help with this very instance."""
    offered = remedies_of(received.reason)
    if received.sop_class_uid.startswith(_DOCUMENTS):
        offered = tuple(one for one in offered if one != Remedy.REMOVE)
    if received.clash_with_id is None:
        offered = tuple(one for one in offered if one != Remedy.TAKE_NEWER)
    return [str(one) for one in offered]


def _removable(report: dict[str, Any]) -> list[dict[str, Any]]:
    tags = remedies.removable_tags(report)
    return [
        {
            "value": tag,
            "text": remedies.tag_text(tag),
            "name": dictionary_description(tag) if dictionary_has_tag(tag) else "",
        }
        for tag in tags
    ]


@require_POST
@login_required
def remedy(request: HttpRequest, received_id: uuid.UUID) -> HttpResponse:
    """Act on a hold by what its reason offers."""
    user: Any = request.user
    received = queries.received_for(user, received_id)
    actor, what = actor_of(request), request.POST.get("what", "")
    reason = request.POST.get("reason", "")
    if what == Remedy.REMOVE:
        ticked = [int(tag) for tag in request.POST.getlist("tag") if tag.isdecimal()]
        remedies.remove_and_retry(actor, received, tags=ticked)
    elif what == Remedy.RELEASE_DEVICE:
        deid = queries.deidentification_of(received)
        if deid is None or deid.device is None:
            raise NotFound
        devices.release_device(actor, deid.device, reason=reason)
    elif what == Remedy.TAKE_NEWER:
        intake.take_newer(actor, received, reason=reason)
    elif what in _PLAIN:
        _PLAIN[Remedy(what)](actor, received)
    else:
        raise Refused("unknown_remedy", "There is no such remedy.", "Choose one of the page.")
    messages.success(request, _("It goes through the rules again."))
    return redirect("review", received.pk)


@require_GET
@login_required
def review(request: HttpRequest, received_id: uuid.UUID) -> HttpResponse:
    """One instance in quarantine; looking at it is recorded."""
    user: Any = request.user
    received = queries.received_for(user, received_id)
    if received.state in queries.OPENABLE:
        ensure_open(request, received)
    deid = queries.deidentification_of(received)
    kind = UID(received.sop_class_uid).name.removesuffix(" Storage")
    sentence, remedy = services.reason_text(received.reason) if received.reason else ("", "")
    context = {
        "received": received,
        "heading": _HEADINGS.get(State(received.state), _("Instance under de-identification")),
        "deid": deid,
        "report": deid.report if deid is not None else {},
        "kind": kind if not kind.startswith(("1.", "2.")) else _("Private class"),
        "tone": _TONES.get(State(received.state), ""),
        "rules": queries.what_the_rules_did(deid),
        "sentence": sentence,
        "remedy": remedy,
        "is_working": received.state in queries.WORKING,
        "is_in_review": received.state == State.PIXEL_REVIEW,
        "may_reject": received.state
        in (State.RECEIVED, State.DEIDENTIFYING, State.PIXEL_REVIEW, State.HELD),
        "may_retry": received.state in (State.HELD, State.REJECTED)
        and received.clash_with_id is None,
        "remedies": remedies_shown(received) if received.state == State.HELD else [],
        "removable": _removable(deid.report) if deid is not None else [],
        "second": queries.second_look(received, deid),
        "is_mine": deid is not None and deid.confirmed_by_id == user.pk,
    }
    return render(request, "deid/review.html", context)
