"""What becomes of an original once its instance is cleared: a project's rule; pure.

A rule that deletes more than the one before gives everybody a week to see what it will delete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

NOTICE = timedelta(days=7)
MOST_DAYS = 36_500


class Kind(StrEnum):
    DELETE = "delete"
    KEEP = "keep"
    DAYS = "days"
    AFTER_RELEASE = "after_release"


@dataclass(frozen=True)
class Rule:
    """``days`` after clearing, or after the first release that holds it was published; ``since``:
    when the rule was set (None: with the project)."""

    kind: Kind
    days: int = 0
    since: datetime | None = None

    def as_option(self) -> dict[str, Any]:
        """As a project's options hold it."""
        since = self.since.isoformat() if self.since is not None else None
        return {"kind": str(self.kind), "days": self.days, "since": since}


def rule_of(options: Mapping[str, Any]) -> Rule:
    """The rule that a project's options say. Without one: ``keep_originals``, as at its making."""
    said = options.get("originals")
    if not isinstance(said, Mapping):
        return Rule(Kind.KEEP if options.get("keep_originals") else Kind.DELETE)
    since = said.get("since")
    return Rule(
        Kind(said["kind"]),
        int(said.get("days", 0)),
        datetime.fromisoformat(since) if since else None,
    )


def problem(kind: str, days: int) -> str:
    """What is wrong with a rule that somebody gave; empty where nothing is."""
    if kind not in list(Kind):
        return "There is no such rule."
    if kind == Kind.DAYS and not 1 <= days <= MOST_DAYS:
        return f"The days are not a whole number from 1 to {MOST_DAYS}."
    if kind == Kind.AFTER_RELEASE and not 0 <= days <= MOST_DAYS:
        return f"The days are not a whole number from 0 to {MOST_DAYS}."
    return ""


def due_at(rule: Rule, cleared_at: datetime, published_at: datetime | None) -> datetime | None:
    """When an original may be erased; None for never, or not before a release holds it.
    ``published_at``: when the first release that holds it was published."""
    if rule.kind == Kind.KEEP:
        return None
    if rule.kind == Kind.AFTER_RELEASE:
        if published_at is None:
            return None
        due = published_at + timedelta(days=rule.days)
    else:
        due = cleared_at + timedelta(days=rule.days if rule.kind == Kind.DAYS else 0)
    # What the rule finds already there is announced first.
    is_older = rule.since is not None and cleared_at < rule.since
    return max(due, rule.since + NOTICE) if is_older and rule.since is not None else due
