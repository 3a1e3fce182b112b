"""The root and its sub-keys, and wrapping by whatever provider keeps the key-encryption key."""

from __future__ import annotations

import os
from functools import lru_cache

from django.db import IntegrityError, connection, transaction

from apps.vault.domain import envelope
from apps.vault.domain.sealed import derive_key, unseal
from apps.vault.models import StoredKey
from apps.vault.providers import (
    KeyProvider,
    KeyProviderError,
    MasterKeyError,
    predecessors,
    provider,
)

__all__ = ["KeyProviderError", "MasterKeyError", "master_key", "unwrap_key", "wrap_key"]

_ROOT = "root"
_roots: dict[int, tuple[KeyProvider, bytes]] = {}


def master_key(purpose: str) -> bytes:
    """The 32-byte sub-key of the root for one purpose.

    Raises MasterKeyError when the keys are readable by others, missing or malformed, and
    KeyProviderError when the key server does not answer.
    """
    return _derived(_root(), purpose)


@lru_cache(maxsize=64)
def _derived(root: bytes, purpose: str) -> bytes:
    return derive_key(root, f"clinicalannot/{purpose}/v1")


def wrap_key(key: bytes, purpose: str) -> bytes:
    """A 32-byte key wrapped by the current key-encryption key and bound to ``purpose``, to store.
    Raises as ``master_key`` does."""
    return envelope.pack(*provider().wrap(key, purpose))


def unwrap_key(stored: bytes | memoryview, purpose: str, *, before: str) -> bytes:
    """The key again. ``before``: sub-key that wrapped such keys before envelopes were.

    Raises SealBrokenError, and as ``master_key`` does.
    """
    parts = envelope.unpack(bytes(stored))
    if parts is None:
        return unseal(master_key(before), bytes(stored), purpose)
    key_id, wrapped = parts
    now = provider()
    if now.owns(key_id):
        return now.unwrap(key_id, wrapped, purpose)
    for each in predecessors():
        if each.owns(key_id):
            return each.unwrap(key_id, wrapped, purpose)
    raise MasterKeyError(
        f"a key is wrapped by {key_id}, and CLINICAL_ANNOT_KEY_PROVIDER names another provider: "
        "keep the older one until rotate_keys has finished"
    )


def wrapped_by(stored: bytes | memoryview) -> str:
    """Id of the key that wrapped it; empty for what was wrapped before envelopes were."""
    parts = envelope.unpack(bytes(stored))
    return parts[0] if parts is not None else ""


def _root() -> bytes:
    """What sub-keys derive from. It never changes: look-up digests and the keys that others have
    pinned to check signatures hang on it."""
    keeper = provider()
    known = _roots.get(id(keeper))
    if known is not None and known[0] is keeper:
        return known[1]
    root = keeper.root() or _stored_root()
    # A row that is not committed may vanish, and another process's root take its place.
    if keeper.root() is not None or not connection.in_atomic_block:
        _roots[id(keeper)] = keeper, root
    return root


def forget() -> None:
    """Drop what this process remembers of the root: after a restore, and between tests."""
    _roots.clear()


def _stored_root() -> bytes:
    """The root of a provider that keeps none: a row, wrapped by it, made on first use. A site that
    comes from a key file goes on with that file's root."""
    row = StoredKey.objects.filter(name=_ROOT).first()
    if row is None:
        before = [held for each in predecessors() if (held := each.root()) is not None]
        key = before[0] if before else os.urandom(32)
        try:
            with transaction.atomic():
                StoredKey.objects.create(name=_ROOT, wrapped=wrap_key(key, "stored-key/root"))
            return key
        except IntegrityError:
            row = StoredKey.objects.get(name=_ROOT)
    return unwrap_key(row.wrapped, "stored-key/root", before="")
