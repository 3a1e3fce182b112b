"""Verification of the whole trail from the tables, trusting no stored tile or root."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from apps.audit import restores, tree, triggers
from apps.audit.domain import checkpoint as notes
from apps.audit.domain import entry as entries
from apps.audit.domain import merkle
from apps.audit.models import Checkpoint, Event, Leaf, Pending, Tile

_LATE = timedelta(minutes=2)


class TrailBrokenError(Exception):
    """The first thing that does not fit, in words; never a private value."""


@dataclass(frozen=True)
class Verdict:
    entries: int
    root: bytes
    checkpoints: int
    waiting: int
    restores: tuple[restores.Restore, ...] = ()


class _Frontier:
    """The roots of the perfect subtrees of a growing tree: the root after every leaf, cheaply."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        height, value = 0, leaf
        while self._peaks and self._peaks[-1][0] == height:
            value = merkle.node_hash(self._peaks.pop()[1], value)
            height += 1
        self._peaks.append((height, value))
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return merkle.EMPTY_ROOT
        value = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            value = merkle.node_hash(peak, value)
        return value


def verify_trail(
    outside: list[str] | None = None, progress: Callable[[int], None] | None = None
) -> Verdict:
    """Check every entry, leaf, tile and checkpoint, and those notes held outside the database.

    ``outside`` defaults to the notes of the checkpoint file; of these, the ones that a restore has
    named as lost need not fit. Raises TrailBrokenError naming the first entry that does not fit.
    """
    gone = triggers.missing()
    if gone:
        raise TrailBrokenError(f"append-only triggers are missing: {', '.join(gone)}")
    tree.sequence(100_000)
    public = tree.signing_key().public_key().public_bytes_raw()
    ours = read_notes(Path(settings.CLINICAL_ANNOT_CHECKPOINT_FILE)) if outside is None else []
    expected = _expected_roots(_unlost(ours, public) if outside is None else outside, public)
    frontier = _Frontier()
    row_bytes: list[bytes] = []
    leaves = Leaf.objects.select_related("event").order_by("seq").iterator(chunk_size=2000)
    for leaf in leaves:
        _check_leaf(leaf, frontier.size)
        digest = bytes(leaf.hash)
        frontier.add(digest)
        row_bytes.append(digest)
        if len(row_bytes) == 256:
            _check_tile(frontier.size // 256 - 1, b"".join(row_bytes))
            row_bytes.clear()
        for root in expected.pop(frontier.size, ()):
            if root != frontier.root():
                raise TrailBrokenError(
                    f"the first {frontier.size} entries are not those of a signed checkpoint"
                )
        if progress is not None and frontier.size % 10_000 == 0:
            progress(frontier.size)
    if expected:
        raise TrailBrokenError(
            f"the log ends at entry {frontier.size}, but a signed checkpoint holds {max(expected)}"
        )
    _check_no_loose_events()
    return Verdict(
        frontier.size,
        frontier.root(),
        Checkpoint.objects.count(),
        Pending.objects.count(),
        tuple(restores.restores()),
    )


def _unlost(notes_outside: list[str], public: bytes) -> list[str]:
    """The notes without those that a restore has made obsolete."""
    sizes = [_verified(note, public).size for note in notes_outside]
    lost = restores.excused(notes_outside, sizes)
    return [note for at, note in enumerate(notes_outside) if at not in lost]


def _expected_roots(outside: list[str], public: bytes) -> dict[int, list[bytes]]:
    expected: dict[int, list[bytes]] = {}
    stored = list(Checkpoint.objects.values_list("size", "root", "note"))
    for size, root, note in stored:
        checked = _verified(note, public)
        if checked.size != size or checked.root != bytes(root):
            raise TrailBrokenError(f"checkpoint {size} differs from its own signed note")
        expected.setdefault(size, []).append(checked.root)
    for note in outside:
        checked = _verified(note, public)
        expected.setdefault(checked.size, []).append(checked.root)
    return expected


def _verified(note: str, public: bytes) -> notes.Checkpoint:
    try:
        return notes.verify(note, public)
    except notes.CheckpointError as error:
        raise TrailBrokenError(str(error)) from None


def _check_leaf(leaf: Leaf, place: int) -> None:
    event: Event = leaf.event
    entry = bytes(event.entry)
    if leaf.seq != place:
        raise TrailBrokenError(f"entry {place}: missing from the log")
    if bytes(leaf.hash) != merkle.leaf_hash(entry):
        raise TrailBrokenError(f"entry {place}: its bytes are not those that were logged")
    sealed = bytes(event.sealed) if event.sealed is not None else None
    wrong = entries.opens(entry, bytes(event.private), bytes(event.salt), sealed)
    if wrong:
        raise TrailBrokenError(f"entry {place}: {wrong}")
    shown = json.loads(entry)
    hidden = json.loads(bytes(event.private))
    columns = {
        "id": (str(event.id), shown["id"]),
        "time": (event.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), shown["time"]),
        "action": (event.action, shown["action"]),
        "outcome": (event.outcome, shown["outcome"]),
        "actor": (event.actor, hidden["actor"]),
        "project": (event.project, hidden["project"]),
        "object_type": (event.object_type, hidden["object_type"]),
        "object_id": (event.object_id, hidden["object_id"]),
    }
    for name, (column, logged) in columns.items():
        if column != logged:
            raise TrailBrokenError(f"entry {place}: column {name} is not what was logged")


def _check_tile(index: int, hashes: bytes) -> None:
    tile = Tile.objects.filter(level=0, index=index).first()
    if tile is None or bytes(tile.hashes) != hashes:
        raise TrailBrokenError(f"tile {index} does not hold the hashes of its entries")


def _check_no_loose_events() -> None:
    loose = Event.objects.filter(leaf=None, pending=None).order_by("recorded_at").first()
    if loose is not None:
        raise TrailBrokenError(f"event {loose.id} stands outside the log")
    limit = timezone.now() - _LATE
    if Pending.objects.filter(event__recorded_at__lt=limit).exists():
        raise TrailBrokenError("an event has waited for its place for over two minutes")


def read_notes(path: Path) -> list[str]:
    """The checkpoint notes of a file, each ended by an empty line; none if there is no file."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    # A note holds one empty line of its own (before its signatures).
    parts = [part for part in text.split("\n\n") if part.strip()]
    return [
        f"{body}\n\n{signature.rstrip()}\n"
        for body, signature in zip(parts[::2], parts[1::2], strict=False)
    ]
