"""What the trail says of restores: how far the log went before, and which notes held outside speak
of entries that were lost with the newer database.

A restore cuts the log: it goes on from an older end, so notes that were signed beyond that end fit
nothing any more. The restore's own event names them (how many notes the checkpoint file held then,
and their digest): those, and no others, do not break verification of the default checkpoint file.
Notes that somebody brings from elsewhere are never excused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from apps.audit.models import Event

RESTORE, RELEASE = "system.restore", "vault.release_kept"
ON_THEIR_WAY = timedelta(days=1)


@dataclass(frozen=True)
class Restore:
    """``leaves`` the copied log had; ``kept`` with the events that waited for their places;
    ``outside_size`` is the newest size that a note outside holds (0: no note was there)."""

    at: datetime
    backup_until: datetime
    leaves: int
    kept: int
    outside_size: int
    notes: int
    notes_sha256: str
    kept_files: int

    @property
    def lost(self) -> tuple[int, int] | None:
        """First and last place that the log had and has no more; None where none is known."""
        return (self.kept, self.outside_size - 1) if self.outside_size > self.kept else None


def restores() -> list[Restore]:
    """Every restore that this log tells of, oldest first."""
    found = []
    for event in Event.objects.filter(action=RESTORE, outcome="done").order_by("recorded_at"):
        told: dict[str, Any] = json.loads(bytes(event.entry))["public"]
        found.append(
            Restore(
                at=event.recorded_at,
                backup_until=datetime.fromisoformat(told["backup_until"]),
                leaves=told["leaves"],
                kept=told["entries_kept"],
                outside_size=told["outside"]["size"] if told["outside"] else 0,
                notes=told["outside_notes"],
                notes_sha256=told["outside_sha256"],
                kept_files=told["kept_files"],
            )
        )
    return found


def digest_of_notes(notes: list[str]) -> str:
    return sha256("\n".join(notes).encode()).hexdigest()


def excused(notes: list[str], sizes: list[int]) -> set[int]:
    """Places in ``notes`` (with their ``sizes``) of those that a restore has made obsolete."""
    found: set[int] = set()
    for restore in restores():
        if digest_of_notes(notes[: restore.notes]) == restore.notes_sha256:
            found |= {at for at in range(restore.notes) if sizes[at] > restore.leaves}
    return found


def kept_since() -> float | None:
    """Files in the vault that no row names and that are newer than this (seconds since the epoch)
    are kept after a restore, until a person has let them go; None when nothing is kept."""
    last = Event.objects.filter(action=RELEASE).order_by("-recorded_at").first()
    since = [
        restore.backup_until - ON_THEIR_WAY
        for restore in restores()
        if restore.kept_files and (last is None or restore.at > last.recorded_at)
    ]
    return min(since).timestamp() if since else None
