"""Mutated PDU streams and mutated data sets, against the node as an operator runs it.

Full size by ``BAR_STREAMS`` and ``BAR_DATA_SETS`` (``make bars NAME=broken``).
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest

from apps.intake.node import guard
from tests.intake import peers
from tests.intake.figures import note
from tests.intake.place import MAKE_PROJECT, Place
from tests.intake.streams import (
    RELEASE,
    command_set,
    data_set,
    mutated,
    pdu,
    pour,
    received,
    request_pdu,
    status,
    whole_stream,
)
from tests.intake.test_robustness import BOUND_S

pytestmark = [
    pytest.mark.bars,
    pytest.mark.skipif(
        "DATABASE_URL" in os.environ, reason="the node has an SQLite database of its own here"
    ),
]
STREAMS = int(os.environ.get("BAR_STREAMS", "200"))
DATA_SETS = int(os.environ.get("BAR_DATA_SETS", "60"))
IS_FULL = bool(os.environ.get("BAR_FULL"))
SEED = 20261125
GROWTH_BYTES = 50 << 20
STATUSES = {0x0000, 0xA700, 0xA900, 0xC000}
_COUNT = """
from collections import Counter
from apps.audit.models import Event
import json
print(json.dumps(Counter(Event.objects.values_list("action", flat=True))))
"""


class Bystander:
    """A well-behaved peer that asks again and again: how long its longest echo took, and how far
    the node's memory rose above what it was at the beginning."""

    def __init__(self, place: Place) -> None:
        self.longest_s, self.count = 0.0, 0
        self._port = place.port
        (self.node,) = place.workers(place.nodes[0])
        self._before = self._most = self.node.memory_info().rss
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask), threading.Thread(target=self._look)]

    def _ask(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            answered = peers.echoscu(self._port).returncode == 0
            self.longest_s = max(self.longest_s, time.monotonic() - began if answered else 999.0)
            self.count += 1
            self._over.wait(0.5)

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self._most = max(self._most, self.node.memory_info().rss)

    def __enter__(self) -> Bystander:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def was_not_harmed(self, place: Place, by: str) -> None:
        """The bar: the same process, no wait over 5 s, under 50 MB more memory at any moment."""
        grown = self._most - self._before
        note(f"{by}: longest wait {self.longest_s:.1f} s, {grown / (1 << 20):.0f} MB more memory")
        assert place.workers(place.nodes[0]) == [self.node] and self.node.is_running()
        assert self.longest_s < BOUND_S
        assert grown < GROWTH_BYTES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("broken"))
    made.env["CLINICAL_ANNOT_NODE_PROCESSES"] = "1"
    made.env["CLINICAL_ANNOT_DISK_RESERVE_BYTES"] = "0"
    made.run(MAKE_PROJECT)
    made.start_node()
    yield made
    made.end()


def counted(place: Place) -> dict[str, int]:
    import json

    return json.loads(place.run(_COUNT).splitlines()[-1])


def eventually(place: Place, action: str, count: int) -> dict[str, int]:
    """How often each event stands in the log, once ``action`` does ``count`` times."""
    end = time.monotonic() + 60
    while (now := counted(place))[action] < count:
        assert time.monotonic() < end, (now, count)
    return now


def test_mutated_streams_crash_nothing_and_are_an_event_each(place: Place) -> None:
    chance = random.Random(SEED)
    for number in range(40):
        pour(place.port, b"".join(whole_stream(f"1.2.9.{number}")))
    before = counted(place)
    streams = [mutated(whole_stream(f"1.2.3.{n}"), chance) for n in range(STREAMS)]
    with Bystander(place) as bystander, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda stream: pour(place.port, stream), streams))
    bystander.was_not_harmed(place, f"{STREAMS} mutated streams")
    expected = before["intake.association"] + STREAMS + bystander.count
    assert eventually(place, "intake.association", expected)["intake.association"] == expected
    assert place.held()[1].startswith("HOLDS")


