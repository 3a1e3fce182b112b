"""Where keys lie that a key-encryption key wrapped, and wrapping them anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps

from apps.vault import master


@dataclass(frozen=True)
class WrappedColumn:
    """A column of wrapped keys. Each is bound to ``<purpose>/<primary key>``; ``before`` names the
    sub-key that wrapped such keys before envelopes were."""

    model: str
    field: str
    purpose: str
    before: str = ""

    def rows(self) -> Any:
        """Every row of the column's table, unfiltered by any manager."""
        return apps.get_model(self.model)._base_manager.order_by("pk")


_columns = [
    WrappedColumn("vault.StoredKey", "wrapped", "stored-key"),
    WrappedColumn("keys.Subject", "wrapped_key", "subject", "subjects"),
]
_PAGE = 500


def register(column: WrappedColumn) -> None:
    """Name a further column; from then on its keys are rotated too."""
    if column not in _columns:
        _columns.append(column)


@dataclass(frozen=True)
class WrappedKey:
    """One wrapped key as it was read."""

    column: WrappedColumn
    pk: Any
    stored: bytes

    @property
    def key_id(self) -> str:
        return master.wrapped_by(self.stored)

    def rewrapped(self) -> bytes:
        """The same key wrapped by the current key-encryption key. Raises MasterKeyError,
        KeyProviderError, SealBrokenError."""
        purpose = f"{self.column.purpose}/{self.pk}"
        key = master.unwrap_key(self.stored, purpose, before=self.column.before)
        return master.wrap_key(key, purpose)

    def replace(self, new: bytes) -> bool:
        """Store ``new`` if nobody changed the key meanwhile: one that was destroyed stays so."""
        same = {"pk": self.pk, self.column.field: self.stored}
        return bool(self.column.rows().filter(**same).update(**{self.column.field: new}))


def every() -> Iterator[WrappedKey]:
    """All wrapped keys, page by page: no cursor stays open while they change."""
    for column in _columns:
        last = None
        while True:
            rows = column.rows().exclude(**{f"{column.field}__isnull": True})
            if last is not None:
                rows = rows.filter(pk__gt=last)
            page = list(rows.values_list("pk", column.field)[:_PAGE])
            if not page:
                break
            for pk, stored in page:
                yield WrappedKey(column, pk, bytes(stored))
            last = page[-1][0]


def counts() -> Counter[str]:
    """How many keys each key-encryption key wraps; those of before envelopes under ``""``."""
    return Counter(each.key_id for each in every())
