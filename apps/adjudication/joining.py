"""A further reader's labels become a side of an adjudication that is not finished: it is compared,
and decided, anew between all. By itself while nothing is decided, else as the adjudicator says.
"""

from __future__ import annotations

from apps.access import roles
from apps.access.actor import Actor, service
from apps.access.errors import Conflict, Refused
from apps.access.verb import event, verb
from apps.adjudication.domain.workflow import MOST_PASSES
from apps.adjudication.models import Adjudication, Assignment, FurtherSet
from apps.adjudication.reader_models import FurtherReading
from apps.annotation.closing import lock_label_set
from apps.annotation.consensus import hold_consensus
from apps.annotation.models import LabelSet, Operation
from apps.annotation.services import derived_client
from apps.jobs.work import enqueue

State = Adjudication.State


@verb(
    "adjudication.take_in",
    roles={roles.ADJUDICATOR, roles.SERVICE},
    states=(State.OPEN,),
    relation="assigned",
    not_relation="author",
)
def take_in(actor: Actor, adjudication: Adjudication) -> Adjudication:
    """Make what a further reader handed in a side: nothing that was decided between fewer stands,
    and the consensus begins anew with what all agree on."""
    joining = waiting_for(adjudication)
    if joining is None or adjudication.consensus is None:
        raise Conflict(
            "nothing_to_take_in",
            "No further reader has handed in labels that could be decided here.",
            "Decide between the sides that there are.",
        )
    if adjudication.findings is None:
        raise Conflict("not_compared", "The label sets are still being compared.", "Wait a moment.")
    # Saves hold the consensus and not the adjudication: asked once it is held, nothing comes after.
    hold_consensus(actor, adjudication.consensus)
    if actor.is_service and not is_untouched(adjudication):
        raise Conflict(
            "begun",
            "The adjudicator has begun to decide.",
            "The adjudicator takes in what came later.",
        )
    position = len(adjudication.sides())
    label_set = lock_label_set(actor, joining)
    FurtherSet.objects.create(adjudication=adjudication, label_set=label_set, position=position)
    adjudication.findings = None
    adjudication.save(update_fields=["findings"])
    enqueue("adjudication.compare", adjudication.pk, priority=8)
    event(
        actor,
        adjudication,
        public={"sides": position + 1},
        private={"label_set": str(label_set.pk)},
    )
    return adjudication


def waiting_for(adjudication: Adjudication) -> LabelSet | None:
    """The further reader's labels that are handed in and no side yet; None where there are none, or
    the adjudication is a review, a correction of a signed one, full, or on another ontology."""
    if (
        adjudication.state != State.OPEN
        or adjudication.is_review
        or adjudication.supersedes_id is not None
    ):
        return None
    sides = adjudication.sides()
    asked = FurtherReading.objects.filter(
        clip=adjudication.clip_id, state=FurtherReading.State.ASSIGNED
    ).first()
    if asked is None or len(sides) >= MOST_PASSES:
        return None
    given = Assignment.objects.filter(
        clip=adjudication.clip_id,
        person=asked.reader_id,
        kind=Assignment.Kind.ANNOTATE,
        purpose=Assignment.Purpose.WORK,
        state=Assignment.State.GIVEN,
        label_set__state=LabelSet.State.SUBMITTED,
        label_set__ontology=sides[0].ontology_id,
    ).exclude(label_set__in=[side.pk for side in sides])
    found = given.select_related("label_set").first()
    return found.label_set if found is not None else None


def is_untouched(adjudication: Adjudication) -> bool:
    """Whether the adjudicator decided nothing and drew nothing."""
    drawn = Operation.objects.filter(label_set=adjudication.consensus_id)
    assert adjudication.consensus is not None
    by_hand = drawn.exclude(client_id=derived_client(adjudication.consensus))
    return not adjudication.decisions.exists() and not by_hand.exists()


def join_where_untouched() -> int:
    """Take in what further readers handed in, where nothing is decided yet; how many."""
    done = 0
    asked = FurtherReading.objects.filter(state=FurtherReading.State.ASSIGNED).values("clip_id")
    waiting = Adjudication.objects.filter(
        state=State.OPEN, clip__in=asked, findings__isnull=False, set_b__isnull=False
    )
    for adjudication in waiting.select_related("consensus", "set_a", "set_b"):
        if waiting_for(adjudication) is not None and is_untouched(adjudication):
            try:
                take_in(service("worker"), adjudication)
            except Refused:
                # Begun, signed or returned since it was looked at: the others are still to join.
                continue
            done += 1
    return done
