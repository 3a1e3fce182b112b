"""The list of destroyed keys outside the database, and what the database still holds of them.

A restored database knows keys that were destroyed after it was copied. The list lies beside the key
file, a JSON line a key, so that it survives what the database does not; ``replay_destroyed`` runs
before a restored database serves.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import logging
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from apps.access.actor import Actor
from apps.keys.models import DestroyedKey

logger = logging.getLogger(__name__)


class BadListError(ValueError):
    """A line of a list of destroyed keys is none; names the line."""


def read_list(source: Path | Iterable[dict[str, Any]]) -> list[tuple[uuid.UUID, dt.datetime]]:
    """Subject and time of each destroyed key. A last line without its end was never acknowledged
    and is left out. Raises BadListError, FileNotFoundError."""
    if isinstance(source, Path):
        *lines, _ = source.read_bytes().split(b"\n")
    else:
        lines = [json.dumps(record).encode() for record in source]
    found = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            when = dt.datetime.fromisoformat(record["destroyed_at"])
            found.append((uuid.UUID(record["subject"]), when.astimezone(dt.UTC)))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadListError(f"line {number} of the list of destroyed keys is damaged") from None
    return found


def replay_destroyed(actor: Actor, source: Path | Iterable[dict[str, Any]]) -> int:
    """Destroy again every key that the list names and the database still has; how many those were.

    ``source``: the list's file, or records ``{"subject", "destroyed_at"}``. Call it on a restored
    database before anything serves. Raises BadListError (then nothing is changed).
    """
    from apps.keys import services

    return services.replay(actor, None, records=read_list(source))


def records() -> list[dict[str, str]]:
    """The database's own list, as a backup keeps it and ``replay_destroyed`` takes it."""
    return [_record(row) for row in DestroyedKey.objects.all()]


def _record(row: DestroyedKey) -> dict[str, str]:
    when = row.destroyed_at.astimezone(dt.UTC).isoformat()
    return {"destroyed_at": when, "subject": str(row.subject_id)}


def sync_outside() -> int:
    """Append what the outside list does not have yet, synced; the number of lines appended."""
    path = Path(settings.CLINICAL_ANNOT_DESTROYED_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        held = out.read()
        whole = held.rfind(b"\n") + 1
        known = {subject for subject, _ in read_list(map(json.loads, held[:whole].splitlines()))}
        new = [row for row in DestroyedKey.objects.all() if row.subject_id not in known]
        out.seek(whole)
        out.truncate()
        out.write(b"".join(json.dumps(_record(row)).encode() + b"\n" for row in new))
        out.flush()
        os.fsync(out.fileno())
    return len(new)


def after_commit() -> None:
    """List the key outside and take its wrapped form out of what the database left behind. A
    failure is logged and made good by the next call: the key itself is gone already."""
    try:
        sync_outside()
    except (OSError, ValueError) as error:
        logger.error("destroyed key not listed outside", extra={"error": type(error).__name__})
    try:
        _forget_old_pages()
    except DatabaseError as error:
        logger.warning("old pages not cleared", extra={"error": type(error).__name__})


def _forget_old_pages() -> None:
    """SQLite: the log that still has the row as it was is folded in (freed bytes are overwritten by
    ``secure_delete``). PostgreSQL: the table is written anew without dead rows, where the role may
    do so. Copies of either database elsewhere are what rotating and retiring is for."""
    if connection.in_atomic_block:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        cursor.execute("SET lock_timeout = '5s'")
        try:
            cursor.execute("VACUUM (FULL) keys_subject")
        finally:
            cursor.execute("RESET lock_timeout")
