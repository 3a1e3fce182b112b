"""Incidental findings: something that a clinic should know and that nobody looked for; pure.

A finding is flagged, its patient identified under break-glass, the clinic told, the matter closed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class Severity(StrEnum):
    """How soon the clinic should be told, as the person who saw it says."""

    URGENT = "urgent"
    SOON = "soon"
    ROUTINE = "routine"


class State(StrEnum):
    FLAGGED = "flagged"
    IDENTIFIED = "identified"
    REPORTED = "reported"
    CLOSED = "closed"


class Outcome(StrEnum):
    """What came of it. The first three only once the clinic was told."""

    ACTED_ON = "acted_on"
    KNOWN = "known"
    NOTHING_TO_DO = "nothing_to_do"
    DUPLICATE = "duplicate"
    NOT_IDENTIFIABLE = "not_identifiable"
    TAKEN_BACK = "taken_back"


# From flagging until the clinic is told.
WITHIN = {
    Severity.URGENT: timedelta(hours=24),
    Severity.SOON: timedelta(days=7),
    Severity.ROUTINE: timedelta(days=30),
}
_AFTER_REPORT = frozenset({Outcome.ACTED_ON, Outcome.KNOWN, Outcome.NOTHING_TO_DO})
_WITHOUT_REPORT = frozenset({Outcome.DUPLICATE, Outcome.NOT_IDENTIFIABLE})


def due_at(severity: str, flagged_at: datetime) -> datetime:
    """Until when the clinic should have been told."""
    return flagged_at + WITHIN[Severity(severity)]


def is_overdue(severity: str, state: str, flagged_at: datetime, now: datetime) -> bool:
    """Whether the clinic should have been told by now and was not."""
    return state in (State.FLAGGED, State.IDENTIFIED) and now > due_at(severity, flagged_at)


def outcomes_in(state: str) -> frozenset[Outcome]:
    """What a steward may close a finding with: nobody says what the clinic did before it was
    told, and what was told is not called a duplicate afterwards."""
    if state == State.REPORTED:
        return _AFTER_REPORT
    return _WITHOUT_REPORT if state in (State.FLAGGED, State.IDENTIFIED) else frozenset()


def rank(severity: str) -> int:
    """Place in a list: the most urgent first."""
    return list(Severity).index(Severity(severity))
