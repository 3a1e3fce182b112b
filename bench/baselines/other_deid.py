"""dicognito over files, in a process of its own (it may ask for another pydicom than ours).

Usage: python other_deid.py FOLDER OUT; prints CPU seconds for all files of FOLDER, each read,
anonymised and written; a first round warms up. Installed into a virtual environment of its own by
`ensure`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path


def ensure(folder: Path) -> Path:
    """The interpreter of a virtual environment that has dicognito."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    known = subprocess.run([python, "-c", "import dicognito"], capture_output=True, check=False)
    if known.returncode:
        subprocess.run([python, "-m", "pip", "install", "-q", "dicognito==0.19.0"], check=True)
    return python


def run(source: Path, out: Path) -> float:
    import pydicom
    from dicognito.anonymizer import Anonymizer

    spent = 0.0
    for turn in range(2):
        anonymizer = Anonymizer(seed="bench")
        began = os.times()
        for path in sorted(source.iterdir()):
            with pydicom.dcmread(path) as ds:
                anonymizer.anonymize(ds)
                ds.save_as(out / path.name)
        ended = os.times()
        spent = ended.user + ended.system - began.user - began.system if turn else 0.0
    return spent


if __name__ == "__main__":
    print(run(Path(sys.argv[1]), Path(sys.argv[2])))
