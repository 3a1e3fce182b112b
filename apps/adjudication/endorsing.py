"""Verbs after the signature: another clinician countersigns, the signer withdraws."""

from __future__ import annotations

from typing import Any

from apps.access import roles, signing
from apps.access.actor import Actor
from apps.access.errors import Conflict, Forbidden, NotFound
from apps.access.models import User
from apps.access.notes import note_text
from apps.access.verb import event, verb
from apps.adjudication import binding, blinding, signatures
from apps.adjudication.models import Adjudication, Endorsement
from apps.adjudication.signatures import Passkey

Kind = Endorsement.Kind
State = Adjudication.State
MEANINGS = {
    Kind.COUNTERSIGN: "I have reviewed this signed consensus independently of its signer and "
    "confirm it.",
    Kind.WITHDRAW: "I withdraw my approval of this consensus: it is no longer the reference.",
}


def bound(adjudication: Adjudication, kind: str) -> dict[str, Any]:
    """What a further signature binds: the first one's digest and facts, and which signature."""
    first = adjudication.signature
    if first is None:
        raise Conflict("not_signed", "This is not signed.", "Sign it first.")
    facts = dict(signing.released_facts(first)["facts"])
    return {
        "meaning": MEANINGS[Kind(kind)],
        "digest": first.digest,
        "facts": {**facts, "of_signature": str(first.pk), "kind": kind},
    }


@verb(
    "adjudication.countersign",
    roles={roles.ADJUDICATOR},
    states=(State.SIGNED,),
    not_relation="party",
)
def countersign(
    actor: Actor, adjudication: Adjudication, *, password: str = "", passkey: Passkey | None = None
) -> Adjudication:
    """Confirm a consensus that another clinician signed, where the project asks for a second."""
    if not needs_second(adjudication):
        raise NotFound
    if blinding.LABELS in blinding.parts_in(actor.user, adjudication.clip):
        raise Forbidden(
            "Your own labels are on this clip: another person must do this.",
            "Ask another clinician.",
        )
    if endorsements(adjudication, Kind.COUNTERSIGN).filter(signature__signer=actor.user).exists():
        raise Conflict("signed_already", "You have countersigned this.", "Nothing is left to do.")
    if not binding.signature_holds(adjudication):
        raise Conflict(
            "signature_broken",
            "The first signature does not hold for this content.",
            "Tell the compliance officer.",
        )
    _endorse(actor, adjudication, Kind.COUNTERSIGN, "", password, passkey)
    return adjudication


@verb(
    "adjudication.withdraw",
    roles={roles.ADJUDICATOR},
    states=(State.SIGNED,),
    relation="assigned",
    not_relation="author",
)
def withdraw(
    actor: Actor,
    adjudication: Adjudication,
    *,
    reason: str,
    password: str = "",
    passkey: Passkey | None = None,
) -> Adjudication:
    """Withdraw one's approval of a signed consensus, with a reason; it stays readable."""
    _endorse(actor, adjudication, Kind.WITHDRAW, note_text(reason), password, passkey)
    adjudication.state = State.WITHDRAWN
    adjudication.save(update_fields=["state"])
    return adjudication


def _endorse(
    actor: Actor,
    adjudication: Adjudication,
    kind: str,
    reason: str,
    password: str,
    passkey: Passkey | None,
) -> None:
    signature = signatures.give(
        actor, adjudication, password=password, passkey=passkey, **bound(adjudication, kind)
    )
    Endorsement.objects.create(
        adjudication=adjudication, kind=kind, signature=signature, reason=reason
    )
    event(actor, adjudication, public={"digest": signature.digest}, private={"reason": reason})


def needs_second(adjudication: Adjudication) -> bool:
    """Whether the project asks for a second clinician's signature."""
    return bool(adjudication.project.options.get("countersign", False))


def endorsements(adjudication: Adjudication, kind: str) -> Any:
    """The further signatures of a kind, oldest first."""
    found = Endorsement.objects.filter(adjudication=adjudication, kind=kind)
    return found.select_related("signature__signer")


def holds(endorsement: Endorsement) -> bool:
    """Whether it is a valid signature of this consensus, for its own meaning, of its own kind."""
    said = signing.released_facts(endorsement.signature)
    wanted = bound(endorsement.adjudication, endorsement.kind)
    return signatures.is_valid(endorsement.signature) and all(
        said[name] == wanted[name] for name in wanted
    )


def to_be_signed(user: User, adjudication: Adjudication, kind: str) -> bytes:
    """The statement that a passkey signs: to sign, to countersign or to withdraw."""
    if kind == "sign":
        assert adjudication.consensus is not None
        said = binding.said_of(adjudication, adjudication.consensus)
    else:
        said = bound(adjudication, kind)
    return signing.to_be_asserted(user, adjudication, **said)
