"""The bars of what a newcomer runs first, in a fresh clone with an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.bar import ROOT, Bar


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


BARS = [
    Bar("demo", "READY in under 300 s from a fresh clone", _demo_ready),
    Bar("test", "green in under 900 s from a fresh clone", _make_test),
]
