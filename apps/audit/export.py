"""The bundle of the stored log."""

from __future__ import annotations

from collections.abc import Iterator

from apps.audit import delivery, tree
from apps.audit.domain import bundle
from apps.audit.models import Checkpoint, Leaf


def bundle_lines(*, with_private: bool = True) -> Iterator[bytes]:
    """The whole log up to a checkpoint made now. Raises ValueError for an empty log."""
    tree.sequence(1_000_000)
    tree.make_checkpoint()
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None:
        raise ValueError("the log is empty")
    public = tree.signing_key().public_key().public_bytes_raw()
    # Witnesses have signed the newest checkpoint only if it is some seconds old.
    note = delivery.witnessed_note(newest)
    return bundle.write(_items(newest.size, with_private), tree.origin(), public, newest.size, note)


def _items(size: int, with_private: bool) -> Iterator[bundle.Item]:
    rows = Leaf.objects.filter(seq__lt=size).select_related("event").order_by("seq")
    for leaf in rows.iterator(chunk_size=2000):
        event = leaf.event
        yield bundle.Item(
            bytes(event.entry),
            bytes(event.private) if with_private else None,
            bytes(event.salt) if with_private else None,
            bytes(event.sealed) if event.sealed is not None else None,
        )
