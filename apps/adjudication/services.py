"""Verbs of adjudication: open, decide, sign, amend; those of a review are in ``reviewing.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from apps.access import grants, roles
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.models import User
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.adjudication import binding, blinding, findings, reviewing, signatures
from apps.adjudication.domain import consensus, merging
from apps.adjudication.models import Adjudication, Assignment, Decision, FurtherSet
from apps.adjudication.signatures import Passkey
from apps.annotation import store
from apps.annotation.closing import (
    lock_label_set,
    sign_label_set,
    supersede_label_set,
)
from apps.annotation.consensus import reopen_consensus
from apps.annotation.domain.ops import empty_labels, inverse
from apps.annotation.models import LabelSet
from apps.annotation.services import create_label_set, derive_operations
from apps.library.models import Clip

State = Adjudication.State
P = ParamSpec("P")
R = TypeVar("R")


def _mine(action: str, *states: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A verb of the adjudicator to whom it was given, never of an author."""
    return verb(
        action,
        roles={roles.ADJUDICATOR},
        states=states,
        relation="assigned",
        not_relation="author",
    )


@verb(
    "adjudication.open",
    roles={roles.SERVICE, roles.PROJECT_LEAD},
    apart=blinding.CHOSEN,
    lock=False,
)
def open_adjudication(
    actor: Actor,
    clip: Clip,
    *,
    set_a: LabelSet,
    set_b: LabelSet | None,
    adjudicator: User,
    further: Sequence[LabelSet] = (),
) -> Adjudication:
    """Lock the submitted label sets of one clip and give them to an adjudicator; one alone goes to
    a reviewer, who can still return it."""
    gone = (State.SUPERSEDED, State.ENDED)
    if Adjudication.objects.filter(clip=clip).exclude(state__in=gone).exists():
        raise Conflict(
            "decided_already",
            "The clip has a consensus, or is being decided.",
            "Begin a new version of that one.",
        )
    sets = [set_a, *([set_b] if set_b else []), *(further if set_b else ())]
    if len({label_set.ontology_id for label_set in sets}) > 1:
        raise Refused(
            "ontologies_differ",
            "The label sets are on different ontology versions.",
            "Bring them to one version first.",
            field="ontology",
        )
    if len(sets) > 1:
        sets = [lock_label_set(actor, label_set) for label_set in sets]
    else:
        sets = [reviewing.hold_handed_in(set_a)]
    made = _create(actor, clip, sets, adjudicator)
    said = {"adjudicator": str(adjudicator.pk), "clip": str(clip.pk)}
    event(actor, made, public={"passes": len(sets)}, private=said)
    return made


def _create(
    actor: Actor,
    clip: Clip,
    sets: Sequence[LabelSet],
    adjudicator: User,
    supersedes: Adjudication | None = None,
) -> Adjudication:
    set_a, set_b = sets[0], sets[1] if len(sets) > 1 else None
    label_set = create_label_set(
        actor,
        clip,
        author=adjudicator,
        ontology=set_a.ontology,
        origin=LabelSet.Origin.CONSENSUS,
        state=LabelSet.State.OPEN,
        supersedes=supersedes.consensus if supersedes else None,
    )
    made = Adjudication.objects.create(
        project=clip.project,
        clip=clip,
        set_a=set_a,
        set_b=set_b,
        adjudicator=adjudicator,
        consensus=label_set,
        supersedes=supersedes,
    )
    for position, label_set in enumerate(sets[2:], 2):
        FurtherSet.objects.create(adjudication=made, label_set=label_set, position=position)
    assignment, _ = Assignment.objects.get_or_create(
        project=clip.project,
        clip=clip,
        person=adjudicator,
        kind=Assignment.Kind.ADJUDICATE,
    )
    grants.grant(adjudicator, "work_on", assignment)
    return made


