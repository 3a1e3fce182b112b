"""Verbs that end work on a label set: signed, superseded, returned, given up, set aside, locked."""

from __future__ import annotations

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.annotation.models import LabelSet

State = LabelSet.State


@verb("label_set.sign", roles={roles.ADJUDICATOR}, states=(State.OPEN,), relation="author")
def sign_label_set(actor: Actor, label_set: LabelSet) -> LabelSet:
    """Close a consensus label set: it is signed and never changes again."""
    label_set.state = State.SIGNED
    label_set.submitted_at = timezone.now()
    label_set.save(update_fields=["state", "submitted_at"])
    event(actor, label_set, public={"revision": label_set.revision})
    return label_set


@verb(
    "label_set.supersede",
    roles={roles.ADJUDICATOR, roles.SERVICE},
    states=(State.SIGNED,),
)
def supersede_label_set(actor: Actor, label_set: LabelSet) -> LabelSet:
    """Mark a signed label set as replaced by a newer signed version."""
    label_set.state = State.SUPERSEDED
    label_set.save(update_fields=["state"])
    event(actor, label_set, public={"revision": label_set.revision})
    return label_set


@verb(
    "label_set.return",
    roles={roles.ADJUDICATOR, roles.PROJECT_LEAD},
    states=(State.SUBMITTED,),
    not_relation="author",
)
def return_label_set(actor: Actor, label_set: LabelSet, *, remark: str) -> LabelSet:
    """Give a submitted label set back to its author with a remark."""
    if not remark.strip():
        raise Refused("remark_missing", "A remark is needed.", "Say what to do.", field="remark")
    label_set.state = State.RETURNED
    label_set.save(update_fields=["state"])
    event(actor, label_set, private={"remark": note_text(remark, "remark")})
    return label_set


def _close(actor: Actor, label_set: LabelSet) -> LabelSet:
    label_set.state = State.SUPERSEDED
    label_set.save(update_fields=["state"])
    event(actor, label_set, public={"revision": label_set.revision})
    return label_set


@verb(
    "label_set.give_up",
    roles={roles.ANNOTATOR},
    states=(State.ASSIGNED, State.IN_PROGRESS, State.RETURNED),
    relation="author",
)
def give_up_label_set(actor: Actor, label_set: LabelSet) -> LabelSet:
    """Close one's own label set that is not handed in: the clip was skipped."""
    return _close(actor, label_set)


@verb(
    "label_set.set_aside",
    roles={roles.PROJECT_LEAD},
    states=(State.ASSIGNED, State.IN_PROGRESS, State.RETURNED),
)
def set_aside_label_set(actor: Actor, label_set: LabelSet) -> LabelSet:
    """Close a label set that is not handed in: the clip was given to another person."""
    return _close(actor, label_set)


@verb(
    "label_set.lock",
    roles={roles.SERVICE, roles.ADJUDICATOR},
    states=(State.SUBMITTED, State.LOCKED),
)
def lock_label_set(actor: Actor, label_set: LabelSet) -> LabelSet:
    """Fix a submitted label set for adjudication."""
    label_set.state = State.LOCKED
    label_set.save(update_fields=["state"])
    event(actor, label_set, public={"revision": label_set.revision})
    return label_set
