"""The server's own mark on what it wrote: HMAC-SHA-256 under keys that the database never holds.

The tree alone cannot tell an event that the server wrote from one that the owner of the database
put in beside it before the sequencer came, nor which of two exchanged places is the wrong one. An
entry's ``tag`` says that the server wrote it; a leaf's mark says that the sequencer put this entry
at this place. Outsiders need neither: to them the checkpoint speaks.
"""

from __future__ import annotations

import hmac


def tag_of(untagged: bytes, key: bytes) -> str:
    """32 hexadecimal digits over an entry's canonical bytes as they are without ``tag``."""
    return hmac.digest(key, untagged, "sha256")[:16].hex()


def place_mark(seq: int, leaf: bytes, key: bytes) -> bytes:
    """16 bytes: leaf hash ``leaf`` stands at place ``seq``."""
    return hmac.digest(key, seq.to_bytes(8, "big") + leaf, "sha256")[:16]
