"""Disk full, clock set back, a peer of one byte a second, an association cut in mid-instance: the
documented status each, and nothing half-stored, at the node as an operator runs it.

The database that is away and the certificate that has expired stand in ``test_database_away.py``
and ``test_tls.py``; all together are ``make bars NAME=faults``.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.intake.node import guard
from tests.intake import peers
from tests.intake.figures import note
from tests.intake.place import MAKE_PROJECT, Lane, Place, expected, new_files
from tests.intake.streams import command_set, data_set, established, pdu, store

pytestmark = [
    pytest.mark.bars,
    pytest.mark.skipif(
        "DATABASE_URL" in os.environ, reason="the node has a database of its own here"
    ),
]
SEED = 20261126
SUCCESS, NO_ROOM = 0x0000, 0xA700
SHIFTS = ("+0d", "-2d", "-2d", "+3d", "-400d", "-1h")
VOLUME_BYTES = 64 << 20
CLOCK = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "place")
    made.env["CLINICAL_ANNOT_NODE_PROCESSES"] = "1"
    made.env["CLINICAL_ANNOT_DISK_RESERVE_BYTES"] = "0"
    yield made
    made.end()


def nothing_is_half_stored(place: Place, contents: list[bytes]) -> None:
    listed, verdict = place.held(sweep=True)
    assert listed == expected({str(n): content for n, content in enumerate(contents)})
    assert verdict == f"HOLDS {len(contents)} files" and place.n_files() == len(contents)
    assert place.command("verify_audit").startswith("HOLDS")


@pytest.mark.skipif(os.geteuid() != 0, reason="a small volume needs root to mount a tmpfs")
def test_on_a_full_disk_each_sender_is_told_and_a_retry_completes_once_there_is_room(
    place: Place, tmp_path: Path
) -> None:
    """Database and vault on one volume of 64 MB, without any reserve: really full."""
    volume = Path(tempfile.mkdtemp(prefix="clinicalannot-volume-"))
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={VOLUME_BYTES}", "tmpfs", volume], check=True
    )
    filler, contents = volume / "filler", {}
    place.folder = volume / "data"
    place.env["CLINICAL_ANNOT_DATA_DIR"] = str(place.folder)
    try:
        place.run(MAKE_PROJECT)
        nodes = place.workers(place.start_node())
        files = new_files(tmp_path, random.Random(SEED), contents, "full", 12)
        assert len(Lane(place.port, files[:3]).end()) == 3
        told = []
        for left_bytes in (400_000, 100_000, 0):
            fill(volume, filler, left_bytes)
            told += [peers.storescu(place.port, path).stdout for path in files[3:]]
        stored = {
            path for path, said in zip(files[3:] * 3, told, strict=True) if "(Success)" in said
        }
        refused = [said for said in told if "(Success)" not in said]
        assert len(refused) > 18
        assert all("Refused: OutOfResources" in said or "Temporary Congestion" in said
                   for said in refused), refused  # fmt: skip
        filler.unlink()
        assert len(Lane(place.port, files).end()) == len(files), "a retry completes"
        assert place.workers(place.nodes[0]) == nodes, "no process fell over"
        nothing_is_half_stored(place, list(contents.values()))
        note(f"disk full: {len(refused)} refused, {len(stored)} that still fitted, all taken after")
    finally:
        place.end()
        subprocess.run(["umount", "-l", volume], check=True)
        shutil.rmtree(volume)


def fill(volume: Path, filler: Path, left_bytes: int) -> None:
    """Write until so much is free, and no more."""
    with filler.open("ab", buffering=0) as out, contextlib.suppress(OSError):
        while (free := os.statvfs(volume).f_bavail * os.statvfs(volume).f_frsize) > left_bytes:
            out.write(bytes(min(1 << 20, free - left_bytes)))


def test_a_clock_that_is_set_back_or_forth_changes_nothing_for_a_sender(
    place: Place, tmp_path: Path
) -> None:
    """The clock of the node's processes, by libfaketime, while an association stands."""
    clock, contents = tmp_path / "clock", [peers.instance(size_bytes=2000) for _ in SHIFTS]
    # Never half-written: the node reads it at every look at the clock.
    set_clock(clock, "+0d")
    place.env |= {
        "LD_PRELOAD": str(CLOCK[-1]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    place.run(MAKE_PROJECT)
    nodes = place.workers(place.start_node())
    with established(place.port) as line:
        for content, shift in zip(contents, SHIFTS, strict=True):
            set_clock(clock, shift)
            assert store(line, content) == SUCCESS, shift
    with established(place.port) as line:
        assert store(line, contents[-1]) == SUCCESS, "the same again"
    assert place.workers(place.nodes[0]) == nodes
    nothing_is_half_stored(place, contents)
    note("clock set back 2 days and 400 days, forth 3 days: every instance taken, the trail holds")


def set_clock(clock: Path, shift: str) -> None:
    clock.with_suffix(".new").write_text(shift + "\n")
    clock.with_suffix(".new").rename(clock)


def test_a_byte_a_second_or_a_cut_in_mid_instance_leaves_nothing_and_delays_nobody(
    place: Place,
) -> None:
    place.run(MAKE_PROJECT)
    place.start_node()
    whole, slow, cut = (peers.instance(size_bytes=300_000) for _ in range(3))
    with established(place.port) as dribbling:
        dribbling.sendall(pdu(command_set(peers.ULTRASOUND, peers.uid_of(slow)), 3))
        dribbling.sendall(pdu(data_set(slow)[:200_000], 0))
        for _ in range(3):
            with established(place.port) as line:
                line.sendall(pdu(command_set(peers.ULTRASOUND, peers.uid_of(cut)), 3))
                line.sendall(pdu(data_set(cut)[:200_000], 0) + pdu(data_set(cut)[200_000:], 2)[:90])
        end, heard = time.monotonic() + guard.PDU_S + 15, b""
        with contextlib.suppress(ConnectionError, BlockingIOError):
            for byte in pdu(data_set(slow)[200_000:], 2):
                dribbling.sendall(bytes([byte]))
                with established(place.port) as line:
                    assert store(line, whole) == SUCCESS, "the same again and again"
                assert time.monotonic() < end, "held for ever"
                time.sleep(1)
                dribbling.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    heard = dribbling.recv(100)
                    assert heard[:1] in (b"", b"\x07"), "closed, or aborted"
                    break
                dribbling.setblocking(True)
    nothing_is_half_stored(place, [whole])
    note(
        "one byte a second within an instance: let go with an abort; cut in mid-instance: no trace"
    )
