"""Speeds of the trail in a fresh database: ``python -m bench.trail append|verify|proof``.

Prints one JSON object. The database is the one that the environment names, as bars_trail.py does.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from statistics import median

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from apps.audit import log, rowcheck, tree, verify  # noqa: E402
from apps.audit.domain import entry as entries  # noqa: E402
from apps.audit.domain import merkle  # noqa: E402
from apps.audit.domain.seal import place_mark  # noqa: E402
from apps.audit.models import Event, Leaf, Tile  # noqa: E402

TURNS, A_TURN = 15, 150


def _cpu_s() -> float:
    spent = os.times()
    return spent.user + spent.system


def append() -> dict[str, float]:
    """A verb's transaction (its own row, then the event) against the same with a bare insert of
    the event's columns into a table with the event's indexes."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id integer, body varchar(200))")
        cursor.execute("CREATE TABLE bench_bare AS SELECT * FROM audit_event WHERE 1 = 0")
        cursor.execute("CREATE UNIQUE INDEX bench_id ON bench_bare (id)")
        for name in ("recorded_at", "action", "actor", "project", "object_id"):
            cursor.execute(f"CREATE INDEX bench_{name} ON bench_bare ({name})")
        cursor.execute("CREATE INDEX bench_both ON bench_bare (object_type, object_id)")
    columns = [field.column for field in Event._meta.concrete_fields]
    places = ", ".join(["%s"] * len(columns))
    bare_sql = f"INSERT INTO bench_bare ({', '.join(columns)}) VALUES ({places})"
    project = str(uuid.uuid4())

    def own_row() -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO bench_row VALUES (%s, %s)", [1, "x" * 150])

    def with_event() -> None:
        with transaction.atomic():
            own_row()
            log.append(
                "clip.open", actor=str(uuid.uuid4()), project=project, object_type="clip",
                object_id=str(uuid.uuid4()), public={"n": 1}, private={"door": "web"},
            )  # fmt: skip

    def with_bare() -> None:
        key = uuid.uuid4()
        values = [
            key if connection.vendor == "postgresql" else key.hex, "2026-01-01 00:00:00.000001",
            "clip.open", "done", str(uuid.uuid4()), project, "clip", str(uuid.uuid4()),
            b"e" * 330, b"p" * 210, b"s" * 16, None, "",
        ]  # fmt: skip
        with transaction.atomic():
            own_row()
            with connection.cursor() as cursor:
                cursor.execute(bare_sql, values)

    spent: dict[str, list[tuple[float, float]]] = {"event": [], "bare": []}
    for _ in range(TURNS):
        for name, work in (("event", with_event), ("bare", with_bare)):
            cpu, wall = _cpu_s(), time.perf_counter()
            for _ in range(A_TURN):
                work()
            spent[name].append((_cpu_s() - cpu, time.perf_counter() - wall))
    sums = {name: [sum(t[i] for t in turns) for i in (0, 1)] for name, turns in spent.items()}
    walls = {name: median(t[1] for t in turns) for name, turns in spent.items()}
    return {"cpu": sums["event"][0] / sums["bare"][0], "wall": walls["event"] / walls["bare"]}


def _fill(count: int) -> None:
    """``count`` events with their leaves, written as the server writes them, but in bulk."""
    event_key, place_key, actor = log.event_key(), tree.place_key(), str(uuid.uuid4())
    from datetime import UTC, datetime

    for first in range(0, count, 2048):
        events, leaves = [], []
        for seq in range(first, min(first + 2048, count)):
            name, now = uuid.uuid4(), datetime.now(UTC)
            who = {
                "actor": actor, "project": actor, "object_type": "clip", "object_id": str(name),
            }  # fmt: skip
            built = entries.build(
                event_id=str(name),
                time=f"{now.replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
                action="clip.open", outcome="done", public={"n": seq},
                private={**who, "door": "web", "origin": "127.0.0.1"},
                salt=os.urandom(16), sealed=None, key=event_key,
            )  # fmt: skip
            facts = {"entry": built.entry, "private": built.private, "salt": built.salt, **who}
            events.append(
                Event(id=name, recorded_at=now, action="clip.open", outcome="done", **facts)
            )
            digest = merkle.leaf_hash(built.entry)
            mark = place_mark(seq, digest, place_key)
            leaves.append(Leaf(seq=seq, event_id=name, hash=digest, mark=mark))
        with transaction.atomic():
            Event.objects.bulk_create(events)
            Leaf.objects.bulk_create(leaves)
            tree._write_tiles(first, first + len(leaves))


def _bare_loop() -> int:
    """Read the same rows and hash their entries."""
    count = 0
    with closing(connection.chunked_cursor()) as cursor:
        cursor.execute(rowcheck.rows_sql())
        while rows := cursor.fetchmany(2000):
            for row in rows:
                sha256(b"\x00" + row[11]).digest()
                sha256(row[13] + row[12]).digest()
                count += 1
    return count


def verified() -> dict[str, float]:
    count = int(os.environ["BENCH_EVENTS"])
    _fill(count)
    tree.make_checkpoint()
    spent: dict[str, float] = {}
    loops: dict[str, Callable[[], object]] = {
        "warm": _bare_loop, "bare": _bare_loop, "full": lambda: verify.verify_trail(outside=[]),
    }  # fmt: skip
    for name, work in loops.items():
        began = _cpu_s()
        work()
        spent[name] = _cpu_s() - began
    return {"ratio": spent["bare"] / spent["full"], "events": count}


def proof() -> dict[str, float]:
    """Leaves that are hashes of their own number; only what tiles do not hold stands as a row."""
    count = int(os.environ["BENCH_LEAVES"])
    level, rows = 0, count
    below: list[bytes] = []
    while rows // 256:
        roots = []
        for index in range(rows // 256):
            span = range(256 * index, 256 * index + 256)
            hashes = (
                b"".join(_leaf(n) for n in span)
                if not level
                else b"".join(below[256 * index : 256 * index + 256])
            )
            root = tree.perfect(hashes)
            roots.append(root)
            _tiles.append(Tile(level=level, index=index, hashes=hashes, root=root))
            if len(_tiles) == 512:
                _flush()
        level, rows, below = level + 1, rows // 256, roots
    _flush()
    loose = range(count // 256 * 256, count)
    with connection.constraint_checks_disabled(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO audit_leaf (seq, event_id, hash) VALUES (%s, %s, %s)",
                [(seq, uuid.uuid4().hex, _leaf(seq)) for seq in loose],
            )
    root = merkle.root(count, tree.stored_subtree())
    worst, places = 0.0, [0, 1, 255, 256, count // 3, count // 2, count - 300, count - 1]
    places += [(7919 * k * k) % count for k in range(1, 43)]
    for place in places:
        began = time.perf_counter()
        steps = merkle.inclusion_proof(place, count, tree.stored_subtree())
        worst = max(worst, time.perf_counter() - began)
        assert merkle.verify_inclusion(_leaf(place), place, count, steps, root)
    return {"worst_ms": 1000 * worst, "proofs": len(places)}


_tiles: list[Tile] = []


def _flush() -> None:
    Tile.objects.bulk_create(_tiles)
    _tiles.clear()


def _leaf(number: int) -> bytes:
    return sha256(number.to_bytes(8, "big")).digest()


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    found = {"append": append, "verify": verified, "proof": proof}[sys.argv[1]]()
    print(json.dumps(found))
