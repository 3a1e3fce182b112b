"""Real PACSs to pull from: dcmtk's dcmqrscp and Debian's Orthanc, each on free ports."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.intake import peers

DCMQRSCP, ORTHANC = "/usr/bin/dcmqrscp", "/usr/sbin/Orthanc"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _process(command: list[str], port: int, folder: Path) -> Iterator[None]:
    log = folder / "peer.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=folder)
        try:
            deadline = time.monotonic() + 30
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert process.poll() is None, log.read_text(errors="replace")
                assert time.monotonic() < deadline, log.read_text(errors="replace")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def dcmqrscp(folder: Path, our_port: int = 1, options: tuple[str, ...] = ()) -> Iterator[int]:
    """Its port; AE title QRSCP; it moves to CLINANNOT on ``our_port``."""
    port = free_port()
    (folder / "db").mkdir(exist_ok=True)
    config = folder / "dcmqrscp.cfg"
    config.write_text(
        f"""NetworkTCPPort = {port}
MaxPDUSize = 131072
MaxAssociations = 16
HostTable BEGIN
us = (CLINANNOT, 127.0.0.1, {our_port})
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
QRSCP {folder}/db RW (200, 1024mb) ANY
AETable END
"""
    )
    with _process([DCMQRSCP, *options, "-c", str(config)], port, folder):
        yield port


@contextlib.contextmanager
def orthanc(folder: Path, our_port: int = 1, **more: Any) -> Iterator[tuple[int, int]]:
    """Its DICOM and HTTP ports; AE title ORTHANC; it moves to CLINANNOT on ``our_port``."""
    port, http = free_port(), free_port()
    config = folder / "orthanc.json"
    config.write_text(
        json.dumps(
            {
                "Name": "peer",
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "storage"),
                "HttpPort": http,
                "DicomAet": "ORTHANC",
                "DicomPort": port,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAlwaysAllowFind": True,
                "DicomAlwaysAllowGet": True,
                "DicomAlwaysAllowMove": True,
                "DicomModalities": {
                    "us": {"AET": "CLINANNOT", "Host": "127.0.0.1", "Port": our_port}
                },
                **more,
            }
        )
    )
    with _process([ORTHANC, str(config)], port, folder):
        yield port, http


def fill(port: int, called: str, files: list[bytes], folder: Path, option: str = "-xe") -> None:
    """Send Part 10 files to a PACS with storescu."""
    paths = []
    for number, content in enumerate(files):
        path = folder / f"send{number}-{len(content)}.dcm"
        path.write_bytes(content)
        paths.append(path)
    done = peers.storescu(port, *paths, called=called, calling="CLINANNOT", options=(option,))
    assert done.stdout.count(peers.SUCCESS) == len(paths), done.stdout
    for path in paths:
        path.unlink()


def introduce(http: int, our_port: int) -> None:
    """Tell Orthanc where CLINANNOT is now."""
    ours = {"AET": "CLINANNOT", "Host": "127.0.0.1", "Port": our_port}
    request = urllib.request.Request(
        f"http://127.0.0.1:{http}/modalities/us", data=json.dumps(ours).encode(), method="PUT"
    )
    urllib.request.urlopen(request).read()


def held(http: int) -> list[str]:
    """Orthanc's instances."""
    return list(json.loads(urllib.request.urlopen(f"http://127.0.0.1:{http}/instances").read()))


def dcmtk(program: str, *arguments: str) -> str:
    """What one of dcmtk's clients said; it must have succeeded."""
    done = subprocess.run(
        [f"/usr/bin/{program}", "-v", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
