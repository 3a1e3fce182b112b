"""The stored tree: one sequencer gives leaves their places; tiles answer subtree hashes."""

from __future__ import annotations

import fcntl
import os
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from apps.audit.domain import checkpoint as notes
from apps.audit.domain import merkle
from apps.audit.domain.seal import place_mark
from apps.audit.models import Checkpoint, Leaf, Pending, Tile
from apps.vault.master import master_key

_SPAN = 256
_LOCK = 0x6C6F67


def signing_key() -> Ed25519PrivateKey:
    """The server's key for checkpoints, derived from the master key."""
    return Ed25519PrivateKey.from_private_bytes(master_key("checkpoint-signature"))


def place_key() -> bytes:
    """What marks leaves (domain/seal.py)."""
    return master_key("audit-place")


def origin() -> str:
    return str(settings.CLINICAL_ANNOT_LOG_ORIGIN)


def size() -> int:
    """Leaves in the log."""
    last = Leaf.objects.aggregate(last=Max("seq"))["last"]
    return 0 if last is None else last + 1


def sequence(limit: int = 2000) -> int:
    """Give up to ``limit`` pending events their leaves; the number given.

    Chooses events that have no leaf, never by a high-water mark: a transaction that commits late
    is not skipped. One sequencer at a time (advisory lock; SQLite's own write lock).
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        waiting = list(Pending.objects.select_related("event").order_by("id")[:limit])
        if not waiting:
            return 0
        first, key = size(), place_key()
        leaves = []
        for seq, pending in enumerate(waiting, first):
            digest = merkle.leaf_hash(bytes(pending.event.entry))
            mark = place_mark(seq, digest, key)
            leaves.append(Leaf(seq=seq, event_id=pending.event_id, hash=digest, mark=mark))
        Leaf.objects.bulk_create(leaves)
        Pending.objects.filter(pk__in=[pending.pk for pending in waiting]).delete()
        _write_tiles(first, first + len(leaves))
    return len(waiting)


def _write_tiles(old: int, new: int) -> None:
    level = 0
    while new // _SPAN:
        for index in range(old // _SPAN, new // _SPAN):
            hashes = hashes_below(level, index)
            Tile.objects.create(level=level, index=index, hashes=hashes, root=perfect(hashes))
        old, new, level = old // _SPAN, new // _SPAN, level + 1


def hashes_below(level: int, index: int) -> bytes:
    """The hashes of a tile, of as many as there are: leaves, or roots of the tiles below."""
    start = index * _SPAN
    if level == 0:
        leaves = Leaf.objects.filter(seq__gte=start, seq__lt=start + _SPAN).order_by("seq")
        return b"".join(map(bytes, leaves.values_list("hash", flat=True)))
    below = Tile.objects.filter(
        level=level - 1, index__gte=start, index__lt=start + _SPAN
    ).order_by("index")
    roots = []
    for at, root in below.values_list("index", "root"):
        if root is None:
            root = perfect(bytes(Tile.objects.get(level=level - 1, index=at).hashes))
        roots.append(bytes(root))
    return b"".join(roots)


def perfect(hashes: bytes) -> bytes:
    """The root over a power of two of hashes, 32 bytes each."""
    level = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    while len(level) > 1:
        pairs = iter(level)
        level = [sha256(b"\x01" + left + next(pairs)).digest() for left in pairs]
    return level[0]


def stored_subtree() -> merkle.Subtree:
    """Subtree hashes from tiles, and from what lies below where a tile is not complete yet."""
    tiles: dict[tuple[int, int], bytes] = {}

    def hashes(level: int, index: int) -> bytes:
        if (level, index) not in tiles:
            found = Tile.objects.filter(level=level, index=index).values_list("hashes", flat=True)
            held = found.first()
            tiles[level, index] = bytes(held) if held is not None else hashes_below(level, index)
        return tiles[level, index]

    def subtree(height: int, index: int) -> bytes:
        level, rest = divmod(height, 8)
        first = index << rest
        run = hashes(level, first // _SPAN)
        start = 32 * (first % _SPAN)
        return perfect(run[start : start + (32 << rest)])

    return subtree


def make_checkpoint() -> Checkpoint | None:
    """Sign the tree as it stands, if it grew since the last one, and hand the note to the file
    outside the database (appended and synced)."""
    with transaction.atomic():
        now = size()
        if now == 0 or Checkpoint.objects.filter(size=now).exists():
            return None
        root = merkle.root(now, stored_subtree())
        note = notes.sign(notes.Checkpoint(origin(), now, root), signing_key())
        made = Checkpoint.objects.create(size=now, root=root, note=note)
        transaction.on_commit(lambda: _hand_out(note))
    return made


def _hand_out(note: str) -> None:
    path = Path(settings.CLINICAL_ANNOT_CHECKPOINT_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        out.seek(0)
        out.truncate(notes.whole_length(out.read()))
        out.write(note.encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
