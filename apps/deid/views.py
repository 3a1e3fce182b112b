"""The pixel review screen: what arrived, what the rules did, what a person decides."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from pydicom.uid import UID

from apps.deid import queries, services
from apps.deid.opening import ensure_open
from apps.intake.models import ReceivedInstance

State = ReceivedInstance.State
_TONES = {
    State.CLEARED: "good",
    State.PIXEL_REVIEW: "look",
    State.HELD: "bad",
    State.REJECTED: "bad",
}


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
    }
    return render(request, "deid/review.html", context)
