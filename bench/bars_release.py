"""Bars of releases in full size: memory, speed against a bare minimum, and byte-identical trees.

Sizes by environment: BENCH_SEG_FRAMES (10000), BENCH_SR_POINTS (100000), BENCH_BOXES (1000000).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.bar import ROOT, Bar, tests


def told(*arguments: str) -> dict[str, Any]:
    """The JSON that ``python -m arguments`` prints last."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def seg() -> tuple[str, bool]:
    """SEG of 10,000 frames x 3 tracks of 1080p, native and deflated, against bit packing alone."""
    n_frames = os.environ.get("BENCH_SEG_FRAMES", "10000")
    figures, held = [], True
    for how in ("native", "deflated"):
        with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
            ours = told("bench.release", "seg", how, n_frames, "3", f"{folder}/seg")
        with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
            bare = told("bench.baselines.pack_bits", how, n_frames, "3", f"{folder}/bits")
        speed = bare["cpu_s"] / ours["cpu_s"]
        size_mb = ours["size_bytes"] / 1e6
        on_the_wall = bare["wall_s"] / ours["wall_s"]
        figures.append(
            f"{how} {speed:.2f} of bare ({on_the_wall:.2f} on the wall), {ours['peak_mb']:.0f} MB,"
            f" {size_mb:.0f} MB big"
        )
        held &= speed >= 0.3 and ours["peak_mb"] < 500
        held &= how == "native" or size_mb < 200
    return "; ".join(figures), held


