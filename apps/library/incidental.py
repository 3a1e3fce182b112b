"""Verbs on incidental findings, and who may read what of them.

What somebody wrote is free text and may name a patient: it is sealed with the subject's key, stands
in no event and no log, and is read by its writer and the project's stewards alone. The writer reads
how far it is, never whose pictures they are. An officer reads states and times.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.access.verb import event, verb
from apps.keys.keyring import KeyDestroyedError, seal_for, unseal_for
from apps.library import services
from apps.library.domain import incidental as rule
from apps.library.models import Clip, IncidentalFinding

logger = logging.getLogger(__name__)
State, Outcome, Severity = rule.State, rule.Outcome, rule.Severity
MAX_CHARS = 1000
WAYS = ("telephone", "in_person", "letter", "secure_mail", "record")
_READERS = {roles.ANNOTATOR, roles.ADJUDICATOR}
_STEWARDS = {roles.DATA_STEWARD}
_PURPOSE = "incidental-finding"


@verb("finding.flag", roles=_READERS, relation="may_see", lock=False)
def flag(
    actor: Actor, clip: Clip, *, frame_index: Any, severity: Any, text: Any
) -> IncidentalFinding:
    """Flag something on a frame that the clinic should know."""
    if type(frame_index) is not int or not 0 <= frame_index < clip.n_frames:
        raise Refused(
            "outside",
            "The frame is outside the clip.",
            f"Send a whole number below {clip.n_frames}.",
            field="frame_index",
        )
    if severity not in list(Severity):
        raise Refused(
            "unknown_severity",
            "There is no such urgency.",
            "Send urgent, soon or routine.",
            field="severity",
        )
    made = IncidentalFinding.objects.create(
        clip=clip,
        frame_index=frame_index,
        severity=severity,
        sealed_text=_sealed(clip, _words(text, "text")),
        flagged_by=actor.user,
        flagged_at=timezone.now(),
    )
    event(
        actor,
        made,
        public={"severity": severity},
        private={"clip": str(clip.pk), "frame_index": frame_index},
    )
    # For who watches the log; what it is stands where a steward reads it.
    logger.warning("incidental finding flagged", extra={"kind": str(severity)})
    return made


@verb("finding.take_back", roles=_READERS, states=(State.FLAGGED,), relation="author")
def take_back(actor: Actor, finding: IncidentalFinding, *, reason: Any) -> IncidentalFinding:
    """Take back what one flagged oneself, while nobody has acted on it."""
    return _close(actor, finding, Outcome.TAKEN_BACK, _words(reason, "reason"))


@verb(
    "finding.identify",
    roles={roles.EMERGENCY},
    states=(State.FLAGGED, State.IDENTIFIED, State.REPORTED),
    relation="steward",
)
def identify(actor: Actor, finding: IncidentalFinding) -> dict[str, str]:
    """Tell a steward under break-glass whose pictures a finding is on: the numbers under which the
    sender knows them, in this answer alone."""
    found = services.identify(actor, finding.clip.original)
    if finding.state == State.FLAGGED:
        finding.state = State.IDENTIFIED
        finding.identified_by, finding.identified_at = actor.user, timezone.now()
        finding.save(update_fields=["state", "identified_by", "identified_at"])
    event(actor, finding)
    return found


@verb("finding.report", roles=_STEWARDS, states=(State.IDENTIFIED,))
def report(
    actor: Actor, finding: IncidentalFinding, *, told: Any, way: str, told_at: datetime | None
) -> IncidentalFinding:
    """Note that the clinic was told: whom, how, and when."""
    if way not in WAYS:
        raise Refused("unknown_way", "There is no such way.", "Choose one.", field="way")
    # A form gives the minute, not the second.
    first = finding.flagged_at.replace(second=0, microsecond=0)
    if told_at is None or not first <= told_at <= timezone.now():
        raise Refused(
            "told_at",
            "The clinic is told after the flag and not in the future.",
            "Give day and time (UTC).",
            field="told_at",
        )
    finding.sealed_told = _sealed(finding.clip, _words(told, "told"))
    finding.state, finding.way, finding.told_at = State.REPORTED, way, told_at
    finding.reported_by = actor.user
    finding.save(update_fields=["state", "sealed_told", "way", "told_at", "reported_by"])
    event(actor, finding, public={"way": way, "told_at": told_at.isoformat()})
    return finding


@verb("finding.close", roles=_STEWARDS, states=(State.FLAGGED, State.IDENTIFIED, State.REPORTED))
def close(
    actor: Actor, finding: IncidentalFinding, *, outcome: str, note: Any
) -> IncidentalFinding:
    """Close a finding with what came of it."""
    if outcome not in rule.outcomes_in(finding.state):
        raise Refused(
            "unknown_outcome",
            "A finding is not closed so from here.",
            "Note first that the clinic was told, or choose one of the list.",
            field="outcome",
        )
    return _close(actor, finding, outcome, _words(note, "note"))


def _close(actor: Actor, finding: IncidentalFinding, outcome: str, note: str) -> IncidentalFinding:
    finding.sealed_note = _sealed(finding.clip, note, must=False)
    finding.state, finding.outcome = State.CLOSED, outcome
    finding.closed_by, finding.closed_at = actor.user, timezone.now()
    finding.save(update_fields=["state", "outcome", "sealed_note", "closed_by", "closed_at"])
    event(actor, finding, public={"outcome": outcome})
    return finding


def _words(text: Any, field: str) -> str:
    words = text.strip() if isinstance(text, str) else ""
    if not 1 <= len(words) <= MAX_CHARS:
        raise Refused(
            "invalid_text",
            f"This has 1 to {MAX_CHARS} characters.",
            "Say it, without naming the patient.",
            field=field,
        )
    return words


def _sealed(clip: Clip, words: str, must: bool = True) -> bytes | None:
    """Sealed with the subject's key. Raises Refused (410) without it, unless it may be left out."""
    try:
        return seal_for(clip.instance.source.subject, words.encode(), _PURPOSE)
    except KeyDestroyedError:
        if not must:
            return None
        raise Refused(
            "destroyed",
            "What this clip was made of is destroyed: nobody can be told.",
            "Nothing can be done here.",
            status=410,
        ) from None


