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
        return f"{column} = ANY(%s::{kind}[])", _array(values)
    return f"{column} IN (SELECT value FROM json_each(%s))", json.dumps(values)  # noqa: S608


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
    names = "uuid::text", "clip_id::text"
    uuid_of, clip_of = names if is_postgres() else ("uuid", "clip_id")
    query = (
        f"SELECT id, {uuid_of}, kind, {clip_of}, body, chunk_runs, deleted"  # noqa: S608
        f" FROM {_OBJECT} {where} ORDER BY id"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        found = cursor.fetchall()
    if is_postgres():
        return list(map(ObjectRow._make, found))
    # Put together by the statement they would take longer than all the rest of it.
    clips = {clip: name_of(clip) for clip in {row[3] for row in found}}
    return [
        ObjectRow(
            pk, f"{u[:8]}-{u[8:12]}-{u[12:16]}-{u[16:20]}-{u[20:]}", kind, clips[clip], body, runs,
            deleted,
        )
        for pk, u, kind, clip, body, runs, deleted in found
    ]  # fmt: skip


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
        given = _arrays(places)
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


def write(
    label_set: LabelSet,
    changed: Sequence[ObjectRow],
    gone: Sequence[tuple[int, int]],
    written: Sequence[ChunkRow],
) -> None:
    """Write revision and state of a label set that stands, with what its revision changed of rows
    that stand: of objects kind, clip, body, runs and whether they are deleted; the chunks at
    (object's key, number) that are ``gone``; and chunks, in the place of those that stand there."""
    its_key, state = key_of(label_set.pk), str(label_set.state)
    if not is_postgres():
        _each(_UPDATE_SET, [(label_set.revision, state, its_key)])
        clips = keys_of(row.clip for row in changed)
        values = [
            (row.kind, clip, row.body, row.runs, row.deleted, row.pk)
            for row, clip in zip(changed, clips, strict=True)
        ]
        _each(_UPDATE_OBJECT, values)
        _each(f"DELETE FROM {_CHUNK} WHERE object_id = %s AND number = %s", gone)  # noqa: S608
        write_chunks(written)
        return
    # One statement: each by itself is a way to the server and back, and planned anew.
    parts: list[tuple[str, list[Any]]] = [(_UPDATE_SET, [label_set.revision, state, its_key])]
    if changed:
        parts.append((_UPDATE_OBJECTS, [_as_json(changed)]))
    if gone:
        parts.append((_DELETE_CHUNKS, _arrays(gone)))
    if written:
        parts.append((_INSERT_CHUNKS + _OVERWRITE, _chunk_arrays(written)))
    named = ", ".join(f"part{n} AS ({statement})" for n, (statement, _) in enumerate(parts[1:]))
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {named} {parts[0][0]}" if named else parts[0][0],
            [value for _, given in (*parts[1:], parts[0]) for value in given],
        )


def write_chunks(rows: Sequence[ChunkRow]) -> None:
    """Write chunks, in the place of those that stand there."""
    if not is_postgres():
        insert = f"INSERT INTO {_CHUNK} (object_id, number, payload) VALUES (%s, %s, %s)"  # noqa: S608
        _each(insert + _OVERWRITE, rows)
    elif rows:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT_CHUNKS + _OVERWRITE, _chunk_arrays(rows))


_UPDATE_SET = f"UPDATE {_SET} SET revision = %s, state = %s WHERE id = %s"  # noqa: S608
_UPDATE_OBJECT = (
    f"UPDATE {_OBJECT} SET kind = %s, clip_id = %s, body = %s, chunk_runs = %s,"  # noqa: S608
    " deleted = %s WHERE id = %s"
)
_UPDATE_OBJECTS = (
    f"UPDATE {_OBJECT} held SET kind = new.kind, clip_id = new.clip, body = new.body,"  # noqa: S608
    " chunk_runs = new.runs, deleted = new.deleted FROM json_to_recordset(%s::json)"
    " AS new(pk bigint, kind text, clip uuid, body jsonb, runs jsonb, deleted bool)"
    " WHERE held.id = new.pk"
)
_DELETE_CHUNKS = (
    f"DELETE FROM {_CHUNK} held USING unnest(%s::bigint[], %s::int[])"  # noqa: S608
    " AS gone(owner, number) WHERE held.object_id = gone.owner AND held.number = gone.number"
)
_INSERT_CHUNKS = (
    f"INSERT INTO {_CHUNK} (object_id, number, payload)"  # noqa: S608
    " SELECT * FROM unnest(%s::bigint[], %s::int[], %s::bytea[])"
)
_OVERWRITE = " ON CONFLICT (object_id, number) DO UPDATE SET payload = EXCLUDED.payload"


def _as_json(rows: Iterable[ObjectRow]) -> str:
    told = ",".join(
        f'{{"pk":{row.pk},"kind":"{row.kind}","clip":"{row.clip}","body":{row.body},'
        f'"runs":{row.runs},"deleted":{"true" if row.deleted else "false"}}}'
        for row in rows
    )
    return f"[{told}]"


def _array(values: Iterable[Any]) -> str:
    """PostgreSQL's text of an array of numbers or UUIDs: the driver takes a list value by value."""
    return f"{{{','.join(map(str, values))}}}"


def _arrays(rows: Iterable[tuple[int, int]]) -> list[str]:
    return [_array(column) for column in zip(*rows, strict=True)]


def _chunk_arrays(rows: Sequence[ChunkRow]) -> list[str]:
    places = _arrays((row.owner, row.number) for row in rows)
    payloads = ",".join(f'"\\\\x{row.payload.hex()}"' for row in rows)
    return [*places, f"{{{payloads}}}"]


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