def test_mutated_data_sets_are_answered_and_are_an_event_each(place: Place) -> None:
    chance = random.Random(SEED + 1)
    before = counted(place)
    told: list[int] = []
    with Bystander(place) as bystander:
        with socket.create_connection(("127.0.0.1", place.port), 10) as line:
            line.settimeout(20)
            line.sendall(request_pdu(peers.ULTRASOUND))
            assert received(line)[0] == 2
            for number in range(DATA_SETS):
                told.append(store_damaged(line, f"1.2.4.{number}", chance))
            line.sendall(RELEASE)
            assert received(line)[0] == 6
    assert set(told) <= STATUSES and {0x0000, 0xC000} <= set(told)
    bystander.was_not_harmed(place, f"{DATA_SETS} mutated data sets")
    after = counted(place)
    received_rows = after["intake.receive"] - before["intake.receive"]
    refused_rows = after["intake.refuse"] - before.get("intake.refuse", 0)
    assert received_rows == told.count(0) and received_rows + refused_rows == DATA_SETS
    assert place.held()[1].startswith("HOLDS")


def store_damaged(line: socket.socket, uid: str, chance: random.Random) -> int:
    content = bytearray(data_set(peers.instance(uid=uid, size_bytes=400)))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(min(len(content), 330))
        kind = chance.randrange(4)
        if kind == 0:
            content[at] = chance.randrange(256)
        elif kind == 1:
            content[at:at] = chance.randbytes(chance.randint(1, 32))
        elif kind == 2:
            del content[at : at + chance.randint(1, 32)]
        else:
            content[at : at + 4] = struct.pack("<L", chance.choice([0, 0xFFFFFFFF, 1 << 31, 7]))
    line.sendall(pdu(command_set(peers.ULTRASOUND, uid), 3) + pdu(bytes(content), 2))
    return status(line)


def test_peers_that_drop_fall_silent_dribble_or_boast_are_an_event_each(place: Place) -> None:
    """Ten of each kind, all at once."""
    before, request = counted(place), request_pdu(peers.ULTRASOUND)
    boast = struct.pack(">BBL", 4, 0, 256 << 20)
    with contextlib.ExitStack() as open_lines, Bystander(place) as bystander:

        def ten() -> list[socket.socket]:
            connect = partial(socket.create_connection, ("127.0.0.1", place.port), 5)
            return [open_lines.enter_context(connect()) for _ in range(10)]

        for line in ten():
            line.close()
        silent, in_request, dribbling, boasting = ten(), ten(), ten(), ten()
        in_pdu = ten() if IS_FULL else []
        for line in in_request:
            line.sendall(request[:30])
        for line in in_pdu:
            line.sendall(request)
            assert received(line)[0] == 2
            line.sendall(pdu(command_set(peers.ULTRASOUND, "1.2.5"), 3) + pdu(bytes(900), 0)[:500])
        for line in boasting[:5]:
            line.sendall(request)
            assert received(line)[0] == 2
        with ThreadPoolExecutor(20) as pool:
            held = [
                *pool.map(dribble, dribbling, [request] * 10),
                *pool.map(boastful, boasting, [boast] * 10),
            ]
        assert not any(held), "let go"
        for line in [*silent, *in_request, *in_pdu]:
            line.settimeout(guard.PDU_S + 10)
            with contextlib.suppress(ConnectionError):
                while line.recv(4096):
                    pass
    n_peers = 60 if IS_FULL else 50
    bystander.was_not_harmed(place, f"{n_peers} peers that drop, fall silent, dribble or boast")
    expected = before["intake.association"] + n_peers + bystander.count
    assert eventually(place, "intake.association", expected)["intake.association"] == expected


def dribble(line: socket.socket, request: bytes) -> bool:
    """One byte a second; whether it was still heard after twice the time a request may take."""
    end = time.monotonic() + 2 * guard.REQUEST_S
    with contextlib.suppress(ConnectionError):
        for byte in request:
            line.sendall(bytes([byte]))
            time.sleep(1)
            if time.monotonic() > end:
                return True
    return False


def boastful(line: socket.socket, boast: bytes) -> bool:
    """Announce 256 MB and send them; whether they were read."""
    with contextlib.suppress(OSError):
        line.sendall(boast)
        for _ in range(256):
            line.sendall(bytes(1 << 20))
        return True
    return False


def test_the_files_of_the_place_are_those_of_its_rows(place: Place) -> None:
    listed, verdict = place.held(sweep=True)
    files = [path for path in (Path(place.folder) / "vault").rglob("*") if path.is_file()]
    assert verdict == f"HOLDS {len(files)} files" and len(listed) <= len(files)
    assert psutil.pid_exists(place.nodes[0].pid)
