"""Reads of label sets: one's own, by the people who may work on them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apps.access import roles
from apps.access.errors import Conflict, NotFound
from apps.access.grants import granted_to_given
from apps.access.models import User
from apps.access.prepared import Given, Prepared
from apps.annotation import log, store
from apps.annotation.models import LabelSet, LabelSetClip
from apps.library.queries import SEE_ALL_CLIPS
from apps.projects.models import Project
from apps.projects.queries import project_ids, roles_in

# Of a label set that is still to be handed in.
AT_WORK = (LabelSet.State.ASSIGNED, LabelSet.State.IN_PROGRESS, LabelSet.State.RETURNED)
# Operations of others that an open page takes one by one, and their bytes: masks are large. One
# batch of the workspace (1 MB) is told always.
MOST_TOLD, MOST_TOLD_BYTES = 2000, 2_000_000
REVISIONS_A_PAGE = 50
HANDED_IN = (LabelSet.State.SUBMITTED, LabelSet.State.LOCKED, LabelSet.State.SIGNED)


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


def shown_set_for(user: User, label_set_id: uuid.UUID, *, with_ontology: bool = True) -> LabelSet:
    """``label_set_for``, to be read. Raises Conflict for what was handed in where clips come back
    unmarked: the labels of the first time beside those of the second would be copied."""
    label_set = label_set_for(user, label_set_id, with_ontology=with_ontology)
    if (
        label_set.origin == LabelSet.Origin.MANUAL
        and label_set.state in HANDED_IN
        and label_set.project.options.get("repeats")
        and not roles_in(user, label_set.project) & {*SEE_ALL_CLIPS}
    ):
        raise Conflict(
            "handed_in",
            "You handed these labels in; this project does not show them again.",
            "Ask the project lead to return them if they need work.",
        )
    return label_set


def has_handed_in(user: User, clip_id: uuid.UUID) -> bool:
    """Whether the person has handed in labels of their own of a clip, and may work there still."""
    mine = own_label_sets(user).filter(places__clip=clip_id, state__in=HANDED_IN)
    return mine.filter(origin=LabelSet.Origin.MANUAL).exists()


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


def told_state(label_set: LabelSet) -> str:
    """What its author is told of a label set's state: what is handed in by hand is ``submitted``,
    whatever becomes of it. How far it is decided would tell what never is from the rest."""
    is_theirs = label_set.origin == LabelSet.Origin.MANUAL and label_set.state in HANDED_IN
    return LabelSet.State.SUBMITTED.value if is_theirs else label_set.state


def facts(label_set: LabelSet, user: User, clips: list[str]) -> dict[str, Any]:
    """What the workspace loads beside the labels."""
    return {
        "id": str(label_set.pk),
        "state": told_state(label_set) if label_set.author_id == user.pk else label_set.state,
        "revision": label_set.revision,
        "author_is_me": label_set.author_id == user.pk,
        "origin": label_set.origin,
        "ontology": label_set.ontology.definition,
        "clips": clips,
    }


def since(label_set: LabelSet, client_id: str, after: int) -> dict[str, Any]:
    """What its author's other tabs and devices did to a label set above a revision.

    ``{"revision", "state", "operations"}``: operations of other clients than ``client_id``, in
    order, each with its revision; None where they are too many or too large: the set is better
    read anew.
    """
    return {
        "revision": label_set.revision,
        "state": told_state(label_set),
        "operations": log.others(
            label_set, client_id, after, most=MOST_TOLD, most_bytes=MOST_TOLD_BYTES
        ),
    }


def revisions(label_set: LabelSet, before: int | None) -> dict[str, Any]:
    """Revisions of a label set below one (all when None), newest first, a page at a time:
    ``{"revisions", "before"}``; ``before`` is where the next page begins, None at the end."""
    top = label_set.revision + 1 if before is None else min(before, label_set.revision + 1)
    lowest = top - REVISIONS_A_PAGE
    return {
        "revisions": log.told(label_set, top, REVISIONS_A_PAGE),
        "before": lowest if lowest > 1 else None,
    }


def as_json(label_set: LabelSet, user: User) -> dict[str, Any]:
    """What the workspace loads, with all labels."""
    clips = clips_of(label_set)
    return {**facts(label_set, user, clips), "labels": store.load(label_set)}
