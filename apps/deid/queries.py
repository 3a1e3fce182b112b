"""Reads of de-identification, from what a data steward may see."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import Any

from django.db.models import QuerySet

from apps.access import roles
from apps.access.actor import system_roles
from apps.access.errors import NotFound
from apps.access.models import User
from apps.audit.models import Event
from apps.deid import services
from apps.deid.domain.accounting import basis_of, numbered
from apps.deid.domain.decision import looked_at_again
from apps.deid.domain.report import header_counts, picture_counts, study_report
from apps.deid.models import Deidentification, Device, DeviceMask, ProfileVersion
from apps.intake import queries as intake
from apps.intake.models import ReceivedInstance
from apps.jobs.models import Job
from apps.keys.keyring import KeyDestroyedError
from apps.projects.models import Project
from apps.projects.queries import projects_for

State = ReceivedInstance.State
WORKING = (State.RECEIVED, State.DEIDENTIFYING, State.REDACTING)
OPENABLE = (*WORKING, State.PIXEL_REVIEW, State.HELD)


_RULERS = (roles.DATA_STEWARD, roles.PROJECT_LEAD, roles.COMPLIANCE_OFFICER)


def ruled_projects(user: User) -> QuerySet[Project]:
    """Projects whose rules and reports the person may see (nothing in them identifies a patient).
    Raises NotFound for who has none."""
    found = _ruled(user)
    if not found:
        raise NotFound
    return found


def _ruled(user: User) -> QuerySet[Project]:
    if roles.COMPLIANCE_OFFICER in system_roles(user):
        return Project.objects.all()
    return projects_for(user, *_RULERS)


def erased_originals(projects: list[Project], most: int) -> list[dict[str, Any]]:
    """The last originals of these projects that were erased, with the digest and the entry of the
    log that prove it, newest first."""
    events = Event.objects.filter(
        action__in=("retention.original", "deid.withdraw_instance"),
        project__in=[str(project.pk) for project in projects],
    ).select_related("leaf")
    out = []
    for item in events.order_by("-recorded_at")[: 4 * most]:
        public = json.loads(bytes(item.entry)).get("public", {})
        if public.get("original") == "deleted":
            seq = getattr(getattr(item, "leaf", None), "seq", None)
            out.append({"event": item, "sha256": public.get("sha256", ""), "entry": seq})
    return out[:most]


def ruled_project(user: User, project_id: uuid.UUID) -> Project:
    """Raises NotFound for anyone but the project's stewards, leads and compliance officers."""
    found = _ruled(user).filter(pk=project_id).first()
    if found is None:
        raise NotFound
    return found


def profile_for(user: User, profile_id: uuid.UUID) -> ProfileVersion:
    """A saved profile version. Raises NotFound as ``ruled_project`` does."""
    found = ProfileVersion.objects.filter(pk=profile_id, project__in=_ruled(user)).first()
    if found is None:
        raise NotFound
    return found


def stewarded_project(user: User, project_id: uuid.UUID) -> Project:
    """Raises NotFound for anyone but the project's data stewards."""
    found = projects_for(user, roles.DATA_STEWARD).filter(pk=project_id).first()
    if found is None:
        raise NotFound
    return found


def device_for(user: User, device_id: uuid.UUID) -> Device:
    """Raises NotFound for anyone but the project's data stewards."""
    found = Device.objects.filter(
        pk=device_id, project__in=projects_for(user, roles.DATA_STEWARD)
    ).first()
    if found is None:
        raise NotFound
    return found


def mask_for(user: User, mask_id: uuid.UUID) -> DeviceMask:
    """Raises NotFound for anyone but the project's data stewards."""
    found = DeviceMask.objects.filter(
        pk=mask_id, device__project__in=projects_for(user, roles.DATA_STEWARD)
    ).first()
    if found is None:
        raise NotFound
    return found


