"""DICOM elements as bytes, Explicit VR Little Endian, for items that repeat by the thousand.

Building functional groups or content items as pydicom objects costs milliseconds each; as
bytes from prepared parts it costs microseconds, and nothing has to be held in memory.
Encoding: PS3.5 section 7.1.2 (explicit VR) and 7.5 (sequences).
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import UID

IMPLEMENTATION_CLASS_UID = "2.25.221914837110276473104938401842734812953"
IMPLEMENTATION_VERSION = "CLINANNOT_1"
LONG_VRS = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "SQ", "UC", "UN", "UR", "UT"})
UNDEFINED = 0xFFFFFFFF
ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


class Code(NamedTuple):
    """A coded concept: value, coding scheme designator, meaning."""

    value: str
    scheme: str
    meaning: str


def header(tag: int, vr: str, length: int) -> bytes:
    """The tag, VR and length of an element."""
    if vr in LONG_VRS:
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def text(tag: int, vr: str, value: str) -> bytes:
    """A text element, UTF-8, padded to even length (UI with NUL, others with a space)."""
    raw = value.encode("utf-8")
    if len(raw) % 2:
        raw += b"\0" if vr == "UI" else b" "
    return header(tag, vr, len(raw)) + raw


def numbers(tag: int, vr: str, *values: float) -> bytes:
    """A binary numeric element: VR US, UL or FL, one or more values."""
    raw = struct.pack(f"<{len(values)}{ {'US': 'H', 'UL': 'I', 'FL': 'f'}[vr] }", *values)
    return header(tag, vr, len(raw)) + raw


def dataset(*elements: bytes) -> bytes:
    """Elements put in tag order."""
    return b"".join(sorted(elements, key=lambda e: struct.unpack_from("<HH", e)))


def item(*elements: bytes) -> bytes:
    """One sequence item of explicit length, its elements in tag order."""
    body = dataset(*elements)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body


def sequence(tag: int, *items: bytes) -> bytes:
    """A sequence of explicit length from encoded items."""
    body = b"".join(items)
    return header(tag, "SQ", len(body)) + body


def open_sequence(tag: int) -> bytes:
    """The head of a sequence of undefined length; end it with `SEQUENCE_END`."""
    return header(tag, "SQ", UNDEFINED)


def open_item() -> bytes:
    """The head of an item of undefined length; end it with `ITEM_END`."""
    return struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)


def code_item(code: Code) -> bytes:
    """A code sequence item (PS3.3 Table 8.8-1); values above 16 characters as Long Code Value."""
    value = text(0x00080100, "SH", code.value)
    if len(code.value) > 16:
        value = text(0x00080119, "UC", code.value)
    return item(
        value, text(0x00080102, "SH", code.scheme), text(0x00080104, "LO", code.meaning[:64])
    )


def code_dataset(code: Code) -> Dataset:
    """The same as `code_item`, as a pydicom data set."""
    result = Dataset()
    if len(code.value) > 16:
        result.LongCodeValue = code.value
    else:
        result.CodeValue = code.value
    result.CodingSchemeDesignator = code.scheme
    result.CodeMeaning = code.meaning[:64]
    return result


def encode(values: Dataset) -> bytes:
    """A pydicom data set in Explicit VR Little Endian, without file meta."""
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    buffer.is_implicit_VR = False
    write_dataset(buffer, values)
    return bytes(buffer.getvalue())


def file_head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, prefix and File Meta Information (PS3.10 section 7.1)."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    buffer = DicomBytesIO()
    buffer.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(buffer, meta, enforce_standard=True)
    return bytes(buffer.getvalue())


def derived_uid(base: str, *parts: object) -> str:
    """A further UID under 2.25 from a drawn one: 128 bits of SHA-256, marked as a UUID of
    version 8 (RFC 9562 section 5.8)."""
    raw = bytearray(hashlib.sha256("|".join([base, *map(str, parts)]).encode()).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(raw, 'big')}"
