"""A bare insert of 100 rows as one transaction into SQLite (WAL, full sync) or PostgreSQL: the
least it costs.

python -m bench.baselines.insert_rows [DATABASE_URL of a PostgreSQL]
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

TABLE = (
    "CREATE TABLE bare_operation ({id}, label_set TEXT, revision INTEGER,"
    " place INTEGER, op_id TEXT, client_id TEXT, seq INTEGER, author TEXT, body {blob},"
    " inverse {blob}, at TEXT, UNIQUE (label_set, client_id, seq))"
)
INSERT = (
    "INSERT INTO bare_operation (label_set, revision, place, op_id, client_id, seq, author, body,"
    " inverse, at) VALUES ({places})"
)


def connect(folder: Path, url: str = "") -> Any:
    """A database with one table of operations: a file in ``folder``, or the PostgreSQL at url."""
    if url:
        import psycopg

        there = psycopg.connect(url.replace("postgres://", "postgresql://"), autocommit=True)
        there.execute("DROP TABLE IF EXISTS bare_operation")
        there.execute(TABLE.format(id="id BIGSERIAL PRIMARY KEY", blob="BYTEA"))
        return there
    database = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(TABLE.format(id="id INTEGER PRIMARY KEY", blob="BLOB"))
    return database


def insert(database: Any, revision: int, bodies: list[bytes]) -> None:
    """Insert the rows in one transaction."""
    rows = [
        ("set", revision, place, str(uuid.uuid4()), "client", revision * 1000 + place, "author",
         body, b"[]", "2026-01-01T00:00:00Z")
        for place, body in enumerate(bodies)
    ]  # fmt: skip
    if isinstance(database, sqlite3.Connection):
        database.execute("BEGIN IMMEDIATE")
        database.executemany(INSERT.format(places=",".join("?" * 10)), rows)
        database.execute("COMMIT")
        return
    with database.transaction(), database.cursor() as cursor:
        cursor.executemany(INSERT.format(places=",".join(["%s"] * 10)), rows)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        opened = connect(Path(folder), *sys.argv[1:2])
        began = time.perf_counter()
        for turn in range(20):
            insert(opened, turn, [b"x" * 300] * 100)
        print(f"{(time.perf_counter() - began) / 20 * 1000:.1f} ms a batch of 100")
