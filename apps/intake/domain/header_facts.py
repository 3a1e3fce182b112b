"""What intake reads of a header: enough to route, match and list an instance; nothing is kept of
the names but what identifies the subject."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from pydicom import Dataset, dcmread
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from apps.intake.domain.corrections import KEY_OBJECT_SELECTION, Rejection, rejection_of

_DEMOGRAPHICS = ("PatientName", "PatientBirthDate", "PatientSex")
_TAGS = [
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "PatientID",
    "IssuerOfPatientID",
    "Modality",
    "NumberOfFrames",
    "InstitutionalDepartmentName",
    *_DEMOGRAPHICS,
]
# A longer note is held like any other report, and its list of instances not read.
_LONGEST_NOTE_BYTES = 4 << 20
_DEFLATED = "1.2.840.10008.1.2.1.99"
MAX_INFLATED_BYTES = 256 << 20


class UnreadableHeader(ValueError):
    """The data set cannot be read, or lacks what every instance has."""


@dataclass(frozen=True)
class HeaderFacts:
    """``patient_id`` and the UIDs identify: they are digested and sealed, never stored plain."""

    sop_class_uid: str
    sop_instance_uid: str = field(repr=False)
    study_instance_uid: str = field(repr=False)
    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    transfer_syntax_uid: str
    modality: str
    n_frames: int | None
    dataset_offset: int
    # As they stand in the file, not decoded: only whether they changed matters.
    demographics: tuple[bytes, ...] = field(default=(), repr=False)
    rejection: Rejection | None = None
    # Of the institution: told by a code, never stored.
    department: str = field(default="", repr=False)


def read_facts(source: BinaryIO) -> HeaderFacts:
    """Read a Part 10 file's header up to the pixel data. Raises UnreadableHeader."""
    try:
        offset = _dataset_offset(source)
        source.seek(0)
        ds = dcmread(source, stop_before_pixels=True, specific_tags=_TAGS)
        frames = str(ds.get("NumberOfFrames", "") or "")
        facts = HeaderFacts(
            sop_class_uid=str(ds.get("SOPClassUID", "") or ""),
            sop_instance_uid=str(ds.get("SOPInstanceUID", "") or ""),
            study_instance_uid=str(ds.get("StudyInstanceUID", "") or ""),
            patient_id=str(ds.get("PatientID", "") or ""),
            issuer=str(ds.get("IssuerOfPatientID", "") or ""),
            transfer_syntax_uid=str(ds.file_meta.get("TransferSyntaxUID", "") or ""),
            modality=code(str(ds.get("Modality", "") or "")),
            n_frames=int(frames) if frames.isdigit() and int(frames) < 1 << 31 else None,
            dataset_offset=offset,
            demographics=tuple(_raw(ds, name) for name in _DEMOGRAPHICS),
            department=str(ds.get("InstitutionalDepartmentName", "") or ""),
            rejection=_rejection(source, str(ds.get("SOPClassUID", "") or "")),
        )
    except Exception as error:
        # The reader's messages may quote values.
        raise UnreadableHeader("the data set cannot be read") from error
    if not facts.sop_class_uid or not facts.sop_instance_uid:
        raise UnreadableHeader("SOP Class UID or SOP Instance UID is missing")
    return facts


def _raw(ds: Dataset, name: str) -> bytes:
    item = ds.get_item(name)
    value = item.value if item is not None else b""
    return bytes(value).strip(b" \0") if isinstance(value, bytes) else str(value or "").encode()


def _rejection(source: BinaryIO, sop_class_uid: str) -> Rejection | None:
    if sop_class_uid != KEY_OBJECT_SELECTION:
        return None
    if source.seek(0, os.SEEK_END) > _LONGEST_NOTE_BYTES:
        return None
    source.seek(0)
    return rejection_of(dcmread(source))


def _dataset_offset(source: BinaryIO) -> int:
    """Where the file meta group ends, by its elements and not by its stated length. Raises
    UnreadableHeader for a deflated data set that is too large to be read at all."""
    source.seek(132)
    meta = read_dataset(source, False, True, stop_when=_after_meta)
    offset = source.tell()
    if str(meta.get("TransferSyntaxUID", "")) == _DEFLATED:
        _require_bounded(source)
    return offset


def _require_bounded(source: BinaryIO) -> None:
    """pydicom inflates a data set whole, and a few kilobytes may become gigabytes: they are counted
    before, a megabyte at a time."""
    inflate, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while not inflate.eof and (block := inflate.unconsumed_tail or source.read(1 << 16)):
        total += len(inflate.decompress(block, 1 << 20))
        if total > MAX_INFLATED_BYTES:
            raise UnreadableHeader("a deflated data set that is too large")


def _after_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag.group != 2


def code(text: str) -> str:
    """A short code of letters and digits, or nothing: free text is not kept."""
    return text if text.isascii() and text.replace(" ", "").isalnum() and len(text) <= 16 else ""


class DatasetStart:
    """Finds where the data set begins in a Part 10 file that passes by in pieces: after preamble,
    ``DICM`` and the file meta group, whose length stands in (0002,0000)."""

    def __init__(self) -> None:
        self._head = bytearray()
        self.offset: int | None = None

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes; sets ``offset`` once it is known (None when it never is)."""
        if self.offset is not None or len(self._head) > 512:
            return
        self._head += bytes(data[:512])
        head = bytes(self._head)
        if len(head) >= 144 and head[128:132] == b"DICM" and head[132:140] == b"\x02\0\0\0UL\x04\0":
            self.offset = 144 + int.from_bytes(head[140:144], "little")
