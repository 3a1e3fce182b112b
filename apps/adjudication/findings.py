"""What the comparison of two locked label sets says: computed once, kept for a while a process."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.adjudication.domain import agreement as agreements
from apps.adjudication.domain import consensus, disagreements, figures
from apps.adjudication.models import Adjudication
from apps.annotation import store

_KEEP = 4


@dataclass(frozen=True)
class Compared:
    """Both sides' labels, their agreement, and every difference beyond tolerance."""

    labels_a: dict[str, Any]
    labels_b: dict[str, Any]
    agreement: agreements.Agreement
    disagreements: list[dict[str, Any]]
    size: agreements.ClipSize


_cache: OrderedDict[tuple[UUID, int, int], Compared] = OrderedDict()


def compare(adjudication: Adjudication) -> Compared:
    """Compare set A with set B over the clip. Both are locked, so it never changes."""
    key = (adjudication.pk, adjudication.set_a.revision, adjudication.set_b.revision)
    if key in _cache:
        _cache.move_to_end(key)
        return _cache[key]
    clip, definition = adjudication.clip, adjudication.set_a.ontology.definition
    labels_a, labels_b = store.load(adjudication.set_a), store.load(adjudication.set_b)
    size = (clip.n_frames, clip.width_px, clip.height_px)
    agreement = agreements.compare(labels_a, labels_b, definition, str(clip.pk), size)
    found = [
        {**item, "consensus": consensus.consensus_id_of(agreement, item)}
        for item in disagreements.find(agreement, labels_a, labels_b, definition)
    ]
    compared = Compared(labels_a, labels_b, agreement, found, size)
    _cache[key] = compared
    if len(_cache) > _KEEP:
        _cache.popitem(last=False)
    return compared


def as_findings(compared: Compared, definition: dict[str, Any]) -> dict[str, Any]:
    """What the screen shows of a comparison, as JSON."""
    sides = compared.labels_a, compared.labels_b
    return {
        "lanes": agreements.lanes(compared.agreement),
        "summary": [
            *figures.by_class(*sides, definition, compared.agreement, compared.size),
            *agreements.summary(compared.agreement, *sides, definition),
        ],
        "disagreements": compared.disagreements,
    }
