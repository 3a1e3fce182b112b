"""Verbs of a review: one annotator's labels, accepted as they are, corrected, or returned.

Accepting is signing. The set under review stays handed in until then, so that it can go back."""

from __future__ import annotations

from typing import Any

from apps.access import roles
from apps.access.actor import Actor, service
from apps.access.errors import Conflict, NotFound, Refused
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.adjudication.models import Adjudication, Assignment, Decision
from apps.annotation.closing import return_label_set
from apps.annotation.consensus import end_consensus, hold_consensus
from apps.annotation.models import LabelSet, Operation
from apps.annotation.services import derived_client
from apps.jobs.work import enqueue

State = Adjudication.State
CORRECTED = "review"
_MINE: dict[str, Any] = {
    "roles": {roles.ADJUDICATOR},
    "states": (State.OPEN,),
    "relation": "assigned",
    "not_relation": "author",
}


@verb("adjudication.correct", **_MINE)
def correct(actor: Actor, adjudication: Adjudication, *, reason: str) -> Adjudication:
    """Begin to correct the one annotator's labels under review, with a reason."""
    _hold_review(adjudication)
    said = note_text(reason)
    Decision.objects.create(
        adjudication=adjudication, disagreement=CORRECTED, choice="redraw", reason=said,
        by=actor.user,
    )  # fmt: skip
    event(actor, adjudication, private={"reason": said})
    return adjudication


@verb("adjudication.return", **_MINE)
def return_reviewed(actor: Actor, adjudication: Adjudication, *, remark: str) -> Adjudication:
    """Give what is under review back to its annotator with a remark; it comes again by itself."""
    _hold_review(adjudication)
    said = note_text(remark, "remark")
    return_label_set(actor, adjudication.set_a, remark=said)
    Assignment.objects.filter(label_set=adjudication.set_a_id).update(remark=said)
    assert adjudication.consensus is not None
    hold_consensus(actor, adjudication.consensus)
    adjudication.state = State.RETURNED
    adjudication.save(update_fields=["state"])
    event(actor, adjudication, private={"remark": said})
    return adjudication


@verb("adjudication.resume", roles={roles.SERVICE}, states=(State.RETURNED,))
def resume(actor: Actor, adjudication: Adjudication) -> Adjudication:
    """Give labels that were returned, and handed in again, back to their reviewer."""
    if adjudication.set_a.state != LabelSet.State.SUBMITTED:
        raise Conflict("not_handed_in", "It is not handed in again.", "Wait until it is.")
    adjudication.state, adjudication.findings = State.OPEN, None
    adjudication.save(update_fields=["state", "findings"])
    enqueue("adjudication.compare", adjudication.pk, priority=8)
    event(actor, adjudication, public={"revision": adjudication.set_a.revision})
    return adjudication


@verb("adjudication.end", roles={roles.SERVICE}, states=(State.RETURNED,))
def end(actor: Actor, adjudication: Adjudication) -> Adjudication:
    """End a review whose returned labels were given up: the clip is labelled and decided anew."""
    if adjudication.consensus is not None:
        end_consensus(actor, adjudication.consensus)
    adjudication.state = State.ENDED
    adjudication.save(update_fields=["state"])
    event(actor, adjudication)
    return adjudication


def end_of(label_set: LabelSet) -> None:
    """End the review that these labels were returned from, in the transaction that closes them."""
    for adjudication in Adjudication.objects.filter(set_a=label_set, state=State.RETURNED):
        end(service("worker"), adjudication)


def hold_handed_in(label_set: LabelSet) -> LabelSet:
    """One's labels to be reviewed, held until the commit; raises Conflict where they are with their
    author."""
    held = LabelSet.objects.select_for_update(of=("self",)).get(pk=label_set.pk)
    if held.state not in (LabelSet.State.SUBMITTED, LabelSet.State.LOCKED):
        raise Conflict("not_handed_in", "It is not handed in.", "Wait until it is.")
    return held


def hold_compared(adjudication: Adjudication, label_set: LabelSet) -> None:
    """Raises Conflict where the author's labels are no longer those that the review began with."""
    seen = (adjudication.findings or {}).get("of_revision", label_set.revision)
    if seen != label_set.revision:
        raise Conflict(
            "other_labels",
            "The annotator's labels are newer than those under review.",
            "Return them: what is handed in again is reviewed as it is then.",
        )


def begun_anew(adjudication: Adjudication, consensus: LabelSet) -> dict[str, int]:
    """Revision of the consensus and newest decision when the review of what was returned, and
    handed in again, begins: what lies before them is of other labels."""
    newest = adjudication.decisions.order_by("-pk").values_list("pk", flat=True).first()
    return {"revision": consensus.revision, "decision": newest or 0}


def hold_corrected(adjudication: Adjudication, consensus: LabelSet) -> None:
    """Raises Refused where the reviewer changed the labels and never said why: these labels, not
    what they were before a return."""
    begun = (adjudication.findings or {}).get("begun", {})
    drawn = Operation.objects.filter(
        label_set=consensus, revision__gt=begun.get("revision", 0)
    ).exclude(client_id=derived_client(consensus))
    said = adjudication.decisions.filter(disagreement=CORRECTED, pk__gt=begun.get("decision", 0))
    if adjudication.supersedes_id is None and drawn.exists() and not said.exists():
        raise Refused(
            "reason_missing",
            "The annotator's labels were changed without a reason.",
            "Say in a few words what was wrong (Correct), then sign.",
            field="reason",
        )


def _hold_review(adjudication: Adjudication) -> None:
    """Raises NotFound where more than one person labelled: there one decides, and returns none."""
    if not adjudication.is_review:
        raise NotFound("This is no review of one annotator's labels.")
