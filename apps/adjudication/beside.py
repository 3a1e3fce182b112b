"""Whose labels an adjudicator and a lead may read on a clip (``annotation/beside.py``)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.access import roles
from apps.access.models import User
from apps.adjudication import blinding
from apps.adjudication.models import Adjudication
from apps.adjudication.queries import adjudications_for, to_countersign_for
from apps.annotation.beside import Named
from apps.annotation.models import LabelSet
from apps.library.models import Clip
from apps.projects.queries import project_ids


def adjudicated_sets(user: User, clip: Clip) -> list[Named]:
    """Every side and the consensus of what was given to this person to decide or to countersign,
    the newest version first; the sides by their letters, not by who drew them."""
    found: list[Named] = []
    for given in (adjudications_for(user), to_countersign_for(user)):
        for one in given.filter(clip=clip).order_by("-created_at"):
            found += [(side, letter) for side, letter in zip(one.sides(), "ABCDE", strict=False)]
            if one.consensus is not None:
                found.append((one.consensus, _("Consensus")))
    return found


def led_sets(user: User, clip: Clip) -> list[Named]:
    """Every label set on a clip of a project that this person leads, by who drew it: none while
    they label the clip themselves, or as an annotator of the project may be given it, and nobody
    has begun to adjudicate it."""
    if clip.project_id not in project_ids(user, roles.PROJECT_LEAD):
        return []
    sets = LabelSet.objects.filter(places__clip=clip).select_related("author", "ontology")
    labels_it = sets.filter(author=user, origin=LabelSet.Origin.MANUAL).exists()
    is_blind = labels_it and not Adjudication.objects.filter(clip=clip).exists()
    if is_blind or blinding.is_blinded(user, clip):
        return []
    return [(one, _name(one)) for one in sets.order_by("created_at")]


def _name(label_set: LabelSet) -> str:
    match label_set.origin:
        case LabelSet.Origin.CONSENSUS:
            return _("Consensus")
        case LabelSet.Origin.IMPORTED:
            return _("Import of %(day)s") % {"day": f"{label_set.created_at:%Y-%m-%d %H:%M}"}
    return label_set.author.display_name
