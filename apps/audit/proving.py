"""Proofs of the stored log against a checkpoint made now."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from apps.audit import delivery, tree
from apps.audit.domain import merkle, proof
from apps.audit.models import Checkpoint, Leaf


class NoSuchSizeError(ValueError):
    """The log has never had that size, or has no entry at all."""


def newest_checkpoint() -> Checkpoint:
    """A checkpoint over every event committed so far. Raises NoSuchSizeError for an empty log."""
    while tree.sequence():
        pass
    try:
        with transaction.atomic():
            tree.make_checkpoint()
    except IntegrityError:
        # Another process signed the same size in this moment: its note serves as well.
        pass
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None:
        raise NoSuchSizeError
    return newest


def consistency(old: int, new: int) -> proof.Grown:
    """That the log of ``new`` entries begins with that of ``old``. Raises NoSuchSizeError."""
    if not 0 < old <= new <= tree.size():
        raise NoSuchSizeError
    subtree = tree.stored_subtree()
    steps = merkle.consistency_proof(old, new, subtree)
    return proof.Grown(old, merkle.root(old, subtree), steps)


def prove_event(event_id: UUID, *, with_private: bool, since: int | None = None) -> bytes:
    """The proof file of one event; with ``since``, also that the log only grew from that size.
    Raises NoSuchSizeError, and Leaf.DoesNotExist for an event that is not in the log."""
    checkpoint = newest_checkpoint()
    leaf = Leaf.objects.select_related("event").get(event_id=event_id)
    subtree = tree.stored_subtree()
    return proof.write(
        seq=leaf.seq,
        entry=bytes(leaf.event.entry),
        private=bytes(leaf.event.private) if with_private else None,
        salt=bytes(leaf.event.salt) if with_private else None,
        inclusion=merkle.inclusion_proof(leaf.seq, checkpoint.size, subtree),
        note=delivery.witnessed_note(checkpoint),
        public_key=tree.signing_key().public_key().public_bytes_raw(),
        grown=consistency(since, checkpoint.size) if since is not None else None,
    )
