"""PostgreSQL: pg_dump of an exported snapshot; pg_restore in one transaction."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

from clinical_annot.backup.databases import Facts, Pause, facts_by, no_pause
from clinical_annot.backup.manifest import BackupError

_WAIT = "10s"
_TRIGGER = re.compile(r"\bTRIGGER\b.*\bappend_only_")


class PostgresDatabase:
    vendor = "postgresql"
    file_name = "database.pgdump"

    def __init__(self) -> None:
        held = connection.settings_dict
        self._where: dict[str, Any] = {
            "dbname": held["NAME"],
            "user": held["USER"] or None,
            "password": held["PASSWORD"] or None,
            "host": held["HOST"] or None,
            "port": held["PORT"] or None,
        }

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**{key: value for key, value in self._where.items() if value})

    def pause(self, limit_s: float) -> Pause:
        """Whoever acknowledges something writes an event, and each event a row of
        ``audit_pending``: a SHARE lock on it waits for those under way and lets no other begin.
        Reading goes on, pg_dump's too."""
        if not limit_s:
            return no_pause()
        lock = self._connect()
        try:
            lock.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(_WAIT)))
            lock.execute("LOCK TABLE audit_pending IN SHARE MODE")
        except psycopg.Error:
            lock.close()
            return no_pause()
        return Pause(lock.close, limit_s)

    def dump(self, target: Path, look: Callable[[], None]) -> Facts:
        """Names of vault files and dump are of one exported snapshot (REPEATABLE READ)."""
        with self._connect() as reader:
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            row = reader.execute("SELECT pg_export_snapshot()").fetchone()
            assert row is not None
            target.unlink(missing_ok=True)
            dumping = self._start(
                "pg_dump", "--format=custom", "--no-owner", "--no-privileges",
                f"--snapshot={row[0]}", f"--file={target}",
            )  # fmt: skip
            try:
                facts = facts_by(lambda query: reader.execute(query.encode()).fetchall())
                while dumping.poll() is None:
                    look()
                    time.sleep(0.05)
            except BaseException:
                dumping.kill()
                raise
            finally:
                self._end(dumping, "pg_dump")
        os.chmod(target, 0o600)
        with open(target, "rb") as out:
            os.fsync(out.fileno())
        return facts

    def _start(self, tool: str, *arguments: str) -> subprocess.Popen[bytes]:
        names = {"dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD",
                 "host": "PGHOST", "port": "PGPORT"}  # fmt: skip
        # By environment: a command line can be read by everybody on the machine.
        given = {names[key]: str(value) for key, value in self._where.items() if value}
        before = os.umask(0o077)
        try:
            return subprocess.Popen(
                [tool, *arguments], env={**os.environ, **given}, stderr=subprocess.PIPE
            )
        except FileNotFoundError:
            raise BackupError(
                f"{tool} is missing: install PostgreSQL's client programs of the server's version"
            ) from None
        finally:
            os.umask(before)

    @staticmethod
    def _end(process: subprocess.Popen[bytes], tool: str) -> None:
        _, told = process.communicate()
        if process.returncode:
            # Its messages can quote rows (a key that is there already): only the first words.
            kind = told.decode(errors="replace").split("\n")[0].partition("DETAIL")[0][:200]
            raise BackupError(f"{tool} ended with {process.returncode}: {kind}")

    def require_unused(self) -> None:
        """Raise BackupError while anybody else is connected to the target."""
        connection.close()
        _close_pool()
        with self._connect() as looking:
            row = looking.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            ).fetchone()
        if row is not None and row[0]:
            raise BackupError(
                f"the target's database is in use by {row[0]} connections: "
                "stop web, node and worker first"
            )

    def load(self, source: Path) -> None:
        """Replace everything, without the append-only triggers: nothing starts on it until the
        restore has made them again, as its last step."""
        self.require_unused()
        listing = subprocess.run(
            ["pg_restore", "--list", str(source)], capture_output=True, text=True, check=False
        )
        if listing.returncode:
            raise BackupError(f"{self.file_name}: pg_restore cannot read it")
        kept = [line for line in listing.stdout.splitlines() if not _TRIGGER.search(line)]
        with self._connect() as target:
            rows = target.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            ).fetchall()
            for (name,) in rows:
                target.execute(
                    sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(name))
                )
            target.execute("DROP FUNCTION IF EXISTS append_only_refuse() CASCADE")
        handle, place = _private_file("\n".join(kept))
        try:
            loading = self._start(
                "pg_restore", "--no-owner", "--no-privileges", "--single-transaction",
                "--exit-on-error", f"--use-list={place}",
                f"--dbname={self._where['dbname']}", str(source),
            )  # fmt: skip
            self._end(loading, "pg_restore")
        finally:
            os.close(handle)
            os.unlink(place)


def _close_pool() -> None:
    close = getattr(connection, "close_pool", None)
    if close is not None:
        close()


def _private_file(text: str) -> tuple[int, str]:
    """A list of table names for pg_restore; holds no row."""
    handle, place = tempfile.mkstemp(prefix="clinicalannot-list-")
    os.write(handle, text.encode())
    return handle, place
