"""Rotating the key-encryption key: every wrapped key anew, no stored file touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from apps.access.actor import Actor
from apps.access.errors import Conflict
from apps.keys import services, wrapped
from apps.keys.models import KeyRotation
from apps.vault.master import master_key
from apps.vault.providers import provider

BATCH = 200
# A process may have wrapped a key with the older one and not stored it yet.
RETIRE_AFTER_S = 3600.0


class NothingToDoError(Exception):
    """The provider makes no keys, and everything is wrapped by the one it gives."""


def rotate(actor: Actor, progress: Callable[[int], None] = lambda done: None) -> KeyRotation:
    """Wrap every key under a new key-encryption key; go on with a rotation that was broken off.

    Each batch is read and wrapped outside any transaction and then stored by a verb, so that a
    crash leaves each key under the old or under the new one, both of which open. Raises
    NothingToDoError, MasterKeyError, KeyProviderError.
    """
    rotation = KeyRotation.objects.filter(state=KeyRotation.State.RUNNING).first()
    # Before anything changes: a root that comes from an older provider must be stored.
    master_key("lookup")
    if rotation is None:
        keeper = provider()
        if keeper.makes_keys and not _moves(keeper.key_id()):
            keeper.rotate()
        elif not set(wrapped.counts()) - {keeper.key_id()}:
            raise NothingToDoError
        rotation = services.begin_rotation(actor, None, to_key=keeper.key_id())
    while True:
        done = 0
        for batch in _stale():
            done += services.put_rewrapped(actor, rotation, batch)
            rotation.refresh_from_db()
            progress(rotation.n_rewrapped)
        try:
            return services.finish_rotation(actor, rotation, key_id=provider().key_id())
        except Conflict:
            rotation.refresh_from_db()
            if rotation.state == KeyRotation.State.FINISHED:
                return rotation
            if not done:
                raise


def _moves(current: str) -> bool:
    """Whether keys are wrapped by another provider: its successor's key is new enough."""
    kinds = {key_id.partition(":")[0] for key_id in wrapped.counts() if key_id}
    return bool(kinds - {current.partition(":")[0]})


def _stale() -> Iterator[list[tuple[wrapped.WrappedKey, bytes]]]:
    """Batches of keys under an older key-encryption key, each with its new form."""
    current = provider().key_id()
    found = (each for each in wrapped.every() if each.key_id != current)
    while batch := list(islice(found, BATCH)):
        yield [(each, each.rewrapped()) for each in batch]


def retire(actor: Actor, *, since_s: float = RETIRE_AFTER_S) -> list[str]:
    """Give up every older key-encryption key that wraps nothing here; the ids that are kept.

    Refused until a rotation has been finished for ``since_s`` seconds. Copies of the database made
    before that rotation cannot be opened afterwards, and neither can what they hold of keys
    that were destroyed since. Raises Conflict, KeyProviderError.
    """
    keep = sorted({*wrapped.counts(), provider().key_id()} - {""})
    services.note_retirement(actor, None, keep=keep, outcome="begun", since_s=since_s)
    provider().retire(set(keep))
    services.note_retirement(actor, None, keep=keep, outcome="done", since_s=since_s)
    return keep
