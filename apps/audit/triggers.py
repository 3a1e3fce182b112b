"""Database triggers that refuse UPDATE, DELETE and TRUNCATE of the append-only tables.

On SQLite Django rebuilds a table for many migrations and its triggers vanish silently: every
migration of an append-only table ends with ``migrations.RunPython(install_for, remove_for)``, and
start-up, health and ``verify_audit`` call ``missing()``.
"""

from __future__ import annotations

from typing import Any

from django.db import connection

TABLES = ("audit_event", "audit_leaf", "audit_tile", "audit_checkpoint")
_KINDS = ("update", "delete", "truncate")


def _name(table: str, kind: str) -> str:
    return f"append_only_{table}_{kind}"


def _kinds(vendor: str) -> tuple[str, ...]:
    return _KINDS if vendor == "postgresql" else _KINDS[:2]


def install(tables: tuple[str, ...] = TABLES, db: Any = None) -> None:
    """Make every trigger that is not there."""
    db = db or connection
    with db.cursor() as cursor:
        if db.vendor == "postgresql":
            cursor.execute(
                "CREATE OR REPLACE FUNCTION append_only_refuse() RETURNS trigger AS $$ BEGIN "
                "RAISE EXCEPTION 'append-only: % of % is refused', TG_OP, TG_TABLE_NAME; "
                "END $$ LANGUAGE plpgsql"
            )
        for table in tables:
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
                        f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {kind.upper()} ON {table} "
                        f"BEGIN SELECT RAISE(ABORT, 'append-only: {kind} of {table} is refused'); "
                        "END"
                    )


def remove(tables: tuple[str, ...] = TABLES, db: Any = None) -> None:
    db = db or connection
    with db.cursor() as cursor:
        for table in tables:
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
    wanted = {_name(table, kind) for table in TABLES for kind in _kinds(connection.vendor)}
    return sorted(wanted - there)


def install_for(apps: Any, schema_editor: Any) -> None:
    install(db=schema_editor.connection)


def remove_for(apps: Any, schema_editor: Any) -> None:
    remove(db=schema_editor.connection)
