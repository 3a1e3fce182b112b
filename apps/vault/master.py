"""The master key: read from ``CLINICAL_ANNOT_KEY_FILE``, made on first start, mode 0600."""

from __future__ import annotations

import base64
import os
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from apps.vault.domain.sealed import derive_key


class MasterKeyError(Exception):
    """The key file cannot be used. Names the variable and what to do."""


def _create(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    key = os.urandom(32)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(base64.b64encode(key) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    try:
        # A link and not a rename: of several processes starting at once the first one's key stays.
        os.link(partial, path)
    except FileExistsError:
        return _read(path)
    finally:
        partial.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return key


def _read(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise MasterKeyError("CLINICAL_ANNOT_KEY_FILE can be read by others: set its mode to 0600")
    try:
        key = base64.b64decode(path.read_bytes(), validate=False)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise MasterKeyError("CLINICAL_ANNOT_KEY_FILE does not hold 32 bytes in base64")
    return key


@lru_cache(maxsize=4)
def _load(path: Path) -> bytes:
    return _read(path) if path.exists() else _create(path)


def master_key(purpose: str) -> bytes:
    """The 32-byte sub-key of the master key for one purpose.

    Raises MasterKeyError when the file is readable by others or holds no key.
    """
    return _derived(Path(settings.CLINICAL_ANNOT_KEY_FILE), purpose)


@lru_cache(maxsize=64)
def _derived(path: Path, purpose: str) -> bytes:
    return derive_key(_load(path), f"clinicalannot/{purpose}/v1")
