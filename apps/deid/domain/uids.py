"""Keyed replacement of UIDs, and sub-keys for each purpose."""

from __future__ import annotations

import hashlib
import hmac
import re

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydicom.uid import UID_dictionary

_REGISTERED = re.compile(r"1\.2\.840\.10008(\.(0|[1-9][0-9]{0,4})){1,9}")


def derive_subkey(secret: bytes, purpose: str, subject: bytes = b"") -> bytes:
    """A 32-byte sub-key of `secret` for one purpose ("uid", "pseudonym", "date") and subject.

    HKDF-SHA-256 (RFC 5869). Raises ValueError when the secret is not 32 bytes long.
    """
    if len(secret) != 32:
        raise ValueError("secret: bytes of the wrong length; give 32 bytes")
    info = b"clinical-annot/deid/" + purpose.encode("ascii") + b"\x00" + subject
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(secret)


def is_registered(uid: str) -> bool:
    """Whether the standard registers this UID (below 1.2.840.10008.): it names no instance.

    What only begins like one, with components longer than five digits, is not taken for one.
    """
    return uid in UID_dictionary or _REGISTERED.fullmatch(uid) is not None


def map_uid(key: bytes, old_uid: str) -> str:
    """The replacement of one UID: the same for the same key and UID, at most 44 characters.

    HMAC-SHA-256(key, "uid" ‖ old UID), its first 128 bits made a version 8 UUID (RFC 9562) and
    written below 2.25. (PS3.5 Annex B.2). Registered and empty UIDs pass as they are.
    """
    text = old_uid.strip().strip("\x00")
    return text if not text or is_registered(text) else replaced_uid(key, text)


def is_listed(uid: str) -> bool:
    """Whether this very UID is one of the standard's (PS3.6): it says nothing of anybody."""
    return uid in UID_dictionary


def replaced_uid(key: bytes, text: str) -> str:
    """`map_uid` of any UID, also one below the standard's root (somebody's own all the same)."""
    digest = hmac.new(key, b"uid" + text.encode("utf-8"), hashlib.sha256).digest()
    value = int.from_bytes(digest[:16], "big")
    value = (value & ~(0xF << 76)) | (0x8 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return f"2.25.{value}"
