"""A whole server for a journey: node, worker and web as ``make demo`` starts them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import shared
from tests.intake import peers

READY_WITHIN_S = 280
ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """A running server in ``data_dir``; ``in_earnest``: as a site starts it, with a database that
    it makes itself and passwords that take their time."""

    def __init__(self, data_dir: Path, samples: str = "none", *, in_earnest: bool = False) -> None:
        self.data_dir = data_dir
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": (
                "clinical_annot.settings.development" if in_earnest else "tests.journeys.settings"
            ),
            "CLINICAL_ANNOT_DATA_DIR": str(data_dir),
            "CLINICAL_ANNOT_KEY_FILE": str(data_dir / "master.key"),
            "CLINICAL_ANNOT_CHECKPOINT_FILE": str(data_dir / "checkpoints.txt"),
            "CLINICAL_ANNOT_WEB_PORT": str(free_port()),
            "CLINICAL_ANNOT_DICOM_PORT": str(free_port()),
            "PYTHONUNBUFFERED": "1",
        }
        self.env.pop("DATABASE_URL", None)
        self._output = data_dir.parent / f"{data_dir.name}.out"
        self._samples = samples
        if not in_earnest and not (data_dir / shared.DATABASE_FILE).exists():
            shared.copy_of_migrated_sqlite(data_dir / shared.DATABASE_FILE)
        self.start()

    def start(self) -> None:
        # What an earlier start said, of this run or of the one that left the folder, says nothing.
        said_before = self._output.stat().st_size if self._output.exists() else 0
        with open(self._output, "ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "clinical_annot.demo", "--samples", self._samples],
                cwd=ROOT,
                env=self.env,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while b"READY" not in self._output.read_bytes()[said_before:]:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(self._output.read_text()[-2000:])
            time.sleep(0.2)
        self.described = json.loads((self.data_dir / "demo.json").read_text())
        self.url: str = self.described["url"]

    @property
    def port(self) -> str:
        return self.env["CLINICAL_ANNOT_DICOM_PORT"]

    def login(self, role: str, number: int = 0) -> dict[str, Any]:
        return [row for row in self.described["logins"] if row["role"] == role][number]

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            shared.manage(*arguments),
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    def store(self, path: Path, *options: str, called: str = "CLINANNOT") -> bool:
        """dcmtk's storescu; whether the instance was acknowledged."""
        done = subprocess.run(
            [peers.STORESCU, "-v", "-R", *options, "-aet", "OR3_TOWER", "-aec", called,
             "127.0.0.1", self.port, str(path)],
            env=peers.ENV,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )  # fmt: skip
        return peers.SUCCESS in done.stdout

    def processes(self, what: str) -> list[int]:
        """Process ids of this stack whose command line holds ``what``."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                ours = str(self.data_dir) in (entry / "environ").read_text(errors="replace")
            except OSError:
                continue
            if ours and what in line:
                found.append(int(entry.name))
        return found

    def kill(self, what: str) -> int:
        """SIGKILL every process of this stack whose command line holds ``what``."""
        found = self.processes(what)
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return len(found)

    def log_text(self) -> str:
        return self._output.read_text() + (self.data_dir / "demo.log").read_text(errors="replace")

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(6)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)


@contextmanager
def running(data_dir: Path, samples: str = "none", *, in_earnest: bool = False) -> Iterator[Stack]:
    stack = Stack(data_dir, samples, in_earnest=in_earnest)
    try:
        yield stack
    finally:
        stack.stop()
