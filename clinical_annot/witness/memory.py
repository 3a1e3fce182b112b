"""What a witness remembers of each log, and its judgement on the next checkpoint."""

from __future__ import annotations

import base64
import os
import threading
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.audit.domain import checkpoint as notes
from apps.audit.domain import merkle


@dataclass(frozen=True)
class Refusal(Exception):
    """A status of C2SP ``tlog-witness`` and its body."""

    status: int
    text: str


class Memory:
    """Notes of the logs that this witness knows, appended and synced before a signature is given.

    ``logs``: origin to public key (32 raw bytes). Files: one a log in ``folder``.
    """

    def __init__(
        self, folder: Path, name: str, key: Ed25519PrivateKey, logs: dict[str, bytes]
    ) -> None:
        self._folder, self._name, self._key, self._logs = folder, name, key, logs
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._last = {origin: self._read(origin) for origin in logs}

    def _path(self, origin: str) -> Path:
        return self._folder / f"{sha256(origin.encode()).hexdigest()[:32]}.notes"

    def text(self, origin: str) -> str | None:
        """Every note it signed of this log; None for a log it does not know."""
        if origin not in self._logs:
            return None
        path = self._path(origin)
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _read(self, origin: str) -> notes.Checkpoint | None:
        """The last note. What a crash cut short is taken off: no signature was given for it. Every
        other one must bear this witness's own signature. Raises CheckpointError."""
        path, last = self._path(origin), None
        if not path.exists():
            return None
        data = path.read_bytes()
        whole = notes.whole_length(data)
        os.truncate(path, whole)
        for note in notes.split(data[:whole].decode()):
            public = self._key.public_key().public_bytes_raw()
            last, _ = notes.verify_cosignature(note, self._name, public)
        return last

    def add(self, body: str) -> str:
        """The signature line for a request of ``add-checkpoint``. Raises Refusal."""
        old, proof, note = _request(body)
        checkpoint, _ = _parsed(note)
        key = self._logs.get(checkpoint.origin)
        if key is None:
            raise Refusal(404, "this witness does not know the log")
        try:
            notes.verify(note, key)
        except notes.CheckpointError as error:
            raise Refusal(403, str(error)) from None
        if old > checkpoint.size:
            raise Refusal(400, "the old size is larger than the checkpoint")
        with self._lock:
            self._judge(checkpoint, old, proof)
            line = notes.cosign(checkpoint, self._name, self._key, int(time.time()))
            self._keep(checkpoint.origin, notes.with_lines(_alone(note), [line]))
            self._last[checkpoint.origin] = checkpoint
        return line

    def _judge(self, checkpoint: notes.Checkpoint, old: int, proof: list[bytes]) -> None:
        last = self._last[checkpoint.origin]
        known = last.size if last is not None else 0
        if old != known:
            raise Refusal(409, f"{known}\n")
        if last is None:
            if proof:
                raise Refusal(422, "there is nothing to be consistent with yet")
            return
        sizes, roots = (last.size, checkpoint.size), (last.root, checkpoint.root)
        if not merkle.verify_consistency(*sizes, *roots, proof):
            raise Refusal(422, "not consistent with what this witness saw")

    def _keep(self, origin: str, note: str) -> None:
        with self._path(origin).open("ab") as out:
            out.write(note.encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())


def _alone(note: str) -> str:
    """The note with its log's own line only: other lines are none of this witness's."""
    head, _, tail = note.partition("\n\n")
    return f"{head}\n\n{tail.splitlines()[0]}\n"


def _parsed(note: str) -> tuple[notes.Checkpoint, list[tuple[str, bytes]]]:
    try:
        return notes.parse(note)
    except notes.CheckpointError as error:
        raise Refusal(400, str(error)) from None


def _request(body: str) -> tuple[int, list[bytes], str]:
    """``old <size>``, up to 63 hashes in base64, an empty line, the note."""
    head, found, note = body.partition("\n\n")
    first, *lines = head.split("\n")
    word, _, size = first.partition(" ")
    if not found or word != "old" or not (size.isascii() and size.isdigit()) or len(lines) > 63:
        raise Refusal(400, "old <size>, a proof, an empty line and a note are expected")
    try:
        proof = [base64.b64decode(line, validate=True) for line in lines]
    except ValueError:
        raise Refusal(400, "the proof is not base64") from None
    if any(len(step) != 32 for step in proof):
        raise Refusal(400, "a hash of the proof has not 32 bytes")
    return int(size), proof, note
