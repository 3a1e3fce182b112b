"""Orthanc as Debian packages it: plain files and an SQLite index, its own defaults for both."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Orthanc with its storage under ``folder``, receiving on ``port``; no web server.

    Raises FileNotFoundError where it is not installed.
    """
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    if program is None:
        raise FileNotFoundError("Orthanc is missing: apt-get install orthanc")
    folder.mkdir(parents=True)
    settings = folder / "orthanc.json"
    settings.write_text(
        json.dumps(
            {
                "Name": "bench",
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "storage"),
                "DicomPort": port,
                "HttpServerEnabled": False,
                "DicomAlwaysAllowStore": True,
                "DicomAlwaysAllowEcho": True,
                "DicomCheckCalledAet": False,
            }
        )
    )
    return subprocess.Popen(
        [program, str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
