"""Checkpoints as signed notes (the form of the transparency-log family).

Three lines (origin, tree size, root in base64), an empty line, then signature lines
``— <name> <base64(key hash, 4 bytes || Ed25519 signature)>``. The signature is over the text up to
and including the third line's newline. Key hash = SHA-256(name || 0x0A || 0x01 || public key)[:4].

A witness adds a line of its own, in the form of transparency witnesses (C2SP ``tlog-cosignature``):
its key hash has 0x04 instead of 0x01, its signature is an 8-byte time (seconds, big-endian) and the
Ed25519 signature over ``cosignature/v1``, ``time <seconds>`` and the note's text, a line each.
Keys are handed over as ``<name>+<key hash, hex>+<base64(algorithm byte || public key)>``.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterable
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


LOG, WITNESS = 1, 4


def key_hash(name: str, public_key: bytes, algorithm: int = LOG) -> bytes:
    return sha256(name.encode() + b"\x0a" + bytes([algorithm]) + public_key).digest()[:4]


def named_key(name: str, public_key: bytes, algorithm: int) -> str:
    """A key as people hand it over: with its owner's name."""
    told = base64.b64encode(bytes([algorithm]) + public_key).decode()
    return f"{name}+{key_hash(name, public_key, algorithm).hex()}+{told}"


def read_named_key(text: str, algorithm: int) -> tuple[str, bytes]:
    """Name and 32 raw bytes. Raises CheckpointError."""
    try:
        name, told, blob = text.strip().split("+", 2)
        raw = base64.b64decode(blob, validate=True)
    except ValueError:
        raise CheckpointError("not a key: <name>+<hash>+<base64> is expected") from None
    if len(raw) != 33 or raw[0] != algorithm or not name or any(c.isspace() for c in name):
        raise CheckpointError("not a key of this kind")
    if key_hash(name, raw[1:], algorithm).hex() != told:
        raise CheckpointError("not a key: its hash is not that of name and key")
    return name, raw[1:]


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


def cosign(checkpoint: Checkpoint, name: str, key: Ed25519PrivateKey, at_s: int) -> str:
    """A witness's signature line (without newline): seen, and consistent with all it saw before."""
    public = key.public_key().public_bytes_raw()
    blob = key_hash(name, public, WITNESS) + struct.pack(">Q", at_s)
    blob += key.sign(_cosigned(checkpoint, at_s))
    return f"— {name} {base64.b64encode(blob).decode()}"


def _cosigned(checkpoint: Checkpoint, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{checkpoint.body()}".encode()


def verify_cosignature(note: str, name: str, public_key: bytes) -> tuple[Checkpoint, int]:
    """The checkpoint and when the witness signed it (seconds since 1970). Raises CheckpointError
    unless the note bears a valid line by this witness."""
    checkpoint, signatures = parse(note)
    wanted = key_hash(name, public_key, WITNESS)
    for signer, blob in signatures:
        if signer == name and blob[:4] == wanted and len(blob) == 76:
            at_s = int(struct.unpack(">Q", blob[4:12])[0])
            try:
                key = Ed25519PublicKey.from_public_bytes(public_key)
                key.verify(blob[12:], _cosigned(checkpoint, at_s))
            except (InvalidSignature, ValueError):
                raise CheckpointError("the witness's signature is not valid") from None
            return checkpoint, at_s
    raise CheckpointError("the checkpoint is not signed by this witness")


def with_lines(note: str, lines: Iterable[str]) -> str:
    """The note with further signature lines under it."""
    return note + "".join(f"{line}\n" for line in lines)


_WHOLE_NOTE = re.compile(rb"[^\n]+\n\d+\n[^\n]+\n\n([^\n]+\n)+\n")


def whole_length(data: bytes) -> int:
    """Bytes of a file of notes up to the end of its last whole one: a note that a crash or a full
    disk cut short would make every later one unreadable."""
    whole = 0
    for found in _WHOLE_NOTE.finditer(data):
        whole = found.end()
    return whole


def split(text: str) -> list[str]:
    """The notes of a file, each ended by an empty line (and with one of its own before its
    signatures); what a crash cut short at the end is left out."""
    parts = [part for part in text.split("\n\n") if part.strip()]
    return [
        f"{body}\n\n{signatures.rstrip()}\n"
        for body, signatures in zip(parts[::2], parts[1::2], strict=False)
    ]
