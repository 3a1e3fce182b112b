"""Database triggers that refuse UPDATE, DELETE and TRUNCATE of append-only tables.

A room with such a table names it (``register``, when the room starts) and ends every migration that
touches it with ``migrations.RunPython(*installer(table))``: on SQLite Django rebuilds a table for
many migrations and its triggers vanish silently. Start-up, health and ``verify_audit`` call
``missing()``.

SQLite's ``INSERT OR REPLACE`` deletes without firing a delete trigger, so there a row that would
take another's place is refused before it is inserted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection

TABLES = ("audit_event", "audit_leaf", "audit_tile", "audit_checkpoint")
LATER = ("audit_cosignature",)
_registered = [*TABLES, *LATER]
_KINDS = {
    "postgresql": ("update", "delete", "truncate"),
    "sqlite": ("update", "delete", "replace"),
}


def register(*tables: str) -> None:
    """Name further append-only tables; from then on they must have their triggers."""
    _registered.extend(table for table in tables if table not in _registered)


def tables() -> tuple[str, ...]:
    """Every append-only table."""
    return tuple(_registered)


def _name(table: str, kind: str) -> str:
    return f"append_only_{table}_{kind}"


def _kinds(vendor: str) -> tuple[str, ...]:
    return _KINDS[vendor]


def install(only: tuple[str, ...] | None = None, db: Any = None) -> None:
    """Make every trigger that is not there."""
    db = db or connection
    with db.cursor() as cursor:
        if db.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION append_only_refuse() RETURNS trigger AS $$ BEGIN "
                "RAISE EXCEPTION 'append-only: % of % is refused', TG_OP, TG_TABLE_NAME; "
                "END $$ LANGUAGE plpgsql"
            )
        for table in tables() if only is None else only:
            for kind in _kinds(db.vendor):
                name = _name(table, kind)
                if db.vendor == "postgresql":
                    cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
                    each = "STATEMENT" if kind == "truncate" else "ROW"
                    cursor.execute(
                        f"CREATE TRIGGER {name} BEFORE {kind.upper()} ON {table} "
                        f"FOR EACH {each} EXECUTE FUNCTION append_only_refuse()"
                    )
                else:
                    cursor.execute(
                        f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {_sqlite_event(kind)} "
                        f"ON {table}{_sqlite_when(cursor, table, kind)} BEGIN SELECT "
                        f"RAISE(ABORT, 'append-only: {kind} of {table} is refused'); END"
                    )


def _sqlite_event(kind: str) -> str:
    return "INSERT" if kind == "replace" else kind.upper()


def _sqlite_when(cursor: Any, table: str, kind: str) -> str:
    """For a replacement: whether any unique key of the new row is taken."""
    if kind != "replace":
        return ""
    cursor.execute(f"PRAGMA table_info({table})")
    keys = {tuple(row[1] for row in cursor.fetchall() if row[5])}
    cursor.execute(f"PRAGMA index_list({table})")
    for index in [row[1] for row in cursor.fetchall() if row[2]]:
        cursor.execute(f"PRAGMA index_info({index})")
        keys.add(tuple(row[2] for row in cursor.fetchall()))
    taken = (" AND ".join(f'"{name}" = NEW."{name}"' for name in key) for key in sorted(keys))
    same = " OR ".join(f"({each})" for each in taken)
    return f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608


def remove(only: tuple[str, ...] | None = None, db: Any = None) -> None:
    db = db or connection
    with db.cursor() as cursor:
        for table in tables() if only is None else only:
            for kind in _kinds(db.vendor):
                on = f" ON {table}" if db.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {_name(table, kind)}{on}")


def missing() -> list[str]:
    """The triggers that should be there and are not."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        there = {row[0] for row in cursor.fetchall()}
    wanted = {_name(table, kind) for table in tables() for kind in _kinds(connection.vendor)}
    return sorted(wanted - there)


def installer(*only: str) -> tuple[Callable[[Any, Any], None], Callable[[Any, Any], None]]:
    """Both directions of a migration that gives these tables their triggers."""

    def forwards(apps: Any, schema_editor: Any) -> None:
        install(only, schema_editor.connection)

    def backwards(apps: Any, schema_editor: Any) -> None:
        remove(only, schema_editor.connection)

    return forwards, backwards


install_for, remove_for = installer(*TABLES)
# A migration installs them for the tables that exist then.


class MissingTriggersError(Exception):
    """The append-only tables are not protected: nothing may be written before they are."""


def require() -> None:
    """Raise MissingTriggersError when a trigger is gone; long-running processes start with this."""
    gone = missing()
    if gone:
        raise MissingTriggersError(
            f"append-only triggers are missing: {', '.join(gone)}; run manage.py migrate on a "
            "database of this version, or restore"
        )
