"""Reads of label sets: one's own, by the people who may work on them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apps.access import roles
from apps.access.errors import NotFound
from apps.access.grants import granted_to_given
from apps.access.models import User
from apps.access.prepared import Given, Prepared
from apps.annotation import store
from apps.annotation.models import LabelSet, LabelSetClip
from apps.projects.models import Project
from apps.projects.queries import project_ids


def own_label_sets(user: User) -> QuerySet[LabelSet]:
    """Label sets that ``user`` authors, in projects where they may still work."""
    return LabelSet.objects.filter(
        author=user, project_id__in=project_ids(user, roles.ANNOTATOR, roles.ADJUDICATOR)
    )


def label_set_for(user: User, label_set_id: uuid.UUID, *, with_ontology: bool = True) -> LabelSet:
    """The person's own label set. Raises NotFound: others' work does not exist for them."""
    if not user.is_active:
        raise NotFound
    own = _OWN_WITH_ONTOLOGY if with_ontology else _OWN
    for label_set in own(label_set=label_set_id, user=user.pk, now=timezone.now()):
        return label_set
    raise NotFound


def _own() -> QuerySet[LabelSet]:
    where = granted_to_given(
        [roles.codename(role) for role in (roles.ANNOTATOR, roles.ADJUDICATOR)], Project
    )
    place, author = Given("label_set", LabelSet._meta.pk), Given("user", User._meta.pk)
    found = LabelSet.objects.filter(pk=place, author_id=author, project_id__in=where)
    return found.order_by()


_OWN, _OWN_WITH_ONTOLOGY = Prepared(_own), Prepared(lambda: _own().select_related("ontology"))


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


def clips_of(label_set: LabelSet) -> list[str]:
    """Ids of its clips, in order."""
    return [
        str(pk) for pk in label_set.places.order_by("position").values_list("clip_id", flat=True)
    ]


def facts(label_set: LabelSet, user: User, clips: list[str]) -> dict[str, Any]:
    """What the workspace loads beside the labels."""
    return {
        "id": str(label_set.pk),
        "state": label_set.state,
        "revision": label_set.revision,
        "author_is_me": label_set.author_id == user.pk,
        "origin": label_set.origin,
        "ontology": label_set.ontology.definition,
        "clips": clips,
    }


def as_json(label_set: LabelSet, user: User) -> dict[str, Any]:
    """What the workspace loads, with all labels."""
    clips = clips_of(label_set)
    return {**facts(label_set, user, clips), "labels": store.load(label_set)}
