"""Verbs on a consensus before it is signed: what it is made of may go back, or never come again."""

from __future__ import annotations

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import NotFound
from apps.access.verb import event, verb
from apps.annotation.models import LabelSet

State = LabelSet.State


def _set(actor: Actor, label_set: LabelSet, state: str) -> LabelSet:
    label_set.state = state
    label_set.save(update_fields=["state"])
    event(actor, label_set, public={"revision": label_set.revision})
    return label_set


@verb(
    "label_set.hold",
    roles={roles.ADJUDICATOR, roles.SERVICE},
    states=(State.OPEN,),
    relation="author",
)
def hold_consensus(actor: Actor, label_set: LabelSet) -> LabelSet:
    """Let nothing be saved into a consensus while the labels it is made of are returned, or others
    join them."""
    return _set(actor, label_set, State.LOCKED)


@verb("label_set.reopen", roles={roles.SERVICE}, states=(State.LOCKED,))
def reopen_consensus(actor: Actor, label_set: LabelSet) -> LabelSet:
    """Let a consensus be saved into again: what it is made of was handed in and compared anew."""
    if label_set.origin != LabelSet.Origin.CONSENSUS:
        raise NotFound("This is no consensus.")
    return _set(actor, label_set, State.OPEN)


@verb("label_set.end", roles={roles.SERVICE}, states=(State.OPEN, State.LOCKED))
def end_consensus(actor: Actor, label_set: LabelSet) -> LabelSet:
    """Close a consensus that is never signed: the labels it was made of were given up."""
    return _set(actor, label_set, State.SUPERSEDED)
