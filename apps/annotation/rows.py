"""Rows of a label set by statements written out: what every save, opening and scrubbing pays.

Through the ORM these cost several times what the database takes for them, and a statement a row on
PostgreSQL: there each is one, whatever the number of its rows.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection

from apps.annotation.domain.runs import Runs
from apps.annotation.models import KeyframeChunk, LabelObject, LabelSet

_SET = LabelSet._meta.db_table
_OBJECT, _CHUNK = LabelObject._meta.db_table, KeyframeChunk._meta.db_table


class ObjectRow(NamedTuple):
    """A row of LabelObject; ``body`` and ``runs`` as the JSON texts that they are kept as."""

    pk: int
    name: str
    kind: str
    clip: str
    body: str
    runs: str
    deleted: bool

    def chunk_runs(self) -> Runs:
        return list(json.loads(self.runs))


class ChunkRow(NamedTuple):
    owner: int
    number: int
    payload: bytes


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def key_of(value: uuid.UUID | str) -> uuid.UUID | str:
    """As Django's own field is stored on this database."""
    key = value if isinstance(value, uuid.UUID) else uuid.UUID(value)
    return key if connection.features.has_native_uuid_field else key.hex


def keys_of(names: Iterable[str]) -> list[str]:
    """Keys of names with hyphens, all lower-case (as operations have them), as text."""
    if connection.features.has_native_uuid_field:
        return list(names)
    return [name.replace("-", "") for name in names]


def name_of(key: Any) -> str:
    """The UUID with hyphens that a stored key is."""
    if not isinstance(key, str):
        return str(key)
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"


def among(column: str, kind: str, values: Sequence[Any]) -> tuple[str, Any]:
    """(condition, its parameter): ``column``, of PostgreSQL's type ``kind``, is one of many."""
    if is_postgres():
        return f"{column} = ANY(%s::{kind}[])", list(values)
    return f"{column} IN (SELECT value FROM json_each(%s))", json.dumps(values)  # noqa: S608


