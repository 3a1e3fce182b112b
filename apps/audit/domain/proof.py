"""A proof file: one entry of the log, and that it stands under a signed checkpoint.

One JSON object on one line (sorted keys, no spaces), LF: ``{"checkpoint", "consistency", "entry",
"format", "inclusion", "origin", "private", "public_key", "salt", "seq"}``. ``entry`` and
``private`` are the very text that was hashed; ``private`` and ``salt`` null where withheld.
``inclusion`` and the ``proof`` in ``consistency`` are hashes in base64 (RFC 6962 sections 2.1.1 and
2.1.2); ``consistency`` is null or ``{"proof", "root", "size"}``: since that size the log only grew.
Only the standard library and ``cryptography``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from apps.audit.domain import checkpoint as notes
from apps.audit.domain import merkle
from apps.audit.domain.entry import canonical

FORMAT = "clinicalannot-audit-proof/1"
_KEYS = {
    "checkpoint", "consistency", "entry", "format", "inclusion", "origin", "private",
    "public_key", "salt", "seq",
}  # fmt: skip


class ProofFileError(Exception):
    """What is wrong with a proof file."""


@dataclass(frozen=True)
class Grown:
    """That the log whose first ``size`` entries had ``root`` only grew."""

    size: int
    root: bytes
    proof: Sequence[bytes]


@dataclass(frozen=True)
class Proven:
    seq: int
    entry: bytes
    checkpoint: notes.Checkpoint
    note: str
    public_key: bytes
    grown: Grown | None


def write(
    *,
    seq: int,
    entry: bytes,
    private: bytes | None,
    salt: bytes | None,
    inclusion: Sequence[bytes],
    note: str,
    public_key: bytes,
    grown: Grown | None = None,
) -> bytes:
    """The file's bytes."""
    told = None
    if grown is not None:
        told = {
            "size": grown.size,
            "root": _text(grown.root),
            "proof": list(map(_text, grown.proof)),
        }
    return (
        canonical(
            {
                "format": FORMAT,
                "origin": notes.parse(note)[0].origin,
                "public_key": _text(public_key),
                "seq": seq,
                "entry": entry.decode(),
                "private": private.decode() if private is not None else None,
                "salt": salt.hex() if salt is not None else None,
                "inclusion": list(map(_text, inclusion)),
                "checkpoint": note,
                "consistency": told,
            }
        )
        + b"\n"
    )


def check(data: bytes) -> Proven:
    """What a proof file proves under the key it carries. Raises ProofFileError."""
    held = _strict(data)
    try:
        public_key = _bytes(held["public_key"])
        entry, note = held["entry"].encode(), str(held["checkpoint"])
        signed = notes.verify(note, public_key)
        path = [_bytes(step) for step in held["inclusion"]]
        if signed.origin != held["origin"] or type(held["seq"]) is not int:
            raise ProofFileError("the checkpoint is not of this log")
        if not merkle.verify_inclusion(
            merkle.leaf_hash(entry), held["seq"], signed.size, path, signed.root
        ):
            raise ProofFileError("the entry does not stand in the signed log at this place")
        _check_private(held, json.loads(entry))
        grown = _grown(held["consistency"], signed)
    except notes.CheckpointError as error:
        raise ProofFileError(str(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ProofFileError("not in the form of a proof file") from None
    return Proven(held["seq"], entry, signed, note, public_key, grown)


def _strict(data: bytes) -> dict[str, Any]:
    try:
        held = json.loads(data.decode())
    except ValueError:
        raise ProofFileError("not JSON in UTF-8") from None
    if not isinstance(held, dict) or set(held) != _KEYS or canonical(held) + b"\n" != data:
        raise ProofFileError("not in the form of a proof file")
    if held["format"] != FORMAT:
        raise ProofFileError("not a proof file of this format")
    return held


def _check_private(held: dict[str, Any], fields: dict[str, Any]) -> None:
    if (held["private"] is None) != (held["salt"] is None):
        raise ProofFileError("the private part has no salt, or the salt no private part")
    if held["private"] is not None:
        opened = sha256(bytes.fromhex(held["salt"]) + held["private"].encode()).hexdigest()
        if opened != fields["commitment"]:
            raise ProofFileError("the private part is not the one that was logged")


def _grown(told: Any, signed: notes.Checkpoint) -> Grown | None:
    if told is None:
        return None
    grown = Grown(told["size"], _bytes(told["root"]), [_bytes(step) for step in told["proof"]])
    if set(told) != {"size", "root", "proof"} or not merkle.verify_consistency(
        grown.size, signed.size, grown.root, signed.root, grown.proof
    ):
        raise ProofFileError("the log did not only grow from the older checkpoint")
    return grown


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode() != text or len(value) != 32:
        raise ValueError
    return value
