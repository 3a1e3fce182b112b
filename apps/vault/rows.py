"""Writing and finding one row with SQL that is put together once.

Django composes a statement anew for every row, which costs several times what the database does
with it. For the few tables that get a row for every instance or event, that is most of the cost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.fields import AutoFieldMixin

_PLAIN_FIELDS = {models.CharField, models.BigIntegerField, models.PositiveIntegerField}
_AS_IT_IS = {str, int, type(None)}


@lru_cache(maxsize=64)
def _insertion(
    model: type[models.Model], vendor: str
) -> tuple[str, tuple[tuple[models.Field, bool], ...]]:
    """The statement, its fields, and of each whether text and numbers go in as they are."""
    quote = connection.ops.quote_name
    fields = tuple(
        field for field in model._meta.concrete_fields if not isinstance(field, AutoFieldMixin)
    )
    columns = ", ".join(quote(field.column or "") for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table = quote(model._meta.db_table)
    return f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(  # noqa: S608
        (field, type(field) in _PLAIN_FIELDS) for field in fields
    )


def insert(row: models.Model) -> None:
    """Insert a new row as ``save(force_insert=True)`` would, without signals; a primary key that
    the database numbers is not read back. Raises IntegrityError."""
    db = connections[DEFAULT_DB_ALIAS]
    sql, fields = _insertion(type(row), db.vendor)
    values = [
        value
        if is_plain and type(value := getattr(row, field.attname)) in _AS_IT_IS
        else field.get_db_prep_save(field.pre_save(row, True), db)
        for field, is_plain in fields
    ]
    with db.cursor() as cursor:
        cursor.execute(sql, values)
    row._state.adding, row._state.db = False, db.alias


@lru_cache(maxsize=64)
def _search(
    model: type[models.Model], names: tuple[str, ...], vendor: str
) -> tuple[str, tuple[models.Field, ...]]:
    quote = connection.ops.quote_name
    fields = tuple(model._meta.get_field(name) for name in names)
    where = " AND ".join(f"{quote(field.column)} = %s" for field in fields)  # type: ignore[arg-type, union-attr]
    return f"SELECT 1 FROM {quote(model._meta.db_table)} WHERE {where} LIMIT 1", fields  # type: ignore  # noqa: S608


def exists(model: type[models.Model], **values: Any) -> bool:
    """Whether a row has exactly these values (fields of the table itself, none of them None)."""
    db = connections[DEFAULT_DB_ALIAS]
    sql, fields = _search(model, tuple(values), db.vendor)
    found = [
        field.get_db_prep_value(value, db)
        for field, value in zip(fields, values.values(), strict=True)
    ]
    with db.cursor() as cursor:
        cursor.execute(sql, found)
        return cursor.fetchone() is not None
