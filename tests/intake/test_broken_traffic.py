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
from pathlib import Path

import psutil
import pytest

from tests.intake import peers
from tests.intake.streams import (
    RELEASE,
    command_set,
    data_set,
    mutated,
    pdu,
    pour,
    received,
    request_pdu,
    whole_stream,
)
from tests.intake.test_kill import _MAKE_PROJECT, Place
from tests.intake.test_robustness import BOUND_S

pytestmark = [
    pytest.mark.bars,
    pytest.mark.skipif(
        "DATABASE_URL" in os.environ, reason="the node has an SQLite database of its own here"
    ),
]
STREAMS = int(os.environ.get("BAR_STREAMS", "200"))
DATA_SETS = int(os.environ.get("BAR_DATA_SETS", "60"))
SEED = 20261125
GROWTH_BYTES = 50 << 20
STATUSES = {0x0000, 0xA700, 0xA900, 0xC000}
_COUNT = """
from collections import Counter
from apps.audit.models import Event
import json
print(json.dumps(Counter(Event.objects.values_list("action", flat=True))))
"""


class Echoes:
    """A well-behaved peer that asks again and again; how long its longest echo took."""

    def __init__(self, port: int) -> None:
        self.longest_s, self.count = 0.0, 0
        self._port, self._over = port, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            answered = peers.echoscu(self._port).returncode == 0
            self.longest_s = max(self.longest_s, time.monotonic() - began if answered else 999.0)
            self.count += 1
            self._over.wait(0.5)

    def __enter__(self) -> Echoes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("broken"))
    made.env["CLINICAL_ANNOT_NODE_PROCESSES"] = "1"
    made.env["CLINICAL_ANNOT_DISK_RESERVE_BYTES"] = "0"
    made.run(_MAKE_PROJECT)
    made.start_node()
    yield made
    made.nodes[0].terminate()
    made.nodes[0].wait(20)


def counted(place: Place) -> dict[str, int]:
    import json

    return json.loads(place.run(_COUNT).splitlines()[-1])


def resident(place: Place) -> int:
    (node,) = place.workers(place.nodes[0])
    return node.memory_info().rss


def test_mutated_streams_crash_nothing_and_are_an_event_each(place: Place) -> None:
    chance = random.Random(SEED)
    for number in range(40):
        pour(place.port, b"".join(whole_stream(f"1.2.9.{number}")))
    node, before, memory = place.workers(place.nodes[0])[0], counted(place), resident(place)
    streams = [mutated(whole_stream(f"1.2.3.{n}"), chance) for n in range(STREAMS)]
    with Echoes(place.port) as echoes, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda stream: pour(place.port, stream), streams))
    assert echoes.longest_s < BOUND_S
    assert node.is_running() and place.workers(place.nodes[0]) == [node], "the same process"
    assert resident(place) - memory < GROWTH_BYTES
    after = counted(place)
    ended = after["intake.association"] - before["intake.association"]
    assert ended == STREAMS + echoes.count
    assert place.held()[1].startswith("HOLDS")


def test_mutated_data_sets_are_answered_and_are_an_event_each(place: Place) -> None:
    chance = random.Random(SEED + 1)
    before, memory = counted(place), resident(place)
    told: list[int] = []
    with Echoes(place.port) as echoes:
        with socket.create_connection(("127.0.0.1", place.port), 10) as line:
            line.settimeout(20)
            line.sendall(request_pdu(peers.ULTRASOUND))
            assert received(line)[0] == 2
            for number in range(DATA_SETS):
                told.append(store_damaged(line, f"1.2.4.{number}", chance))
            line.sendall(RELEASE)
            assert received(line)[0] == 6
    assert set(told) <= STATUSES and {0x0000, 0xC000} <= set(told)
    assert echoes.longest_s < BOUND_S and resident(place) - memory < GROWTH_BYTES
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
    kind, answer = received(line)
    assert kind == 4
    at = answer.index(b"\0\0\0\x09\x02\0\0\0")
    return int.from_bytes(answer[at + 8 : at + 10], "little")


def test_ten_dropped_and_ten_silent_peers_are_an_event_each_where_they_spoke(place: Place) -> None:
    before, whole = counted(place), request_pdu()
    with contextlib.ExitStack() as lines, Echoes(place.port) as echoes:
        for _ in range(10):
            socket.create_connection(("127.0.0.1", place.port), 5).close()
        silent = [
            lines.enter_context(socket.create_connection(("127.0.0.1", place.port), 5))
            for _ in range(10)
        ]
        for line in silent:
            line.sendall(whole[:30])
        for line in silent:
            line.settimeout(10)
            assert line.recv(1) == b"", "let go"
    assert echoes.longest_s < BOUND_S
    after = counted(place)
    ended = after["intake.association"] - before["intake.association"]
    assert ended == len(silent) + echoes.count


def test_the_files_of_the_place_are_those_of_its_rows(place: Place) -> None:
    listed, verdict = place.held(sweep=True)
    files = [path for path in (Path(place.folder) / "vault").rglob("*") if path.is_file()]
    assert verdict == f"HOLDS {len(files)} files" and len(listed) <= len(files)
    assert psutil.pid_exists(place.nodes[0].pid)
