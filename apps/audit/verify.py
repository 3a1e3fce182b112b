"""Verification of the whole trail from the tables, trusting no stored tile or root."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.audit import restores, tree, triggers, witnesses
from apps.audit.domain import checkpoint as notes
from apps.audit.domain import merkle
from apps.audit.models import Checkpoint, Event, Pending, Tile
from apps.audit.rowcheck import RowCheck, RowError, rows_sql

_LATE = timedelta(minutes=2)
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

    def __post_init__(self) -> None:
        self._sizes = sorted(self.roots)

    def any_between(self, low: int, high: int) -> bool:
        """Whether a note speaks of a size above ``low`` and below ``high``."""
        at = bisect_right(self._sizes, low)
        return at < len(self._sizes) and self._sizes[at] < high

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
    roots = _expected_roots(outside, asked, public)
    try:
        frontier = _check_entries(roots, max(roots, default=0), progress)
    except TrailBrokenError:
        # Something does not fit: looked at with every mark, it may be an earlier entry.
        _check_entries(roots, 0, None)
        raise
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


def _check_entries(
    roots: dict[int, list[tuple[bytes, str]]],
    marks_from: int,
    progress: Callable[[int], None] | None,
) -> merkle.Frontier:
    """Every entry in order, and the tree over them at each size that a note speaks of."""
    expected, frontier = _Expected(dict(roots)), merkle.Frontier()
    for run, root in _checked_runs(RowCheck(marks_from)):
        _grow(frontier, run, root, expected)
        if progress is not None and frontier.size % 10_240 == 0:
            progress(frontier.size)
    if expected.roots:
        furthest = max(expected.roots)
        raise TrailBrokenError(
            f"entry {frontier.size}: missing: the log ends at entry {frontier.size}, but a signed "
            f"checkpoint holds {furthest} ({expected.roots[furthest][0][1]})"
        )
    return frontier


def _grow(
    frontier: merkle.Frontier, run: list[bytes], root: bytes | None, expected: _Expected
) -> None:
    """Append leaves; 256 of them as one subtree where no note speaks of a size between."""
    before, after = frontier.size, frontier.size + len(run)
    if root is not None and not expected.any_between(before, after):
        frontier.add_perfect(root, 8)
        if after in expected.roots:
            expected.check(after, frontier.root())
        return
    for leaf in run:
        frontier.add(leaf)
        if frontier.size in expected.roots:
            expected.check(frontier.size, frontier.root())


def _checked_runs(rows_check: RowCheck) -> Iterator[tuple[list[bytes], bytes | None]]:
    """Leaf hashes in order, 256 at a time with their root and then the rest, each row checked
    against its entry, each tile against its leaves."""
    check = rows_check.check
    run: list[bytes] = []
    place = 0
    with closing(connection.chunked_cursor()) as cursor:
        cursor.execute(rows_sql())
        while rows := cursor.fetchmany(2048):
            for row in rows:
                try:
                    check(row, place)
                except RowError as error:
                    raise TrailBrokenError(f"entry {place}: {error}") from None
                run.append(row[1])
                place += 1
                if len(run) == 256:
                    yield run, _check_tile(place // 256 - 1, run)
                    run = []
    yield run, None


def _check_tile(index: int, hashes: list[bytes]) -> bytes:
    tile = Tile.objects.filter(level=0, index=index).values_list("hashes", "root").first()
    if tile is None:
        raise TrailBrokenError(f"entry {index * 256}: its tile {index} is missing")
    held, root = bytes(tile[0]), tile[1]
    if held != b"".join(hashes):
        wrong = (at for at, digest in enumerate(hashes) if held[32 * at : 32 * at + 32] != digest)
        raise TrailBrokenError(
            f"entry {256 * index + next(wrong, 0)}: tile {index} does not hold its hash"
        )
    right = tree.perfect(held)
    if root is not None and bytes(root) != right:
        raise TrailBrokenError(f"entry {256 * index}: tile {index} has another root")
    return right


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
