"""Bars of the trail: tampering, the cost of an event, verification, proofs at ten million."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable

from bench.bar import ROOT, Bar, Run, tests


def _measured(what: str, database: str, **environment: str) -> dict[str, float]:
    """``bench.trail`` in a process with a fresh database: its figures."""
    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
        given = {"CLINICAL_ANNOT_DATA_DIR": folder, **environment}
        given["DJANGO_SETTINGS_MODULE"] = "clinical_annot.settings.test"
        given["DATABASE_URL"] = database or f"sqlite:///{folder}/bench.sqlite3"
        done = subprocess.run(
            [sys.executable, "-m", "bench.trail", what],
            cwd=ROOT,
            env={**os.environ, **given},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
        raise RuntimeError(f"bench.trail {what} failed")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def on_both(run: Callable[[str], tuple[str, bool]]) -> Run:
    """``run`` with "" (SQLite) and with the address of a PostgreSQL of its own."""

    def both() -> tuple[str, bool]:
        with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
            started = subprocess.run(
                [ROOT / ".ci/postgres", "start", folder], capture_output=True, text=True, check=True
            )
            try:
                found = {"SQLite": run(""), "PostgreSQL": run(started.stdout.strip())}
            finally:
                subprocess.run([ROOT / ".ci/postgres", "stop", folder], check=False)
        told = "; ".join(f"{name}: {figure}" for name, (figure, _) in found.items())
        return told, all(held for _, held in found.values())

    return both


def append(database: str) -> tuple[str, bool]:
    """CPU and wall time of a transaction with an event, against one with a bare insert."""
    found = _measured("append", database)
    return f"{found['cpu']:.2f} by CPU, {found['wall']:.2f} by wall time", found["cpu"] <= 1.5


def verify(database: str) -> tuple[str, bool]:
    count = os.environ.get("BENCH_EVENTS", "1000000")
    found = _measured("verify", database, BENCH_EVENTS=count)
    figure = f"{found['ratio']:.2f} of the bare loop over {int(found['events'])} events"
    return figure, found["ratio"] >= 0.4


def proof() -> tuple[str, bool]:
    found = _measured("proof", "", BENCH_LEAVES=os.environ.get("BENCH_LEAVES", "10000000"))
    figure = f"{found['worst_ms']:.1f} ms at worst of {int(found['proofs'])}, each verified"
    return figure, found["worst_ms"] < 50


TRAIL = (
    "tests/audit",
    "tests/adjudication/test_signatures.py",
    "tests/release/test_stand_alone.py",
)


def tampering(database: str) -> tuple[str, bool]:
    given = {"DATABASE_URL": database} if database else {}
    return tests(*TRAIL, BAR_EVENTS_A_WRITER="40", BAR_FULL="1", **given)()


BARS = [
    Bar(
        "trail tampering",
        "each tampering found and its first wrong entry named, on both databases; 50 writers;"
        " 200 changed bytes of a bundle, a proof file and a release",
        on_both(tampering),
    ),
    Bar("trail append", "an event costs at most 1.5 of a bare insert", on_both(append)),
    Bar("trail verify", "a million events at 0.4 or more of a bare loop", on_both(verify)),
    Bar(
        "tracking figures",
        "equal to TrackEval's to 1e-9 on 200 scenes, 5 times as fast on 20,000 frames x 30",
        tests("tests/interop/test_tracking_figures.py", BAR_TRACKING_CASES="200", BAR_FULL="1"),
    ),
    Bar("trail proof", "an inclusion proof under 50 ms at ten million", proof),
]
