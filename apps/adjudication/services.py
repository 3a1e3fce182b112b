"""Verbs of adjudication: open, decide, sign, amend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from apps.access import grants, roles, signing
from apps.access.actor import Actor
from apps.access.errors import Conflict, Refused
from apps.access.models import User
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.adjudication import blinding, findings, signatures
from apps.adjudication.domain import consensus, merging, watching
from apps.adjudication.models import Adjudication, Assignment, Decision
from apps.adjudication.signatures import Passkey
from apps.annotation import store
from apps.annotation.domain.expand import expanded_digest
from apps.annotation.domain.ops import empty_labels, inverse
from apps.annotation.models import LabelSet
from apps.annotation.services import (
    create_label_set,
    derive_operations,
    lock_label_set,
    sign_label_set,
    supersede_label_set,
)
from apps.library.models import Clip, WatchedSpan

MEANING = (
    "I have reviewed both annotators' labels of this clip, decided every difference, "
    "and approve this consensus as the reference."
)
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
    actor: Actor, clip: Clip, *, set_a: LabelSet, set_b: LabelSet, adjudicator: User
) -> Adjudication:
    """Lock two submitted label sets of one clip and give them to an adjudicator."""
    if set_a.ontology_id != set_b.ontology_id:
        raise Refused(
            "ontologies_differ",
            "The two label sets are on different ontology versions.",
            "Bring both to one version first.",
            field="ontology",
        )
    set_a, set_b = lock_label_set(actor, set_a), lock_label_set(actor, set_b)
    made = _create(actor, clip, set_a, set_b, adjudicator)
    event(actor, made, private={"adjudicator": str(adjudicator.pk), "clip": str(clip.pk)})
    return made


def _create(
    actor: Actor,
    clip: Clip,
    set_a: LabelSet,
    set_b: LabelSet,
    adjudicator: User,
    supersedes: Adjudication | None = None,
) -> Adjudication:
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
        assert adjudication.consensus is not None
        derive_operations(actor, adjudication.consensus, source="agreed", steps=steps)
        adjudication.findings = found
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
    """Decide one disagreement: take A, take B, merge both, or redraw it oneself (with a reason)."""
    found = _findings(adjudication)
    item = next((d for d in found["disagreements"] if d["id"] == disagreement), None)
    if item is None:
        raise Refused(
            "no_such_disagreement",
            "There is no such disagreement.",
            "Reload.",
            field="disagreement",
        )
    offered = ("a", "b", "redraw", *merging.merges_of(item["kind"]))
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
            "Both annotators are overruled without a reason.",
            "Say in a few words why both are wrong.",
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
        and item["kind"] not in ("only_a", "only_b")
    ]


def _take(
    actor: Actor, adjudication: Adjudication, item: dict[str, Any], choice: str, said: str
) -> None:
    """Carry one decision into the consensus, keep it and write its event."""
    compared = findings.compare(adjudication)
    label_set = _hold_consensus(adjudication)
    try:
        steps = consensus.decision_operations(
            store.load(label_set),
            compared.labels_a,
            compared.labels_b,
            label_set.ontology.definition,
            compared.agreement,
            item,
            choice,
        )
    except merging.NothingInBothError:
        raise Refused(
            "nothing_in_both",
            "The two masks have nothing in common.",
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
        raise Conflict(
            "not_compared", "The two label sets are still being compared.", "Wait a moment."
        )
    return dict(adjudication.findings)


def _hold_consensus(adjudication: Adjudication) -> LabelSet:
    """The consensus, locked: what is read from it now cannot be saved over until the commit."""
    assert adjudication.consensus_id is not None
    locked = LabelSet.objects.select_for_update(of=("self",)).select_related("ontology")
    return locked.get(pk=adjudication.consensus_id)


def _bound(adjudication: Adjudication, label_set: LabelSet) -> dict[str, Any]:
    """What a signature binds beside the digest of the labels."""
    return {
        "label_set": str(label_set.pk),
        "revision": label_set.revision,
        "clip": str(adjudication.clip_id),
        "media_sha256": adjudication.clip.media_sha256,
        "ontology": label_set.ontology.digest,
        "interpolator": label_set.interpolator,
    }


def signature_holds(adjudication: Adjudication) -> bool:
    """Whether the signature is one of this server, of this adjudication, and over its clip, its
    consensus and that label set's content as they stand in the database now."""
    signature, label_set = adjudication.signature, adjudication.consensus
    return (
        signature is not None
        and label_set is not None
        and signatures.is_valid(signature)
        and (signature.object_type, signature.object_id)
        == (adjudication._meta.model_name, str(adjudication.pk))
        and signing.released_facts(signature)["facts"] == _bound(adjudication, label_set)
    )


def unseen_by(adjudication: Adjudication, user: User) -> list[dict[str, Any]]:
    """Objects of the consensus on frames that this person's browser never showed."""
    assert adjudication.consensus is not None
    shown = WatchedSpan.objects.filter(clip=adjudication.clip, user=user)
    spans = shown.values_list("start_frame", "end_frame").distinct()
    return watching.unseen(store.load(adjudication.consensus), str(adjudication.clip_id), spans)


def content_digest(label_set: LabelSet) -> str:
    """Digest of the expanded geometry of every frame: exactly what is signed."""
    return expanded_digest(
        store.load(label_set), label_set.ontology.definition, store.clip_sizes(label_set)
    )


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
    if revision != label_set.revision:
        raise Conflict(
            "stale_revision",
            "The consensus has another revision than the one you saw.",
            "Look at it again, then sign.",
            field="revision",
            revision=label_set.revision,
        )
    said = said_of(adjudication, label_set)
    signature = signatures.give(actor, adjudication, password=password, passkey=passkey, **said)
    sign_label_set(actor, label_set)
    adjudication.state, adjudication.signature = State.SIGNED, signature
    adjudication.signed_at = signature.signed_at
    adjudication.save(update_fields=["state", "signature", "signed_at"])
    if adjudication.supersedes is not None:
        _supersede(actor, adjudication.supersedes)
    unseen = len(unseen_by(adjudication, actor.user))
    event(actor, adjudication, public={"digest": signature.digest, "unseen": unseen})
    return adjudication


def said_of(adjudication: Adjudication, label_set: LabelSet) -> dict[str, Any]:
    """What a signature on the consensus as it stands says: meaning, digest, facts."""
    return {
        "meaning": MEANING,
        "digest": content_digest(label_set),
        "facts": _bound(adjudication, label_set),
    }


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
        adjudication.set_a,
        adjudication.set_b,
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
