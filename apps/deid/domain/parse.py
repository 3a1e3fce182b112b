"""Strict reading of an instance from a seekable stream, its pixel data left where it is."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import _read_file_meta_info, read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from apps.deid.domain.elements import MAX_PARSED_BYTES, raw_items, read_element
from apps.deid.domain.quick_read import dataset_of, new_file_dataset, read_elements
from apps.deid.domain.reasons import Reason, Refused

_MAX_INFLATED_BYTES = 512 * 1024 * 1024
_HEAD_BYTES = 64 * 1024
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
# What implicit VR does not say of them.
_OWN_VR = {0x7FE00008: "OF", 0x7FE00009: "OD"}


@dataclass(frozen=True)
class PixelPlace:
    """Where pixel data stands in `stream`: (offset_bytes, size_bytes) pieces in order.

    Encapsulated: the fragments, after the Basic Offset Table (`offsets`). Native: one piece.
    """

    encapsulated: bool
    pieces: tuple[tuple[int, int], ...]
    offsets: tuple[int, ...] = ()
    vr: str = "OW"

    @property
    def size_bytes(self) -> int:
        """All pieces together."""
        return sum(size for _, size in self.pieces)


@dataclass(frozen=True)
class ParsedInstance:
    """A data set without pixel data, what stood around it, and where its pixel data is.

    `stream` is the one to read `pixels` from: the caller's, or the inflated data set.
    """

    dataset: Dataset = field(repr=False)
    file_meta: Dataset = field(repr=False)
    preamble: bytes = field(repr=False)
    transfer_syntax_uid: str
    is_little_endian: bool
    stream: BinaryIO = field(repr=False)
    pixels: PixelPlace | None


def parse_instance(fp: BinaryIO) -> ParsedInstance:
    """Read a Part 10 file to its last byte. Elements over 16 MiB are noted, not loaded.

    Raises Refused: NOT_DICOM, UNPARSABLE, TRAILING_BYTES, TRANSFER_SYNTAX_UNKNOWN,
    STREAM_TRUNCATED.
    """
    fp.seek(0)
    head = fp.read(_HEAD_BYTES)
    preamble = head[:128]
    if len(preamble) < 128 or head[128:132] != b"DICM":
        raise Refused(Reason.NOT_DICOM)
    meta, start = _file_meta(fp, head)
    said = read_element(meta, 0x00020010)
    syntax = UID(str(said.value or "") if said is not None else "")
    if not syntax or syntax not in _known_syntaxes():
        raise Refused(Reason.TRANSFER_SYNTAX_UNKNOWN, "(0002,0010)")
    fp.seek(start)
    if syntax == DeflatedExplicitVRLittleEndian:
        fp = _inflated(fp)
    start = fp.tell()
    end = fp.seek(0, 2)
    fp.seek(start)
    reader = _NotingShortReads(fp)
    implicit, little = syntax.is_implicit_VR, syntax.is_little_endian
    found: list[tuple[str | None, int]] = []

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag in _PIXELS:
            found.append((_OWN_VR.get(int(tag), vr), length))
            return True
        return False

    dataset = None
    if little and not implicit and syntax != DeflatedExplicitVRLittleEndian:
        dataset = _read_quickly(fp, head, start, end, found)
    was_quick = dataset is not None
    if dataset is None:
        dataset = _read(reader, implicit, little, at_pixels)
    pixels = None
    if found:
        vr, length = found[0]
        fp.seek(8 if implicit or vr not in ("OB", "OW", "OF", "OD", "UN") else 12, 1)
        pixels = _pixel_place(fp, end, length, vr or "OW", little)
        if fp.tell() != end:
            behind = _read(reader, implicit, little, at_pixels)
            if len(found) > 1:
                raise Refused(Reason.UNPARSABLE, "pixel data twice")
            for tag, raw in raw_items(behind):
                dataset[tag] = raw
            was_quick = False
    for tag, raw in () if was_quick else raw_items(dataset):
        length = getattr(raw, "length", 0) or 0
        value = getattr(raw, "value", b"")
        if length != 0xFFFFFFFF and isinstance(value, bytes) and len(value) < length:
            raise Refused(Reason.UNPARSABLE, f"({tag >> 16:04X},{tag & 0xFFFF:04X})")
    if fp.tell() != end or reader.was_short:
        raise Refused(Reason.TRAILING_BYTES)
    charset = dataset._read_charset if was_quick else dataset._character_set
    whole = new_file_dataset(dataset._dict, meta, implicit, little, charset)
    return ParsedInstance(whole, meta, preamble, str(syntax), little, fp, pixels)


def _file_meta(fp: BinaryIO, head: bytes) -> tuple[FileMetaDataset, int]:
    """File Meta Information, and where the data set begins."""
    read = read_elements(head, 132, len(head), 0, lambda tag: tag >> 16 != 2)
    if read is not None and read[0] and read[1] < len(head):
        elements, start = read
        return FileMetaDataset(dataset_of(elements)), start
    fp.seek(132)
    try:
        return _read_file_meta_info(fp), fp.tell()
    except Exception as error:
        raise Refused(Reason.UNPARSABLE, "file meta information") from error


def _read_quickly(
    fp: BinaryIO, head: bytes, start: int, end: int, found: list[tuple[str | None, int]]
) -> Dataset | None:
    """The elements before the pixel data, when all of them are plain and in the file's first
    bytes; then ``fp`` stands where reading stopped."""
    read = read_elements(head, start, len(head), 0, _PIXELS.__contains__)
    if read is None:
        return None
    elements, stop = read
    if stop == len(head):
        if end != stop:
            return None
    else:
        vr, length = head[stop + 4 : stop + 6].decode("latin-1"), 0
        if vr not in ("OB", "OW", "OF", "OD") or stop + 12 > len(head):
            return None
        (length,) = struct.unpack_from("<I", head, stop + 8)
        found.append((vr, length))
    fp.seek(stop)
    return dataset_of(elements)


class _NotingShortReads:
    """A stream that remembers when less came than was asked for: a tail that is no element."""

    def __init__(self, fp: BinaryIO) -> None:
        self._fp = fp
        self.was_short = False
        self.tell = fp.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        # Who seeks has read ahead for a delimiter: what came short there is read again.
        self.was_short = False
        return self._fp.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        data = self._fp.read(size)
        if 0 < len(data) < size:
            self.was_short = True
        return data


@lru_cache(1)
def _known_syntaxes() -> frozenset[str]:
    from pydicom.uid import UID_dictionary

    return frozenset(u for u, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax")


def _read(fp: _NotingShortReads, implicit: bool, little: bool, stop: object) -> Dataset:
    try:
        return read_dataset(fp, implicit, little, stop_when=stop, defer_size=MAX_PARSED_BYTES)  # type: ignore[arg-type]
    except Exception as error:
        raise Refused(Reason.UNPARSABLE) from error


def _inflated(fp: BinaryIO) -> BinaryIO:
    """The deflated data set, inflated in memory (PS3.5 section A.5), bounded."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(fp.read(), _MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise Refused(Reason.UNPARSABLE, "deflated data set") from error
    if inflater.unconsumed_tail:
        raise Refused(Reason.UNPARSABLE, "deflated data set: too large")
    # Some writers end as gzip does, with checksum and size: no place for anything else.
    trailer = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    if inflater.unused_data.removeprefix(trailer).strip(b"\x00"):
        raise Refused(Reason.TRAILING_BYTES)
    return BytesIO(data)


