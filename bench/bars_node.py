"""The bars of receiving: the node under load, faults, kills and bad traffic; vault and backup."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.bar import ROOT, Bar, tests


def _vault() -> tuple[str, bool]:
    """Reading the vault's format, against bare AES-256-GCM in the same run."""
    from bench.__main__ import random_reads, vault_read

    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
        in_order, at_random = vault_read(Path(folder)), random_reads(Path(folder))
    speed = round(in_order["ours"] / in_order["theirs"], 2)
    figure = f"{speed} of bare in order, p95 {at_random['ratio']} of a segment at random"
    return figure, speed >= 0.8 and at_random["ratio"] <= 3.0


def _node_speed() -> tuple[str, bool]:
    """``make bench NAME=node`` in full size, held to the bars."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "node"],
        cwd=ROOT,
        env={"BENCH_NODE_LARGE_MB": "2048", "BENCH_NODE_MANY_MB": "20000", **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
        return "the bench failed", False
    costs = {
        name: float(rest.split()[0])
        for name, _, rest in (line.partition(": ") for line in done.stdout.splitlines())
    }
    bars = {" processes to Orthanc": 1.0, " MB to storescp": 1.25, "bar of 200 MB": 1.0}
    held = all(
        (found := [cost for name, cost in costs.items() if name.endswith(end)])
        and max(found) <= most
        for end, most in bars.items()
    )
    return "; ".join(done.stdout.splitlines()), held


BARS = [
    Bar(
        "vault",
        "in order 0.8 of bare AES-256-GCM; p95 of 64 KiB out of 2 GB at most 3 segments",
        _vault,
    ),
    Bar(
        "node kills",
        "SIGKILL of the node at 50 random moments under load and of the database server at 10: all"
        " that was acknowledged is there, no row without a file, the retry completes",
        tests(
            "tests/intake/test_kill.py",
            BAR_NODE_KILLS="50",
            BAR_DATABASE_KILLS="10",
            BAR_FULL="1",
        ),
    ),
    Bar(
        "broken traffic",
        "10,000 mutated streams, 2,000 mutated data sets, ten peers each that drop, fall silent,"
        " send a byte a second or announce 256 MB: no crash, no wait over 5 s, under 50 MB"
        " more memory, one event each",
        tests(
            "tests/intake/test_broken_traffic.py",
            "tests/intake/test_robustness.py",
            BAR_STREAMS="10000",
            BAR_DATA_SETS="2000",
            BAR_FULL="1",
        ),
    ),
    Bar(
        "database away",
        "30 s without the database: the documented status, nothing half-stored",
        tests("tests/intake/test_database_away.py", BAR_AWAY_S="30", BAR_FULL="1"),
    ),
    Bar(
        "plaintext",
        "no 64-byte run of a known instance in any file by C-STORE, STOW, ingest, ZIP or pull",
        tests(
            "tests/intake/test_plaintext.py",
            "tests/intake/test_plaintext_served.py",
            "tests/intake/test_pacs.py",
            BAR_FULL="1",
        ),
    ),
    Bar(
        "backup",
        "taken under load: what was acknowledged is there; the lost range is named, the trail"
        " holds, and a checkpoint newer than the log fails",
        tests("tests/backup", BAR_FULL="1"),
    ),
    Bar(
        "faults",
        "disk full, clock set back, certificate expired, a byte a second, cut in mid-instance: the"
        " documented status, nothing half-stored",
        tests(
            "tests/intake/test_faults.py",
            "tests/intake/test_limits.py",
            "tests/intake/test_tls.py",
            BAR_FULL="1",
        ),
    ),
    Bar(
        "node speed",
        "small instances at least as fast as Orthanc; one of 2 GB at least 0.8 of storescp's speed"
        " and under 200 MB; 20 GB over 10 associations under 200 MB a process",
        _node_speed,
    ),
    Bar(
        "node",
        "no plain byte on disk, kills, memory, robustness of the node",
        tests("tests/intake", BAR_FULL="1"),
    ),
]
