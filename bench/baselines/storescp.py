"""dcmtk's storescp: plain files, no database, nothing synced. Runs until it is told to stop."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """A process an association (``--fork``), without the delayed acknowledgement's 40 ms wait.

    Raises FileNotFoundError where dcmtk is not installed.
    """
    program = shutil.which("storescp")
    if program is None:
        raise FileNotFoundError("storescp is missing: apt-get install dcmtk")
    folder.mkdir(parents=True)
    return subprocess.Popen(
        [program, "--fork", "-pdu", "131072", "-od", str(folder), str(port)],
        env={**os.environ, "TCP_NODELAY": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
