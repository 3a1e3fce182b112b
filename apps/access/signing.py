"""Electronic signatures: two components at signing, bound to a digest of what was signed."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.utils import timezone

from apps.access import passkeys
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.models import Signature, User
from apps.access.passkeys import Asserted
from apps.access.verb import event
from apps.audit.domain.entry import canonical
from apps.vault.master import master_key

BY_NAME_AND_WORD = "user name and password"


def signing_key() -> Ed25519PrivateKey:
    """The server's key for electronic signatures, derived from the master key."""
    return Ed25519PrivateKey.from_private_bytes(master_key("electronic-signature"))


def public_key() -> bytes:
    """32 raw bytes."""
    return signing_key().public_key().public_bytes_raw()


def said_by(
    user: User,
    target: Any,
    *,
    at: datetime,
    meaning: str,
    digest: str,
    facts: dict[str, Any],
    authentication: str = BY_NAME_AND_WORD,
) -> dict[str, Any]:
    """What a signature of ``digest`` (hex SHA-256) says, without the signer's name.

    ``facts`` says what else it binds (ontology, interpolator, master …); no identifier of a
    patient.
    """
    return {
        "v": 1,
        "pseudonym": user.pseudonym,
        "time": _time(at),
        "meaning": meaning,
        "authentication": authentication,
        "object_type": target._meta.model_name,
        "object_id": str(target.pk),
        "digest": digest,
        "facts": facts,
    }


def to_be_asserted(user: User, target: Any, **said: Any) -> bytes:
    """The statement as a passkey signs it: canonical, of this moment."""
    now = timezone.now()
    return canonical(said_by(user, target, at=now, authentication=passkeys.AUTHENTICATION, **said))


def sign(
    actor: Actor,
    target: Any,
    *,
    password: str,
    meaning: str,
    digest: str,
    facts: dict[str, Any],
    asserted: Asserted | None = None,
) -> Signature:
    """Sign ``digest`` for ``meaning`` (``said_by``); runs inside the verb that needs it.

    ``asserted``: the person's passkey over the statement, checked (``passkeys.check``), in place of
    the password. Raises Refused for a wrong password (21 CFR 11.200: identifier and password), and
    for an assertion over another statement than this.
    """
    bound: dict[str, Any] = {"meaning": meaning, "digest": digest, "facts": facts}
    if asserted is not None:
        now = asserted.at
        said = said_by(actor.user, target, at=now, authentication=passkeys.AUTHENTICATION, **bound)
        if canonical(said) != asserted.statement:
            raise Refused(
                "stale_statement",
                "What you would sign is no longer what you saw.",
                "Look at it again, then sign.",
                field="passkey",
                status=409,
            )
    elif not actor.user.check_password(password):
        raise Refused(
            "wrong_password",
            "The password is not yours.",
            "Type the password you sign in with.",
            field="password",
            status=403,
        )
    else:
        now = timezone.now()
        said = said_by(actor.user, target, at=now, **bound)
    statement = canonical({**said, "name": actor.user.display_name})
    released = canonical(said)
    # What is public names the signer by pseudonym only: a release carries it as its proof.
    written = event(
        actor,
        target,
        action=f"{target._meta.model_name}.signature",
        public={"digest": digest, "signer": actor.user.pseudonym, "meaning": meaning},
    )
    return Signature.objects.create(
        signer=actor.user,
        object_type=target._meta.model_name,
        object_id=str(target.pk),
        meaning=meaning,
        digest=digest,
        statement=statement,
        server_signature=signing_key().sign(statement),
        released_statement=released,
        released_signature=signing_key().sign(released),
        signed_at=now,
        event=written.id,
    )


def is_valid(signature: Signature) -> bool:
    """Whether the server's key signed both statements and they say what the row says: the digest,
    what was signed, by whom, when and with which meaning."""
    key = Ed25519PublicKey.from_public_bytes(public_key())
    try:
        key.verify(bytes(signature.server_signature), bytes(signature.statement))
        key.verify(bytes(signature.released_signature), bytes(signature.released_statement))
    except InvalidSignature:
        return False
    row = {
        "pseudonym": signature.signer.pseudonym,
        "time": _time(signature.signed_at),
        "meaning": signature.meaning,
        "object_type": signature.object_type,
        "object_id": signature.object_id,
        "digest": signature.digest,
    }
    said, released = json.loads(bytes(signature.statement)), released_facts(signature)
    return all(said[name] == released[name] == value for name, value in row.items())


def released_facts(signature: Signature) -> dict[str, Any]:
    """What the signed statement says, without the signer's name (JSON as ``sign`` made it)."""
    return dict(json.loads(bytes(signature.released_statement)))


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
