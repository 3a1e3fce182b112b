"""What sends to the node in tests: dcmtk's own programs, and instances made for them."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ

STORESCU = "/usr/bin/storescu"
ECHOSCU = "/usr/bin/echoscu"
ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
ENDOSCOPIC_VIDEO = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
# storescu's exit code does not tell a refusal (0 for A700): its words do.
SUCCESS = "Received Store Response (Success)"
ENV = {**os.environ, "TCP_NODELAY": "1"}


def instance(
    *,
    size_bytes: int = 4096,
    uid: str | None = None,
    sop_class: str = ULTRASOUND,
    syntax: str = EXPLICIT,
    patient: str = "PAT-4711",
    name: str = "Planted^Name",
    pixels: bytes | None = None,
    study: str | None = None,
    series: str | None = None,
    **more: str,
) -> bytes:
    """A Part 10 file with ``size_bytes`` (even) of pixel data (zeros, or ``pixels``); ``more``
    elements by keyword."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, uid or generate_uid(None)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = (
        study or generate_uid(None),
        series or generate_uid(None),
    )
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    ds.PatientName, ds.PatientID, ds.Modality = name, patient, "US"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    data = bytes(size_bytes) if pixels is None else pixels
    ds.Rows, ds.Columns = -(-len(data) // 16384), min(len(data), 16384)
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    if UID(syntax).is_compressed:
        from pydicom.encaps import encapsulate

        data = encapsulate([data])
    ds.add_new(0x7FE00010, "OB", data)
    ds.ensure_file_meta()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    if UID(syntax).is_compressed:
        ds["PixelData"].is_undefined_length = True
    out = io.BytesIO()
    dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def digest_of_data_set(part10: bytes) -> str:
    """SHA-256 of all after the file meta group, found by the group's length."""
    assert part10[132:140] == b"\x02\x00\x00\x00UL\x04\x00"
    start = 144 + int.from_bytes(part10[140:144], "little")
    return hashlib.sha256(part10[start:]).hexdigest()


def uid_of(part10: bytes) -> str:
    return str(dcmread(io.BytesIO(part10), stop_before_pixels=True).SOPInstanceUID)


def storescu(
    port: int, *files: Path, called: str = "CLINANNOT", calling: str = "TOWER1", options=()
) -> subprocess.CompletedProcess[str]:
    """Sends as the file is: required presentation contexts only, no conversion."""
    options = options or ["-xe"]
    command = [STORESCU, "-v", "-R", "-nh", "-aet", calling, "-aec", called, *options]
    return subprocess.run(
        [*command, "127.0.0.1", str(port), *map(str, files)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        env=ENV,
    )


def echoscu(port: int, called: str = "CLINANNOT") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ECHOSCU, "-v", "-to", "5", "-ta", "5", "-aec", called, "127.0.0.1", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        env=ENV,
    )


def associate_and_hear(
    ae: AE, port: int, n: int
) -> tuple[list[Association], list[tuple[int, int]]]:
    """``n`` associations opened one after the other and held, and (result, source) of each that
    was rejected, from the PDU: pynetdicom itself may find the line closed before it reads one."""
    said: list[tuple[int, int]] = []

    def hear(event: evt.Event) -> None:
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            said.append((event.pdu.result, event.pdu.source))

    handlers = [(evt.EVT_PDU_RECV, hear)]
    return [
        ae.associate("127.0.0.1", port, ae_title="CLINANNOT", evt_handlers=handlers)
        for _ in range(n)
    ], said
