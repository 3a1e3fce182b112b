"""Writing events: in the caller's own transaction, so that no event means no change."""

from __future__ import annotations

import os
import uuid
from contextvars import ContextVar
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.audit.domain import entry as entries
from apps.audit.models import Event, Pending
from apps.vault import rows

_written: ContextVar[list[uuid.UUID] | None] = ContextVar("audit_written", default=None)


class OutsideTransactionError(Exception):
    """An event must stand or fall with what it tells of."""


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
) -> Event:
    """Write one event. ``actor`` and ``object_id`` are pseudonymous ids; nothing in ``public`` or
    ``private`` may identify a patient: that goes, encrypted with the subject's key, in ``sealed``.
    Raises OutsideTransactionError outside a transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise OutsideTransactionError(action)
    now = timezone.now()
    event_id = uuid.uuid4()
    who = {"actor": actor, "project": project, "object_type": object_type, "object_id": object_id}
    built = entries.build(
        event_id=str(event_id),
        time=f"{now.replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
        action=action,
        outcome=outcome,
        public=public or {},
        private={**who, **(private or {})},
        salt=os.urandom(16),
        sealed=sealed,
    )
    event = Event(
        id=event_id,
        recorded_at=now,
        action=action,
        outcome=outcome,
        entry=built.entry,
        private=built.private,
        salt=built.salt,
        sealed=sealed,
        sealed_key=sealed_key,
        **who,
    )
    rows.insert(event)
    rows.insert(Pending(event=event))
    written = _written.get()
    if written is not None:
        written.append(event_id)
    return event


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
