"""Verbs on a consensus before it is signed: what it is made of may go back, or never come again."""

from __future__ import annotations

from apps.access import roles
from apps.access.actor import Actor
from apps.access.verb import event, verb
from apps.annotation.models import LabelSet

State = LabelSet.State


def _set(actor: Actor, label_set: LabelSet, state: str) -> LabelSet:
    label_set.state = state
    label_set.save(update_fields=["state"])
    event(actor, label_set, public={"revision": label_set.revision})
    return label_set


@verb("label_set.end", roles={roles.SERVICE}, states=(State.OPEN, State.LOCKED))
def end_consensus(actor: Actor, label_set: LabelSet) -> LabelSet:
    """Close a consensus that is never signed: the labels it was made of were given up."""
    return _set(actor, label_set, State.SUPERSEDED)
