"""What a person may look at beside a clip, in step with it: label sets and other clips.

Who may read whose labels is said once, here: one's own; what an import proposes to them; and what
rooms above add (an adjudicator's two sides, a lead's project), each on clips that the person sees.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import Case, IntegerField, Value, When
from django.utils.translation import gettext as _

from apps.access import roles
from apps.access.errors import NotFound
from apps.access.models import User
from apps.annotation.models import LabelSet
from apps.annotation.queries import own_label_sets, proposing_sets, told_state
from apps.library.models import Clip
from apps.library.queries import clip_for, clips_for
from apps.projects.queries import project_ids

MAX_CLIPS = 60
Named = tuple[LabelSet, str]

# Rooms above add label sets of a clip that a person may read besides, each with what it is called
# to them (never a name that blinding keeps from them).
SETS_BESIDE: list[Callable[[User, Clip], list[Named]]] = []


def sets_beside(user: User, clip: Clip) -> list[Named]:
    """Label sets of a clip that ``user`` may read, each once, with its name to them; their own
    first. ``clip`` is one that they may see."""
    found: dict[Any, Named] = {}
    for label_set, name in _all(user, clip):
        found.setdefault(label_set.pk, (label_set, name))
    return list(found.values())


def _all(user: User, clip: Clip) -> Iterator[Named]:
    mine = own_label_sets(user).filter(places__clip=clip).select_related("ontology")
    for label_set in mine.order_by("-created_at"):
        match label_set.origin:
            case LabelSet.Origin.CONSENSUS:
                yield label_set, _("Consensus")
            case LabelSet.Origin.IMPORTED:
                yield label_set, _imported(label_set)
            case _:
                yield label_set, _("Yours")
                for source in proposing_sets(label_set).select_related("ontology"):
                    yield source, _imported(source)
    for more in SETS_BESIDE:
        yield from more(user, clip)


def _imported(label_set: LabelSet) -> str:
    return _("Import of %(day)s") % {"day": f"{label_set.created_at:%Y-%m-%d %H:%M}"}


def set_beside(user: User, label_set_id: uuid.UUID) -> LabelSet:
    """A label set that ``user`` may read. Raises NotFound: others' do not exist for them."""
    for clip in clips_for(user).filter(labelsetclip__label_set=label_set_id).distinct():
        for label_set, _name in sets_beside(user, clip):
            if label_set.pk == label_set_id:
                return label_set
    raise NotFound


def beside_json(user: User, clip_id: uuid.UUID) -> dict[str, Any]:
    """What can be put beside a clip: label sets of it, and clips, those of its study first, then
    of its subject."""
    clip = clip_for(user, clip_id)
    others = clips_for(user).filter(state=Clip.State.READY).exclude(pk=clip.pk)
    near: Any = Value(2)
    # One that repeats another stands near to nothing, nor does anything to it.
    if clip.repeats_id is None:
        study, subject = clip.study, clip.study.project_subject_id
        near = Case(
            When(instance__series__study=study, repeats=None, then=Value(0)),
            When(instance__series__study__project_subject=subject, repeats=None, then=Value(1)),
            default=Value(2),
            output_field=IntegerField(),
        )
    listed = list(others.annotate(near=near).order_by("near", "-created_at").distinct()[:MAX_CLIPS])
    sets = {
        place.clip_id: label_set.pk
        for label_set in own_label_sets(user)
        .filter(places__clip__in=listed)
        .exclude(origin=LabelSet.Origin.CONSENSUS)
        .order_by("created_at")
        .prefetch_related("places")
        for place in label_set.places.all()
    }
    return {
        "label_sets": [
            {
                "id": str(label_set.pk),
                "name": name,
                "is_mine": label_set.author_id == user.pk,
                "origin": label_set.origin,
                "state": told_state(label_set)
                if label_set.author_id == user.pk
                else label_set.state,
                "revision": label_set.revision,
            }
            for label_set, name in sets_beside(user, clip)
        ],
        "clips": [
            {
                "id": str(other.pk),
                "name": other.name,
                "pseudonym": other.pseudonym,
                "near": ("study", "subject", "project")[other.near],
                "label_set": str(sets[other.pk]) if other.pk in sets else None,
            }
            for other in listed
        ],
    }


def leads(user: User, clip: Clip) -> bool:
    """Whether the person leads the clip's project, and so may look at it without labelling."""
    return clip.project_id in project_ids(user, roles.PROJECT_LEAD)
