"""The database of a site, seen by a backup: hold writing for a moment, copy, replace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from django.db import OperationalError, connection

Tell = Callable[[str], None]
_WRITE_TRIES = 4


@dataclass(frozen=True)
class Facts:
    """What the copy holds, read from the very same moment."""

    vault_names: set[str]
    migrations: list[list[str]]
    log_entries: int
    checkpoint: str


class Pause:
    """Writing waits while it is held, at most ``limit_s``: then it is let go, and what comes later
    is not promised. ``until`` is the moment up to which everything acknowledged is in the copy."""

    def __init__(self, let_go: Callable[[], None], limit_s: float) -> None:
        self._let_go, self._limit_s = let_go, limit_s
        self._began = time.monotonic()
        self.until: datetime | None = None

    def look(self) -> None:
        """Called now and then; lets go when it has lasted too long."""
        if self.until is None and time.monotonic() - self._began > self._limit_s:
            self.release()

    def release(self) -> None:
        if self.until is None:
            self.until = datetime.now(UTC)
            self._let_go()


class Database(Protocol):
    vendor: str
    file_name: str

    def pause(self, limit_s: float) -> Pause: ...
    def dump(self, target: Path, look: Callable[[], None]) -> Facts: ...
    def require_unused(self) -> None: ...
    def load(self, source: Path) -> None: ...


QUERIES = {
    "names": "SELECT id FROM vault_vaultfile",
    "migrations": "SELECT app, name FROM django_migrations ORDER BY id",
    "entries": "SELECT COALESCE(MAX(seq) + 1, 0) FROM audit_leaf",
    "checkpoint": "SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1",
}


def facts_by(rows: Callable[[str], list[Any]]) -> Facts:
    """Facts from a function that gives the rows of a query of ``QUERIES``."""
    note = rows(QUERIES["checkpoint"])
    return Facts(
        vault_names={str(name).replace("-", "") for (name,) in rows(QUERIES["names"])},
        migrations=[[app, name] for app, name in rows(QUERIES["migrations"])],
        log_entries=int(rows(QUERIES["entries"])[0][0]),
        checkpoint=note[0][0] if note else "",
    )


R = TypeVar("R")


def patiently(write: Callable[[], R]) -> R:
    """Do a write of the backup's own, again when the database was locked all the time: SQLite gives
    its lock to whoever asks at the right moment, and a backup asks beside busy writers."""
    for left in range(_WRITE_TRIES, 0, -1):
        try:
            return write()
        except OperationalError:
            if left == 1:
                raise
    raise AssertionError


def no_pause() -> Pause:
    made = Pause(lambda: None, 0)
    made.release()
    return made


def database() -> Database:
    """The one that ``DATABASE_URL`` names."""
    from clinical_annot.backup.postgres import PostgresDatabase
    from clinical_annot.backup.sqlite import SqliteDatabase

    return SqliteDatabase() if connection.vendor == "sqlite" else PostgresDatabase()
