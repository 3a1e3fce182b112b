"""SIGKILL at any moment: what was acknowledged is there, what was not leaves nothing behind.

Full size by ``BAR_NODE_KILLS`` and ``BAR_DATABASE_KILLS`` (``make bars NAME=kills``).
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.intake import peers
from tests.intake.figures import note
from tests.intake.place import (
    MAKE_PROJECT,
    Lane,
    Place,
    Postgres,
    new_files,
    nothing_is_lost,
    reach,
)

pytestmark = pytest.mark.skipif(
    "DATABASE_URL" in os.environ, reason="the node has a database of its own here"
)
SEED = 20261124
# Moments at which the node or the database server is killed.
NODE_KILLS = int(os.environ.get("BAR_NODE_KILLS", "2"))
DATABASE_KILLS = int(os.environ.get("BAR_DATABASE_KILLS", "2"))
LANES, A_LANE = 3, 10


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = Place(tmp_path_factory.mktemp("killed"))
    made.run(MAKE_PROJECT)
    yield made
    made.end()


def under_load(place, chance, tmp_path, contents, round_number) -> list[Lane]:
    """Senders at work, at some moment of it."""
    lanes = [
        new_files(tmp_path, chance, contents, f"{round_number}-{lane}", A_LANE)
        for lane in range(LANES)
    ]
    sending = [Lane(place.port, lane) for lane in lanes]
    reach(sending, chance.randrange(0 if round_number else 1, LANES * A_LANE - 5), chance)
    return sending


def test_nothing_acknowledged_is_lost_when_the_node_is_killed(place, tmp_path):
    chance = random.Random(SEED)
    contents: dict[str, bytes] = {}
    supervisor = place.start_node()
    stored: set[str] = set()
    for round_number in range(NODE_KILLS):
        sending = under_load(place, chance, tmp_path, contents, round_number)
        for child in place.workers(supervisor):
            child.send_signal(signal.SIGKILL)
        if round_number % 3 == 1:
            supervisor.kill()
            supervisor.wait()
            supervisor = place.start_node()
        stored |= {name for lane in sending for name in lane.end()}
        place.wait_until_it_answers()
    assert stored and len(stored) < len(contents), "some were acknowledged, some were cut off"
    nothing_is_lost(place, contents, stored)
    note(f"{NODE_KILLS} kills of the node, {len(stored)} of {len(contents)} acknowledged before")


@pytest.mark.bars
def test_nothing_acknowledged_is_lost_when_the_database_server_is_killed(
    tmp_path, tmp_path_factory
):
    chance = random.Random(SEED + 1)
    contents: dict[str, bytes] = {}
    stored: set[str] = set()
    server = Postgres()
    place = Place(tmp_path_factory.mktemp("database"))
    place.env["DATABASE_URL"] = server.url
    place.env["CLINICAL_ANNOT_DISK_RESERVE_BYTES"] = "0"
    try:
        place.run(MAKE_PROJECT)
        supervisor = place.start_node()
        nodes = place.workers(supervisor)
        for round_number in range(DATABASE_KILLS):
            sending = under_load(place, chance, tmp_path, contents, round_number)
            server.kill()
            time.sleep(chance.uniform(0, 1))
            server.start()
            stored |= {name for lane in sending for name in lane.end()}
            place.wait_until_it_answers()
        assert place.workers(supervisor) == nodes, "the node goes on with the server's return"
        assert stored and len(stored) < len(contents), "some were acknowledged, some were not"
        nothing_is_lost(place, contents, stored)
    finally:
        place.end()
        server.remove()
    note(
        f"{DATABASE_KILLS} kills of the database server, {len(stored)} of {len(contents)}"
        " acknowledged before"
    )


@pytest.mark.bars
def test_memory_stays_flat_for_an_instance_of_300_mb(place, tmp_path):
    supervisor = place.start_node()
    path = tmp_path / "large.dcm"
    path.write_bytes(peers.instance(size_bytes=300 << 20))
    nodes = place.workers(supervisor)
    assert Lane(place.port, [path]).end()
    idle = {node.pid: node.memory_info().rss for node in nodes}
    with open(path, "r+b") as out:
        out.seek(-2, os.SEEK_END)
        out.write(b"\1\1")
    sending = Lane(place.port, [path])
    most = dict.fromkeys(idle, 0)
    while not sending.is_over:
        for node in nodes:
            most[node.pid] = max(most[node.pid], node.memory_info().rss)
        time.sleep(0.02)
    assert sending.end()
    assert all(most[pid] - idle[pid] < 30 << 20 for pid in idle), (most, idle)
    assert all(value < 200 << 20 for value in most.values()), most