@verb("adjudication.prepare", roles={roles.SERVICE}, states=(State.OPEN,))
def prepare(
    actor: Actor, adjudication: Adjudication, *, found: dict[str, Any], steps: list[dict[str, Any]]
) -> Adjudication:
    """Keep what the comparison found and put what is agreed into the consensus."""
    if adjudication.findings is None:
        label_set = adjudication.consensus
        assert label_set is not None
        is_anew = label_set.state == LabelSet.State.LOCKED
        if is_anew:
            label_set = reopen_consensus(actor, label_set)
        label_set = derive_operations(actor, label_set, source="agreed", steps=steps)
        begun = {"begun": reviewing.begun_anew(adjudication, label_set)} if is_anew else {}
        adjudication.findings = {**found, **begun}
        adjudication.save(update_fields=["findings"])
    event(actor, adjudication, public={"disagreements": len(found["disagreements"])})
    return adjudication


def decisions_of(adjudication: Adjudication) -> dict[str, str]:
    """The standing decision on each disagreement."""
    return {row.disagreement: row.choice for row in adjudication.decisions.order_by("at", "pk")}


@_mine("adjudication.decide", State.OPEN)
def decide(
    actor: Actor, adjudication: Adjudication, *, disagreement: str, choice: str, reason: str = ""
) -> Adjudication:
    """Decide one disagreement: take a side, merge them, or redraw it oneself (with a reason)."""
    found = _findings(adjudication)
    item = next((d for d in found["disagreements"] if d["id"] == disagreement), None)
    if item is None:
        raise Refused(
            "no_such_disagreement",
            "There is no such disagreement.",
            "Reload.",
            field="disagreement",
        )
    merges = findings.merges_of(adjudication, item["kind"])
    offered = (*findings.letters_of(adjudication), "redraw", *merges)
    if choice not in offered:
        raise Refused(
            "invalid_choice",
            f"The decision is none of {', '.join(offered)}.",
            "Choose one of them.",
            field="decision",
        )
    if choice == "redraw" and not reason.strip():
        raise Refused(
            "reason_missing",
            "The annotators are overruled without a reason.",
            "Say in a few words why all are wrong.",
            field="reason",
        )
    said = note_text(reason) if reason.strip() else ""
    _take(actor, adjudication, item, choice, said)
    return adjudication


@_mine("adjudication.accept_small", State.OPEN)
def accept_small(actor: Actor, adjudication: Adjudication) -> Adjudication:
    """Take A for every undecided difference smaller than the project's threshold, each decided."""
    small = acceptable(adjudication)
    if not small:
        raise Conflict(
            "nothing_small",
            "No undecided difference is below the project's threshold.",
            "Decide each by itself.",
        )
    for item in small:
        _take(actor, adjudication, item, "a", "")
    event(actor, adjudication, public={"accepted": len(small), "below": threshold(adjudication)})
    return adjudication


def threshold(adjudication: Adjudication) -> float:
    """Differences below this size (0 to 1) may be accepted together; 0 where none is set."""
    return float(adjudication.project.options.get("accept_below", 0.0))


def acceptable(adjudication: Adjudication) -> list[dict[str, Any]]:
    """Undecided differences below the threshold. What one side alone has is never among them."""
    below, decided = threshold(adjudication), decisions_of(adjudication)
    return [
        item
        for item in (adjudication.findings or {}).get("disagreements", [])
        if item["size"] < below
        and item["id"] not in decided
        and not item["kind"].startswith("only_")
    ]


def _take(
    actor: Actor, adjudication: Adjudication, item: dict[str, Any], choice: str, said: str
) -> None:
    """Carry one decision into the consensus, keep it and write its event."""
    compared = findings.compare(adjudication)
    label_set = _hold_consensus(adjudication)
    try:
        steps = compared.decided(
            store.load(label_set),
            label_set.ontology.definition,
            item,
            choice,
            {**decisions_of(adjudication), item["id"]: choice},
        )
    except merging.NothingInBothError:
        raise Refused(
            "nothing_in_both",
            "Nothing is left of the masks: they have too little in common.",
            "Take a side, unite them, or redraw.",
            field="decision",
        ) from None
    derive_operations(actor, label_set, source=f"{item['id']}/{choice}", steps=steps)
    Decision.objects.create(
        adjudication=adjudication,
        disagreement=item["id"],
        choice=choice,
        reason=said,
        by=actor.user,
    )
    event(
        actor,
        adjudication,
        action="adjudication.decide",
        public={"choice": choice, "kind": item["kind"]},
        private={"disagreement": item["id"], "reason": said},
    )


