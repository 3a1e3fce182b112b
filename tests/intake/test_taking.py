"""What an instance meets between its last byte and its row."""

from __future__ import annotations

import io
import os
from typing import Any

import av
import numpy as np
import pytest
from django.db import OperationalError
from pydicom import dcmread
from pydicom.encaps import generate_fragments

from apps.intake import receiving, services
from apps.intake.domain import wrap_video
from apps.intake.models import ReceivedInstance
from apps.intake.receiving import Incoming, take
from apps.keys.keyring import open_vault_file
from apps.vault.files import create_file, storage
from tests.intake.test_quarantine_page import arrive


@pytest.mark.django_db(transaction=True)
def test_a_row_keeps_its_file_when_the_database_breaks_off_at_the_commit(
    command: Any, project: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0
    committed = services.receive_instance

    def answer_lost(*args: Any, **kwargs: Any) -> Any:
        committed(*args, **kwargs)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(services, "receive_instance", answer_lost)
    with pytest.raises(OperationalError):
        arrive(command, project)
    row = ReceivedInstance.objects.get()
    assert row.original is not None
    with open_vault_file(row.original) as source:
        assert dcmread(source).PatientID == "PID-90210"


@pytest.mark.django_db
def test_an_instance_that_is_not_what_was_announced_leaves_no_file(
    command: Any, project: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0
    held = arrive(command, project)
    assert held.original is not None
    written: list[str] = []

    def creating(*args: Any) -> Any:
        writer = create_file(*args)
        written.append(writer.id.hex)
        return writer

    monkeypatch.setattr(receiving, "create_file", creating)
    with open_vault_file(held.original) as source:
        incoming = Incoming()
        incoming.write(source.read())
    with pytest.raises(ValueError, match="does not match"):
        take(command, project, incoming, expected=("1.2.840.10008.5.1.4.1.1.7", "1.2.3.4"))
    assert written and not storage().exists(written[0])
    assert storage().exists(held.original.storage_name)
    assert ReceivedInstance.objects.count() == 1


def a_video() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as target:
        stream = target.add_stream("libx264", rate=25, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(6):
            picture = np.full((48, 64, 3), level * 40, np.uint8)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(stream.encode())
    return out.getvalue()


def wrapped(data: bytes) -> Any:
    made = wrap_video.wrap(io.BytesIO(data), "ab" * 32)
    return dcmread(io.BytesIO(b"".join(made.pieces())))


def test_a_plain_video_becomes_one_fragment_with_its_own_bytes() -> None:
    data = a_video()
    ds = wrapped(data)
    (fragment,) = list(generate_fragments(ds.PixelData))[1:]
    assert fragment[: len(data)] == data
    assert len(fragment) == len(data) + len(data) % 2
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.102"
    assert (ds.NumberOfFrames, ds.Rows, ds.Columns) == (6, 48, 64)


def test_a_video_longer_than_a_fragment_takes_the_fragmentable_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = a_video()
    monkeypatch.setattr(wrap_video, "MAX_FRAGMENT_BYTES", 1000)
    ds = wrapped(data)
    fragments = list(generate_fragments(ds.PixelData))[1:]
    assert len(fragments) == -(-len(data) // 1000) > 1
    assert b"".join(fragments)[: len(data)] == data
    assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.102.1"


def test_a_video_that_becomes_shorter_while_it_is_read_is_an_error() -> None:
    data = a_video()
    source = io.BytesIO(data)
    made = wrap_video.wrap(source, "ab" * 32)
    source.seek(len(data) // 2)
    source.truncate()
    with pytest.raises(OSError, match="shorter"):
        b"".join(made.pieces())


def test_what_is_no_video_is_named_so() -> None:
    with pytest.raises(wrap_video.NotAVideo):
        wrap_video.wrap(io.BytesIO(os.urandom(4096)), "ab" * 32)