def text_of(finding: IncidentalFinding, sealed: bytes | memoryview | None) -> str | None:
    """What was written; None where nothing was, or once the subject's key is destroyed."""
    if sealed is None:
        return None
    try:
        return unseal_for(finding.clip.instance.source.subject, bytes(sealed), _PURPOSE).decode()
    except KeyDestroyedError:
        return None


def own_on(user: User, clip: Clip) -> QuerySet[IncidentalFinding]:
    """What this person flagged on a clip."""
    return IncidentalFinding.objects.filter(clip=clip, flagged_by=user).select_related(
        "clip__instance__source__subject"
    )


def own(user: User, finding_id: uuid.UUID) -> IncidentalFinding:
    """One that this person flagged. Raises NotFound."""
    found = IncidentalFinding.objects.filter(pk=finding_id, flagged_by=user).first()
    if found is None:
        raise NotFound
    return found


_SAID = {
    State.FLAGGED: "waits for the data steward",
    State.IDENTIFIED: "the data steward is on it",
    State.REPORTED: "the clinic has been told",
    State.CLOSED: "taken care of",
}


def as_json(finding: IncidentalFinding) -> dict[str, Any]:
    """A finding as who flagged it reads it: how far it is, and nothing of whose it is."""
    is_back = finding.outcome == Outcome.TAKEN_BACK
    return {
        "id": str(finding.pk),
        "frame_index": finding.frame_index,
        "severity": finding.severity,
        "text": text_of(finding, finding.sealed_text),
        "state": finding.state,
        "said": "taken back" if is_back else _SAID[State(finding.state)],
        "flagged_at": finding.flagged_at.isoformat(),
    }
