"""A wrapped key as it is stored: which key-encryption key wrapped it, then what that made of it.

    "CAK1" || length of the key id (1 byte) || key id (ASCII) || ciphertext

What does not begin so was wrapped before envelopes were: 60 bytes by a sub-key of the root.
"""

from __future__ import annotations

_MAGIC = b"CAK1"


class NotAnEnvelopeError(ValueError):
    """The bytes begin like an envelope and are none."""


def pack(key_id: str, wrapped: bytes) -> bytes:
    """One value to store. A key id has 1 to 255 ASCII characters."""
    name = key_id.encode("ascii")
    if not 1 <= len(name) <= 255:
        raise ValueError("a key id has 1 to 255 characters")
    return _MAGIC + bytes([len(name)]) + name + wrapped


def unpack(stored: bytes) -> tuple[str, bytes] | None:
    """Key id and ciphertext; None for what is no envelope. Raises NotAnEnvelopeError when cut."""
    if not stored.startswith(_MAGIC):
        return None
    start = len(_MAGIC) + 1
    end = start + stored[start - 1] if len(stored) >= start else 0
    if end <= start or len(stored) <= end:
        raise NotAnEnvelopeError("a wrapped key is cut short")
    return stored[start:end].decode("ascii"), stored[end:]
