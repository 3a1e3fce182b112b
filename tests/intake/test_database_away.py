"""PostgreSQL stopped under load and started again: the documented status, nothing half-stored.

Away for ``BAR_AWAY_S`` seconds (``make bars NAME=database``).
"""

from __future__ import annotations

import os
import time

import pytest

from tests.intake import peers
from tests.intake.figures import note
from tests.intake.place import MAKE_PROJECT, Place, Postgres

pytestmark = [
    pytest.mark.bars,
    pytest.mark.skipif("DATABASE_URL" in os.environ, reason="it starts a server of its own"),
]
AWAY_S = float(os.environ.get("BAR_AWAY_S", "5"))


def test_while_the_database_is_away_a_peer_is_told_and_nothing_is_half_stored(
    tmp_path, tmp_path_factory
):
    server = Postgres()
    place = Place(tmp_path_factory.mktemp("away"))
    place.env["DATABASE_URL"] = server.url
    place.env["CLINICAL_ANNOT_DISK_RESERVE_BYTES"] = "0"
    try:
        place.run(MAKE_PROJECT)
        node = place.start_node()
        files = []
        for number in range(6):
            files.append(tmp_path / f"{number}.dcm")
            files[-1].write_bytes(peers.instance(size_bytes=100_000))
        assert peers.storescu(place.port, files[0]).stdout.count("(Success)") == 1
        server.stop()
        began, told = time.monotonic(), []
        while time.monotonic() - began < AWAY_S:
            told.append(peers.storescu(place.port, files[1]).stdout)
        assert told and all("(Success)" not in said for said in told)
        assert all("Rejected Transient" in said or "OutOfResources" in said for said in told), told
        server.start()
        end = time.monotonic() + 20
        while "(Success)" not in peers.storescu(place.port, files[1]).stdout:
            assert time.monotonic() < end, "the node comes back without being started again"
        for path in files[2:]:
            assert "(Success)" in peers.storescu(place.port, path).stdout
        listed, verdict = place.held(sweep=True)
        assert len(listed) == len(files) and verdict == f"HOLDS {len(files)} files"
        assert place.n_files() == len(files)
        node.terminate()
        assert node.wait(20) == 0
    finally:
        place.end()
        server.remove()
    note(f"{len(told)} instances refused in {AWAY_S:.0f} s, all taken after")
