"""Bars of releases in full size: memory, speed against a bare minimum, and byte-identical trees.

Sizes by environment: BENCH_SEG_FRAMES (10000), BENCH_SR_POINTS (100000), BENCH_BOXES (1000000).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


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
        figures.append(f"{how} {speed:.2f} of bare, {ours['peak_mb']:.0f} MB, {size_mb:.0f} MB big")
        held &= speed >= 0.3 and ours["peak_mb"] < 500
        held &= how == "native" or size_mb < 200
    return "; ".join(figures), held


def sr() -> tuple[str, bool]:
    """SR of 100,000 points: linear, against highdicom building 3,000, and read back by it."""
    n_points = int(os.environ.get("BENCH_SR_POINTS", "100000"))
    n_theirs = min(3000, n_points // 10)
    with tempfile.TemporaryDirectory(prefix="clinicalannot-bench-") as folder:
        tenth = told("bench.release", "sr", str(n_points // 10), f"{folder}/tenth")
        ours = told("bench.release", "sr", str(n_points), f"{folder}/all")
        theirs = told("bench.baselines.highdicom_points", str(n_theirs), f"{folder}/theirs.dcm")
        parts = sorted(Path(folder, "all").glob("*.dcm"))
        assert len(parts) == ours["n_parts"]
        found = [told("bench.release", "read", str(path)) for path in parts]
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


BARS = {
    "release seg": (
        "SEG of 10,000 frames x 3 tracks at 1080p: under 500 MB of memory, 0.3 of bare bit packing"
        " and writing (native), of bit packing and zlib 1 (deflated, under 200 MB on disk)",
        seg,
    ),
    "release sr": (
        "SR of 100,000 points: linear, 20 times highdicom's speed a point, read back by highdicom",
        sr,
    ),
    "release boxes": (
        "COCO and MOT of a million boxes: 5 times datumaro's speed, flat memory",
        boxes,
    ),
}
