"""``make bars [NAME=...]``: the issues' bars in full size, a line each, and ``bench/bars.json``.

Each bar is a selection of tests run in full size (by environment variables), or a command of its
own. What was held is kept in ``bench/bars.json`` with the commit it was held at, so that a stopped
run goes on where it was; ``NAME`` picks by a part of a bar's name and always runs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import bars_access, bars_deid, bars_player, bars_release, bars_tracks, bars_trail

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "bench" / "bars.json"


@dataclass(frozen=True)
class Bar:
    """``run`` gives (figure in words, whether it is held)."""

    name: str
    bar: str
    run: Callable[[], tuple[str, bool]]


def _tests(*paths: str, **environment: str) -> Callable[[], tuple[str, bool]]:
    """pytest over ``paths`` in full size; the figure is its closing line and what the tests noted
    (``tests/intake/figures.py``)."""

    def run() -> tuple[str, bool]:
        with tempfile.NamedTemporaryFile("r") as noted:
            figure, held = measured(noted.name)
            return "; ".join([figure, *noted.read().splitlines()]), held

    def measured(noted: str) -> tuple[str, bool]:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *paths, "-p", "no:cacheprovider", "--timeout=3600"],
            cwd=ROOT,
            env={**os.environ, **environment, "BAR_FIGURES": noted},
            capture_output=True,
            text=True,
            check=False,
        )
        counts = re.findall(r"^=*\s*(\d+ (?:passed|failed|errors?)\b.*?) in \d", done.stdout, re.M)
        figure = counts[-1] if counts else "no test ran"
        if done.returncode:
            sys.stderr.write(done.stdout[-4000:])
        return figure, done.returncode == 0

    return run


@dataclass
class _Clone:
    """A fresh clone with an empty environment, for what a newcomer runs."""

    folder: Path = field(default_factory=lambda: ROOT / "var" / "fresh")

    def make(self) -> Path:
        subprocess.run(["rm", "-rf", str(self.folder)], check=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "clone", "-q", str(ROOT), str(self.folder)], check=True)
        return self.folder


def _demo_ready() -> tuple[str, bool]:
    """`make demo` in a fresh clone: seconds to READY, then SIGTERM."""
    folder, began = _Clone().make(), time.monotonic()
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")},
        "CLINICAL_ANNOT_WEB_PORT": "18311",
        "CLINICAL_ANNOT_DICOM_PORT": "18312",
    }
    with subprocess.Popen(
        ["make", "demo"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        seconds = None
        for line in process.stdout:
            if line.startswith("READY"):
                seconds = time.monotonic() - began
                break
        os.killpg(process.pid, 15)
        stopped = time.monotonic()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
        ended_s = time.monotonic() - stopped
    if seconds is None:
        return "never READY", False
    return f"READY after {seconds:.0f} s, ended {ended_s:.1f} s after SIGTERM", (
        seconds < 300 and ended_s < 5
    )


def _make_test() -> tuple[str, bool]:
    """`make test` in a fresh clone with an empty environment."""
    folder, began = _Clone().make(), time.monotonic()
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        ["make", "test"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - began
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:])
    state = "green" if done.returncode == 0 else "failed"
    return f"{state} after {seconds:.0f} s", done.returncode == 0 and seconds < 900


def _vault() -> tuple[str, bool]:
    """Reading the vault's format, against bare AES-256-GCM in the same run."""
    from bench.__main__ import random_reads, vault_read

    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
        in_order, at_random = vault_read(Path(folder)), random_reads(Path(folder))
    speed = round(in_order["ours"] / in_order["theirs"], 2)
    figure = f"{speed} of bare in order, p95 {at_random['ratio']} of a segment at random"
    return figure, speed >= 0.8 and at_random["ratio"] <= 3.0


