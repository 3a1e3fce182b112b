"""A node as an operator runs it, on a data folder and database of its own, and senders to it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tests import shared
from tests.intake import peers

ROOT = Path(__file__).parents[2]


class Place:
    """A data folder and SQLite database of its own, with one project."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as line:
            line.bind(("127.0.0.1", 0))
            self.port = line.getsockname()[1]
        self.folder, self.nodes = folder, []
        shared.copy_of_migrated_sqlite(folder / shared.DATABASE_FILE)
        self.env = {
            **{key: value for key, value in os.environ.items() if key != "DATABASE_URL"},
            "CLINICAL_ANNOT_DATA_DIR": str(folder),
            "CLINICAL_ANNOT_KEY_FILE": str(folder / "master.key"),
            "CLINICAL_ANNOT_DICOM_PORT": str(self.port),
            "CLINICAL_ANNOT_NODE_PROCESSES": "2",
            "DJANGO_SETTINGS_MODULE": "clinical_annot.settings.development",
        }

    def command(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            shared.manage(*words),
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stderr[-2000:]
        return done.stdout

    def run(self, code: str) -> str:
        return self.command("shell", "-v", "0", "-c", code)

    def start_node(self) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "dicom_node"],
            cwd=ROOT,
            env=self.env,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.nodes.append(process)
        self.wait_until_it_answers()
        return process

    def wait_until_it_answers(self) -> None:
        end = time.monotonic() + 120
        while peers.echoscu(self.port).returncode:
            assert time.monotonic() < end, "the node does not answer"
            time.sleep(0.1)

    def end(self) -> None:
        """Kill what runs."""
        for process in self.nodes:
            children = psutil.Process(process.pid).children() if process.poll() is None else []
            # First who would start the others again.
            process.kill()
            process.wait()
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()

    def n_files(self) -> int:
        return sum(path.is_file() for path in (self.folder / "vault").rglob("*"))

    def workers(self, supervisor: subprocess.Popen) -> list[psutil.Process]:
        return psutil.Process(supervisor.pid).children()

    def held(self, *, sweep: bool = False) -> tuple[dict[str, str], str]:
        """What list_instances lists (UID to digest), and what verify_vault says after that."""
        lines = self.run(LOOK.replace("SWEEP", str(sweep))).splitlines()
        rows = [json.loads(line) for line in lines[:-1]]
        assert len({row["sop_instance_uid"] for row in rows}) == len(rows)
        return {row["sop_instance_uid"]: row["sha256"] for row in rows}, lines[-1]


# One process for several commands: to start one takes seconds on a busy machine.
LOOK = """
from django.core.management import call_command
from apps.vault.files import sweep
if SWEEP:
    sweep(older_than_s=-1)
call_command("list_instances", "--project", "demo", "--json")
call_command("verify_vault")
"""
MAKE_PROJECT = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from apps.access.actor import service
from apps.projects.services import create_project
create_project(service("command"), None, slug="demo", name="Demo", ae_title="CLINANNOT")
"""


class Lane:
    """One storescu with these files; ``stored`` names those that were acknowledged so far."""

    def __init__(self, port: int, paths: list[Path]) -> None:
        command = [peers.STORESCU, "-v", "-R", "-nh", "-xe", "-aec", "CLINANNOT", "127.0.0.1"]
        self.stored: list[str] = []
        self.process = subprocess.Popen(
            [*command, str(port), *map(str, paths)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=peers.ENV,
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        sending = ""
        for line in self.process.stdout:
            if found := re.search(r"Sending file: (.+)$", line):
                sending = found[1]
            elif peers.SUCCESS in line:
                self.stored.append(sending)
        self.process.wait()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def end(self, within_s: float = 60) -> list[str]:
        """What was acknowledged in all."""
        self._thread.join(within_s)
        assert self.is_over, "the sender hangs"
        return self.stored


def reach(lanes: list[Lane], count: int, chance: random.Random) -> None:
    """Wait for a moment shortly after the ``count``-th acknowledgement. Counted in work done and
    not in seconds, so that it lies within the work on a busy machine too."""
    end = time.monotonic() + 60
    while sum(len(lane.stored) for lane in lanes) < count:
        assert time.monotonic() < end and not all(lane.is_over for lane in lanes)
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.05))


def new_files(
    folder: Path, chance: random.Random, contents: dict[str, bytes], name: str, count: int
) -> list[Path]:
    """So many instances never sent before, noted in ``contents``."""
    paths = [folder / f"{name}-{number}.dcm" for number in range(count)]
    for number, path in enumerate(paths):
        made = peers.instance(pixels=chance.randbytes(200_000), patient=f"P{number % 7}")
        path.write_bytes(made)
        contents[str(path)] = made
    return paths


def expected(contents: dict[str, bytes]) -> dict[str, str]:
    """UID to digest, as ``Place.held`` gives it."""
    return {
        peers.uid_of(content): peers.digest_of_data_set(content) for content in contents.values()
    }


def nothing_is_lost(place: Place, contents: dict[str, bytes], stored: set[str]) -> None:
    """What was acknowledged is held with its digest, every row has its file, the senders' retry
    completes it all, and then a file without a row is swept."""
    acknowledged = expected({name: contents[name] for name in stored})
    listed, verdict = place.held()
    assert {uid: listed.get(uid) for uid in acknowledged} == acknowledged
    assert verdict.startswith("HOLDS"), verdict
    everything = [Path(name) for name in contents]
    again = [Lane(place.port, everything[start::2]) for start in range(2)]
    done = [name for lane in again for name in lane.end(600)]
    assert sorted(done) == sorted(contents), "a retry completes"
    stray = place.folder / "vault" / "ab" / ("ab" + "0" * 30)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"whatever")
    listed, verdict = place.held(sweep=True)
    assert listed == expected(contents)
    assert verdict == f"HOLDS {len(contents)} files"
    assert place.n_files() == len(contents)


class Postgres:
    """A PostgreSQL server of its own."""

    def __init__(self) -> None:
        # The server's own user must reach it, which pytest's folders do not let it.
        self.folder = Path(tempfile.mkdtemp(prefix="clinicalannot-pg-"))
        self.url = self._own("start")
        # Program and options stand there.
        words = (self.folder / "data" / "postmaster.opts").read_text().split(None, 1)[1]
        self._options = words.strip().replace('"', "")

    def _own(self, action: str) -> str:
        done = subprocess.run(
            [ROOT / ".ci/postgres", action, self.folder],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout.strip()

    def _pg_ctl(self, *words: str) -> None:
        program = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))[-1]
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        folder = self.folder
        subprocess.run(
            [*as_postgres, program, "-D", folder / "data", "-w", "-l", folder / "log", *words],
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=120,
        )

    def stop(self) -> None:
        self._pg_ctl("-m", "fast", "stop")

    def start(self) -> None:
        self._pg_ctl("-o", self._options, "start")

    def kill(self) -> None:
        """SIGKILL to the server and all its processes, as a power failure would."""
        number = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        server = psutil.Process(number)
        server.suspend()
        processes = [*server.children(recursive=True), server]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=20)

    def remove(self) -> None:
        self._own("stop")
        shutil.rmtree(self.folder, ignore_errors=True)
