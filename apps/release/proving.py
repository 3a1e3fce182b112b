"""Proofs of the log against a checkpoint made now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from apps.audit import tree
from apps.audit.domain import merkle
from apps.audit.models import Leaf
from apps.audit.proving import newest_checkpoint
from apps.release.domain.proofs import proof_json


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
