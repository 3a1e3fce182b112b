"""The DICOM node against storescp and Orthanc: same senders, same files, same disk, same run."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.baselines import orthanc, storescp

ROOT = Path(__file__).resolve().parents[1]
SENDING = {**os.environ, "TCP_NODELAY": "1"}
# By path: pynetdicom installs scripts of the same names.
STORESCU, ECHOSCU = "/usr/bin/storescu", "/usr/bin/echoscu"
ASSOCIATIONS = 4
MANY_ASSOCIATIONS = 10
SMALL_BYTES = 500_000
_MAKE_PROJECT = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from apps.access.actor import service
from apps.projects.services import create_project
create_project(service("command"), None, slug="bench", name="Bench", ae_title="BENCH")
"""


class NodeProcesses:
    """``manage.py dicom_node`` with a data folder and SQLite database of its own."""

    def __init__(self, n_processes: int) -> None:
        self.n_processes = n_processes

    def __call__(self, folder: Path, port: int) -> subprocess.Popen[bytes]:
        folder.mkdir(parents=True)
        environment = {
            **{key: value for key, value in os.environ.items() if key != "DATABASE_URL"},
            "CLINICAL_ANNOT_DATA_DIR": str(folder),
            "CLINICAL_ANNOT_KEY_FILE": str(folder / "master.key"),
            "CLINICAL_ANNOT_DICOM_PORT": str(port),
            "CLINICAL_ANNOT_NODE_PROCESSES": str(self.n_processes),
            "DJANGO_SETTINGS_MODULE": "clinical_annot.settings.development",
        }
        manage = [sys.executable, "manage.py"]
        subprocess.run(
            [*manage, "shell", "-v", "0", "-c", _MAKE_PROJECT],
            cwd=ROOT,
            env=environment,
            check=True,
        )
        return subprocess.Popen(
            [*manage, "dicom_node"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
        )


Start = Callable[[Path, int], subprocess.Popen[bytes]]


@contextmanager
def receiving(start: Start, folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A receiver that answers, on a port of its own; its folder is removed after it."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    process = start(folder, port)
    try:
        end = time.monotonic() + 120
        echo = [ECHOSCU, "-to", "5", "-aec", "BENCH", "127.0.0.1", str(port)]
        while subprocess.run(echo, capture_output=True, check=False).returncode:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{start} does not answer (exit code {process.poll()})")
            time.sleep(0.1)
        # Both processes of a node: an echo meets one of them.
        time.sleep(1.0)
        yield port, process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def send(port: int, lanes: list[list[Path]]) -> float:
    """Seconds until every lane, an association each, has its last answer.

    Raises RuntimeError when an instance was not taken.
    """
    os.sync()
    began = time.perf_counter()
    sending = [
        subprocess.Popen(
            [STORESCU, "-R", "-nh", "-pdu", "131072", "-aec", "BENCH", "127.0.0.1", str(port)]
            + [str(path) for path in lane],
            env=SENDING,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for lane in lanes
    ]  # fmt: skip
    codes = [process.wait() for process in sending]
    spent = time.perf_counter() - began
    if any(codes):
        raise RuntimeError(f"a sender failed: {codes}")
    return spent


def small_lanes(folder: Path, n_instances: int) -> list[list[Path]]:
    """``ASSOCIATIONS`` lists of ``n_instances`` files of 0.5 MB, each with a UID of its own."""
    from tests.intake import peers

    folder.mkdir(parents=True)
    lanes: list[list[Path]] = []
    for lane in range(ASSOCIATIONS):
        lanes.append([])
        for number in range(n_instances):
            path = folder / f"{lane}-{number:04}.dcm"
            pixels = os.urandom(SMALL_BYTES)
            path.write_bytes(peers.instance(pixels=pixels, patient=f"BENCH-{lane}"))
            lanes[-1].append(path)
    return lanes


def large_lane(folder: Path, size_bytes: int) -> list[list[Path]]:
    """One file of ``size_bytes`` of pixel data, made without holding it in memory."""
    from tests.intake import peers

    folder.mkdir(parents=True)
    path, block = folder / "large.dcm", os.urandom(1 << 20)
    head = peers.instance(size_bytes=0)
    with path.open("wb") as out:
        # The length of the pixel data stands in the four bytes before it.
        out.write(head[:-4] + size_bytes.to_bytes(4, "little"))
        for _ in range(size_bytes >> 20):
            out.write(block)
    return [[path]]


@contextmanager
def watched_memory(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """The largest resident size in bytes of any process under ``process``, in a list of one."""
    most, over = [0], threading.Event()

    def watch() -> None:
        top = psutil.Process(process.pid)
        while not over.wait(0.05):
            for each in top.children(recursive=True):
                with suppress(psutil.Error):
                    most[0] = max(most[0], each.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Seconds of a core that ``process`` and all under it, ended or not, have used so far."""
    top, spent = psutil.Process(process.pid), 0.0
    for each in (top, *top.children(recursive=True)):
        with suppress(psutil.Error):
            # A child that ended without being waited for is still in the list.
            spent += sum(each.cpu_times()[:4])
    return spent


@dataclass(frozen=True)
class Race:
    """Of each receiver by name the median MB/s and the median seconds of a core for one turn (what
    a loaded machine disturbs less), and the largest resident MB of ours."""

    rates: dict[str, float]
    cpu_s: dict[str, float]
    memory_mb: float


def race(folder: Path, peers: dict[str, Start], lanes: list[list[Path]], turns: int) -> Race:
    """Every receiver in turn, each turn on empty storage, so that all meet the same noise."""
    n_bytes = sum(path.stat().st_size for lane in lanes for path in lane)
    found: dict[str, list[float]] = {name: [] for name in peers}
    spent: dict[str, list[float]] = {name: [] for name in peers}
    memory = 0
    for turn in range(turns):
        for name, start in peers.items():
            with receiving(start, folder / f"{name}-{turn}") as (port, process):
                before = cpu_s(process)
                with watched_memory(process) as most:
                    found[name].append(n_bytes / 1e6 / send(port, lanes))
                spent[name].append(cpu_s(process) - before)
                if isinstance(start, NodeProcesses):
                    memory = max(memory, most[0])
    medians = [
        {name: statistics.median(all_of) for name, all_of in of.items()} for of in (found, spent)
    ]
    return Race(medians[0], medians[1], memory / 1e6)


def _line(ours: float, theirs: float, unit: str = "MB/s") -> dict[str, Any]:
    """As every line of the bench: the ratio is of the cost, below 1 is quicker than the peer."""
    return {
        "ratio": round(theirs / ours, 2),
        "ours": round(ours, 1),
        "theirs": round(theirs, 1),
        "unit": unit,
    }


def _cpu_line(ours: float, theirs: float, count: float, unit: str) -> dict[str, Any]:
    """Ours and theirs in milliseconds of a core for each of ``count``."""
    return {
        "ratio": round(ours / theirs, 2),
        "ours": round(1000 * ours / count, 2),
        "theirs": round(1000 * theirs / count, 2),
        "unit": unit,
    }


def small_instances(folder: Path) -> dict[str, dict[str, Any]]:
    """4 associations of ``BENCH_NODE_INSTANCES`` (300) instances of 0.5 MB each."""
    n_instances = int(os.environ.get("BENCH_NODE_INSTANCES", "300"))
    lanes = small_lanes(folder / "small", n_instances)
    cores = os.cpu_count() or 1
    many = f"{cores} processes"
    peers: dict[str, Start] = {
        "storescp": storescp.start,
        "Orthanc": orthanc.start,
        "1 process": NodeProcesses(1),
        many: NodeProcesses(0),
    }
    found = race(folder / "race", peers, lanes, int(os.environ.get("BENCH_NODE_TURNS", "3")))
    shutil.rmtree(folder / "small")
    lines = {
        f"node, small instances, {ours} to {theirs}": _line(found.rates[ours], found.rates[theirs])
        for ours in dict.fromkeys((many, "1 process"))
        for theirs in ("Orthanc", "storescp")
    }
    for theirs in ("Orthanc", "storescp"):
        lines[f"node, small instances, core time to {theirs}'s"] = _cpu_line(
            found.cpu_s[many], found.cpu_s[theirs], ASSOCIATIONS * n_instances, "ms an instance"
        )
    return lines


def large_instance(folder: Path) -> dict[str, dict[str, Any]]:
    """One instance of ``BENCH_NODE_LARGE_MB`` (512; the bar's size is 2048)."""
    size_mb = int(os.environ.get("BENCH_NODE_LARGE_MB", "512"))
    lanes = large_lane(folder / "large", size_mb << 20)
    peers: dict[str, Start] = {"storescp": storescp.start, "node": NodeProcesses(0)}
    found = race(folder / "race", peers, lanes, int(os.environ.get("BENCH_NODE_TURNS", "3")))
    shutil.rmtree(folder / "large")
    return {
        f"node, one instance of {size_mb} MB to storescp": _line(
            found.rates["node"], found.rates["storescp"]
        ),
        "node, one large instance, core time to storescp's": _cpu_line(
            found.cpu_s["node"], found.cpu_s["storescp"], size_mb * 1.048576 / 1000, "ms a GB"
        ),
        "node, memory to the bar of 200 MB": _memory_line(found.memory_mb),
    }


def _memory_line(memory_mb: float) -> dict[str, Any]:
    return {
        "ratio": round(memory_mb / 200, 2),
        "ours": round(memory_mb, 1),
        "theirs": 200,
        "unit": "MB resident",
    }


@contextmanager
def discarding(folder: Path) -> Iterator[None]:
    """Takes away whole files of the vault under ``folder`` a while after they were acknowledged, so
    that more may arrive than the disk holds."""
    over = threading.Event()

    def discard() -> None:
        while not over.wait(0.5):
            for path in folder.glob("vault/??/*"):
                # Its row is saved, and its file looked at for that, within moments of its place.
                if time.time() - path.stat().st_mtime > 20:
                    path.unlink()

    thread = threading.Thread(target=discard)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def sparse_lane(folder: Path, size_bytes: int, count: int) -> list[Path]:
    """``count`` files of ``size_bytes`` of pixel data that take no room: they are all zeros."""
    from tests.intake import peers

    folder.mkdir(parents=True)
    paths = [folder / f"{number}.dcm" for number in range(count)]
    for path in paths:
        head = peers.instance(size_bytes=0)
        path.write_bytes(head[:-4] + size_bytes.to_bytes(4, "little"))
        os.truncate(path, len(head) + size_bytes)
    return paths


def many_associations(folder: Path) -> dict[str, dict[str, Any]]:
    """``BENCH_NODE_MANY_MB`` (1,000; the bar's size is 20,000) over ten associations at once, in
    instances of up to 500 MB: the largest resident size of any process of the node."""
    a_lane_mb = int(os.environ.get("BENCH_NODE_MANY_MB", "1000")) // MANY_ASSOCIATIONS
    count = -(-a_lane_mb // 500)
    lanes = [
        sparse_lane(folder / f"many-{lane}", a_lane_mb // count * 10**6, count)
        for lane in range(MANY_ASSOCIATIONS)
    ]
    place = folder / "many-node"
    with (
        receiving(NodeProcesses(0), place) as (port, process),
        discarding(place),
        watched_memory(process) as most,
    ):
        # Raises where one of them is not acknowledged.
        send(port, lanes)
    for lane in range(MANY_ASSOCIATIONS):
        shutil.rmtree(folder / f"many-{lane}")
    total_mb = a_lane_mb // count * count * MANY_ASSOCIATIONS
    return {
        f"node, memory with {total_mb} MB over {MANY_ASSOCIATIONS} associations to the bar of"
        " 200 MB": _memory_line(most[0] / 1e6)
    }
