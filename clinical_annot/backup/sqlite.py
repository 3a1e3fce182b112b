"""SQLite: the online backup API inside one read transaction; replaced by a rename."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from django.db import connection

from clinical_annot.backup.databases import Facts, Pause, facts_by, no_pause
from clinical_annot.backup.manifest import BackupError, sync_folder

_PAGES = 4096
_WAIT_S = 20.0
_PAUSE_TRIES = 3


class SqliteDatabase:
    vendor = "sqlite"
    file_name = "database.sqlite3"

    def __init__(self) -> None:
        self._path = Path(connection.settings_dict["NAME"])

    def pause(self, limit_s: float) -> Pause:
        """SQLite's own write lock. Who writes meanwhile waits, at most its timeout of 20 s."""
        if not limit_s:
            return no_pause()
        lock = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)
        for left in range(_PAUSE_TRIES, 0, -1):
            try:
                lock.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError:
                if left == 1:
                    lock.close()
                    return no_pause()

        def let_go() -> None:
            lock.execute("ROLLBACK")
            lock.close()

        return Pause(let_go, limit_s)

    def dump(self, target: Path, look: Callable[[], None]) -> Facts:
        """Copy page by page. The read transaction keeps every page of one moment, whoever writes;
        without it the API begins again at each write of another process."""
        target.unlink(missing_ok=True)
        source = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)
        copy = sqlite3.connect(target, isolation_level=None)
        os.chmod(target, 0o600)
        try:
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM sqlite_master").fetchone()
            source.backup(copy, pages=_PAGES, progress=lambda *_: look())
            # The copy is one file that reading does not change.
            copy.execute("PRAGMA journal_mode=DELETE")
            return facts_by(lambda query: copy.execute(query).fetchall())
        finally:
            copy.close()
            source.close()
            with open(target, "rb") as out:
                os.fsync(out.fileno())

    def require_unused(self) -> None:
        """Raise BackupError while another process has the database open: only the last one can
        leave WAL."""
        connection.close()
        if not self._path.exists():
            return
        last = sqlite3.connect(self._path, timeout=1.0, isolation_level=None)
        try:
            last.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            raise BackupError(
                "the target's database is in use: stop web, node and worker first"
            ) from None
        finally:
            last.close()

    def load(self, source: Path) -> None:
        """Put a copy in the database's place, without its append-only triggers: nothing starts on
        it until the restore has made them again, as its last step."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_name(self._path.name + ".restoring")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            with open(source, "rb") as held:
                shutil.copyfileobj(held, out, 1 << 20)
        with sqlite3.connect(partial, isolation_level=None) as copy:
            found = copy.execute("PRAGMA quick_check").fetchone()[0]
            if found != "ok":
                raise BackupError(f"{self.file_name}: the database is damaged")
            names = copy.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' "
                "AND name LIKE 'append_only_%'"
            ).fetchall()
            for (name,) in names:
                copy.execute(f'DROP TRIGGER "{name}"')
        copy.close()
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        self.require_unused()
        for beside in ("-wal", "-shm", "-journal"):
            self._path.with_name(self._path.name + beside).unlink(missing_ok=True)
        os.rename(partial, self._path)
        sync_folder(self._path.parent)
