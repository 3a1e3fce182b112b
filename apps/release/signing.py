"""The server's keys as a release uses them."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.access import signing
from apps.audit import tree
from apps.vault.master import master_key


def release_key() -> Ed25519PrivateKey:
    """The key that signs manifests, derived from the master key. Its public half is what a reader
    pins."""
    return Ed25519PrivateKey.from_private_bytes(master_key("release-signature"))


def public_keys() -> dict[str, str]:
    """Base64 of the raw 32 bytes of each public key: release, checkpoint, electronic_signature."""
    keys = {
        "release": release_key().public_key().public_bytes_raw(),
        "checkpoint": tree.signing_key().public_key().public_bytes_raw(),
        "electronic_signature": signing.public_key(),
    }
    return {name: base64.b64encode(key).decode() for name, key in keys.items()}