def update_label_set(label_set: LabelSet) -> None:
    """Write revision and state of a label set that stands."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_SET} SET revision = %s, state = %s WHERE id = %s",  # noqa: S608
            [label_set.revision, str(label_set.state), key_of(label_set.pk)],
        )


def objects(label_set: LabelSet, also: Iterable[str] = ()) -> list[ObjectRow]:
    """Rows of the objects that stand, in the order in which they were made, and of those named in
    ``also`` that were deleted."""
    wanted, given = among("uuid", "uuid", keys_of(also))
    return _objects(
        f"WHERE label_set_id = %s AND (NOT deleted OR {wanted})", [key_of(label_set.pk), given]
    )


def tracks_over(label_set: LabelSet, clip: str, first: int, last: int) -> list[ObjectRow]:
    """Rows of the clip's tracks that stand and whose keyframes lie, from the first to the last of
    them, about the chunks from ``first`` to ``last``, in the order in which they were made."""
    return _objects(
        "WHERE label_set_id = %s AND NOT deleted AND kind = 'track' AND clip_id = %s"
        f" AND {_end_of_runs(0, 0)} <= %s AND {_end_of_runs(-1, 1)} >= %s",
        [key_of(label_set.pk), key_of(clip), last, first],
    )


def _end_of_runs(run: int, side: int) -> str:
    if is_postgres():
        return f"(chunk_runs->({run})->>{side})::int"
    return f"json_extract(chunk_runs, '$[{run if run >= 0 else '#-1'}][{side}]')"


def _objects(where: str, given: list[Any]) -> list[ObjectRow]:
    query = (
        f"SELECT id, {_name('uuid')}, kind, {_name('clip_id')}, body, chunk_runs, deleted"  # noqa: S608
        f" FROM {_OBJECT} {where} ORDER BY id"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        return list(map(ObjectRow._make, cursor.fetchall()))


def _name(column: str) -> str:
    """The UUID in a column with hyphens, as text: put together here for each of hundreds of rows
    it takes longer than the statement."""
    if is_postgres():
        return f"{column}::text"
    parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    return "||'-'||".join(f"substr({column}, {start}, {size})" for start, size in parts)


def runs_by_key(held: Iterable[ObjectRow]) -> dict[int, Runs]:
    """Of each row, by its key, where it has keyframes: read as one text, which of hundreds of
    tracks takes a tenth of reading each."""
    rows = list(held)
    every = json.loads(f"[{','.join(row.runs for row in rows)}]")
    return {row.pk: runs for row, runs in zip(rows, every, strict=True)}


def chunks(places: Sequence[tuple[int, int]]) -> list[ChunkRow]:
    """The chunks at (object's key, number), by object and number."""
    if not places:
        return []
    if is_postgres():
        asked = "SELECT * FROM unnest(%s::bigint[], %s::int[]) AS asked(owner, number)"
        given: list[Any] = [[owner for owner, _ in places], [number for _, number in places]]
    else:
        asked = (
            "SELECT json_extract(value, '$[0]') AS owner, json_extract(value, '$[1]') AS number"
            " FROM json_each(%s)"
        )
        given = [json.dumps(places)]
    query = (
        f"SELECT held.object_id, held.number, held.payload FROM ({asked}) asked"  # noqa: S608
        f" CROSS JOIN {_CHUNK} held"
        " WHERE held.object_id = asked.owner AND held.number = asked.number"
        " ORDER BY held.object_id, held.number"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        return [
            ChunkRow(owner, number, bytes(payload)) for owner, number, payload in cursor.fetchall()
        ]


def update_objects(rows: Sequence[ObjectRow]) -> None:
    """Write kind, clip, body, runs and whether it is deleted of rows that stand."""
    clips = keys_of(row.clip for row in rows)
    values = [
        (row.kind, clip, row.body, row.runs, row.deleted, row.pk)
        for row, clip in zip(rows, clips, strict=True)
    ]
    if not is_postgres():
        _each(
            f"UPDATE {_OBJECT} SET kind = %s, clip_id = %s, body = %s, chunk_runs = %s,"  # noqa: S608
            " deleted = %s WHERE id = %s",
            values,
        )
        return
    _columns(
        f"UPDATE {_OBJECT} held SET kind = new.kind, clip_id = new.clip, body = new.body,"  # noqa: S608
        " chunk_runs = new.runs, deleted = new.deleted"
        " FROM unnest(%s::text[], %s::uuid[], %s::jsonb[], %s::jsonb[], %s::bool[], %s::bigint[])"
        " AS new(kind, clip, body, runs, deleted, pk) WHERE held.id = new.pk",
        values,
    )


def write_chunks(rows: Sequence[ChunkRow]) -> None:
    """Write chunks, in the place of those that stand there."""
    end = " ON CONFLICT (object_id, number) DO UPDATE SET payload = EXCLUDED.payload"
    insert = f"INSERT INTO {_CHUNK} (object_id, number, payload)"
    if is_postgres():
        new = " SELECT * FROM unnest(%s::bigint[], %s::int[], %s::bytea[])"
        _columns(insert + new + end, rows)
    else:
        _each(insert + " VALUES (%s, %s, %s)" + end, rows)  # noqa: S608


def delete_chunks(places: Sequence[tuple[int, int]]) -> None:
    """Delete the chunks at (object's key, number)."""
    if is_postgres():
        _columns(
            f"DELETE FROM {_CHUNK} held USING unnest(%s::bigint[], %s::int[])"  # noqa: S608
            " AS gone(owner, number) WHERE held.object_id = gone.owner"
            " AND held.number = gone.number",
            places,
        )
    else:
        _each(f"DELETE FROM {_CHUNK} WHERE object_id = %s AND number = %s", places)  # noqa: S608


def insert(table: str, columns: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert many rows. On PostgreSQL as a COPY: written into one statement, their bytes would
    be quoted here and parsed there, which takes longer than keeping them."""
    if not is_postgres():
        places = ", ".join(["%s"] * len(rows[0]))
        _each(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)  # noqa: S608
        return
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _each(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(statement, rows)


def _columns(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])
