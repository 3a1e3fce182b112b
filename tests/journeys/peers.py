"""Other people's programs over a release: dciodvfy and TrackEval."""

from __future__ import annotations

import subprocess
from pathlib import Path


def dciodvfy_errors(path: Path) -> list[str]:
    """Lines of dicom3tools' dciodvfy that begin with Error."""
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    return [line for line in text.splitlines() if line.startswith("Error")]
