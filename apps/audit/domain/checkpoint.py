"""Checkpoints as signed notes (the form of the transparency-log family).

Three lines (origin, tree size, root in base64), an empty line, then signature lines
``— <name> <base64(key hash, 4 bytes || Ed25519 signature)>``. The signature is over the text up to
and including the third line's newline. Key hash = SHA-256(name || 0x0A || 0x01 || public key)[:4].
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class CheckpointError(Exception):
    """The note is not well formed or not signed by the key. Says which."""


@dataclass(frozen=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def key_hash(name: str, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\x0a\x01" + public_key).digest()[:4]


def fingerprint(public_key: bytes) -> str:
    """How people compare keys: hex SHA-256 of the 32 raw bytes."""
    return sha256(public_key).hexdigest()


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The whole note with one signature line by the origin."""
    body = checkpoint.body()
    public = key.public_key().public_bytes_raw()
    line = base64.b64encode(key_hash(checkpoint.origin, public) + key.sign(body.encode())).decode()
    return f"{body}\n— {checkpoint.origin} {line}\n"


def parse(note: str) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    """The checkpoint and its signature lines (name, key hash || signature), unverified."""
    head, separator, tail = note.partition("\n\n")
    lines = head.split("\n")
    if not separator or len(lines) != 3 or not lines[1].isdigit() or not tail.endswith("\n"):
        raise CheckpointError("not a checkpoint: three lines and a signature are expected")
    try:
        root = base64.b64decode(lines[2], validate=True)
        signatures = []
        for line in tail[:-1].split("\n"):
            dash, name, blob = line.split(" ")
            if dash != "—":
                raise ValueError
            signatures.append((name, base64.b64decode(blob, validate=True)))
    except ValueError:
        raise CheckpointError("not a checkpoint: a line is not as the format says") from None
    if len(root) != 32 or str(int(lines[1])) != lines[1]:
        raise CheckpointError("not a checkpoint: size or root is not as the format says")
    return Checkpoint(lines[0], int(lines[1]), root), signatures


def verify(note: str, public_key: bytes) -> Checkpoint:
    """The checkpoint if ``public_key`` (32 raw bytes) signed it. Raises CheckpointError."""
    checkpoint, signatures = parse(note)
    wanted = key_hash(checkpoint.origin, public_key)
    key = Ed25519PublicKey.from_public_bytes(public_key)
    for name, blob in signatures:
        if name == checkpoint.origin and blob[:4] == wanted:
            try:
                key.verify(blob[4:], checkpoint.body().encode())
            except InvalidSignature:
                raise CheckpointError("the checkpoint's signature is not valid") from None
            return checkpoint
    raise CheckpointError("the checkpoint is not signed by this key")
