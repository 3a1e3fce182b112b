"""The bars of access: every address by everybody, schemathesis as each role, single sign-on, lists
filtered by grants."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCHEMATHESIS = "4.32.5"


def _tests(path: str, **environment: str) -> tuple[str, bool]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", path, "-q", "-p", "no:cacheprovider", "--timeout=3600"],
        cwd=ROOT,
        env={**os.environ, "CLINICAL_ANNOT_TEST": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:])
    lines = [line for line in done.stdout.splitlines() if "passed" in line or "failed" in line]
    return (lines[-1] if lines else f"{done.stdout.count('.')} passed"), done.returncode == 0


def rights() -> tuple[str, bool]:
    """Every address, by session and by token, everybody, every method."""
    return _tests("tests/access/test_rights.py", RIGHTS_FULL="1")


def schemathesis() -> tuple[str, bool]:
    """schemathesis, in an environment of its own, ten minutes a role (``FUZZ_S``)."""
    with tempfile.TemporaryDirectory(prefix="clinicalannot-schemathesis-") as folder:
        home, noted = Path(folder) / "env", Path(folder) / "noted"
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(home / "bin" / "pip"), "install", "-q", f"schemathesis=={SCHEMATHESIS}"]
        subprocess.run(pip, check=True)
        given = {
            "SCHEMATHESIS": str(home / "bin" / "st"),
            "FUZZ_S": os.environ.get("FUZZ_S", "600"),
            "BAR_FIGURES": str(noted),
        }
        said, held = _tests("tests/access/test_schema_fuzz.py", **given)
        return "; ".join([said, *(noted.read_text().splitlines() if noted.exists() else [])]), held


def single_sign_on() -> tuple[str, bool]:
    """A real OpenID provider, installed by npm."""
    return _tests("tests/access/test_single_sign_on.py")


def lists() -> tuple[str, bool]:
    """A page of studies for no grant, some and all, in CPU time against the page without a filter
    and against guardian's own shortcut."""
    with tempfile.TemporaryDirectory(prefix="clinicalannot-lists-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "bench.access_lists"],
            cwd=ROOT,
            env={**os.environ, "CLINICAL_ANNOT_DATA_DIR": folder},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode not in (0, 1):
        sys.stderr.write(done.stderr[-4000:])
    return done.stdout.strip() or "did not run", done.returncode == 0


BARS = [
    ("rights", "every address, role and method answers as the hand-written pages say", rights),
    (
        "schemathesis",
        "the whole OpenAPI document, 10 minutes a role: no 5xx, no answer outside the document or"
        " of what is not for the role",
        schemathesis,
    ),
    ("single sign-on", "a real OpenID provider's people have their groups' roles", single_sign_on),
    ("lists", "a page at most 6 times the unfiltered one, and a third of guardian's", lists),
]
