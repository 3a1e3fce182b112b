"""Encrypted files: create, open, re-wrap, sweep. Takes keys; knows no policy and no event."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings

from apps.vault.domain.sealed import SealBrokenError, seal, unseal
from apps.vault.domain.streaming_aead import (
    DecryptingReader,
    EncryptingWriter,
    VaultCorruptError,
)
from apps.vault.models import VaultFile
from apps.vault.storage import LocalStorage, Storage


@dataclass(frozen=True)
class WrappingKey:
    """A key that wraps data keys. ``name`` stands in the row: ``intake`` or ``subject:<uuid>``."""

    name: str
    key: bytes

    def __repr__(self) -> str:
        return f"WrappingKey({self.name})"


@lru_cache(maxsize=8)
def _local(data_dir: str) -> Storage:
    return LocalStorage(Path(data_dir) / "vault")


@lru_cache(maxsize=8)
def _s3(place: str, endpoint: str, region: str, process: int) -> Storage:
    # Its connections must not be shared with a forked child: one store a process.
    from apps.vault.s3_storage import S3Storage

    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    return S3Storage(bucket, prefix, endpoint, region)


def storage() -> Storage:
    """Where files lie: the data directory, or the store that CLINICAL_ANNOT_STORAGE names."""
    if settings.CLINICAL_ANNOT_STORAGE:
        return _s3(
            settings.CLINICAL_ANNOT_STORAGE,
            settings.CLINICAL_ANNOT_S3_ENDPOINT,
            settings.CLINICAL_ANNOT_S3_REGION,
            os.getpid(),
        )
    return _local(str(settings.CLINICAL_ANNOT_DATA_DIR))


@lru_cache(maxsize=1)
def _beside(process: int) -> ThreadPoolExecutor:
    """Where files are encrypted and written while more of them comes; a forked child has its own.
    More threads than cores, for some of them wait for the disk."""
    return ThreadPoolExecutor((os.cpu_count() or 1) + 2, thread_name_prefix="vault-write")


class VaultWriter:
    """Takes plaintext, stores ciphertext. ``finish()`` syncs it and gives the unsaved row; the
    caller saves the row in its own transaction, so that a row without a file is impossible."""

    def __init__(self, purpose: str, wrapping: WrappingKey) -> None:
        self.id = uuid.uuid4()
        self._purpose, self._wrapping = purpose, wrapping
        self._data_key = os.urandom(32)
        self._pending = storage().create(self.id.hex)
        self._encrypt = EncryptingWriter(
            self._pending, self._data_key, self.id.bytes, _beside(os.getpid())
        )
        self._digest = sha256()
        self._digest_from = 0
        self.size_bytes = 0
        self._open = True

    def digest_from(self, offset: int) -> None:
        """The digest covers what comes from ``offset`` on, which may not have come yet."""
        if offset < self.size_bytes:
            raise ValueError("this has passed")
        self._digest, self._digest_from = sha256(), offset

    def write(self, data: bytes | bytearray | memoryview) -> int:
        if (skip := self._digest_from - self.size_bytes) > 0:
            self._digest.update(memoryview(data)[skip:])
        else:
            self._digest.update(data)
        written = self._encrypt.write(data)
        self.size_bytes += written
        return written

    def sha256(self) -> str:
        return self._digest.hexdigest()

    def tell(self) -> int:
        return self.size_bytes

    def flush(self) -> None:
        """Nothing to do before finish(): a half file is never visible."""

    def finish(self) -> VaultFile:
        self._encrypt.close()
        self._pending.commit()
        self._open = False
        return VaultFile(
            id=self.id,
            purpose=self._purpose,
            wrapping_key=self._wrapping.name,
            wrapped_data_key=_wrap(self._wrapping, self._data_key, self.id),
            size_bytes=self.size_bytes,
            sha256=self._digest.hexdigest(),
            digest_from=self._digest_from,
        )

    def abort(self) -> None:
        if self._open:
            self._open = False
            self._encrypt.drop()
            self._pending.abort()

    def __enter__(self) -> VaultWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()


def _wrap(wrapping: WrappingKey, data_key: bytes, file_id: uuid.UUID) -> bytes:
    return seal(wrapping.key, data_key, f"data-key/{file_id}")


def _unwrap(wrapping: WrappingKey, file: VaultFile) -> bytes:
    if wrapping.name != file.wrapping_key:
        raise VaultCorruptError(f"{file}: wrapped by another key")
    try:
        return unseal(wrapping.key, bytes(file.wrapped_data_key), f"data-key/{file.id}")
    except SealBrokenError:
        raise VaultCorruptError(f"{file}: its data key does not open") from None


def create_file(purpose: str, wrapping: WrappingKey) -> VaultWriter:
    """A writer for a new encrypted file (``with`` aborts it unless ``finish()`` was called)."""
    return VaultWriter(purpose, wrapping)


def open_file(file: VaultFile, wrapping: WrappingKey) -> BinaryIO:
    """A seekable reader of the plaintext. Raises VaultCorruptError, FileNotFoundError."""
    source: BinaryIO = storage().open(file.storage_name)
    reader = DecryptingReader(source, _unwrap(wrapping, file), file.id.bytes, name=str(file))
    return cast(BinaryIO, reader)


def rewrap(file: VaultFile, old: WrappingKey, new: WrappingKey) -> None:
    """Put the data key under another key; the stored bytes stay. Saves the row, if it stands."""
    file.wrapped_data_key = _wrap(new, _unwrap(old, file), file.id)
    file.wrapping_key = new.name
    if not file._state.adding:
        file.save(update_fields=["wrapped_data_key", "wrapping_key"])


def delete_file(file: VaultFile) -> None:
    """Remove row and bytes; call after the transaction that dropped the last reference."""
    name = file.storage_name
    file.delete()
    storage().delete(name)


def remove_unnamed(names: Iterable[str]) -> None:
    """Remove files that no row names, of work that came to nothing. A row that is saved meanwhile
    keeps its file, or fails."""
    for name in names:
        limit = time.time()
        if not VaultFile.objects.filter(pk=uuid.UUID(name)).exists():
            storage().delete_older(name, limit)


def sweep(older_than_s: float = 86_400.0, kept_since: float | None = None) -> int:
    """Remove files that no row names and half-written ones, both older than the limit.

    A job names its files when its work is done, which may be hours after they were written: a day
    is left to it, and a row whose file was swept is never saved (``VaultFile.save``). What is newer
    than ``kept_since`` (seconds since the epoch) stays: a restore may have lost its row.
    """
    removed = storage().sweep_incoming(older_than_s)
    limit = time.time() - older_than_s
    for name, changed in list(storage().names()):
        if kept_since is not None and changed >= kept_since:
            continue
        if changed < limit and not VaultFile.objects.filter(pk=uuid.UUID(name)).exists():
            removed += storage().delete_older(name, limit)
    return removed
