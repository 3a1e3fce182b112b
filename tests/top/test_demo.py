"""The demo's own processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

from clinical_annot.demo import Children

STUBBORN = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
part = pathlib.Path(sys.argv[1] + ".part")
part.write_text(str(child.pid))
part.rename(sys.argv[1])
time.sleep(600)
"""


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_does_not_end_when_asked_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    children, told = Children(tmp_path), tmp_path / "pid"
    children.start("stubborn", sys.executable, "-c", STUBBORN, str(told))
    process: subprocess.Popen[bytes] = children._running["stubborn"]
    while not told.exists():
        assert process.poll() is None
        time.sleep(0.02)
    below = int(told.read_text())
    assert is_running(below)
    children.stop()
    assert process.wait(20) != 0
    end = time.monotonic() + 20
    while is_running(below) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_running(below)
