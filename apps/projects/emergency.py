"""Breaking the glass: pictures and identity of a project for a limited time, with a reason, two
factors, an event, and a review by an officer afterwards."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.utils import timezone

from apps.access import again, grants, roles
from apps.access.actor import Actor, system_roles
from apps.access.again import Proof
from apps.access.errors import Refused
from apps.access.models import User
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.projects.models import EmergencyAccess, Project
from apps.projects.queries import roles_in

logger = logging.getLogger(__name__)
State = EmergencyAccess.State
MINUTES = (15, 30, 60, 120, 240)
BREAKERS = {roles.COMPLIANCE_OFFICER, roles.DATA_STEWARD}
_CODENAME = roles.codename(roles.EMERGENCY)


@verb("emergency.begin", roles=BREAKERS)
def begin(
    actor: Actor, project: Project, *, reason: str, minutes: int, proof: Proof
) -> EmergencyAccess:
    """Break the glass of a project: see its pictures and whose they are, until the time is over."""
    said = note_text(reason)
    if minutes not in MINUTES:
        raise Refused(
            "minutes", "There is no such time.", "Choose one of the list.", field="minutes"
        )
    if EmergencyAccess.objects.filter(
        project=project, person=actor.user, state=State.OPEN, ends_at__gt=timezone.now()
    ).exists():
        raise Refused(
            "open_already",
            "Your emergency access to this project is open.",
            "End it first, or use it.",
            status=409,
        )
    _close(actor, project)
    how = again.two_factors(actor.user, proof)
    now = timezone.now()
    made = EmergencyAccess.objects.create(
        project=project,
        person=actor.user,
        reason=said,
        proof=how,
        began_at=now,
        ends_at=now + timedelta(minutes=minutes),
    )
    grants.grant(actor.user, _CODENAME, project, ends_at=made.ends_at)
    event(actor, made, public={"minutes": minutes, "proof": how}, private={"reason": said})
    # For who watches the log: whose and why stands in the trail.
    logger.warning("emergency access began")
    return made


def _close(actor: Actor, project: Project) -> None:
    """One whose time is over and that the sweep has not noted yet."""
    over = EmergencyAccess.objects.filter(project=project, person=actor.user, state=State.OPEN)
    for row in over:
        _end(row)
        event(actor, row, action="emergency.expire")


def end_without_role(actor: Actor, project: Project, user: User) -> None:
    """End what a person holds who may no longer break this project's glass."""
    if BREAKERS & (roles_in(user, project) | system_roles(user)):
        return
    for row in EmergencyAccess.objects.filter(project=project, person=user, state=State.OPEN):
        _end(row)
        event(actor, row, action="emergency.end")


def _end(access: EmergencyAccess) -> None:
    access.state, access.ended_at = State.ENDED, min(timezone.now(), access.ends_at)
    access.save(update_fields=["state", "ended_at"])
    grants.revoke(access.person, _CODENAME, access.project)


@verb(
    "emergency.end",
    roles=BREAKERS,
    states=(State.OPEN,),
    relation="author",
)
def end(actor: Actor, access: EmergencyAccess) -> EmergencyAccess:
    """End one's emergency access before its time."""
    _end(access)
    event(actor, access)
    return access


@verb("emergency.expire", roles={roles.SERVICE}, states=(State.OPEN,))
def expire(actor: Actor, access: EmergencyAccess) -> EmergencyAccess:
    """Note that the time of an emergency access is over; its grant has been none since then."""
    _end(access)
    event(actor, access)
    return access


@verb(
    "emergency.review",
    roles={roles.COMPLIANCE_OFFICER},
    states=(State.ENDED,),
    not_relation="author",
)
def review(actor: Actor, access: EmergencyAccess, *, finding: str, remark: str) -> EmergencyAccess:
    """Say afterwards whether somebody else's emergency access was justified."""
    if finding not in EmergencyAccess.Finding.values:
        raise Refused(
            "finding", "There is no such finding.", "Choose one of the list.", field="finding"
        )
    access.remark = note_text(remark, "remark")
    access.state, access.finding = State.REVIEWED, finding
    access.reviewed_by, access.reviewed_at = actor.user, timezone.now()
    access.save(update_fields=["state", "finding", "remark", "reviewed_by", "reviewed_at"])
    event(actor, access, public={"finding": finding}, private={"remark": access.remark})
    return access
