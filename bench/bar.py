"""What a bar is, and the kind of run that most are: a selection of tests in full size."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
Run = Callable[[], tuple[str, bool]]


class Bar(NamedTuple):
    """``run`` gives (figure in words, whether it is held)."""

    name: str
    bar: str
    run: Run


def tests(*paths: str, **environment: str) -> Run:
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
