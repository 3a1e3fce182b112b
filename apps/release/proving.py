"""Proofs of the log against a checkpoint made now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.audit import tree
from apps.audit.domain import merkle
from apps.audit.models import Checkpoint, Leaf
from apps.release.domain.proofs import proof_json


def newest_checkpoint() -> Checkpoint:
    """A checkpoint over every event committed so far. Raises ValueError for an empty log."""
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
        raise ValueError("the log is empty")
    return newest


def prove(event_ids: Iterable[UUID]) -> tuple[str, dict[UUID, dict[str, Any]]]:
    """The checkpoint's note, and for each event its proof of inclusion under it."""
    checkpoint = newest_checkpoint()
    subtree = tree.stored_subtree()
    leaves = Leaf.objects.filter(event_id__in=list(event_ids)).select_related("event")
    return checkpoint.note, {
        leaf.event_id: proof_json(
            bytes(leaf.event.entry),
            leaf.seq,
            checkpoint.size,
            merkle.inclusion_proof(leaf.seq, checkpoint.size, subtree),
            checkpoint.note,
        )
        for leaf in leaves
    }
