"""One row a stored file: where it lies, its wrapped data key, its size and digest. And the root,
where no key file holds it."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from apps.vault import rows


class VaultFile(models.Model):
    """An encrypted file. ``wrapping_key`` names the key that opens ``wrapped_data_key``:
    ``intake``, or ``subject:<uuid>``."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purpose = models.CharField(max_length=40)
    wrapping_key = models.CharField(max_length=60, db_index=True)
    wrapped_data_key = models.BinaryField()
    size_bytes = models.BigIntegerField()
    # Over the plaintext from ``digest_from`` (bytes) on: an original's covers its data set.
    sha256 = models.CharField(max_length=64)
    digest_from = models.BigIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises FileNotFoundError for a new row whose file is not there (any more): nothing is
        called cleared, ready or received that cannot be read."""
        if self._state.adding:
            from apps.vault.files import storage

            storage().touch(self.storage_name)
        super().save(*args, **kwargs)

    def insert(self) -> None:
        """``save()`` of a new row, quicker. Raises FileNotFoundError as it does."""
        from apps.vault.files import storage

        storage().touch(self.storage_name)
        rows.insert(self)

    @property
    def storage_name(self) -> str:
        return self.id.hex


class StoredKey(models.Model):
    """A key that is kept here, wrapped by the key-encryption key (``apps/vault/master.py``)."""

    name = models.CharField(max_length=60, primary_key=True)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"key {self.name}"
