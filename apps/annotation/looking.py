"""Reading labels of another person is recorded once a set, person and quarter of an hour."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.verb import event, verb
from apps.annotation.models import LabelSet
from apps.audit.models import Event

LOOK = "label_set.look"
RECORDED_FOR = timedelta(minutes=15)


@verb(LOOK, roles={roles.ANNOTATOR, roles.ADJUDICATOR, roles.PROJECT_LEAD}, lock=False)
def look(actor: Actor, label_set: LabelSet) -> None:
    """Read another's label set beside a clip, one that ``beside.set_beside`` has let through."""
    event(actor, label_set, private={"revision": label_set.revision})


def ensure_looked(actor: Actor, label_set: LabelSet) -> None:
    """Record that ``actor`` reads a label set of another, unless that is recorded already."""
    if label_set.author_id == actor.user.pk:
        return
    recorded = Event.objects.filter(
        action=LOOK,
        outcome="done",
        actor=str(actor.user.pk),
        object_id=str(label_set.pk),
        recorded_at__gt=timezone.now() - RECORDED_FOR,
    )
    if not recorded.exists():
        look(actor, label_set)
