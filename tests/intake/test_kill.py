"""SIGKILL at any moment: what was acknowledged is there, what was not leaves nothing behind."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.intake import peers

pytestmark = pytest.mark.skipif(
    "DATABASE_URL" in os.environ, reason="the node has an SQLite database of its own here"
)
ROOT = Path(__file__).parents[2]
SEED = 20261124
# Moments at which the node is killed: 50 in full size.
KILLS = int(os.environ.get("BAR_NODE_KILLS", "3"))


class Place:
    """A data folder and SQLite database of its own, with one project."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as line:
            line.bind(("127.0.0.1", 0))
            self.port = line.getsockname()[1]
        self.folder, self.nodes = folder, []
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
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
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
        end = time.monotonic() + 40
        while peers.echoscu(self.port).returncode:
            assert time.monotonic() < end, "the node does not answer"
            time.sleep(0.1)

    def workers(self, supervisor: subprocess.Popen) -> list[psutil.Process]:
        return psutil.Process(supervisor.pid).children()

    def held(self, *, sweep: bool = False) -> tuple[dict[str, str], str]:
        """What list_instances lists (UID to digest), and what verify_vault says after that."""
        lines = self.run(_LOOK.replace("SWEEP", str(sweep))).splitlines()
        rows = [json.loads(line) for line in lines[:-1]]
        assert len({row["sop_instance_uid"] for row in rows}) == len(rows)
        return {row["sop_instance_uid"]: row["sha256"] for row in rows}, lines[-1]


# One process for several commands: to start one takes seconds on a busy machine.
_LOOK = """
from django.core.management import call_command
from apps.vault.files import sweep
if SWEEP:
    sweep(older_than_s=-1)
call_command("list_instances", "--project", "demo", "--json")
call_command("verify_vault")
"""
_MAKE_PROJECT = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from apps.access.actor import service
from apps.projects.services import create_project
create_project(service("command"), None, slug="demo", name="Demo", ae_title="CLINANNOT")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = Place(tmp_path_factory.mktemp("killed"))
    made.run(_MAKE_PROJECT)
    yield made
    for process in made.nodes:
        for child in psutil.Process(process.pid).children() if process.poll() is None else []:
            child.kill()
        process.kill()
        process.wait()


def send(port: int, paths: list[Path]) -> subprocess.Popen:
    command = [peers.STORESCU, "-v", "-R", "-nh", "-xe", "-aec", "CLINANNOT", "127.0.0.1"]
    return subprocess.Popen(
        [*command, str(port), *map(str, paths)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=peers.ENV,
    )


def acknowledged(output: str) -> list[str]:
    """The files that storescu says were stored, in its own words."""
    stored, sending = [], ""
    for line in output.splitlines():
        if found := re.search(r"Sending file: (.+)$", line):
            sending = found[1]
        elif "Received Store Response (Success)" in line:
            stored.append(sending)
    return stored


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


def test_nothing_acknowledged_is_lost_when_the_node_is_killed(place, tmp_path):
    chance = random.Random(SEED)
    contents = {}
    supervisor = place.start_node()
    stored: set[str] = set()
    for round_number in range(KILLS):
        lanes = [
            new_files(tmp_path, chance, contents, f"{round_number}-{lane}", 10) for lane in range(3)
        ]
        sending = [send(place.port, lane) for lane in lanes]
        time.sleep(chance.uniform(0.05, 0.6))
        for child in place.workers(supervisor):
            child.send_signal(signal.SIGKILL)
        if round_number % 3 == 2:
            supervisor.kill()
            supervisor.wait()
            supervisor = place.start_node()
        for process in sending:
            stored |= set(acknowledged(process.communicate(timeout=60)[0]))
        place.wait_until_it_answers()
    assert stored, "something was acknowledged before it was killed"
    expected = {
        peers.uid_of(contents[name]): peers.digest_of_data_set(contents[name]) for name in stored
    }
    listed, verdict = place.held()
    assert {uid: listed.get(uid) for uid in expected} == expected
    assert verdict.startswith("HOLDS")

    everything = [Path(name) for name in contents]
    again = [send(place.port, everything[start::2]) for start in range(2)]
    done = [name for process in again for name in acknowledged(process.communicate(timeout=600)[0])]
    assert sorted(done) == sorted(contents), "a retry completes"
    # Files without a row are swept, files with one stay.
    stray = place.folder / "vault" / "ab" / ("ab" + "0" * 30)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"whatever")
    listed, verdict = place.held(sweep=True)
    assert listed == {
        peers.uid_of(content): peers.digest_of_data_set(content) for content in contents.values()
    }
    assert verdict == f"HOLDS {len(contents)} files"
    vault = [path for path in (place.folder / "vault").rglob("*") if path.is_file()]
    assert len(vault) == len(contents)


@pytest.mark.bars
def test_memory_stays_flat_for_an_instance_of_300_mb(place, tmp_path):
    supervisor = place.start_node()
    path = tmp_path / "large.dcm"
    path.write_bytes(peers.instance(size_bytes=300 << 20))
    nodes = place.workers(supervisor)
    warm = send(place.port, [path])
    assert warm.wait(60) == 0
    idle = {node.pid: node.memory_info().rss for node in nodes}
    with open(path, "r+b") as out:
        out.seek(-2, os.SEEK_END)
        out.write(b"\1\1")
    sending = send(place.port, [path])
    most = dict.fromkeys(idle, 0)
    while sending.poll() is None:
        for node in nodes:
            most[node.pid] = max(most[node.pid], node.memory_info().rss)
        time.sleep(0.02)
    assert acknowledged(sending.communicate()[0])
    assert all(most[pid] - idle[pid] < 30 << 20 for pid in idle), (most, idle)
    assert all(value < 200 << 20 for value in most.values()), most
