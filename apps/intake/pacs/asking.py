"""What we ask of a remote node: echo, test store, studies, a study's instances."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    SecondaryCaptureImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    Verification,
)

from apps.intake.pacs.client import Context, PeerError, association, final
from apps.intake.pacs.models import RemoteNode

PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
ANSWERS = 200
_SHOWN = (
    "StudyInstanceUID", "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate",
    "StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "StudyDescription",
    "NumberOfStudyRelatedInstances",
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A study as the PACS names it; every field but the count may identify."""

    study_instance_uid: str = field(repr=False)
    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    patient_name: str = field(repr=False)
    birth_date: str = field(repr=False)
    date: str = field(repr=False)
    accession: str = field(repr=False)
    modality: str = field(repr=False)
    description: str = field(repr=False)
    n_instances: int | None


@dataclass(frozen=True)
class Listed:
    """An instance as the PACS lists it; ``sop_class`` is empty where it does not say."""

    series_uid: str = field(repr=False)
    sop_uid: str = field(repr=False)
    sop_class: str


def timed(ask: Callable[[RemoteNode], None], node: RemoteNode) -> tuple[str, int]:
    """Reason code ("" when it went well) and milliseconds of an echo or a test store."""
    began = time.monotonic()
    try:
        ask(node)
        reason = ""
    except PeerError as error:
        reason = error.reason
    return reason, round((time.monotonic() - began) * 1000)


def echo(node: RemoteNode) -> None:
    """C-ECHO. Raises PeerError."""
    with association(node, [Context(Verification, PLAIN)]) as made:
        _must_succeed(made.send_c_echo())


def test_store(node: RemoteNode) -> None:
    """C-STORE of a harmless picture made for it; the peer must answer success. Raises PeerError."""
    with association(
        node, [Context(SecondaryCaptureImageStorage, (ExplicitVRLittleEndian,))]
    ) as made:
        _must_succeed(made.send_c_store(harmless()))


def _must_succeed(status: Dataset) -> None:
    code = status.get("Status") if status else None
    if code is None:
        raise PeerError("no_answer", is_transient=True)
    if code != 0 and code not in range(0xB000, 0xC000):
        raise PeerError("failure_status")


def harmless() -> Dataset:
    """A grey square of nobody, under UIDs of its own."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid(None)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(None), generate_uid(None)
    ds.PatientName, ds.PatientID = "TEST^CLINICALANNOT", "CLINICALANNOT-TEST"
    ds.PatientBirthDate = ds.PatientSex = ds.ReferringPhysicianName = ""
    ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ""
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "TEST", 1, 1
    ds.StudyDescription = "Connection test, may be deleted"
    ds.Modality, ds.ConversionType = "OT", "SYN"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = 64
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = b"\x80" * (64 * 64)
    ds["PixelData"].VR = "OB"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def find_studies(node: RemoteNode, criteria: dict[str, str]) -> tuple[list[Found], bool]:
    """Studies of the Study Root that match ``criteria`` (keywords of DICOM), newest first, and
    whether there were more than are shown. Raises PeerError."""
    asked = identifier("STUDY", **dict.fromkeys(_SHOWN, ""))
    for keyword, value in criteria.items():
        setattr(asked, keyword, value)
    found: list[Found] = []
    with _finding(node) as made:
        answers = final(made.send_c_find(asked, StudyRootQueryRetrieveInformationModelFind))
        for answer in answers:
            if answer is not None and answer.get("StudyInstanceUID"):
                found.append(_found(answer))
            if len(found) > ANSWERS:
                # The rest is not wanted; leaving by abort is what every peer understands.
                made.abort()
                break
    found.sort(key=lambda one: one.date, reverse=True)
    return found[:ANSWERS], len(found) > ANSWERS


def list_instances(node: RemoteNode, study_uid: str) -> list[Listed]:
    """Every instance that the PACS lists of a study: series, then each one's images, as the
    hierarchical query needs it (PS3.4 C.4.1.3.1). Raises PeerError."""
    listed = []
    with _finding(node) as made:
        model = StudyRootQueryRetrieveInformationModelFind
        series = identifier("SERIES", StudyInstanceUID=study_uid, SeriesInstanceUID="")
        for one in list(final(made.send_c_find(series, model))):
            if one is None or not one.get("SeriesInstanceUID"):
                continue
            series_uid = str(one.SeriesInstanceUID)
            images = identifier(
                "IMAGE",
                StudyInstanceUID=study_uid,
                SeriesInstanceUID=series_uid,
                SOPInstanceUID="",
                SOPClassUID="",
            )
            for image in list(final(made.send_c_find(images, model))):
                if image is not None and image.get("SOPInstanceUID"):
                    listed.append(
                        Listed(
                            series_uid,
                            str(image.SOPInstanceUID),
                            str(image.get("SOPClassUID") or ""),
                        )
                    )
    return listed


def _finding(node: RemoteNode) -> Any:
    return association(node, [Context(StudyRootQueryRetrieveInformationModelFind, PLAIN)])


def identifier(level: str, **values: str) -> Dataset:
    asked = Dataset()
    # Without it a peer answers in its own default repertoire; pydicom decodes what it names.
    asked.SpecificCharacterSet = "ISO_IR 192"
    asked.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(asked, keyword, value)
    return asked


def _found(answer: Dataset) -> Found:
    def text(keyword: str) -> str:
        value = answer.get(keyword)
        return "" if value is None else "/".join(value) if _many(value) else str(value)

    count = text("NumberOfStudyRelatedInstances")
    return Found(
        study_instance_uid=text("StudyInstanceUID"),
        patient_id=text("PatientID"),
        issuer=text("IssuerOfPatientID"),
        patient_name=text("PatientName"),
        birth_date=text("PatientBirthDate"),
        date=text("StudyDate"),
        accession=text("AccessionNumber"),
        modality=text("ModalitiesInStudy"),
        description=text("StudyDescription"),
        n_instances=int(count) if count.isdigit() else None,
    )


def _many(value: Any) -> bool:
    return not isinstance(value, str) and hasattr(value, "__iter__") and hasattr(value, "append")
