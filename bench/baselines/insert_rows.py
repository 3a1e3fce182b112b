"""A bare insert of 100 rows as one transaction into SQLite (WAL, full sync): the least it costs.

python -m bench.baselines.insert_rows
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
import uuid
from pathlib import Path


def connect(folder: Path) -> sqlite3.Connection:
    """A database with one table of operations."""
    database = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(
        "CREATE TABLE operation (id INTEGER PRIMARY KEY, label_set TEXT, revision INTEGER,"
        " place INTEGER, op_id TEXT, client_id TEXT, seq INTEGER, author TEXT, body BLOB,"
        " inverse BLOB, at TEXT, UNIQUE (label_set, client_id, seq))"
    )
    return database


def insert(database: sqlite3.Connection, revision: int, bodies: list[bytes]) -> None:
    """Insert the rows in one transaction."""
    rows = [
        ("set", revision, place, str(uuid.uuid4()), "client", revision * 1000 + place, "author",
         body, b"[]", "2026-01-01T00:00:00Z")
        for place, body in enumerate(bodies)
    ]  # fmt: skip
    database.execute("BEGIN IMMEDIATE")
    database.executemany(
        "INSERT INTO operation (label_set, revision, place, op_id, client_id, seq, author, body,"
        " inverse, at) VALUES (?,?,?,?,?,?,?,?,?,?)",
        rows,
    )
    database.execute("COMMIT")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        opened = connect(Path(folder))
        began = time.perf_counter()
        for turn in range(20):
            insert(opened, turn, [b"x" * 300] * 100)
        print(f"{(time.perf_counter() - began) / 20 * 1000:.1f} ms a batch of 100")
