"""A passkey in software: what a person's device would answer (W3C WebAuthn level 2, section 6)."""

from __future__ import annotations

import json
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor

RP_ID = "testserver"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def web64(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


class Device:
    """One key, kept for one person by the product's own table of passkeys."""

    def __init__(self, user: Any, name: bytes = b"key of a test's device") -> None:
        self.key, self.name, self.count = ec.generate_private_key(ec.SECP256R1()), name, 0
        Authenticator.objects.create(
            user=user,
            type=Authenticator.Type.WEBAUTHN,
            data={"name": "device", "credential": self._registration()},
        )

    def answer(self, options: dict[str, Any], flags: int = PRESENT | VERIFIED) -> dict[str, Any]:
        """The assertion over what it was asked with, as JSON."""
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = self._authenticator_data(flags)
        signature = self.key.sign(data + sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return self._credential(
            clientDataJSON=web64(client_data),
            authenticatorData=web64(data),
            signature=web64(signature),
        )

    def _registration(self) -> dict[str, Any]:
        place = self.key.public_key().public_numbers()
        cose = {
            1: 2,
            3: -7,
            -1: 1,
            -2: place.x.to_bytes(32, "big"),
            -3: place.y.to_bytes(32, "big"),
        }
        attested = bytes(16) + struct.pack(">H", len(self.name)) + self.name + cbor.encode(cose)
        data = self._authenticator_data(PRESENT | VERIFIED | ATTESTED) + attested
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential(
            clientDataJSON=web64(self._client_data("webauthn.create", web64(bytes(32)))),
            attestationObject=web64(attestation),
        )

    def _credential(self, **response: str) -> dict[str, Any]:
        return {
            "id": web64(self.name),
            "rawId": web64(self.name),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": response,
        }

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": f"https://{RP_ID}"}
        return json.dumps(said).encode()

    def _authenticator_data(self, flags: int) -> bytes:
        self.count += 1
        return sha256(RP_ID.encode()).digest() + struct.pack(">BI", flags, self.count)


def challenge_of(options: dict[str, Any]) -> bytes:
    text = options["challenge"]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
