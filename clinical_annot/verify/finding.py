"""Finding an event, a signature or a release in a bundle that has been checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apps.audit.domain import bundle


class NotFoundError(Exception):
    """What was asked for is not in the log."""


def words(entry: bytes | str) -> str:
    """An entry in words: what, when, how it came out."""
    fields = json.loads(entry)
    return f"{fields['action']} {fields['outcome']} at {fields['time']}, event {fields['id']}"


def find(path: Path, what: str) -> str:
    """Where ``what`` stands: an event's id, a SHA-256 in an entry's public part, or a release
    folder, each of whose proofs must be of entries of this log. Raises NotFoundError."""
    if Path(what).is_dir():
        return _release(path, Path(what))
    for seq, text in bundle.entries_of(path):
        fields = json.loads(text)
        if what == fields["id"] or what in _texts(fields["public"]):
            return f"entry {seq}: {words(text)}"
    raise NotFoundError(f"{what}: no entry of this log says so")


def _release(path: Path, folder: Path) -> str:
    proofs = {
        proof["entry"]: proof["leaf_index"]
        for proof in _proofs(json.loads((folder / "manifest.json").read_text("utf-8")))
    }
    if not proofs:
        raise NotFoundError(f"{folder.name}: the release carries no proof of the log")
    for seq, text in bundle.entries_of(path):
        if proofs.get(text) == seq:
            del proofs[text]
    if proofs:
        place = min(proofs.values())
        raise NotFoundError(f"{folder.name}: entry {place} of its proofs is not in this log")
    return f"release {folder.name}: every entry that its proofs name"


def _proofs(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if {"entry", "leaf_index"} <= set(value):
            yield value
        else:
            for part in value.values():
                yield from _proofs(part)
    elif isinstance(value, list):
        for part in value:
            yield from _proofs(part)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
