"""Verbs of a recall: a leak was found in what has been handed out already.

A recalled release is never handed out again. Everyone who downloaded it is written a notice that
names the digests of what they got; they answer that their copies are destroyed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.models import User
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.audit.models import Event
from apps.release.models import RecallNotice, Release

State = Release.State


@dataclass(frozen=True)
class Download:
    """One time that a release's archive (its SHA-256) was handed to a person, in whole or part."""

    person: User
    at: datetime
    sha256: str


def downloads_of(release: Release) -> list[Download]:
    """Every download of the release, oldest first, as the trail has it."""
    events = Event.objects.filter(
        action="release.download", outcome="done", object_id=str(release.pk)
    ).order_by("recorded_at")
    rows = list(events.only("actor", "recorded_at", "entry"))
    people = {str(user.pk): user for user in User.objects.filter(pk__in={r.actor for r in rows})}
    return [
        Download(people[row.actor], row.recorded_at, _public(row).get("sha256", ""))
        for row in rows
        if row.actor in people
    ]


def _public(row: Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes(row.entry)).get("public", {})
    return found


@verb(
    "release.recall",
    roles={roles.PROJECT_LEAD, roles.COMPLIANCE_OFFICER},
    states=(State.PUBLISHED, State.WITHDRAWN),
)
def recall(actor: Actor, release: Release, *, reason: str) -> Release:
    """Recall a published release: nobody gets it any more, and everyone who has it is told."""
    if release.published_at is None:
        raise Conflict(
            "never_published", "This release was never handed out.", "Withdraw it instead."
        )
    if not reason.strip():
        raise Refused(
            "reason_missing",
            "A recall needs a reason.",
            "Say what was found, without repeating it.",
            field="reason",
        )
    release.state, release.withdrawn_reason = State.RECALLED, note_text(reason)
    release.recalled_at = timezone.now()
    release.save(update_fields=["state", "withdrawn_reason", "recalled_at"])
    downloads = downloads_of(release)
    notices = _write_notices(release, downloads)
    event(
        actor,
        release,
        public={
            "version": release.version,
            "downloads": len(downloads),
            "people": len(notices),
            "sha256": sorted({each.sha256 for each in downloads}),
        },
        private={
            "reason": release.withdrawn_reason,
            "notices": [str(notice.person_id) for notice in notices],
        },
    )
    return release


def _write_notices(release: Release, downloads: list[Download]) -> list[RecallNotice]:
    by_person: dict[Any, list[Download]] = {}
    for each in downloads:
        by_person.setdefault(each.person.pk, []).append(each)
    return [
        RecallNotice.objects.create(
            release=release,
            person=theirs[0].person,
            n_downloads=len(theirs),
            digests=sorted({each.sha256 for each in theirs}),
            first_at=theirs[0].at,
            last_at=theirs[-1].at,
            written_at=timezone.now(),
        )
        for theirs in by_person.values()
    ]


@verb(
    "release.answer_recall",
    roles={roles.RESEARCHER, roles.PROJECT_LEAD, roles.COMPLIANCE_OFFICER},
    relation="addressed",
)
def answer_recall(actor: Actor, notice: RecallNotice, *, answer: str) -> RecallNotice:
    """Say what became of one's copies of a recalled release; said once."""
    if notice.answered_at is not None:
        raise Conflict("answered", "This notice is answered already.", "Ask the project lead.")
    if not answer.strip():
        raise Refused(
            "answer_missing",
            "An answer says what became of the copies.",
            "Say that they are destroyed, or where they went.",
            field="answer",
        )
    notice.answer, notice.answered_at = note_text(answer, "answer"), timezone.now()
    notice.save(update_fields=["answer", "answered_at"])
    event(
        actor,
        notice.release,
        public={"version": notice.release.version, "sha256": notice.digests},
        private={"answer": notice.answer},
    )
    return notice
