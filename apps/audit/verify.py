"""Verification of the whole trail from the tables, trusting no stored tile or root."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.audit import log, restores, tree, triggers, witnesses
from apps.audit.domain import checkpoint as notes
from apps.audit.domain import entry as entries
from apps.audit.domain import merkle
from apps.audit.domain.seal import place_mark
from apps.audit.models import Checkpoint, Event, Pending, Tile

_LATE = timedelta(minutes=2)
_ROWS = (
    "SELECT l.seq, l.hash, l.mark, e.id, e.recorded_at, e.action, e.outcome, e.actor, e.project,"
    " e.object_type, e.object_id, e.entry, e.private, e.salt, e.sealed FROM audit_leaf l"
    " LEFT JOIN audit_event e ON e.id = l.event_id ORDER BY l.seq"
)
# What else must agree with the log (signatures); rooms add theirs when they start. Each gives the
# first thing that does not fit, in words, or None.
CHECKS: list[Callable[[], str | None]] = []


class TrailBrokenError(Exception):
    """The first thing that does not fit, in words; never a private value."""


@dataclass(frozen=True)
class Verdict:
    """``unasked``: witnesses that did not answer."""

    entries: int
    root: bytes
    checkpoints: int
    waiting: int
    restores: tuple[restores.Restore, ...] = ()
    witnessed: int = 0
    unasked: tuple[str, ...] = ()


@dataclass
class _Expected:
    """Roots that signed notes give, by size, with whose note it is."""

    roots: dict[int, list[tuple[bytes, str]]]
    # The last size up to which a note has shown the entries to be as they were.
    held: int = 0

    def check(self, size: int, root: bytes) -> None:
        for other, whose in self.roots.pop(size):
            if root != other:
                first = f"entry {self.held}" if size == self.held + 1 else "one of the entries"
                span = "" if size == self.held + 1 else f" {self.held} to {size - 1}"
                raise TrailBrokenError(
                    f"{first}{span}: not as it was signed: the first {size} entries are not those "
                    f"of a signed checkpoint ({whose}); those before entry {self.held} are"
                )
        self.held = size


def verify_trail(
    outside: list[str] | None = None, progress: Callable[[int], None] | None = None
) -> Verdict:
    """Check every entry, leaf, tile and checkpoint, and those notes held outside the database.

    ``outside`` defaults to the notes of the checkpoint file and of the witnesses; of the file's,
    the ones that a restore has named as lost need not fit. Raises TrailBrokenError naming the
    first entry that does not fit.
    """
    gone = triggers.missing()
    if gone:
        raise TrailBrokenError(f"append-only triggers are missing: {', '.join(gone)}")
    while tree.sequence():
        pass
    public = tree.signing_key().public_key().public_bytes_raw()
    asked = witnesses.ask_all() if outside is None else witnesses.Asked()
    expected = _Expected(_expected_roots(outside, asked, public))
    frontier = merkle.Frontier()
    for leaf in _checked_leaves():
        frontier.add(leaf)
        size = frontier.size
        if size in expected.roots:
            expected.check(size, frontier.root())
        if progress is not None and size % 10_000 == 0:
            progress(size)
    if expected.roots:
        furthest = max(expected.roots)
        raise TrailBrokenError(
            f"entry {frontier.size}: missing: the log ends at entry {frontier.size}, but a signed "
            f"checkpoint holds {furthest} ({expected.roots[furthest][0][1]})"
        )
    _check_upper_tiles(frontier.size)
    _check_no_loose_events()
    for check in CHECKS:
        if (wrong := check()) is not None:
            raise TrailBrokenError(wrong)
    return Verdict(
        frontier.size,
        frontier.root(),
        Checkpoint.objects.count(),
        Pending.objects.count(),
        tuple(restores.restores()),
        max((size for size, _ in asked.sizes), default=0),
        tuple(asked.silent),
    )


def _checked_leaves() -> Iterator[bytes]:
    """Leaf hashes in order, each row checked against its entry, each tile against its leaves."""
    keys = _Keys(log.event_key(), tree.place_key())
    run: list[bytes] = []
    place = 0
    with closing(connection.chunked_cursor()) as cursor:
        cursor.execute(_ROWS)
        while rows := cursor.fetchmany(2000):
            for row in rows:
                _check_row(row, place, keys)
                run.append(row[1])
                place += 1
                if len(run) == 256:
                    _check_tile(place // 256 - 1, run)
                    run = []
                yield row[1]


@dataclass
class _Keys:
    entry: bytes
    place: bytes
    # Logs begin unmarked where they are older than the marks; never again afterwards.
    is_tagged: bool = False
    is_marked: bool = False


def _check_row(row: Any, place: int, keys: _Keys) -> None:
    seq, leaf, mark, event_id, recorded_at, *columns, entry, private, salt, sealed = row
    if seq != place:
        raise TrailBrokenError(f"entry {place}: missing from the log")
    if entry is None:
        raise TrailBrokenError(f"entry {place}: its event is missing")
    if leaf != sha256(b"\x00" + entry).digest():
        raise TrailBrokenError(f"entry {place}: its bytes are not those that were logged")
    if mark is not None or keys.is_marked:
        keys.is_marked = True
        if mark is None or mark != place_mark(place, leaf, keys.place):
            raise TrailBrokenError(f"entry {place}: it was not logged at this place")
    shown = json.loads(entry)
    tag = shown.get("tag")
    if tag is not None or keys.is_tagged:
        keys.is_tagged = True
        if not entries.is_tagged(entry, tag, keys.entry):
            raise TrailBrokenError(f"entry {place}: not written by this server")
    if shown["commitment"] != sha256(salt + private).hexdigest():
        raise TrailBrokenError(f"entry {place}: private part altered")
    if shown["sealed_sha256"] != (sha256(sealed).hexdigest() if sealed is not None else None):
        raise TrailBrokenError(f"entry {place}: sealed part altered")
    hidden = json.loads(private)
    logged = [
        shown["id"],
        shown["time"],
        shown["action"],
        shown["outcome"],
        hidden["actor"],
        hidden["project"],
        hidden["object_type"],
        hidden["object_id"],
    ]
    held = [_id_text(event_id), _time_text(recorded_at), *columns]
    if held != logged:
        wrong = next(i for i, pair in enumerate(zip(held, logged, strict=True)) if len({*pair}) > 1)
        name = ("id", "time", "action", "outcome", "actor", "project", "object_type", "object_id")
        raise TrailBrokenError(f"entry {place}: column {name[wrong]} is not what was logged")


def _id_text(value: Any) -> str:
    """SQLite holds 32 hexadecimal digits, PostgreSQL a UUID."""
    if isinstance(value, str):
        return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"
    return str(value)


def _time_text(value: Any) -> str:
    """SQLite holds text (without a fraction of 0), PostgreSQL a time in UTC."""
    if isinstance(value, str):
        return f"{value[:10]}T{value[11:] if len(value) > 19 else value[11:] + '.000000'}Z"
    return f"{value.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _check_tile(index: int, hashes: list[bytes]) -> None:
    tile = Tile.objects.filter(level=0, index=index).first()
    if tile is None:
        raise TrailBrokenError(f"entry {index * 256}: its tile {index} is missing")
    held = bytes(tile.hashes)
    for place, digest in enumerate(hashes):
        if held[32 * place : 32 * place + 32] != digest:
            raise TrailBrokenError(
                f"entry {256 * index + place}: tile {index} does not hold the hash of its entry"
            )
    if tile.root is not None and bytes(tile.root) != tree.perfect(held):
        raise TrailBrokenError(f"entry {256 * index}: tile {index} has another root")


def _check_upper_tiles(size: int) -> None:
    """Tiles above the first level hold the roots of those below, and there are no others."""
    level, count = 0, size // 256
    while count:
        if Tile.objects.filter(level=level).count() != count:
            raise TrailBrokenError(f"level {level} of the tree has not {count} tiles")
        level, count = level + 1, count // 256
        for tile in Tile.objects.filter(level=level).order_by("index").iterator():
            held = bytes(tile.hashes)
            if held != tree.hashes_below(level, tile.index):
                raise TrailBrokenError(f"tile {tile.index} of level {level} is not of those below")
            if tile.root is not None and bytes(tile.root) != tree.perfect(held):
                raise TrailBrokenError(f"tile {tile.index} of level {level} has another root")


def _expected_roots(
    outside: list[str] | None, asked: witnesses.Asked, public: bytes
) -> dict[int, list[tuple[bytes, str]]]:
    expected: dict[int, list[tuple[bytes, str]]] = {}
    for size, root, note in Checkpoint.objects.values_list("size", "root", "note"):
        checked = _verified(note, public)
        if checked.size != size or checked.root != bytes(root):
            raise TrailBrokenError(f"checkpoint {size} differs from its own signed note")
        expected.setdefault(size, []).append((checked.root, "stored"))
    # What a restore has made obsolete, a witness may hold as well as the checkpoint file.
    lost: set[tuple[int, bytes]] = set()
    if outside is None:
        kept, lost = _unlost(read_notes(Path(settings.CLINICAL_ANNOT_CHECKPOINT_FILE)), public)
        whose = "checkpoint file"
    else:
        kept, whose = [_verified(note, public) for note in outside], "given"
    for each in kept:
        expected.setdefault(each.size, []).append((each.root, whose))
    for size, (root, name) in asked.sizes:
        if (size, root) not in lost:
            expected.setdefault(size, []).append((root, f"witness {name}"))
    return expected


def _unlost(
    outside: list[str], public: bytes
) -> tuple[list[notes.Checkpoint], set[tuple[int, bytes]]]:
    """The checkpoint file's notes without those that a restore has made obsolete; and those."""
    read = [_verified(note, public) for note in outside]
    lost = restores.excused(outside, [each.size for each in read])
    kept = [each for at, each in enumerate(read) if at not in lost]
    return kept, {(read[at].size, read[at].root) for at in lost}


def _verified(note: str, public: bytes) -> notes.Checkpoint:
    try:
        return notes.verify(note, public)
    except notes.CheckpointError as error:
        raise TrailBrokenError(str(error)) from None


def _check_no_loose_events() -> None:
    loose = Event.objects.filter(leaf=None, pending=None).order_by("recorded_at").first()
    if loose is not None:
        raise TrailBrokenError(f"event {loose.id} stands outside the log")
    limit = timezone.now() - _LATE
    if Pending.objects.filter(event__recorded_at__lt=limit).exists():
        raise TrailBrokenError("an event has waited for its place for over two minutes")


def read_notes(path: Path) -> list[str]:
    """The checkpoint notes of a file, each ended by an empty line; none if there is no file."""
    return notes.split(path.read_text(encoding="utf-8")) if path.exists() else []
