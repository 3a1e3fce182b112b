"""Encrypted at rest at every moment: a second process finds no plain byte while it arrives."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pynetdicom import AE

from apps.access.actor import Actor
from apps.intake.dicomweb.storing import store
from apps.intake.ingest import ingest
from apps.intake.models import ReceivedInstance
from apps.intake.receiving import Incoming
from apps.vault.domain import streaming_aead
from tests.intake import peers, spy
from tests.intake.streams import command_set, data_set, pdu

SIZE_BYTES = 20 << 20


@contextlib.contextmanager
def watched(tmp_path: Path, *folders: Path | str):
    """What the second process saw of these folders, the temporary ones, and what this process and
    those below it hold open; filled in at the end. ``apart``, below ``tmp_path``, is left out."""
    apart = tmp_path / "apart"
    apart.mkdir(exist_ok=True)
    result, saw = apart / "seen.json", {"result": apart / "seen.json"}
    arguments = [result, os.getpid(), apart, *folders]
    process = subprocess.Popen([sys.executable, spy.__file__, *map(str, arguments)])
    try:
        while not result.with_suffix(".ready").exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield saw
        result.with_suffix(".stop").touch()
        assert process.wait(30) == 0
        saw.update(json.loads(result.read_text()))
    finally:
        process.kill()
        process.wait()


def looks(saw: dict) -> int:
    """How often the second process has looked so far."""
    return int(saw["result"].with_suffix(".looks").read_text() or "0")


def within(look: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until it is so; what follows says whether it is. Less than a PDU may take."""
    end = time.monotonic() + seconds
    while not look() and time.monotonic() < end:
        time.sleep(0.05)


def send_slowly(port: int, payload: bytes, uid: str, before_last: Callable[[], None]) -> int:
    """C-STORE in PDUs of 200 KB with a pause after each; the answer's status."""
    ae = AE("SLOW")
    ae.add_requested_context(peers.ULTRASOUND, peers.EXPLICIT)
    association = ae.associate("127.0.0.1", port, ae_title="CLINANNOT")
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        time.sleep(0.01)
    line = association.dul.socket.socket
    line.sendall(pdu(command_set(peers.ULTRASOUND, uid), 3))
    for at in range(0, len(payload), 200_000):
        piece = payload[at : at + 200_000]
        is_last = at + 200_000 >= len(payload)
        if is_last:
            before_last()
        line.sendall(pdu(piece, 2 if is_last else 0))
        time.sleep(0.01)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    return int(answer.Status)


@pytest.fixture
def known():
    return peers.instance(pixels=spy.content(SIZE_BYTES), uid="1.2.3.77", name=spy.NAME)


def test_no_plain_byte_of_an_instance_is_found_while_it_arrives(node, tmp_path, settings, known):
    with watched(tmp_path, settings.CLINICAL_ANNOT_DATA_DIR) as saw:
        enough = partial(within, lambda: looks(saw) > 20)
        assert send_slowly(node.port, data_set(known), "1.2.3.77", enough) == 0
    assert saw["where"] == "" and saw["looks"] > 20
    assert saw["largest"] >= SIZE_BYTES, "it did read the ciphertext"
    assert ReceivedInstance.objects.get().sha256 == peers.digest_of_data_set(known)


@pytest.mark.django_db
@pytest.mark.parametrize("packed", [False, True])
def test_no_plain_byte_is_found_while_files_are_taken_in(
    project, command, tmp_path, settings, packed
):
    with watched(tmp_path, settings.CLINICAL_ANNOT_DATA_DIR) as saw:
        # More and more, until the other process has looked several times while files came in.
        for number in range(50):
            folder = tmp_path / "apart" / f"in{number}"
            folder.mkdir()
            if packed:
                with zipfile.ZipFile(
                    folder / "x.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1
                ) as out:
                    out.writestr("a.dcm", again(number))
                    out.writestr("b.dcm", peers.instance(pixels=spy.content(1 << 20)))
            else:
                (folder / "a.dcm").write_bytes(again(number))
            assert all(item.received for item in ingest(command, project, folder))
            if looks(saw) > 5:
                break
    assert saw["where"] == "" and saw["looks"] > 5 and saw["largest"] >= SIZE_BYTES


@pytest.mark.django_db
def test_no_plain_byte_is_found_while_a_store_request_arrives(project, person, tmp_path, settings):
    """The body comes in pieces with a pause after each, as from a slow line."""
    actor = Actor(person("data_steward").user, "dicomweb")
    known = again(0)
    head = b"--b0und\r\nContent-Type: application/dicom\r\n\r\n"
    body = io.BytesIO(head + known + b"\r\n--b0und--\r\n")
    pieces = itertools.count(1)

    def read(size_bytes: int) -> bytes:
        if next(pieces) % 8 == 0:
            had = looks(saw)
            within(lambda: looks(saw) > had)
        return body.read(min(size_bytes, 200_000))

    with watched(tmp_path, settings.CLINICAL_ANNOT_DATA_DIR) as saw:
        outcome = store(actor, project, read, "b0und", None)
    assert outcome.status == 200
    assert saw["where"] == "" and saw["looks"] > 5 and saw["largest"] >= SIZE_BYTES
    assert ReceivedInstance.objects.get().sha256 == peers.digest_of_data_set(known)


def again(number: int) -> bytes:
    """The known content as an instance of its own."""
    return peers.instance(pixels=spy.content(SIZE_BYTES), uid=f"1.2.3.77.{number}", name=spy.NAME)


def _write_plainly(self: streaming_aead.EncryptingWriter, last: bool) -> None:
    self._sink.write(self._buffer[: self._filled])
    self._filled = 0


def test_without_encryption_the_same_watch_finds_plain_bytes(
    node, tmp_path, settings, known, monkeypatch
):
    # A place of its own: other tests look over the common one.
    settings.CLINICAL_ANNOT_DATA_DIR = tmp_path / "own"
    settings.CLINICAL_ANNOT_DATA_DIR.mkdir()
    with watched(tmp_path, settings.CLINICAL_ANNOT_DATA_DIR) as saw:
        monkeypatch.setattr(
            streaming_aead.EncryptingWriter,
            "_flush",
            _write_plainly,
        )
        found = partial(within, saw["result"].exists)
        send_slowly(node.port, data_set(known)[: 4 << 20], "1.2.3.77", found)
    assert saw["where"].startswith(str(settings.CLINICAL_ANNOT_DATA_DIR))


@pytest.mark.django_db
def test_a_deleted_file_that_is_still_open_would_be_found(tmp_path, settings):
    with (
        watched(tmp_path, settings.CLINICAL_ANNOT_DATA_DIR) as saw,
        tempfile.TemporaryFile() as hidden,
    ):
        hidden.write(spy.content(1 << 16))
        hidden.flush()
        within(saw["result"].exists)
    assert saw["where"].startswith(f"/proc/{os.getpid()}/fd/")


@pytest.mark.django_db
def test_what_is_not_finished_is_dropped(settings, tmp_path):
    settings.CLINICAL_ANNOT_DATA_DIR = tmp_path
    incoming = Incoming()
    folder = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "vault" / "incoming"
    before = set(folder.iterdir())
    assert before
    assert incoming.write(bytes(300)) == 300
    incoming.abort()
    assert len(before - set(folder.iterdir())) == 1
    assert incoming.write(b"late") == 4, "what still comes is swallowed"
