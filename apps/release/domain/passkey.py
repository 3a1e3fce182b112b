"""A clinician's passkey over a signed statement, as a release carries it (W3C WebAuthn level 2).

    {"algorithm": COSE number (-7, -35, -36, -8 or -257), "public_key": DER of its
     SubjectPublicKeyInfo, "client_data": the bytes of clientDataJSON, "authenticator_data",
     "assertion": the signature over authenticator_data and SHA-256(client_data)}

all but the number in base64. The challenge in the client data is the SHA-256 of the statement.
Only the standard library and ``cryptography``: the stand-alone verifier uses this module.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

AUTHENTICATION = "passkey with user verification"
FIELDS = frozenset({"algorithm", "public_key", "client_data", "authenticator_data", "assertion"})
_CURVES: dict[int, tuple[type[ec.EllipticCurve], hashes.HashAlgorithm]] = {
    -7: (ec.SECP256R1, hashes.SHA256()),
    -35: (ec.SECP384R1, hashes.SHA384()),
    -36: (ec.SECP521R1, hashes.SHA512()),
}
_PRESENT_AND_VERIFIED = 0x05
_FLAGS_AT = 32


def fault(said: dict[str, Any], passkey: Any, statement: bytes) -> str:
    """What does not hold of the passkey beside a signed ``statement``; "" when all does.

    ``said`` is the statement's JSON: only where it says that a passkey was used is there one, so
    that none can be taken away or added.
    """
    if said.get("authentication") != AUTHENTICATION:
        return "a passkey stands where the signer used none" if passkey is not None else ""
    if passkey is None:
        return "the signer's passkey is missing"
    if not isinstance(passkey, dict) or set(passkey) != FIELDS:
        return "the signer's passkey is malformed"
    try:
        parts = {
            name: base64.b64decode(passkey[name], validate=True) for name in FIELDS - {"algorithm"}
        }
        client = json.loads(parts["client_data"])
        kind, challenge = client["type"], _unweb64(client["challenge"])
        flags = parts["authenticator_data"][_FLAGS_AT]
        signed = parts["authenticator_data"] + hashlib.sha256(parts["client_data"]).digest()
        _verify(passkey["algorithm"], parts["public_key"], parts["assertion"], signed)
    except InvalidSignature:
        return "the signer's passkey does not sign this"
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, UnsupportedAlgorithm):
        return "the signer's passkey is malformed"
    if kind != "webauthn.get" or challenge != hashlib.sha256(statement).digest():
        return "the signer's passkey signs another statement"
    if flags & _PRESENT_AND_VERIFIED != _PRESENT_AND_VERIFIED:
        return "the signer's passkey did not verify its user"
    return ""


def fingerprint(passkey: dict[str, Any]) -> str:
    """By which the signer knows their passkey: hex SHA-256 of its SubjectPublicKeyInfo."""
    return hashlib.sha256(base64.b64decode(passkey["public_key"], validate=True)).hexdigest()


def _unweb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _verify(algorithm: Any, public_key: bytes, signature: bytes, message: bytes) -> None:
    """Raises InvalidSignature; ValueError for a key of another kind than the algorithm's."""
    key = load_der_public_key(public_key)
    if algorithm in _CURVES and isinstance(key, ec.EllipticCurvePublicKey):
        curve, digest = _CURVES[algorithm]
        if not isinstance(key.curve, curve):
            raise ValueError("another curve")
        key.verify(signature, message, ec.ECDSA(digest))
    elif algorithm == -8 and isinstance(key, Ed25519PublicKey):
        key.verify(signature, message)
    elif algorithm == -257 and isinstance(key, RSAPublicKey):
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    else:
        raise ValueError("another algorithm")
