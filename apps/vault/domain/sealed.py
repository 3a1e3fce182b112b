"""Small secrets in a row: sealing, wrapping of keys, keyed look-up digests, derived keys."""

from __future__ import annotations

import hmac
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class SealBrokenError(Exception):
    """A sealed value does not open with this key and purpose."""


def derive_key(master: bytes, purpose: str) -> bytes:
    """A 32-byte sub-key of ``master`` for one purpose (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(master)


def seal(key: bytes, value: bytes, purpose: str) -> bytes:
    """AES-256-GCM of ``value`` bound to ``purpose``; 28 bytes longer than the value."""
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, value, purpose.encode())


def unseal(key: bytes, sealed: bytes, purpose: str) -> bytes:
    """The value again. Raises SealBrokenError for another key, purpose or altered bytes."""
    try:
        return AESGCM(key).decrypt(bytes(sealed[:12]), bytes(sealed[12:]), purpose.encode())
    except (InvalidTag, ValueError):
        raise SealBrokenError(f"the sealed value of {purpose!r} does not open") from None


def keyed_digest(key: bytes, *parts: str) -> bytes:
    """HMAC-SHA256 over unambiguous parts: finds a row by an identifier without storing it."""
    message = b"".join(len(raw := p.encode()).to_bytes(4, "big") + raw for p in parts)
    return hmac.new(key, message, sha256).digest()
