"""Reads of label sets: one's own, by the people who may work on them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet

from apps.access import roles
from apps.access.errors import NotFound
from apps.access.models import User
from apps.annotation import store
from apps.annotation.models import LabelSet, LabelSetClip
from apps.projects.queries import project_ids


def own_label_sets(user: User) -> QuerySet[LabelSet]:
    """Label sets that ``user`` authors, in projects where they may still work."""
    return LabelSet.objects.filter(
        author=user, project_id__in=project_ids(user, roles.ANNOTATOR, roles.ADJUDICATOR)
    )


def label_set_for(user: User, label_set_id: uuid.UUID) -> LabelSet:
    """The person's own label set. Raises NotFound: others' work does not exist for them."""
    found = own_label_sets(user).filter(pk=label_set_id).select_related("ontology").first()
    if found is None:
        raise NotFound
    return found


def proposing_sets(label_set: LabelSet) -> QuerySet[LabelSet]:
    """Imported label sets that propose labels to this one: of its clips and ontology version.

    One by another person who labels the same clips by hand is left out: their work is not seen.
    """
    clips = LabelSetClip.objects.filter(label_set=label_set).values("clip_id")
    by_hand = LabelSet.objects.filter(
        places__clip__in=clips, origin=LabelSet.Origin.MANUAL
    ).exclude(author=label_set.author_id)
    return (
        LabelSet.objects.filter(
            project=label_set.project_id,
            ontology=label_set.ontology_id,
            origin=LabelSet.Origin.IMPORTED,
            state=LabelSet.State.LOCKED,
            places__clip__in=clips,
        )
        .exclude(pk=label_set.pk)
        .exclude(author__in=by_hand.values("author"))
        .order_by("created_at")
        .distinct()
    )


def proposals_json(label_set: LabelSet) -> dict[str, Any]:
    """What imported label sets propose to a label set: id, time and labels of each."""
    if label_set.origin != LabelSet.Origin.MANUAL:
        return {"sources": []}
    return {
        "sources": [
            {
                "id": str(source.pk),
                "imported_at": source.created_at.isoformat(),
                "labels": store.load(source),
            }
            for source in proposing_sets(label_set)
        ]
    }


def uuid_or_none(value: Any) -> uuid.UUID | None:
    """The UUID that a text is, or None."""
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def as_json(
    label_set: LabelSet, user: User, labels: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What the workspace loads; ``labels`` when only a part of them is sent."""
    return {
        "id": str(label_set.pk),
        "state": label_set.state,
        "revision": label_set.revision,
        "author_is_me": label_set.author_id == user.pk,
        "origin": label_set.origin,
        "ontology": label_set.ontology.definition,
        "labels": store.load(label_set) if labels is None else labels,
        "clips": [str(place.clip_id) for place in label_set.places.order_by("position")],
    }