def sr() -> tuple[str, bool]:
    """SR of 100,000 points: linear, against highdicom building 3,000, and read back by it."""
    n_points = int(os.environ.get("BENCH_SR_POINTS", "100000"))
    n_theirs = min(3000, n_points // 10)
    sizes = {"tenth": n_points // 10, "all": n_points}
    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
        # A tenth takes half a second, in which the machine's own speed wanders by a half: both are
        # written three times, one after the other, and the quickest of each is its time.
        runs = [
            {
                name: told("bench.release", "sr", str(n), f"{folder}/{name}")
                for name, n in sizes.items()
            }
            for _ in range(3)
        ]
        tenth, ours = (min((r[name] for r in runs), key=lambda r: r["cpu_s"]) for name in sizes)
        theirs = told("bench.baselines.highdicom_points", str(n_theirs), f"{folder}/theirs.dcm")
        parts = sorted(Path(folder, "all").glob("*.dcm"))
        assert len(parts) == ours["n_parts"]
        with ThreadPoolExecutor(2) as pool:  # each a process of its own; 15 ms a point
            found = list(pool.map(lambda path: told("bench.release", "read", str(path)), parts))
    growth = ours["cpu_s"] / tenth["cpu_s"] / 10
    faster = (theirs["cpu_s"] / n_theirs) / (ours["cpu_s"] / n_points)
    n_read = sum(each["n_points"] for each in found)
    step = (1700.25 - 100.5) / (n_points - 1)
    right = abs(sum(e["sum_x"] for e in found) - sum(100.5 + step * n for n in range(n_points)))
    most_mb = max(each["peak_mb"] for each in found)
    figure = (
        f"{faster:.0f} times highdicom's speed a point, {growth:.2f} of linear, {len(parts)}"
        f" instances, highdicom reads {n_read} points in at most {most_mb:.0f} MB"
    )
    return figure, faster >= 20 and growth <= 1.3 and n_read == n_points and right < n_points * 1e-3


def boxes() -> tuple[str, bool]:
    """COCO and MOT of a million boxes against datumaro; memory against a tenth of them."""
    from bench.boxes import race

    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
        found = race(Path(folder))
    held = all(each["ratio"] <= (1.2 if "memory" in name else 0.2) for name, each in found.items())
    return "; ".join(f"{name}: {each['ratio']}" for name, each in found.items()), held


def trees() -> tuple[str, bool]:
    """Byte-identical trees: killed at 10 moments, by workers, elsewhere, on other Pythons."""
    with (
        tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder,
        tempfile.TemporaryDirectory(
            prefix="clinicalannot-bench-"
        ) as database,  # it becomes its own
    ):
        environment = {
            **os.environ,
            "BAR_FULL": "1",
            "BAR_RELEASE_KILLS": os.environ.get("BAR_RELEASE_KILLS", "10"),
            "BAR_PYTHONS": os.environ.get("BAR_PYTHONS") or ",".join(_other_pythons(Path(folder))),
            "BAR_TREES": f"{folder}/trees",
        }
        Path(environment["BAR_TREES"]).mkdir()
        tests = ["tests/domain/test_release_pieces.py", "tests/release/test_releasing.py"]
        runs = [_pytest(tests, environment)]
        made = subprocess.run(
            [ROOT / ".ci" / "postgres", "start", database],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        try:
            there = {**environment, "DATABASE_URL": made.stdout.strip()}
            runs.append(_pytest(tests[1:], there))
        finally:
            subprocess.run([ROOT / ".ci" / "postgres", "stop", database], check=False)
        noted = {p.name: p.read_text() for p in Path(environment["BAR_TREES"]).iterdir()}
    alike = set(noted) == {"sqlite", "postgresql"} and len(set(noted.values())) == 1
    n = len([p for p in environment["BAR_PYTHONS"].split(",") if p])
    words = "; ".join(words for words, _ in runs)
    words += f"; {n} other Pythons; SQLite's tree and PostgreSQL's {'alike' if alike else 'differ'}"
    return words, n == 2 and alike and all(held for _, held in runs)


def _pytest(paths: list[str], environment: dict[str, str]) -> tuple[str, bool]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *paths, "-p", "no:cacheprovider", "--timeout=3600"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:])
    return (done.stdout.strip().splitlines() or ["no test ran"])[-1].strip("= "), (
        done.returncode == 0
    )


def _other_pythons(folder: Path) -> list[str]:
    """Environments of the other Pythons that the project takes, with its locked packages: the
    interpreters of the machine (PATH, pyenv)."""
    found = []
    for version in ("3.11", "3.12", "3.13"):
        if sys.version.startswith(f"{version}."):
            continue
        places = [shutil.which(f"python{version}") or ""]
        places += map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
        for place in filter(None, places):
            target = folder / f"python{version}"
            made = subprocess.run([place, "-m", "venv", target], check=False, capture_output=True)
            if made.returncode == 0:
                python = str(target / "bin" / "python")
                subprocess.run(
                    [python, "-m", "pip", "install", "-q", "--no-deps", "-r", "requirements.lock"],
                    cwd=ROOT, check=True,
                )  # fmt: skip
                found.append(python)
                break
    return found


def memory() -> tuple[str, bool]:
    """A release of 1,000 clips by two workers: each one's memory against a tenth of the clips."""
    n_clips = int(os.environ.get("BENCH_CLIPS", "1000"))
    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
        tenth = told("bench.release", "clips", str(n_clips // 10), "2", f"{folder}/tenth")
        ours = told("bench.release", "clips", str(n_clips), "2", f"{folder}/all")
    growth = {key: ours[key] / tenth[key] for key in ("peak_mb", "workers_peak_mb")}
    figure = (
        f"{n_clips} clips: {ours['peak_mb']:.0f} MB and {ours['workers_peak_mb']:.0f} MB a worker,"
        f" of a tenth {tenth['peak_mb']:.0f} and {tenth['workers_peak_mb']:.0f} MB;"
        f" {ours['wall_s']:.0f} s; manifest {ours['manifest_mb']:.0f} MB, which is signed in one"
        " piece"
    )
    return figure, max(growth.values()) <= 1.3


def client() -> tuple[str, bool]:
    """The researcher's page in an empty environment: pip install, download, verify, train."""
    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
        venv.create(Path(folder) / "env", with_pip=True)
        python = str(Path(folder) / "env" / "bin" / "python")
        copied = shutil.copytree(ROOT / "client", Path(folder) / "client")
        install = [python, "-m", "pip", "install", "-q", str(copied), "scikit-image"]
        subprocess.run(install, check=True)
        environment = {**os.environ, "BAR_CLIENT_PYTHON": python, "BAR_FULL": "1"}
        paths = ["tests/release/test_client.py", "tests/release/test_stand_alone.py"]
        return _pytest(paths, environment)


def dcmjs() -> tuple[str, bool]:
    """dcmjs and the Cornerstone adapter, installed by npm, read SEG."""
    return _pytest(["tests/interop/test_dcmjs.py"], {**os.environ, "BAR_FULL": "1"})


BARS = [
    Bar(
        "release dcmjs",
        "dcmjs of npm (native and deflated) and Cornerstone's adapter find each mask of a SEG on"
        " its frame, pixel for pixel",
        dcmjs,
    ),
    Bar(
        "release client",
        "from an empty environment: pip install, download, verify, iterate, train a baseline, as"
        " the page of the docs says",
        client,
    ),
    Bar(
        "release trees",
        "byte-identical on SQLite and PostgreSQL, by one and three workers, on 3.11, 3.12 and 3.13,"
        " in another time zone, locale and hash seed, killed and resumed at 10 moments",
        trees,
    ),
    Bar(
        "release memory",
        "1,000 clips over two workers: memory does not grow with their number",
        memory,
    ),
    Bar(
        "release seg",
        "SEG of 10,000 frames x 3 tracks at 1080p: under 500 MB of memory, 0.3 of bare bit packing"
        " and writing (native), of bit packing and zlib 1 (deflated, under 200 MB on disk)",
        seg,
    ),
    Bar(
        "release sr",
        "SR of 100,000 points: linear, 20 times highdicom's speed a point, read back by highdicom",
        sr,
    ),
    Bar(
        "release changes",
        "100 of 100 single-byte changes named by verify_release and by the stand-alone verifier",
        tests(
            "tests/release/test_stand_alone.py", "tests/domain/test_release_tree.py", BAR_FULL="1"
        ),
    ),
    Bar(
        "release imports",
        "1,000 mutated files of each format through the door: whole in the database or not at all",
        tests("tests/release/test_importing.py", BAR_IMPORT_MUTATIONS="1000"),
    ),
    Bar(
        "release boxes",
        "COCO and MOT of a million boxes: 5 times datumaro's speed, flat memory",
        boxes,
    ),
    Bar(
        "dciodvfy",
        "no error on SEG, SR and the de-identified instance",
        tests("tests/interop"),
    ),
    Bar(
        "formats",
        "any labels through each format and two in turn come back; 1,000 mutated files a format",
        tests(
            "tests/domain/test_release_formats.py",
            "tests/domain/test_release_exactness.py",
            "tests/interop/test_format_readers.py",
            "tests/interop/test_one_release.py",
            BAR_FORMAT_EXAMPLES="60",
            BAR_FORMAT_MUTATIONS="1000",
        ),
    ),
]
