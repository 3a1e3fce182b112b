"""Talking to witnesses: programs elsewhere that co-sign only what is consistent with what they saw.

``CLINICAL_ANNOT_WITNESSES`` names them: ``<key>@<address>`` each, the key as the witness prints it
(``python -m clinical_annot.witness``). The wire is that of transparency logs (C2SP
``tlog-witness``): ``POST <address>/add-checkpoint`` with ``old <size>``, the consistency proof in
base64, an empty line and the signed note.
"""

from __future__ import annotations

import base64
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings

from apps.audit import tree
from apps.audit.domain import checkpoint as notes
from apps.audit.domain import merkle

_TIMEOUT_S = 10.0
_MOST_BYTES = 256 << 20


class WitnessError(Exception):
    """Why a witness did not sign, in words for the person who runs the server."""


@dataclass(frozen=True)
class Witness:
    name: str
    public_key: bytes
    address: str


@dataclass
class Asked:
    """``sizes``: (size, (root, name)) of every note that the witnesses hold; ``silent``: names of
    those that did not answer."""

    sizes: list[tuple[int, tuple[bytes, str]]] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


def configured() -> list[Witness]:
    """Raises CheckpointError for a key that is none."""
    found = []
    for text in settings.CLINICAL_ANNOT_WITNESSES:
        key, _, address = text.rpartition("@")
        name, public_key = notes.read_named_key(key, notes.WITNESS)
        if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
            raise notes.CheckpointError("CLINICAL_ANNOT_WITNESSES: <key>@http(s)://… is expected")
        found.append(Witness(name, public_key, address.rstrip("/")))
    return found


def submit(witness: Witness, note: str, seen: int) -> str:
    """The witness's signature line under ``note``; ``seen`` is the size it is thought to know.
    Raises WitnessError."""
    status, text = _post(witness, note, seen)
    if status == 409 and text.strip().isdigit() and int(text) <= notes.parse(note)[0].size:
        # It saw more than we remember, or less: it says how far.
        status, text = _post(witness, note, int(text))
    if status != 200:
        reasons = {
            403: "it does not know this log's key",
            404: "it does not know this log",
            409: "it has seen a longer log than this one",
            422: "it has seen other entries: this log is not the one it saw grow",
        }
        raise WitnessError(reasons.get(status, f"it answered {status}"))
    line = text.strip()
    try:
        notes.verify_cosignature(notes.with_lines(note, [line]), witness.name, witness.public_key)
    except notes.CheckpointError as error:
        raise WitnessError(f"its answer is not its signature: {error}") from None
    return line


def _post(witness: Witness, note: str, old: int) -> tuple[int, str]:
    size = notes.parse(note)[0].size
    proof: Iterable[bytes] = ()
    if 0 < old < size:
        proof = merkle.consistency_proof(old, size, tree.stored_subtree())
    lines = [f"old {old}", *(base64.b64encode(step).decode() for step in proof), "", note]
    return _call(f"{witness.address}/add-checkpoint", "\n".join(lines).encode())


def _call(address: str, body: bytes | None = None) -> tuple[int, str]:
    try:
        # The scheme was looked at when the setting was read.
        asked = urllib.request.Request(address, data=body)  # noqa: S310
        with urllib.request.urlopen(asked, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return answer.status, answer.read(_MOST_BYTES).decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(1000).decode(errors="replace")
    except (OSError, ValueError) as error:
        raise WitnessError(f"it does not answer ({type(error).__name__})") from None


def ask_all() -> Asked:
    """Every note that the witnesses keep of this log: what a rewritten log is measured by."""
    asked = Asked()
    for witness in configured():
        try:
            status, text = _call(
                f"{witness.address}/notes?origin={urllib.parse.quote(tree.origin(), safe='')}"
            )
        except WitnessError:
            status, text = 0, ""
        if status == 404:
            continue
        if status != 200:
            asked.silent.append(witness.name)
            continue
        try:
            asked.sizes += _own_notes(witness, text)
        except notes.CheckpointError:
            asked.silent.append(witness.name)
    return asked


def _own_notes(witness: Witness, text: str) -> list[tuple[int, tuple[bytes, str]]]:
    seen = [
        notes.verify_cosignature(note, witness.name, witness.public_key)[0]
        for note in notes.split(text)
    ]
    return [(each.size, (each.root, witness.name)) for each in seen]
