"""One row of the log against what was hashed: quickly where all is well, in words where not.

What the server wrote has one form, so a row that is as it was written is known by comparing bytes:
its entry begins and ends as its own columns, commitment and tag say. Only what does not fit is
taken apart to say what is wrong.
"""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import Any

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

    def __init__(self) -> None:
        self._entry_key, self._place_key = log.event_key(), tree.place_key()
        self._decode = json.JSONDecoder().raw_decode
        # Logs begin unmarked where they are older than the marks; never again afterwards.
        self._is_tagged = self._is_marked = False
        self._texts = _from_postgresql if connection.vendor == "postgresql" else _from_sqlite

    def check(self, row: Any, place: int) -> None:
        """Raises RowError unless the row stands at ``place`` as it was logged."""
        if row[0] == place and row[2] is not None and row[11] is not None and self._fits(row):
            self._is_tagged = self._is_marked = True
        else:
            self._explain(row, place)

    def _fits(self, row: Any) -> bool:
        (
            seq, leaf, mark, event_id, at, action, outcome, actor, project, object_type, object_id,
            entry, private, salt, sealed,
        ) = row  # fmt: skip
        placed = hmac.digest(self._place_key, seq.to_bytes(8, "big") + leaf, "sha256")
        if leaf != sha256(b"\x00" + entry).digest() or placed[:16] != mark:
            return False
        untagged = entry[: -_END - _TAG] + entry[-_END:]
        tag = hmac.digest(self._entry_key, untagged, "sha256")[:16].hex()
        name, time = self._texts(event_id, at)
        digest = "null" if sealed is None else f'"{sha256(sealed).hexdigest()}"'
        begins = (
            f'{{"action":"{action}","commitment":"{sha256(salt + private).hexdigest()}",'
            f'"id":"{name}","outcome":"{outcome}","public":'
        )
        ends = f',"sealed_sha256":{digest},"tag":"{tag}","time":"{time}","v":2}}'
        if not (entry.startswith(begins.encode()) and entry.endswith(ends.encode())):
            return False
        hidden = self._decode(private.decode())[0]
        return bool(
            hidden["actor"] == actor
            and hidden["project"] == project
            and hidden["object_id"] == object_id
            and hidden["object_type"] == object_type
        )

    def _explain(self, row: Any, place: int) -> None:
        seq, leaf, mark, event_id, at, *columns, entry, private, salt, sealed = row
        if seq != place:
            raise RowError("missing from the log")
        if entry is None:
            raise RowError("its event is missing")
        if leaf != sha256(b"\x00" + entry).digest():
            raise RowError("its bytes are not those that were logged")
        if mark is not None or self._is_marked:
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
        held = [*self._texts(event_id, at), *columns]
        for name, there, then in zip(_NAMES, held, logged, strict=True):
            if there != then:
                raise RowError(f"column {name} is not what was logged")


def _from_sqlite(event_id: str, at: str) -> tuple[str, str]:
    """32 hexadecimal digits, and text without a fraction of 0."""
    i = event_id
    fraction = at[11:] if len(at) > 19 else f"{at[11:]}.000000"
    name = f"{i[:8]}-{i[8:12]}-{i[12:16]}-{i[16:20]}-{i[20:]}"
    return name, f"{at[:10]}T{fraction}Z"


def _from_postgresql(event_id: Any, at: Any) -> tuple[str, str]:
    """A UUID, and a time in UTC."""
    return str(event_id), f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
