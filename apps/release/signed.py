"""A clip's signatures: as a freeze says them, and whether they are what its project asks for."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from apps.access import passkeys, roles, signing
from apps.access.actor import Actor
from apps.access.models import Signature
from apps.access.verb import event, verb
from apps.adjudication import endorsing
from apps.adjudication.models import Adjudication, Endorsement, PasskeyAssertion
from apps.projects.models import Project
from apps.release.domain.freeze import SignatureFreeze

RULES = ("countersigned", "passkey")


@verb("release.require", roles={roles.PROJECT_LEAD})
def require(actor: Actor, project: Project, *, countersigned: bool, passkey: bool) -> Project:
    """Say whether a clip is released only when countersigned, or signed by passkeys alone."""
    rules = {"countersigned": bool(countersigned), "passkey": bool(passkey)}
    project.options = {**project.options, "release": rules}
    project.save(update_fields=["options"])
    event(actor, project, public=rules)
    return project


def rules_of(project: Project) -> dict[str, bool]:
    """What the project asks of the signatures of every clip it releases."""
    held = project.options.get("release", {})
    return {name: bool(held.get(name)) for name in RULES}


def asked_of(project: Project) -> dict[str, bool] | None:
    """The rules as the freeze says them; None where nothing is asked for."""
    rules = rules_of(project)
    return rules if any(rules.values()) else None


def why_not(project: Project, adjudication: Adjudication) -> str:
    """What forbids a signed clip to be released: a further signature that does not hold, or one
    that the project asks for and is not there; "" when nothing does."""
    first, seconds = adjudication.signature, _seconds(adjudication)
    assert first is not None
    if not all(endorsing.holds(each) for each in seconds):
        return "a countersignature does not hold"
    assertions = [_assertion(each) for each in (first, *(each.signature for each in seconds))]
    for assertion in assertions:
        if assertion and passkeys.released_key(bytes(assertion.public_key)) is None:
            return "signed with a passkey of a kind that a release cannot carry"
    rules = rules_of(project)
    if rules["countersigned"] and not seconds:
        return "not countersigned, which the project asks for"
    if rules["passkey"] and None in assertions:
        return "signed without a passkey, which the project asks for"
    return ""


def events_of(adjudication: Adjudication) -> list[UUID]:
    """The log's events of the signature and the countersignatures."""
    assert adjudication.signature is not None
    seconds = [each.signature.event for each in _seconds(adjudication)]
    return [adjudication.signature.event, *seconds]


def signature_freeze(signature: Signature) -> SignatureFreeze:
    """A signature by pseudonym, with the passkey's assertion where one was used."""
    assertion = _assertion(signature)
    return SignatureFreeze(
        signer_pseudonym=signature.signer.pseudonym,
        role="adjudicator",
        meaning=signature.meaning,
        signed_at=signature.signed_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        statement=bytes(signature.released_statement),
        digest=signature.digest,
        server_signature=bytes(signature.released_signature),
        public_key=signing.public_key(),
        passkey=_passkey(assertion) if assertion is not None else None,
    )


def countersignatures(
    adjudication: Adjudication, proofs: Mapping[UUID, dict[str, Any]]
) -> list[dict[str, Any]] | None:
    """Each countersignature with its proof of the log, oldest first; None where there is none."""
    rows = [
        {
            **signature_freeze(each.signature).as_json(),
            "audit_proof": proofs[each.signature.event],
        }
        for each in _seconds(adjudication)
    ]
    return rows or None


def _seconds(adjudication: Adjudication) -> list[Endorsement]:
    found = adjudication.endorsements.all()
    return [each for each in found if each.kind == Endorsement.Kind.COUNTERSIGN]


def _assertion(signature: Signature) -> PasskeyAssertion | None:
    """The passkey's part of a signature that holds; asked for only where its statement says so."""
    if signing.released_facts(signature)["authentication"] != passkeys.AUTHENTICATION:
        return None
    return PasskeyAssertion.objects.get(signature=signature)


def _passkey(assertion: PasskeyAssertion) -> dict[str, Any]:
    known = passkeys.released_key(bytes(assertion.public_key))
    assert known is not None  # why_not left the clip out
    algorithm, public_key = known
    parts = {
        "public_key": public_key,
        "client_data": bytes(assertion.client_data),
        "authenticator_data": bytes(assertion.authenticator_data),
        "assertion": bytes(assertion.assertion),
    }
    return {
        "algorithm": algorithm,
        **{name: b64encode(part).decode() for name, part in parts.items()},
    }
