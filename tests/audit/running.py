"""A running witness: on a thread to ask for its judgement, as a process for its own life."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

from apps.audit import tree
from apps.audit.domain import checkpoint as notes
from clinical_annot.witness.__main__ import Handler, own_key
from clinical_annot.witness.memory import Memory

ROOT = Path(__file__).resolve().parents[2]
NAME = "irb.example/w1"


def log_key() -> str:
    public = tree.signing_key().public_key().public_bytes_raw()
    return notes.named_key(tree.origin(), public, notes.LOG)


@contextmanager
def witness_thread(folder: Path) -> Iterator[str]:
    """Gives what ``CLINICAL_ANNOT_WITNESSES`` needs."""
    key = own_key(folder / "witness.key")
    logs = dict([notes.read_named_key(log_key(), notes.LOG)])
    handler = type("Handler", (Handler,), {"memory": Memory(folder, NAME, key, logs)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        named = notes.named_key(NAME, key.public_key().public_bytes_raw(), notes.WITNESS)
        yield f"{named}@http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)


@contextmanager
def witness_process(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The program in a process of its own, with the standard library and cryptography alone."""
    blocked = "import sys; sys.modules['django'] = None; sys.modules['numpy'] = None; "
    code = blocked + "from clinical_annot.witness.__main__ import main; sys.exit(main())"
    asked = ["--name", NAME, "--log", log_key(), "--folder", str(folder)]
    with subprocess.Popen(
        [sys.executable, "-c", code, *asked, "--listen", "127.0.0.1:0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            named = process.stdout.readline().strip()
            ready, _, address = process.stdout.readline().strip().partition(" ")
            assert ready == "READY"
            yield f"{named}@{address}", process
        finally:
            process.kill()