def _pixel_place(fp: BinaryIO, end: int, length: int, vr: str, little: bool) -> PixelPlace:
    if length != 0xFFFFFFFF:
        start = fp.tell()
        if start + length > end:
            raise Refused(Reason.STREAM_TRUNCATED)
        fp.seek(start + length)
        return PixelPlace(False, ((start, length),), vr=vr)
    pieces: list[tuple[int, int]] = []
    while True:
        head = fp.read(8)
        if len(head) < 8:
            raise Refused(Reason.STREAM_TRUNCATED)
        group, element, size = struct.unpack("<HHI" if little else ">HHI", head)
        if (group, element) == (0xFFFE, 0xE0DD):
            break
        start = fp.tell()
        if (group, element) != (0xFFFE, 0xE000) or size == 0xFFFFFFFF:
            raise Refused(Reason.UNPARSABLE, "pixel data: not a fragment")
        if start + size > end:
            raise Refused(Reason.STREAM_TRUNCATED)
        pieces.append((start, size))
        fp.seek(start + size)
    back = fp.tell()
    offsets: tuple[int, ...] = ()
    if pieces:
        fp.seek(pieces[0][0])
        table = fp.read(pieces[0][1])
        offsets = struct.unpack(f"<{len(table) // 4}I", table[: len(table) // 4 * 4])
    fp.seek(back)
    return PixelPlace(True, tuple(pieces[1:]), offsets, vr)
