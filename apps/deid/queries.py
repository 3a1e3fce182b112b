"""Reads of de-identification, from what a data steward may see."""

from __future__ import annotations

import uuid
from typing import Any

from apps.access.models import User
from apps.deid import services
from apps.deid.models import Deidentification
from apps.intake import queries as intake
from apps.intake.models import ReceivedInstance
from apps.jobs.models import Job
from apps.keys.keyring import KeyDestroyedError

State = ReceivedInstance.State
WORKING = (State.RECEIVED, State.DEIDENTIFYING, State.REDACTING)
OPENABLE = (*WORKING, State.PIXEL_REVIEW, State.HELD)
_REMOVED = ("remove",)
_KEPT = ("keep", "code", "sequence")


def received_for(user: User, received_id: uuid.UUID) -> ReceivedInstance:
    """An instance in quarantine. Raises NotFound for anyone but the project's data stewards."""
    return intake.received_for(user, received_id)


def deidentification_of(received: ReceivedInstance) -> Deidentification | None:
    return (
        Deidentification.objects.select_related("confirmed_by", "project_subject")
        .filter(instance=received)
        .first()
    )


def progress_of(received: ReceivedInstance) -> dict[str, Any] | None:
    """How far the background work on this instance is: {"state", "share" (0 to 1), "step"}."""
    job = (
        Job.objects.filter(
            object_id=str(received.pk),
            kind__in=("deid.examine", "deid.redact"),
            state__in=(Job.State.QUEUED, Job.State.RUNNING),
        )
        .order_by("-created_at")
        .first()
    )
    if job is None:
        return None
    return {"state": job.state, "share": round(job.progress, 3), "step": job.step}


def what_the_rules_did(deid: Deidentification | None) -> dict[str, Any]:
    """Counts of header elements removed, replaced and kept, and the streams left out."""
    report = deid.report if deid is not None else {}
    actions = report.get("actions", {})
    removed = sum(actions.get(name, 0) for name in _REMOVED)
    kept = sum(actions.get(name, 0) for name in _KEPT)
    return {
        "removed": removed,
        "replaced": sum(actions.values()) - removed - kept,
        "kept": kept,
        "streams_dropped": report.get("streams_dropped", []),
        "again": bool(report.get("again")),
    }


def as_json(received: ReceivedInstance, *, with_proposals: bool) -> dict[str, Any]:
    """What the API says of an instance in quarantine; proposals only to who has opened it."""
    deid = deidentification_of(received)
    sentence, remedy = services.reason_text(received.reason) if received.reason else ("", "")
    return {
        "id": str(received.pk),
        "subject": str(received.subject_id) if received.subject_id else None,
        "state": received.state,
        "reason": received.reason,
        "sentence": sentence,
        "remedy": remedy,
        "rules": what_the_rules_did(deid),
        "proposals": _proposals(received) if with_proposals and deid is not None else None,
        "decision": deid.decision if deid is not None else None,
        "report": deid.report if deid is not None else {},
        "progress": progress_of(received),
    }


def _proposals(received: ReceivedInstance) -> dict[str, Any] | None:
    """What was proposed, without the text that was read: the steward sees it in the picture, and
    no answer of the server spells an identifier out."""
    try:
        proposed = services.proposals_of(received)
    except KeyDestroyedError:
        return None
    if proposed is None:
        return None
    boxes = [{k: v for k, v in box.items() if k != "text"} for box in proposed["boxes"]]
    return {**proposed, "boxes": boxes}
