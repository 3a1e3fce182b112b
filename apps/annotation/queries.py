"""Reads of label sets: one's own, by the people who may work on them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet

from apps.access import roles
from apps.access.errors import NotFound
from apps.access.models import User
from apps.annotation import store
from apps.annotation.models import LabelSet
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


def as_json(label_set: LabelSet, user: User) -> dict[str, Any]:
    """What the workspace loads."""
    return {
        "id": str(label_set.pk),
        "state": label_set.state,
        "revision": label_set.revision,
        "author_is_me": label_set.author_id == user.pk,
        "origin": label_set.origin,
        "ontology": label_set.ontology.definition,
        "labels": store.load(label_set),
        "clips": [str(place.clip_id) for place in label_set.places.order_by("position")],
    }
