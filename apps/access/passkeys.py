"""Signing with a passkey: the person's own device signs the digest of the statement.

The challenge of the assertion (W3C WebAuthn level 2) is the SHA-256 of the statement's released
bytes, so that what the device signed is exactly what was shown. It is kept beside the server's
signature; the server could not have made it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from allauth.mfa.webauthn.internal import auth as webauthn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AuthenticationResponse,
    AuthenticatorData,
    CollectedClientData,
    UserVerificationRequirement,
)

from apps.access.errors import Refused
from apps.access.models import User

AUTHENTICATION = "passkey with user verification"
WITHIN = timedelta(minutes=5)
_REQUIRED = UserVerificationRequirement.REQUIRED


@dataclass(frozen=True)
class Asserted:
    """An assertion that was checked: what it is over, and its parts as they are kept."""

    statement: bytes
    at: datetime
    credential_id: bytes
    public_key: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


def options_for(user: User, statement: bytes) -> dict[str, Any] | None:
    """What the browser asks the person's device with; None for a person without a passkey."""
    held = webauthn.get_credentials(user)
    if not held:
        return None
    options, _ = webauthn.get_server().authenticate_begin(
        held, user_verification=_REQUIRED, challenge=sha256(statement).digest()
    )
    return dict(options)["publicKey"]  # type: ignore[no-any-return]


def check(user: User, statement: bytes, response: Any) -> Asserted:
    """The person's assertion over ``statement``; its time must be of the last five minutes.

    Raises Refused for another's key, other bytes, no user verification, or a moment long past.
    """
    try:
        at = datetime.strptime(json.loads(statement)["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
        at = at.replace(tzinfo=UTC)
    except (ValueError, TypeError, KeyError):
        raise _refused("It is over no statement of this server.") from None
    if not timedelta(0) <= timezone.now() - at <= WITHIN:
        raise _refused("It was asked for too long ago.")
    challenge = websafe_encode(sha256(statement).digest())
    try:
        credential = webauthn.get_server().authenticate_complete(
            {"challenge": challenge, "user_verification": _REQUIRED},
            webauthn.get_credentials(user),
            response,
        )
        parts = AuthenticationResponse.from_dict(response)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _refused("It is not one of your passkeys over this statement.") from None
    return Asserted(
        statement=statement,
        at=at,
        credential_id=credential.credential_id,
        public_key=cbor.encode(dict(credential.public_key)),
        client_data=bytes(parts.response.client_data),
        authenticator_data=bytes(parts.response.authenticator_data),
        signature=bytes(parts.response.signature),
    )


def holds(asserted: Asserted) -> bool:
    """Whether the key made this assertion, of a verified person, over these very bytes."""
    try:
        client_data = CollectedClientData(asserted.client_data)
        data = AuthenticatorData(asserted.authenticator_data)
        key: Mapping[int, Any] = cbor.decode(asserted.public_key)  # type: ignore[assignment]
        CoseKey.parse(key).verify(
            asserted.authenticator_data + client_data.hash, asserted.signature
        )
    except (InvalidSignature, ValueError, TypeError, KeyError):
        return False
    return (
        client_data.type == CollectedClientData.TYPE.GET
        and client_data.challenge == sha256(asserted.statement).digest()
        and data.is_user_present()
        and data.is_user_verified()
    )


_CURVES: dict[int, type[ec.EllipticCurve]] = {
    -7: ec.SECP256R1,
    -35: ec.SECP384R1,
    -36: ec.SECP521R1,
}


def released_key(public_key: bytes) -> tuple[int, bytes] | None:
    """A passkey's COSE key (CBOR) as readers outside take it: the COSE algorithm and the DER of its
    SubjectPublicKeyInfo. None for an algorithm other than ES256, ES384, ES512, EdDSA and RS256."""
    key: Mapping[int, Any] = cbor.decode(public_key)  # type: ignore[assignment]
    algorithm = int(key[3])
    made: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
    if algorithm in _CURVES:
        x, y = (int.from_bytes(key[name], "big") for name in (-2, -3))
        made = ec.EllipticCurvePublicNumbers(x, y, _CURVES[algorithm]()).public_key()
    elif algorithm == -8:
        made = ed25519.Ed25519PublicKey.from_public_bytes(key[-2])
    elif algorithm == -257:
        n, e = (int.from_bytes(key[name], "big") for name in (-1, -2))
        made = rsa.RSAPublicNumbers(e, n).public_key()
    else:
        return None
    return algorithm, made.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _refused(why: str) -> Refused:
    return Refused(
        "wrong_passkey",
        f"The passkey does not sign this. {why}",
        "Look at the statement again and use your passkey, or sign with your password.",
        field="passkey",
        status=403,
    )
