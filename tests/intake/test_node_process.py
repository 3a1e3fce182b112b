"""The node as an operator runs it on PostgreSQL: several processes on one port, killed and stopped.

``test_kill`` does it on SQLite.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import generate_uid

from apps.intake.models import ReceivedInstance
from apps.keys.keyring import open_vault_file

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="test_kill covers SQLite"),
]
ROOT = Path(__file__).parents[2]
BLOCK = bytes(range(256)) * 4096


def database_url() -> str:
    """The test's database, for another process."""
    held = connection.settings_dict
    user, password, host, port = (held[key] for key in ("USER", "PASSWORD", "HOST", "PORT"))
    return f"postgres://{user}:{password}@{host or 'localhost'}:{port or 5432}/{held['NAME']}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], Any], limit_s: float, what: str) -> Any:
    deadline = time.monotonic() + limit_s
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what}: not within {limit_s} s"
        time.sleep(0.1)
    return found


def dcmtk(tool: str, port: int, *files: Path) -> subprocess.CompletedProcess[bytes]:
    options = ["-R", "-pdu", "131072"] if tool == "storescu" else []
    return subprocess.run(
        [f"/usr/bin/{tool}", *options, "-aec", "CLINANNOT", "127.0.0.1", str(port)]
        + [str(path) for path in files],
        env={**os.environ, "TCP_NODELAY": "1"},
        capture_output=True,
        timeout=120,
        check=False,
    )  # fmt: skip


def write_instance(path: Path, size_mb: int) -> Path:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", generate_uid(None)
    ds.StudyInstanceUID, ds.PatientID, ds.PatientName = "1.2.3", "P-1", "Process^Test"
    ds.PixelData = BLOCK * size_mb
    ds["PixelData"].VR = "OB"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dcmwrite(path, ds, enforce_file_format=True)
    return path


class Process:
    """``manage.py dicom_node`` with two processes, on the test's database and data folder."""

    def __init__(self, data_dir: Path, key_file: Path) -> None:
        self.port = free_port()
        self.popen = subprocess.Popen(
            [sys.executable, "manage.py", "dicom_node"],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "clinical_annot.settings.development",
                "DATABASE_URL": database_url(),
                "CLINICAL_ANNOT_DATA_DIR": str(data_dir),
                "CLINICAL_ANNOT_KEY_FILE": str(key_file),
                "CLINICAL_ANNOT_DICOM_PORT": str(self.port),
                "CLINICAL_ANNOT_NODE_PROCESSES": "2",
                "CLINICAL_ANNOT_DISK_RESERVE_BYTES": "0",
            },
        )

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.popen.pid).children()

    def answers(self) -> bool:
        return dcmtk("echoscu", self.port).returncode == 0


@pytest.fixture
def running(project: Any, settings: Any, tmp_path: Path) -> Iterator[Process]:
    # Another worker of the suite writes into the common data folder.
    settings.CLINICAL_ANNOT_DATA_DIR = tmp_path / "data"
    made = Process(settings.CLINICAL_ANNOT_DATA_DIR, Path(settings.CLINICAL_ANNOT_KEY_FILE))
    try:
        # Both children: an echo may meet either.
        until(lambda: len(made.children()) == 2 and made.answers(), 60, "an echo")
        yield made
    finally:
        children = made.children() if made.popen.poll() is None else []
        made.popen.terminate()
        made.popen.wait(10)
        psutil.wait_procs(children, timeout=5)


@contextmanager
def stalling(target_port: int, after_bytes: int) -> Iterator[int]:
    """A relay that lets so many bytes through to the node and then nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def relay() -> None:
            near, _ = listening.accept()
            with near, socket.create_connection(("127.0.0.1", target_port)) as far:
                threading.Thread(target=back, args=(near, far), daemon=True).start()
                left = after_bytes
                while left and (data := near.recv(min(left, 1 << 16))):
                    far.sendall(data)
                    left -= len(data)
                ended.wait(60)

        def back(near: socket.socket, far: socket.socket) -> None:
            try:
                while data := far.recv(1 << 16):
                    near.sendall(data)
                near.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

        ended = threading.Event()
        thread = threading.Thread(target=relay, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            thread.join(10)


def test_a_killed_node_keeps_what_it_acknowledged_comes_back_and_ends_on_sigterm(
    running: Process, tmp_path: Path
) -> None:
    small = [write_instance(tmp_path / f"{number}.dcm", 1) for number in range(3)]
    large = write_instance(tmp_path / "large.dcm", 8)
    incoming = tmp_path / "data/vault/incoming"
    with stalling(running.port, 7 << 20) as port:
        sending = subprocess.Popen(
            ["/usr/bin/storescu", "-R", "-aec", "CLINANNOT", "127.0.0.1", str(port)]
            + [str(path) for path in (*small, large)],
            env={**os.environ, "TCP_NODELAY": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # Three are answered, and of the fourth something lies in the store.
        until(
            lambda: (
                ReceivedInstance.objects.count() == 3
                and any(path.stat().st_size for path in incoming.iterdir())
            ),
            30,
            "half an instance",
        )
        for child in running.children():
            os.kill(child.pid, signal.SIGKILL)
    assert sending.wait(30) != 0
    assert ReceivedInstance.objects.count() == 3
    for row in ReceivedInstance.objects.all():
        assert row.original is not None
        with open_vault_file(row.original) as source:
            assert dcmread(source).PixelData == BLOCK
    until(running.answers, 30, "a new child")
    assert dcmtk("storescu", running.port, large).returncode == 0
    assert ReceivedInstance.objects.count() == 4
    children, began = running.children(), time.monotonic()
    running.popen.terminate()
    assert running.popen.wait(10) == 0
    assert time.monotonic() - began < 6
    assert not psutil.wait_procs(children, timeout=1)[1]
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", running.port), timeout=1)
