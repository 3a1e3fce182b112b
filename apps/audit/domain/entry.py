"""The final shape of a log entry: public part, salted commitment, digest of the sealed part.

The bytes that are hashed are stored and shown; nothing is serialised again to verify. An entry is
one JSON object, UTF-8, sorted keys, no spaces::

    {"action", "commitment", "id", "outcome", "public", "sealed_sha256", "tag", "time", "v": 2}

``commitment`` = hex SHA-256(salt || private bytes): who did it to which object stays out of what a
release carries, and is proven by showing salt and private bytes. ``sealed_sha256`` = hex SHA-256 of
the ciphertext of what identifies a subject (or null): destroying the subject's key erases the
detail and the proof still holds. ``tag`` is the server's mark (domain/seal.py) over the same bytes
without it. Version 1, which older logs begin with, has no tag.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from apps.audit.domain.seal import tag_of

VERSION = 2
_TAG, _AFTER = b'"tag":"%s",', b'"time":'
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, UTF-8. Raises ValueError for NaN and infinities."""
    return _ENCODER.encode(value).encode()


@dataclass(frozen=True)
class Entry:
    """What a log row holds: ``entry`` is hashed; ``private`` and ``salt`` open its commitment."""

    entry: bytes
    private: bytes
    salt: bytes
    sealed: bytes | None


def build(
    *,
    event_id: str,
    time: str,
    action: str,
    outcome: str,
    public: dict[str, Any],
    private: dict[str, Any],
    salt: bytes,
    sealed: bytes | None,
    key: bytes,
) -> Entry:
    """``time`` is UTC RFC 3339 with microseconds; ``salt`` 16 random bytes; ``key`` makes the
    tag."""
    private_bytes = canonical(private)
    untagged = canonical(
        {
            "v": VERSION,
            "id": event_id,
            "time": time,
            "action": action,
            "outcome": outcome,
            "public": public,
            "commitment": sha256(salt + private_bytes).hexdigest(),
            "sealed_sha256": sha256(sealed).hexdigest() if sealed is not None else None,
        }
    )
    before, after, rest = untagged.rpartition(_AFTER)
    entry = before + _TAG % tag_of(untagged, key).encode() + after + rest
    return Entry(entry, private_bytes, salt, sealed)


def is_tagged(entry: bytes, tag: object, key: bytes) -> bool:
    """Whether ``tag`` (as parsed from ``entry``) is the server's mark over the other bytes."""
    if not isinstance(tag, str):
        return False
    before, found, after = entry.rpartition(_TAG % tag.encode())
    return bool(found) and tag_of(before + after, key) == tag


def opens(entry: bytes, private: bytes, salt: bytes, sealed: bytes | None) -> str | None:
    """None when the private and sealed parts are those the entry commits to, else what is wrong."""
    fields = json.loads(entry)
    if fields["commitment"] != sha256(salt + private).hexdigest():
        return "private part altered"
    digest = sha256(sealed).hexdigest() if sealed is not None else None
    if fields["sealed_sha256"] != digest:
        return "sealed part altered"
    return None
