"""The server's own mark on what it wrote: keyed BLAKE2b under keys that the database never holds.

The tree alone cannot tell an event that the server wrote from one that the owner of the database
put in beside it before the sequencer came, nor which of two exchanged places is the wrong one. An
entry's ``tag`` says that the server wrote it; a leaf's mark says that the sequencer put this entry
at this place. Outsiders need neither: to them the checkpoint speaks.
"""

from __future__ import annotations

from hashlib import blake2b


def tag_of(untagged: bytes, key: bytes) -> str:
    """32 hexadecimal digits over an entry's canonical bytes as they are without ``tag``."""
    return blake2b(untagged, key=key, digest_size=16).hexdigest()


def place_mark(seq: int, leaf: bytes, key: bytes) -> bytes:
    """16 bytes: leaf hash ``leaf`` stands at place ``seq``."""
    return blake2b(seq.to_bytes(8, "big") + leaf, key=key, digest_size=16).digest()
