"""``python -m clinical_annot.witness --name NAME --log KEY --folder DIR [--listen HOST:PORT]``

A witness for the logs whose keys are given (``manage.py show_keys`` prints a log's). Keeps its own
key and every note it signed in ``--folder``; prints its key, which the server's
``CLINICAL_ANNOT_WITNESSES`` needs, and ``READY <address>``. Put it on a machine that the operator
of the server does not run. Exit codes: 0 stopped, 2 wrong use.
"""

from __future__ import annotations

import argparse
import os
import signal
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.audit.domain import checkpoint as notes
from clinical_annot.witness.memory import Memory, Refusal

_MOST_BYTES = 64 << 10


class Handler(BaseHTTPRequestHandler):
    """``POST /add-checkpoint`` (C2SP ``tlog-witness``) and ``GET /notes?origin=``."""

    memory: Memory
    timeout = 20

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if urlsplit(self.path).path != "/add-checkpoint":
            return self._answer(404, "there is no such address")
        if not length.isdigit() or int(length) > _MOST_BYTES:
            return self._answer(413, "at most 64 KiB are expected")
        try:
            body = self.rfile.read(int(length)).decode()
            return self._answer(200, f"{self.memory.add(body)}\n")
        except UnicodeDecodeError:
            return self._answer(400, "UTF-8 is expected")
        except Refusal as refusal:
            return self._answer(refusal.status, refusal.text)

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        text = None
        if asked.path == "/notes":
            text = self.memory.text(parse_qs(asked.query).get("origin", [""])[0])
        if text is None:
            return self._answer(404, "this witness does not know the log")
        return self._answer(200, text)

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        kind = "text/x.tlog.size" if status == 409 else "text/plain; charset=utf-8"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        print(f"{self.address_string()} {format % arguments}", file=sys.stderr, flush=True)


def own_key(path: Path) -> Ed25519PrivateKey:
    """The witness's key, made on first start (mode 0600)."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(Ed25519PrivateKey.generate().private_bytes_raw())
            out.flush()
            os.fsync(out.fileno())
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m clinical_annot.witness")
    parser.add_argument("--name", required=True, help="how the witness signs, e.g. irb.example/w1")
    parser.add_argument("--log", action="append", required=True, help="key of a log, as it says it")
    parser.add_argument("--folder", type=Path, required=True, help="its key and its notes")
    parser.add_argument("--listen", default="127.0.0.1:8490", help="address (port 0: a free one)")
    parser.add_argument("--cert", help="PEM file of certificate and key: speak TLS")
    options = parser.parse_args(arguments)
    try:
        logs = dict(notes.read_named_key(text, notes.LOG) for text in options.log)
        key = own_key(options.folder / "witness.key")
        Handler.memory = Memory(options.folder, options.name, key, logs)
        host, _, port = options.listen.rpartition(":")
        server = ThreadingHTTPServer((host, int(port)), Handler)
    except (notes.CheckpointError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if options.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: threading.Thread(target=server.shutdown).start())
    public = key.public_key().public_bytes_raw()
    print(notes.named_key(options.name, public, notes.WITNESS), flush=True)
    scheme = "https" if options.cert else "http"
    print(f"READY {scheme}://{host}:{server.server_address[1]}", flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