def _library_files() -> tuple[str, bool]:
    """Files of pydicom, pynetdicom and of the two source packages, all taken or refused."""
    with tempfile.TemporaryDirectory(prefix="clinicalannot-files-") as folder:
        for name, version in (("highdicom", "0.28.2"), ("pynetdicom", "3.0.4")):
            fetch = ["download", "-q", "--no-deps", "--no-binary", name, "-d", folder]
            subprocess.run([sys.executable, "-m", "pip", *fetch, f"{name}=={version}"], check=True)
        for archive in sorted(Path(folder).glob("*.tar.gz")):
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
        return _tests(
            "tests/domain/test_deid_library_files.py", FOREIGN_FILES=folder, BAR_FULL="1"
        )()


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


def _video_speed() -> tuple[str, bool]:
    """``make bench NAME=video`` on a clip of 10 minutes, held to the bars (as costs: 1 / speed)."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "video"],
        cwd=ROOT,
        env={**os.environ, "BENCH_VIDEO_S": os.environ.get("BENCH_VIDEO_S", "600")},
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
    most = {"looked through": 1 / 0.5, "encoding pass": 1 / 0.9, "redacted": 1 / 0.45}
    held = all(
        any(part in name and cost <= limit for name, cost in costs.items())
        for part, limit in most.items()
    )
    return "; ".join(done.stdout.splitlines()), held


BARS = [
    *(Bar(*row) for row in bars_tracks.BARS),
    Bar(
        "same labels",
        "random work through the browser's store, the server and a plain model: the same labels",
        _tests("tests/browser/test_same_labels.py", BAR_HISTORIES="40"),
    ),
    *(Bar(name, bar, run) for name, bar, run in bars_access.ALL),
    Bar("demo", "READY in under 300 s from a fresh clone", _demo_ready),
    Bar("test", "green in under 900 s from a fresh clone", _make_test),
    Bar(
        "journey",
        "all roles on the 60 s sample; every export as drawn; no identifier anywhere",
        _tests("tests/journeys/test_road.py", JOURNEY_FRAMES="1500"),
    ),
    Bar(
        "pictures",
        "200 of 200 seeks and 200 of 200 steps on each sample",
        _tests("tests/journeys/test_pictures.py", BAR_SEEKS="200", BAR_FULL="1"),
    ),
    Bar(
        "foreign",
        "a foreign study in quarantine within 10 s, then playable; bad input refused clearly",
        _tests("tests/journeys/test_foreign.py", "tests/journeys/test_refusals.py", BAR_FULL="1"),
    ),
    Bar(
        "ocr",
        "24 clips, 6 fonts, 12 to 44 px, 8 styles: static text 0.98, of half a second 0.95,"
        " precision 0.9, all ink covered",
        _tests("tests/domain/test_text_bar.py", BAR_OCR_CLIPS="24", BAR_FULL="1"),
    ),
    Bar(
        "pixel memory",
        "1080p of 6 s and 2 min, cine of 2 GB: worker under 400 MB, detector 1 GB, neither growing",
        _tests("tests/deid/test_pixel_memory.py", "tests/deid/test_cine_memory.py", BAR_FULL="1"),
    ),
    Bar(
        "kill",
        "node, worker and web killed 5 times each: nothing lost, the trail holds",
        _tests("tests/journeys/test_kill.py", BAR_KILLS="5", BAR_FULL="1"),
    ),
    Bar(
        "keyboard",
        "workspace and adjudication by keyboard alone, axe-core without serious findings",
        _tests("tests/journeys/test_keyboard.py", "tests/browser/test_axe.py", BAR_FULL="1"),
    ),
    Bar(
        "dciodvfy",
        "no error on SEG, SR and the de-identified instance",
        _tests("tests/interop"),
    ),
    Bar(
        "formats",
        "any labels through each format and two in turn come back; 1,000 mutated files a format",
        _tests(
            "tests/domain/test_release_formats.py",
            "tests/domain/test_release_exactness.py",
            "tests/interop/test_format_readers.py",
            BAR_FORMAT_EXAMPLES="60",
            BAR_FORMAT_MUTATIONS="1000",
        ),
    ),
    Bar(
        "vault",
        "in order 0.8 of bare AES-256-GCM; p95 of 64 KiB out of 2 GB at most 3 segments",
        _vault,
    ),
    Bar(
        "deid corpus",
        "0 leaks, 0 needless refusals, 0 needed fields lost over three seeds and difficulties",
        bars_deid.corpus,
    ),
    Bar(
        "deid invariants",
        "refusals with the right reason; invariants on generated studies; no identifier in logs,"
        " rows or pages",
        _tests(
            "tests/domain/test_planted_identifiers.py",
            "tests/domain/test_deid_properties.py",
            "tests/domain/test_deid_shared_elements.py",
            "tests/deid/test_no_identifier_elsewhere.py",
            PLANTED_SHARE="0.1",
            BAR_FULL="1",
        ),
    ),
    Bar(
        "deid library files",
        "files of pydicom, highdicom and pynetdicom cleaned or refused with a reason",
        _library_files,
    ),
    Bar(
        "deid speed",
        "cines of 0.5 MB, decision known, search included: 150 a CPU second, over dicognito's",
        bars_deid.speed,
    ),
    Bar(
        "node kills",
        "SIGKILL of the node at 50 random moments under load and of the database server at 10: all"
        " that was acknowledged is there, no row without a file, the retry completes",
        _tests(
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
        _tests(
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
        _tests("tests/intake/test_database_away.py", BAR_AWAY_S="30", BAR_FULL="1"),
    ),
    Bar(
        "plaintext",
        "no 64-byte run of a known instance in any file by C-STORE, STOW, ingest, ZIP or pull",
        _tests(
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
        _tests("tests/backup", BAR_FULL="1"),
    ),
    Bar(
        "faults",
        "disk full, clock set back, certificate expired, a byte a second, cut in mid-instance: the"
        " documented status, nothing half-stored",
        _tests(
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
        "video speed",
        "looked through and kept at 0.5 of bare decoding; the encoding pass at 0.9, received to"
        " ready at 0.45 of bare decoding and x264",
        _video_speed,
    ),
    Bar(
        "video memory",
        "an hour of video copied, and blanked: under 400 MB, not growing with its length",
        _tests("tests/deid/test_video_memory.py", BAR_VIDEO_FRAMES="90000"),
    ),
    Bar(
        "worker kills",
        "SIGKILL of the worker at 30 random moments: nothing half-written, the same bytes",
        _tests("tests/deid/test_worker_killed.py", BAR_WORKER_KILLS="30"),
    ),
    *(Bar(name, bar, run) for name, (bar, run) in bars_release.BARS.items()),
    Bar(
        "node",
        "no plain byte on disk, kills, memory, robustness of the node",
        _tests("tests/intake", BAR_FULL="1"),
    ),
    *(Bar(*bar) for bar in bars_player.bars(_tests)),
]


BARS += bars_trail.bars(Bar, _tests)


def main(arguments: list[str]) -> int:
    wanted = arguments[0] if arguments else ""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    missed = 0
    for bar in BARS:
        if wanted and wanted not in bar.name:
            continue
        old = record.get(bar.name, {})
        if not wanted and old.get("held") and old.get("commit") == commit:
            print(f"{bar.name}: {old['figure']}, {bar.bar}, held before at this commit", flush=True)
            continue
        began = time.monotonic()
        figure, held = bar.run()
        seconds = round(time.monotonic() - began)
        missed += not held
        print(
            f"{bar.name}: {figure}, {bar.bar}, {'held' if held else 'missed'}, {seconds} s",
            flush=True,
        )
        record[bar.name] = {
            "figure": figure,
            "bar": bar.bar,
            "held": held,
            "seconds": seconds,
            "commit": commit,
        }
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
