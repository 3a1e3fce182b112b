"""A site of its own for tests of backup and restore: data folder, key file, database (SQLite or one
on the PostgreSQL server that ``DATABASE_URL`` names), and the product's own processes on it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests import shared
from tests.intake import peers
from tests.intake.test_node import SUCCESS
from tests.journeys.stack import free_port

ROOT = Path(__file__).parents[2]
_STEPS = """
import contextlib, io, json, sys
from django.core.management import call_command
for step in json.loads(sys.stdin.read()):
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        if isinstance(step, str):
            with contextlib.redirect_stdout(out):
                exec(step, {})
        else:
            call_command(*step, stdout=out, stderr=err)
    except SystemExit as end:
        code = end.code or 0
    print(json.dumps({"code": code, "out": out.getvalue(), "err": err.getvalue()}))
"""


@dataclass
class Answer:
    code: int
    out: str
    err: str


def _server() -> str | None:
    return os.environ.get("DATABASE_URL")


def make_database(is_migrated: bool = False) -> str | None:
    """The address of a new PostgreSQL database, empty or as after the migrations; None where the
    run is on SQLite."""
    url = _server()
    if url is None:
        return None
    import psycopg

    name = f"site_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as server:
        template = f" TEMPLATE {shared.migrated_template(url)}" if is_migrated else ""
        server.execute(f'CREATE DATABASE "{name}"{template}')
    return url.rsplit("/", 1)[0] + "/" + name


class Site:
    """``key_file`` of another site makes this one its successor, whose database is empty."""

    def __init__(self, folder: Path, key_file: Path | None = None) -> None:
        self.folder, self.port = folder / "data", free_port()
        self.key_file = key_file or folder / "keys" / "master.key"
        self.outside = folder / "outside" / "checkpoints.txt"
        self.url = make_database(is_migrated=key_file is None)
        if self.url is None and key_file is None:
            shared.copy_of_migrated_sqlite(self.folder / shared.DATABASE_FILE)
        self.node: subprocess.Popen[bytes] | None = None
        self.env = {
            **{key: value for key, value in os.environ.items() if key != "DATABASE_URL"},
            "CLINICAL_ANNOT_DATA_DIR": str(self.folder),
            "CLINICAL_ANNOT_KEY_FILE": str(self.key_file),
            "CLINICAL_ANNOT_CHECKPOINT_FILE": str(self.outside),
            "CLINICAL_ANNOT_DICOM_PORT": str(self.port),
            "CLINICAL_ANNOT_NODE_PROCESSES": "2",
            "CLINICAL_ANNOT_DISK_RESERVE_BYTES": "0",
            "DJANGO_SETTINGS_MODULE": "clinical_annot.settings.development",
        }
        if self.url is not None:
            self.env["DATABASE_URL"] = self.url

    def manage(self, *words: str, text: str = "") -> Answer:
        done = subprocess.run(
            shared.manage(*words),
            cwd=ROOT, env=self.env, input=text, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        return Answer(done.returncode, done.stdout, done.stderr)

    def run(self, code: str) -> str:
        """What ``code`` prints in a process of this site."""
        done = self.manage("shell", "-v", "0", "-c", code)
        assert done.code == 0, done.err[-2000:]
        return done.out

    def steps(self, *steps: str | tuple[str, ...]) -> list[Answer]:
        """Several commands (words) and pieces of code in one process: to start one takes seconds
        on a busy machine."""
        done = self.manage("shell", "-v", "0", "-c", _STEPS, text=json.dumps(steps))
        assert done.code == 0, done.err[-2000:]
        return [Answer(**json.loads(line)) for line in done.out.splitlines()]

    def start(self, *words: str) -> subprocess.Popen[Any]:
        return subprocess.Popen(
            [sys.executable, "manage.py", *words],
            cwd=ROOT, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def start_node(self) -> None:
        self.node = subprocess.Popen(
            [sys.executable, "manage.py", "dicom_node"],
            cwd=ROOT, env=self.env, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 180
        while peers.echoscu(self.port).returncode:
            assert time.monotonic() < deadline, "the node does not answer"
            time.sleep(0.1)

    def stop_node(self) -> None:
        if self.node is None or self.node.poll() is not None:
            return
        children = psutil.Process(self.node.pid).children()
        self.node.terminate()
        self.node.wait(15)
        _, left = psutil.wait_procs(children, timeout=5)
        for child in left:
            child.send_signal(signal.SIGKILL)


@dataclass
class Lines:
    """What a process prints, each line with the moment at which it was read."""

    process: subprocess.Popen[Any]
    seen: list[tuple[datetime, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append((datetime.now(UTC), line.strip()))

    def end(self, limit_s: float = 60) -> None:
        self.process.wait(limit_s)
        self._thread.join(5)


class Sending:
    """Instances that reach the node one after another until ``end()``; each an association."""

    def __init__(self, folder: Path, port: int, seed: int) -> None:
        self.stored: list[tuple[datetime, bytes]] = []
        self.refused: list[str] = []
        self._folder, self._port, self._chance = folder, port, random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        path = self._folder / f"{uuid.uuid4().hex}.dcm"
        while not self._stop.wait(0.05):
            content = peers.instance(
                pixels=self._chance.randbytes(60_000), patient=f"P{len(self.stored) % 5}"
            )
            path.write_bytes(content)
            answer = peers.storescu(self._port, path).stdout
            if SUCCESS in answer:
                self.stored.append((datetime.now(UTC), content))
            else:
                self.refused.append(answer)

    def end(self) -> None:
        self._stop.set()
        self._thread.join(60)
