"""Writing the operations of a batch: the one statement of a save that grows with it.

Through the ORM a batch of 100 costs more to put together than the database takes to write it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from apps.access.models import User
from apps.annotation.models import LabelSet, Operation

_COLUMNS = (
    "label_set_id, revision, place, op_id, client_id, seq, author_id, body, inverse, has_effect, at"
)
_INSERT = (
    f"INSERT INTO {Operation._meta.db_table} ({_COLUMNS})"  # noqa: S608
    f" VALUES ({', '.join(['%s'] * len(_COLUMNS.split(',')))})"
)


class Row(NamedTuple):
    """One operation: canonical bytes, and what undoes it (see models.Operation)."""

    place: int
    op_id: str
    seq: int
    body: bytes
    inverse: bytes
    has_effect: bool


def append(label_set: LabelSet, author: User, client_id: str, rows: Iterable[Row]) -> None:
    """Append operations at the label set's revision, in the caller's transaction."""
    author_field = Operation._meta.get_field("author").target_field  # type: ignore[union-attr]
    set_key, client, author_key = (
        _uuid(label_set.pk),
        _uuid(client_id),
        author_field.get_db_prep_save(author.pk, connection),
    )
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.executemany(
            _INSERT,
            [
                (
                    set_key, label_set.revision, row.place, _uuid(row.op_id), client, row.seq,
                    author_key, row.body, row.inverse, row.has_effect, now,
                )
                for row in rows
            ],
        )  # fmt: skip


def _uuid(value: uuid.UUID | str) -> uuid.UUID | str:
    """As Django's own field is stored on this database."""
    key = value if isinstance(value, uuid.UUID) else uuid.UUID(value)
    return key if connection.features.has_native_uuid_field else key.hex
