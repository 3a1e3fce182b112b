"""The log of operations: asking what of a batch it holds, appending a batch, what others did since.

The statements of saving are written out, as those of ``rows.py`` and for the same reason.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection
from django.db.models.functions import Length
from django.utils import timezone

from apps.access.models import User
from apps.annotation import rows as tables
from apps.annotation.models import LabelSet, Operation

_TABLE = Operation._meta.db_table
_COLUMNS = (
    "label_set_id, revision, client_id, author_id, at, place, op_id, seq, body, inverse, has_effect"
)


class Row(NamedTuple):
    """One operation: canonical bytes, and what undoes it (see models.Operation)."""

    place: int
    op_id: str
    seq: int
    body: bytes
    inverse: bytes
    has_effect: bool


def held(label_set: LabelSet, client_id: str, op_ids: Sequence[str]) -> tuple[int, frozenset[str]]:
    """(highest sequence that the label set holds of this client, 0 when none; those of the
    operations that it holds, under whichever client)."""
    # By id alone: with the label set beside it SQLite reads all of the set's log instead.
    known, given = tables.among("op_id", "uuid", tables.keys_of(op_ids))
    query = (
        f"SELECT (SELECT seq FROM {_TABLE} WHERE label_set_id = %s AND client_id = %s"  # noqa: S608
        " ORDER BY seq DESC LIMIT 1), NULL, NULL UNION ALL"
        f" SELECT NULL, label_set_id, op_id FROM {_TABLE} WHERE {known}"
    )
    mine = tables.key_of(label_set.pk)
    with connection.cursor() as cursor:
        cursor.execute(query, [mine, tables.key_of(client_id), given])
        found = cursor.fetchall()
    last = max((seq for seq, _, _ in found if seq is not None), default=0)
    return last, frozenset(tables.name_of(name) for _, owner, name in found if owner == mine)


# What of an operation tells where it was and what it did; shapes are left out.
_TOLD = ("op", "object", "class_id", "frame_index", "start_frame", "end_frame", "decision")


def told(label_set: LabelSet, before: int, most: int) -> list[dict[str, Any]]:
    """The ``most`` newest revisions below ``before``, newest first: ``{"revision", "at",
    "operations": [what each did and where, without its shape]}``."""
    rows = (
        Operation.objects.filter(
            label_set=label_set, revision__lt=before, revision__gte=before - most, has_effect=True
        )
        .order_by("-revision", "place")
        .values_list("revision", "at", "body")
    )
    found: dict[int, dict[str, Any]] = {}
    for revision, at, body in rows:
        one = {"revision": revision, "at": at.isoformat(), "operations": []}
        operation = json.loads(bytes(body))
        did = {name: operation[name] for name in _TOLD if name in operation}
        found.setdefault(revision, one)["operations"].append(did)
    return list(found.values())


def append(label_set: LabelSet, author: User, client_id: str, rows: Sequence[Row]) -> None:
    """Append operations at the label set's revision, in the caller's transaction."""
    shared: list[Any] = [
        tables.key_of(label_set.pk),
        label_set.revision,
        tables.key_of(client_id),
        tables.key_of(author.pk),
        connection.ops.adapt_datetimefield_value(timezone.now()),
    ]
    names = tables.keys_of(row.op_id for row in rows)
    values = [[*shared, row.place, name, *row[2:]] for row, name in zip(rows, names, strict=True)]
    tables.insert(_TABLE, _COLUMNS, values)


def others(
    label_set: LabelSet,
    client_id: str,
    after: int,
    *,
    most: int | None = None,
    most_bytes: int | None = None,
) -> list[dict[str, Any]] | None:
    """What other clients did above revision ``after``, in order, each with its ``revision``; None
    where that is more than ``most`` operations or ``most_bytes`` as they are kept: then none of
    them is read."""
    if after >= label_set.revision:
        return []
    rows = (
        Operation.objects.filter(
            label_set=label_set,
            revision__gt=after,
            revision__lte=label_set.revision,
            has_effect=True,
        )
        .exclude(client_id=client_id)
        .order_by("revision", "place")
    )
    if most is not None or most_bytes is not None:
        # Both databases know the length of a value without fetching it.
        sizes = rows.values_list(Length("body"), flat=True)
        told = list(sizes if most is None else sizes[: most + 1])
        if most is not None and len(told) > most:
            return None
        if most_bytes is not None and sum(told) > most_bytes:
            return None
    return [
        {**json.loads(bytes(body)), "revision": revision}
        for body, revision in rows.values_list("body", "revision")
    ]
