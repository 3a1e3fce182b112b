"""Writing events: in the caller's own transaction, so that no event means no change."""

from __future__ import annotations

import os
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db import connection

from apps.audit.domain import entry as entries
from apps.audit.models import Event, Pending
from apps.vault.master import master_key

_written: ContextVar[list[uuid.UUID] | None] = ContextVar("audit_written", default=None)


class OutsideTransactionError(Exception):
    """An event must stand or fall with what it tells of."""


@dataclass(frozen=True, slots=True)
class Written:
    """An event that stands in the caller's transaction."""

    id: uuid.UUID
    action: str
    recorded_at: datetime


_COLUMNS = (
    "id, recorded_at, action, outcome, actor, project, object_type, object_id, entry, private,"
    " salt, sealed, sealed_key"
)


@lru_cache(maxsize=2)
def _statements(vendor: str) -> tuple[str, ...]:
    """Put together once: composing them anew costs more than the database does with them. On
    PostgreSQL both rows go in one round trip."""
    places = ", ".join(["%s"] * len(_COLUMNS.split(",")))
    event = f"INSERT INTO {Event._meta.db_table} ({_COLUMNS}) VALUES ({places})"  # noqa: S608
    pending = f"INSERT INTO {Pending._meta.db_table} (event_id)"
    if vendor == "postgresql":
        both = f"WITH made AS ({event} RETURNING id) {pending} SELECT id FROM made"  # noqa: S608
        return (both,)
    return event, f"{pending} VALUES (%s)"


def event_key() -> bytes:
    """What tags entries (domain/seal.py)."""
    return master_key("audit-entry")


def append(
    action: str,
    *,
    outcome: str = "done",
    actor: str = "",
    project: str = "",
    object_type: str = "",
    object_id: str = "",
    public: dict[str, Any] | None = None,
    private: dict[str, Any] | None = None,
    sealed: bytes | None = None,
    sealed_key: str = "",
) -> Written:
    """Write one event. ``actor`` and ``object_id`` are pseudonymous ids; nothing in ``public`` or
    ``private`` may identify a patient: that goes, encrypted with the subject's key, in ``sealed``.
    Raises OutsideTransactionError outside a transaction."""
    if not connection.in_atomic_block:
        raise OutsideTransactionError(action)
    now, event_id = datetime.now(UTC), uuid.uuid4()
    who = {"actor": actor, "project": project, "object_type": object_type, "object_id": object_id}
    built = entries.build(
        event_id=str(event_id),
        time=f"{now.replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
        action=action,
        outcome=outcome,
        public=public or {},
        private={**who, **private} if private else who,
        salt=os.urandom(16),
        sealed=sealed,
        key=event_key(),
    )
    _insert(
        connection.vendor,
        event_id,
        now,
        [action, outcome, *who.values()],
        [built.entry, built.private, built.salt, sealed, sealed_key],
    )
    written = _written.get()
    if written is not None:
        written.append(event_id)
    return Written(event_id, action, now)


def _insert(vendor: str, event_id: uuid.UUID, now: datetime, *values: list[Any]) -> None:
    statements = _statements(vendor)
    key: Any = event_id
    at: Any = now
    if vendor != "postgresql":
        # As Django's own fields are stored there.
        key, at = event_id.hex, str(now.replace(tzinfo=None))
    with connection.cursor() as cursor:
        cursor.execute(statements[0], [key, at, *values[0], *values[1]])
        if len(statements) > 1:
            cursor.execute(statements[1], [key])


class Collector:
    """Counts the events written while it is active (``with Collector() as events``)."""

    def __enter__(self) -> list[uuid.UUID]:
        self._outer = _written.get()
        self._mine: list[uuid.UUID] = []
        self._token = _written.set(self._mine)
        return self._mine

    def __exit__(self, *_: object) -> None:
        _written.reset(self._token)
        if self._outer is not None:
            self._outer.extend(self._mine)
