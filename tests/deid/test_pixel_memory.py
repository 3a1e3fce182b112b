"""Looking for text takes the worker and the detector the same memory however long the clip is.

Small here; with ``BAR_FULL`` 1080p, and the bars of 400 MB and 1 GB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.domain.clips import make_clip, tissue, with_text

pytestmark = pytest.mark.timeout(3600)
FULL = bool(os.environ.get("BAR_FULL"))
WIDTH, HEIGHT, SHORT, LONG = (1920, 1080, 150, 3000) if FULL else (320, 240, 30, 600)
# What one more shape of a line adds to the engine's buffers, once.
GROWTH_MB = 60

# The worker as it is: settings, rooms and their tasks loaded; then the work of one clip.
WORK = """
import json, os, sys
import django
django.setup()
from apps.jobs import work
work.discover()
from apps.deid.domain.propose import propose
from apps.deid.domain.text_detector import text_detector
from pathlib import Path
detector = text_detector()
with open(sys.argv[1], "rb") as clip:
    found = propose(clip)
def peak_mb(pid):
    # Not ru_maxrss: a process started by a large one begins with that one's peak.
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))
print(json.dumps({
    "n_frames": found.n_frames,
    "boxes": len(found.boxes),
    "detector_mb": peak_mb(detector._engine.pid),
    "worker_mb": peak_mb("self")}))
"""


def peaks(path: Path, n_frames: int) -> dict[str, int]:
    still = [with_text(tissue(k, WIDTH, HEIGHT), "MORGAN 7731", (40, 90), 24) for k in range(24)]
    options = {"preset": "ultrafast", "g": "48"}
    path.write_bytes(make_clip(n_frames, lambda i: still[i % 24], options=options))
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(path)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "clinical_annot.settings.test"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_memory_does_not_grow_with_the_length_of_the_clip(tmp_path: Path) -> None:
    short, long = (peaks(tmp_path / "clip.mp4", n) for n in (SHORT, LONG))
    sys.stderr.write(f"{short} {long}\n")
    assert (short["n_frames"], long["n_frames"]) == (SHORT, LONG)
    assert short["boxes"] >= 1 and long["boxes"] >= 1
    assert long["worker_mb"] - short["worker_mb"] < GROWTH_MB
    assert long["detector_mb"] - short["detector_mb"] < GROWTH_MB
    assert long["worker_mb"] < 400 and long["detector_mb"] < 1024