def _findings(adjudication: Adjudication) -> dict[str, Any]:
    if adjudication.findings is None:
        raise Conflict("not_compared", "The label sets are still being compared.", "Wait a moment.")
    return dict(adjudication.findings)


def _hold_consensus(adjudication: Adjudication) -> LabelSet:
    """The consensus, locked: what is read from it now cannot be saved over until the commit."""
    assert adjudication.consensus_id is not None
    locked = LabelSet.objects.select_for_update(of=("self",)).select_related("ontology")
    return locked.get(pk=adjudication.consensus_id)


@_mine("adjudication.sign", State.OPEN)
def sign(
    actor: Actor,
    adjudication: Adjudication,
    *,
    revision: int,
    password: str = "",
    passkey: Passkey | None = None,
) -> Adjudication:
    """Sign the consensus with one's password or passkey; it is read-only from then on."""
    left = consensus.undecided(_findings(adjudication)["disagreements"], decisions_of(adjudication))
    if left:
        raise Conflict(
            "undecided",
            f"{len(left)} disagreements are not decided.",
            "Decide each of them, then sign.",
            disagreements=left,
        )
    label_set = _hold_consensus(adjudication)
    if adjudication.is_review:
        reviewing.hold_corrected(adjudication, label_set)
    if revision != label_set.revision:
        raise Conflict(
            "stale_revision",
            "The consensus has another revision than the one you saw.",
            "Look at it again, then sign.",
            field="revision",
            revision=label_set.revision,
        )
    if adjudication.is_review:
        reviewing.hold_compared(adjudication, lock_label_set(actor, adjudication.set_a))
    said = binding.said_of(adjudication, label_set)
    signature = signatures.give(actor, adjudication, password=password, passkey=passkey, **said)
    sign_label_set(actor, label_set)
    adjudication.state, adjudication.signature = State.SIGNED, signature
    adjudication.signed_at = signature.signed_at
    adjudication.save(update_fields=["state", "signature", "signed_at"])
    if adjudication.supersedes is not None:
        _supersede(actor, adjudication.supersedes)
    unseen = len(binding.unseen_by(adjudication, actor.user))
    event(actor, adjudication, public={"digest": signature.digest, "unseen": unseen})
    return adjudication


def _supersede(actor: Actor, old: Adjudication) -> None:
    assert old.consensus is not None
    supersede_label_set(actor, old.consensus)
    old.state = State.SUPERSEDED
    old.save(update_fields=["state"])


@_mine("adjudication.amend", State.SIGNED, State.WITHDRAWN)
def amend(actor: Actor, adjudication: Adjudication, *, reason: str) -> Adjudication:
    """Begin a new version of a signed consensus, with a reason; the old one stays readable."""
    said = note_text(reason)
    if Adjudication.objects.filter(supersedes=adjudication, state=State.OPEN).exists():
        raise Conflict("open_already", "A correction is open already.", "Finish that one.")
    old = adjudication.consensus
    assert old is not None and adjudication.adjudicator is not None
    made = _create(
        actor,
        adjudication.clip,
        adjudication.sides(),
        adjudication.adjudicator,
        supersedes=adjudication,
    )
    made.reason, made.findings = said, adjudication.findings
    made.save(update_fields=["reason", "findings"])
    assert made.consensus is not None
    labels = store.load(old)
    derive_operations(actor, made.consensus, source="amend", steps=_rebuild(labels))
    for row in adjudication.decisions.order_by("at", "pk"):
        Decision.objects.create(
            adjudication=made,
            disagreement=row.disagreement,
            choice=row.choice,
            reason=row.reason,
            by=row.by,
        )
    event(actor, made, private={"reason": said, "of": str(adjudication.pk)})
    return made


def _rebuild(labels: dict[str, Any]) -> list[dict[str, Any]]:
    """Operations that make these labels out of nothing."""
    alone = empty_labels(labels["clips"])
    steps: list[dict[str, Any]] = []
    for name, track in labels["tracks"].items():
        holder = {**alone, "tracks": {name: track}}
        steps += inverse(holder, {"op": "track.delete", "object": name})
    for name, span in labels["intervals"].items():
        steps.append({"op": "interval.set", "object": name, **span})
    for name, relation in labels.get("relations", {}).items():
        steps.append({"op": "relation.set", "object": name, **relation})
    return steps