def of_device(device: Device) -> QuerySet[Deidentification]:
    """What has come from a device, newest first."""
    return (
        Deidentification.objects.filter(device=device)
        .select_related("instance", "instance__subject", "instance__project", "confirmed_by")
        .order_by("-instance__received_at")
    )


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
    return {
        **header_counts(report.get("actions", {})),
        "streams_dropped": report.get("streams_dropped", []),
        "stream_notes": [words for _, words in report.get("stream_notes", [])],
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
        "second": second_look(received, deid),
    }


def second_look(received: ReceivedInstance, deid: Deidentification | None) -> dict[str, Any] | None:
    """Where two people confirm: who did first ({"confirmed_by", "confirmed_at"}, None so far)."""
    if deid is None or services.reviewers_needed(received) == 1:
        return None
    return {
        "confirmed_by": deid.confirmed_by.display_name if deid.confirmed_by else None,
        "confirmed_at": deid.confirmed_at.isoformat() if deid.confirmed_at else None,
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
    decided = received.deidentification.decision
    basis = basis_of(proposed, decided)
    # A second person looks at what the first one decided.
    proposed = looked_at_again(proposed, decided, ()) if decided is not None else numbered(proposed)
    boxes = [{k: v for k, v in box.items() if k != "text"} for box in proposed["boxes"]]
    return {**proposed, "boxes": boxes, "basis": basis}


def report_of(rows: QuerySet[ReceivedInstance]) -> dict[str, Any]:
    """What was done to these instances together: ``study_report`` of what was cleared, how many
    stand where, why which are held, and who confirmed how many."""
    cleared = Deidentification.objects.filter(
        instance__in=rows, instance__state__in=(State.CLEARED, State.WITHDRAWN)
    ).exclude(output=None)
    states, reasons, people = Counter[str](), Counter[str](), Counter[str]()
    for state, reason in rows.order_by().values_list("state", "reason"):
        states[str(State(state).label)] += 1
        if state == State.HELD:
            reasons[services.reason_text(reason)[0]] += 1
    for names in cleared.values_list("confirmed_by__printed_name", "second_by__printed_name"):
        people.update(name for name in names if name)
    reports = cleared.values_list("report", flat=True)
    found = study_report(one for one in reports.iterator() if "scan" in one)
    return {
        **found,
        "states": dict(states.most_common()),
        "held": dict(reasons.most_common()),
        "confirmed_by": dict(people.most_common()),
    }


def study_rows(received: ReceivedInstance) -> QuerySet[ReceivedInstance]:
    """The instances of the same study in the same project, in the order of arrival."""
    return (
        ReceivedInstance.objects.filter(
            project=received.project, study_digest=bytes(received.study_digest)
        )
        .select_related("project", "subject", "original")
        .order_by("received_at")
    )


def sheet_rows(rows: QuerySet[ReceivedInstance]) -> list[dict[str, Any]]:
    """A line an instance for the reviewer's sheet; no value, and no name of a file."""
    found = Deidentification.objects.filter(instance__in=rows).select_related(
        "confirmed_by", "second_by", "output", "project_subject", "device"
    )
    deids = {deid.instance_id: deid for deid in found}
    lines = []
    for number, row in enumerate(rows, 1):
        deid = deids.get(row.pk)
        report = deid.report if deid is not None else {}
        # What waits for its second pair of eyes is printed as it was decided.
        decided = report if "boxes" in report or deid is None else deid.decision or {}
        lines.append(
            {
                "number": number,
                "row": row,
                "deid": deid,
                "rules": what_the_rules_did(deid),
                "pictures": picture_counts(decided),
                "kept": [
                    part
                    for part in (*decided.get("boxes", []), *decided.get("spans", []))
                    if part["action"] == "keep"
                ],
                "clean": bool(report.get("scan", {}).get("clean")),
                "sentence": services.reason_text(row.reason)[0] if row.state == State.HELD else "",
                "added": report.get("removed_by_steward", []),
            }
        )
    return lines
