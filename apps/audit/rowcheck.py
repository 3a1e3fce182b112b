"""One row of the log against what was hashed: quickly where all is well, in words where not.

What the server wrote has one form, so a row that is as it was written is known by comparing bytes:
its entry begins and ends as its own columns, commitment and tag say. Only what does not fit is
taken apart to say what is wrong.
"""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any
from uuid import UUID

from django.db import connection

from apps.audit import log, tree
from apps.audit.domain import entry as entries
from apps.audit.domain.seal import place_mark

_ROWS = (
    "SELECT l.seq, l.hash, l.mark, e.id, {at}, e.action, e.outcome, e.actor, e.project,"
    " e.object_type, e.object_id, e.entry, e.private, e.salt, e.sealed FROM audit_leaf l"
    " LEFT JOIN audit_event e ON e.id = l.event_id ORDER BY l.seq"
)
_NAMES = ("id", "time", "action", "outcome", "actor", "project", "object_type", "object_id")
# Bytes of an entry from its time on, and of its tag with comma: `"time":"…","v":2}`, `"tag":"…",`.
_END, _TAG = 43, 41


def rows_sql() -> str:
    """The log's rows in order. On SQLite the time as its text: made into an object it would cost
    as much as all the rest."""
    is_sqlite = connection.vendor == "sqlite"
    return _ROWS.format(at="e.recorded_at || ''" if is_sqlite else "e.recorded_at")


class RowError(Exception):
    """What does not fit of a row, in words."""


class RowCheck:
    """Checks the rows of ``rows_sql`` in order, from place 0."""

    def __init__(self, marks_from: int) -> None:
        """``marks_from``: the size that a signed note speaks for. The places below it are held by
        that note's root, so that their marks only matter to name what does not fit."""
        self._marks_from = marks_from
        self._entry_key, self._place_key = log.event_key(), tree.place_key()
        # Keyed once: a copy of it costs half of what keying anew does.
        self._keyed = blake2b(key=self._entry_key, digest_size=16)
        # Logs begin unmarked where they are older than the marks; never again afterwards.
        self._is_tagged = self._is_marked = False
        self._told = _from_postgresql if connection.vendor == "postgresql" else _from_sqlite

    def check(self, row: Any, place: int) -> None:
        """Raises RowError unless the row stands at ``place`` as it was logged."""
        if row[0] == place and row[11] is not None and self._fits(row):
            self._is_tagged = True
        else:
            self._explain(row, place)

    def _fits(self, row: Any) -> bool:
        (
            seq, leaf, mark, event_id, at, action, outcome, actor, project, object_type, object_id,
            entry, private, salt, sealed,
        ) = row  # fmt: skip
        if leaf != sha256(b"\x00" + entry).digest():
            return False
        if seq >= self._marks_from:
            if mark != place_mark(seq, leaf, self._place_key):
                return False
            self._is_marked = True
        hasher = self._keyed.copy()
        hasher.update(entry[: -_END - _TAG] + entry[-_END:])
        digest = "null" if sealed is None else f'"{sha256(sealed).hexdigest()}"'
        name, time = self._told(event_id, at)
        begins = (
            f'{{"action":"{action}","commitment":"{sha256(salt + private).hexdigest()}",'
            f'"id":"{name}","outcome":"{outcome}","public":'
        )
        ends = f',"sealed_sha256":{digest},"tag":"{hasher.hexdigest()}","time":"{time}Z","v":2}}'
        return bool(
            entry.startswith(begins.encode())
            and entry.endswith(ends.encode())
            # No object within it, so that each of these can only be a key of its own.
            and private.count(b"{") == 1
            and private.startswith(f'{{"actor":"{actor}",'.encode())
            and f'"object_id":"{object_id}","object_type":"{object_type}",'.encode() in private
            and f'"project":"{project}"'.encode() in private
        )

    def _explain(self, row: Any, place: int) -> None:
        seq, leaf, mark, event_id, at, *columns, entry, private, salt, sealed = row
        if seq != place:
            raise RowError("missing from the log")
        if entry is None:
            raise RowError("its event is missing")
        if leaf != sha256(b"\x00" + entry).digest():
            raise RowError("its bytes are not those that were logged")
        if (mark is not None and place >= self._marks_from) or self._is_marked:
            self._is_marked = True
            if mark is None or mark != place_mark(place, leaf, self._place_key):
                raise RowError("it was not logged at this place")
        shown = json.loads(entry)
        tag = shown.get("tag")
        if tag is not None or self._is_tagged:
            self._is_tagged = True
            if not entries.is_tagged(entry, tag, self._entry_key):
                raise RowError("not written by this server")
        wrong = entries.opens(entry, private, salt, sealed)
        if wrong is not None:
            raise RowError(wrong)
        hidden = json.loads(private)
        logged = [shown[name] for name in _NAMES[:4]] + [hidden[name] for name in _NAMES[4:]]
        held = [str(UUID(str(event_id))), _in_full(at), *columns]
        for name, there, then in zip(_NAMES, held, logged, strict=True):
            if there != then:
                raise RowError(f"column {name} is not what was logged")


def _from_sqlite(event_id: str, at: str) -> tuple[str, str]:
    """From 32 hexadecimal digits and a text with a space between day and time."""
    name = f"{event_id[:8]}-{event_id[8:12]}-{event_id[12:16]}-{event_id[16:20]}-{event_id[20:]}"
    return name, f"{at[:10]}T{at[11:]}"


def _from_postgresql(event_id: UUID, at: datetime) -> tuple[str, str]:
    return str(event_id), at.isoformat()[:26]


def _in_full(at: str | datetime) -> str:
    """A time as entries say it; as text it has no fraction where that is 0."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
