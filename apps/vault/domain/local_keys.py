"""The text of a key file (or of the variable that stands for it).

    root <32 bytes in base64>     what lasts: sub-keys for look-up, signatures, intake
    key <32 bytes in base64>      a key-encryption key; the last one wraps, all of them unwrap

A text of 32 bytes in base64 and nothing else is a root whose first key-encryption key is derived
from it. Lines may also be parted by commas; empty ones and those beginning with ``#`` are skipped.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from hashlib import sha256

from apps.vault.domain.sealed import derive_key

KEY_BYTES = 32


class NotKeysError(ValueError):
    """The text holds no keys in this form. Says what is wrong, never what was there."""


@dataclass(frozen=True)
class LocalKeys:
    """``keys``: key id to key-encryption key, oldest first; ``current`` is the id that wraps."""

    root: bytes = field(repr=False)
    keys: dict[str, bytes] = field(repr=False)
    current: str

    def with_key(self, key: bytes) -> LocalKeys:
        """The same with a further key that wraps from now on."""
        name = key_id(key)
        return LocalKeys(self.root, {**self.keys, name: key}, name)

    def without(self, ids: set[str]) -> LocalKeys:
        """The same without the keys named; the current one always stays."""
        kept = {n: key for n, key in self.keys.items() if n not in ids or n == self.current}
        return LocalKeys(self.root, kept, self.current)


def key_id(key: bytes) -> str:
    """A name for a key that tells nothing of it: ``local:`` and 12 hexadecimal digits."""
    return "local:" + sha256(derive_key(key, "clinicalannot/key-id/v1")).hexdigest()[:12]


def founding_key(root: bytes) -> bytes:
    """The key-encryption key of a text that has a root only."""
    return derive_key(root, "clinicalannot/key-encryption/v1")


def new(root: bytes, key: bytes) -> LocalKeys:
    """Keys for a first start."""
    name = key_id(key)
    return LocalKeys(root, {name: key}, name)


def parse(text: str) -> LocalKeys:
    """Raises NotKeysError."""
    entries = [e.strip() for e in re.split(r"[\n,]", text)]
    entries = [e for e in entries if e and not e.startswith("#")]
    if len(entries) == 1 and " " not in entries[0]:
        root = _decoded(entries[0])
        return new(root, founding_key(root))
    roots: list[bytes] = []
    keys: list[bytes] = []
    for entry in entries:
        word, _, value = entry.partition(" ")
        if word not in ("root", "key"):
            raise NotKeysError("does not hold 32 bytes in base64, nor lines 'root …' and 'key …'")
        (roots if word == "root" else keys).append(_decoded(value.strip()))
    if len(roots) != 1:
        raise NotKeysError("does not hold exactly one 'root …'")
    if not keys:
        raise NotKeysError("does not hold any 'key …'")
    founding = founding_key(roots[0])
    named = {key_id(key): key for key in [founding, *keys]}
    return LocalKeys(roots[0], named, key_id(keys[-1]))


def render(keys: LocalKeys) -> str:
    """The text of a key file, so that ``parse`` gives the same keys again."""
    founding, last = key_id(founding_key(keys.root)), keys.keys[keys.current]
    others = [k for name, k in keys.keys.items() if name not in (founding, keys.current)]
    lines = [f"root {_encoded(keys.root)}", *(f"key {_encoded(key)}" for key in [*others, last])]
    return "\n".join(lines) + "\n"


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise NotKeysError("does not hold 32 bytes in base64")
    return key
