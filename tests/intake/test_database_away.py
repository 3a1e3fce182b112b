"""PostgreSQL stopped under load and started again: the documented status, nothing half-stored.

Away for ``BAR_AWAY_S`` seconds (``make bars NAME=database``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.intake import peers
from tests.intake.test_kill import _MAKE_PROJECT, ROOT, Place

pytestmark = [
    pytest.mark.bars,
    pytest.mark.skipif("DATABASE_URL" in os.environ, reason="it starts a server of its own"),
]
AWAY_S = float(os.environ.get("BAR_AWAY_S", "5"))


def server(*words: str) -> str:
    done = subprocess.run(
        [ROOT / ".ci/postgres", *words], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


def pg_ctl(folder: Path, *words: str) -> None:
    program = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))[-1]
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run(
        [*as_postgres, program, "-D", folder / "data", "-w", "-l", folder / "log", *words],
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )


def options_of(folder: Path) -> str:
    """What the server was started with: program and options stand in ``postmaster.opts``."""
    return (folder / "data" / "postmaster.opts").read_text().split(None, 1)[1].strip()


def test_while_the_database_is_away_a_peer_is_told_and_nothing_is_half_stored(
    tmp_path, tmp_path_factory
):
    # The server's own user must reach it, which pytest's folders do not let it.
    folder = Path(tempfile.mkdtemp(prefix="clinicalannot-pg-"))
    place = Place(tmp_path_factory.mktemp("away"))
    place.env["DATABASE_URL"] = server("start", str(folder))
    place.env["CLINICAL_ANNOT_DISK_RESERVE_BYTES"] = "0"
    try:
        place.run(_MAKE_PROJECT)
        node = place.start_node()
        files = []
        for number in range(6):
            files.append(tmp_path / f"{number}.dcm")
            files[-1].write_bytes(peers.instance(size_bytes=100_000))
        assert peers.storescu(place.port, files[0]).stdout.count("(Success)") == 1
        options = options_of(folder)
        pg_ctl(folder, "-m", "fast", "stop")
        began, told = time.monotonic(), []
        while time.monotonic() - began < AWAY_S:
            told.append(peers.storescu(place.port, files[1]).stdout)
        assert told and all("(Success)" not in said for said in told)
        assert all("Rejected Transient" in said or "OutOfResources" in said for said in told), told
        pg_ctl(folder, "-o", options.replace('"', ""), "start")
        end = time.monotonic() + 20
        while "(Success)" not in peers.storescu(place.port, files[1]).stdout:
            assert time.monotonic() < end, "the node comes back without being started again"
        for path in files[2:]:
            assert "(Success)" in peers.storescu(place.port, path).stdout
        listed, verdict = place.held(sweep=True)
        assert len(listed) == len(files) and verdict == f"HOLDS {len(files)} files"
        vault = [path for path in (place.folder / "vault").rglob("*") if path.is_file()]
        assert len(vault) == len(files)
        node.terminate()
        assert node.wait(20) == 0
    finally:
        for process in place.nodes:
            process.kill()
            process.wait()
        server("stop", str(folder))
        shutil.rmtree(folder, ignore_errors=True)
