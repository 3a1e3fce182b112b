"""Who has which part in a clip, so that nobody labels what they have seen decided, nor decides what
they labelled; and on which clips a person, at work on them or soon, learns nothing of the others.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from apps.access import roles
from apps.access.domain.policy import Apart
from apps.access.models import User
from apps.adjudication.models import Adjudication, Assignment, Endorsement
from apps.annotation.models import LabelSet, LabelSetClip
from apps.library.models import Clip
from apps.projects.models import Project
from apps.projects.queries import project_ids

LABELS, DECIDES = "labels", "decides"
_AT_WORK = (LabelSet.State.ASSIGNED, LabelSet.State.IN_PROGRESS, LabelSet.State.RETURNED)


def parts_in(person: User, clip: Clip) -> set[str]:
    """``labels`` where the person's own labels are on the clip (also brought in from elsewhere),
    ``decides`` where it was given to them to adjudicate, or they signed what was decided; both are
    kept whatever role they hold now.

    Runs in the verb's transaction and holds the clip: of two at once, the second sees the first.
    """
    Clip._base_manager.select_for_update(of=("self",)).filter(pk=clip.pk).first()
    found = set()
    if person.pk in labellers(clip):
        found.add(LABELS)
    if (
        _given().filter(clip=clip, person=person).exists()
        or _signed().filter(adjudication__clip=clip, signature__signer=person).exists()
    ):
        found.add(DECIDES)
    return found


def labellers(clip: Clip) -> set[Any]:
    """Ids of who has labels of their own on the clip, handed in or not."""
    sets = LabelSet.objects.filter(places__clip=clip).exclude(origin=LabelSet.Origin.CONSENSUS)
    return set(sets.values_list("author_id", flat=True))


def labelled_clip_ids(user: User) -> QuerySet[LabelSetClip, Any]:
    """Clips with labels of ``user``'s own, as of ``labellers``."""
    places = LabelSetClip.objects.filter(label_set__author=user).order_by()
    own = places.exclude(label_set__origin=LabelSet.Origin.CONSENSUS)
    return own.values_list("clip_id", flat=True)


def deciders(project: Project) -> set[tuple[Any, Any]]:
    """(clip's id, person's id) of every clip of a project that was given to somebody to adjudicate,
    or whose consensus somebody signed after the first."""
    signed = _signed().filter(adjudication__project=project)
    return {
        *_given().filter(project=project).values_list("clip_id", "person_id"),
        *signed.values_list("adjudication__clip_id", "signature__signer_id"),
    }


def _given() -> QuerySet[Assignment]:
    return Assignment.objects.filter(kind=Assignment.Kind.ADJUDICATE).order_by()


def _signed() -> QuerySet[Endorsement]:
    return Endorsement.objects.order_by()


def blinded_clips(user: User) -> QuerySet[Clip]:
    """Clips whose others' work is not for ``user``, whatever else they are in the project: those
    that they label and have not handed in (a further reader comes late), and of those that nobody
    has begun to adjudicate the ones that they label, or may be given to label any day."""
    mine = Assignment.objects.filter(person=user, kind=Assignment.Kind.ANNOTATE).order_by()
    over = (Adjudication.State.SUPERSEDED, Adjudication.State.ENDED)
    decided = Adjudication.objects.exclude(state__in=over).order_by()
    at_work = Q(pk__in=mine.filter(label_set__state__in=_AT_WORK).values("clip_id"))
    theirs = Q(pk__in=mine.values("clip_id")) | Q(project_id__in=project_ids(user, roles.ANNOTATOR))
    undecided = ~Q(pk__in=decided.values("clip_id"))
    return Clip._base_manager.filter(at_work | (theirs & undecided)).order_by()


def blinded_clip_ids(user: User) -> set[Any]:
    """Ids of ``blinded_clips``."""
    return set(blinded_clips(user).values_list("pk", flat=True))


def is_blinded(user: User, clip: Clip) -> bool:
    """Whether the clip is one of ``blinded_clips``."""
    return blinded_clips(user).filter(pk=clip.pk).exists()


def of_others(user: User) -> Q:
    """Of rows with a ``clip`` and a ``person``: others' on clips that ``user`` is blinded on."""
    return Q(clip__in=blinded_clips(user).values("pk")) & ~Q(person=user)


# The rules of the table for whom the verbs of this room name.
ASSIGNED = Apart("person", {"annotate": DECIDES, "adjudicate": LABELS}, parts_in, by="kind")
CHOSEN = Apart("adjudicator", {"": LABELS}, parts_in)
