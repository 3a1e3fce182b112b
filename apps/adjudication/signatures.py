"""How a signature on a consensus is made and checked: by password, or by the person's passkey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.access import passkeys, signing
from apps.access.actor import Actor
from apps.access.models import Signature
from apps.access.passkeys import Asserted
from apps.adjudication.models import Adjudication, PasskeyAssertion


@dataclass(frozen=True)
class Passkey:
    """What the browser sends: the statement that was shown, and its device's answer as JSON."""

    statement: str
    response: Any


def give(
    actor: Actor,
    adjudication: Adjudication,
    *,
    password: str,
    passkey: Passkey | None,
    meaning: str,
    digest: str,
    facts: dict[str, Any],
) -> Signature:
    """Sign by one of the two ways, inside the verb that needs it; keeps the passkey's assertion."""
    asserted = None
    if passkey is not None:
        statement = passkey.statement.encode()
        asserted = passkeys.check(actor.user, statement, passkey.response)
    signature = signing.sign(
        actor,
        adjudication,
        password=password,
        meaning=meaning,
        digest=digest,
        facts=facts,
        asserted=asserted,
    )
    if asserted is not None:
        PasskeyAssertion.objects.create(
            signature=signature,
            credential_id=asserted.credential_id,
            public_key=asserted.public_key,
            client_data=asserted.client_data,
            authenticator_data=asserted.authenticator_data,
            assertion=asserted.signature,
        )
    return signature


def is_valid(signature: Signature) -> bool:
    """Whether the server's signature holds and, where it says that a passkey was used, so does that
    passkey's assertion over the statement's digest."""
    if not signing.is_valid(signature):
        return False
    said = signing.released_facts(signature)
    if said["authentication"] != passkeys.AUTHENTICATION:
        return not PasskeyAssertion.objects.filter(signature=signature).exists()
    held = PasskeyAssertion.objects.filter(signature=signature).first()
    return held is not None and passkeys.holds(
        Asserted(
            statement=bytes(signature.released_statement),
            at=signature.signed_at,
            credential_id=bytes(held.credential_id),
            public_key=bytes(held.public_key),
            client_data=bytes(held.client_data),
            authenticator_data=bytes(held.authenticator_data),
            signature=bytes(held.assertion),
        )
    )
