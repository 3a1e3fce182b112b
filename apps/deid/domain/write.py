"""Writing of a new instance: new preamble, new file meta, pixel data streamed through."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, ImplicitVRLittleEndian

from apps.deid.domain.encode import encode_elements

IMPLEMENTATION_CLASS_UID = "2.25.10548729829317819507533652766115498663"
IMPLEMENTATION_VERSION_NAME = "CLINICALANNOT"
MAX_FRAGMENT_BYTES = 2**32 - 2
_CHUNK_BYTES = 1024 * 1024


class PixelSourceError(ValueError):
    """A pixel source that does not fit what was said of it."""


@dataclass(frozen=True)
class NativePixels:
    """Uncompressed pixel data: `size_bytes` of `stream`, little endian: a file, or what is in
    memory and is written without a copy.

    `bits_allocated` decides OB or OW; `is_float`: Float or Double Float Pixel Data (PS3.3
    C.7.6.24, C.7.6.25). Odd sizes are padded with one zero byte.
    """

    stream: BinaryIO | memoryview
    size_bytes: int
    bits_allocated: int = 8
    is_float: bool = False


@dataclass(frozen=True)
class Fragment:
    """One encapsulated fragment: `size_bytes` read from `stream`; padded to even length."""

    stream: BinaryIO
    size_bytes: int


@dataclass(frozen=True)
class EncapsulatedPixels:
    """Encapsulated pixel data: fragments in order. A video is one fragment (`video`).

    `frame_offsets`: Basic Offset Table, bytes from the first fragment's item tag; empty by default.
    """

    fragments: Iterable[Fragment]
    frame_offsets: tuple[int, ...] = ()

    @classmethod
    def video(
        cls, stream: BinaryIO, size_bytes: int, *, fragment_bytes: int | None = None
    ) -> EncapsulatedPixels:
        """A whole video stream as one fragment (PS3.5 section 8.2.5 and following).

        Give `fragment_bytes` (even) for a fragmentable transfer syntax. Raises PixelSourceError
        when one fragment cannot hold the stream (over 2^32-2 bytes).
        """
        limit = fragment_bytes or MAX_FRAGMENT_BYTES
        if limit % 2 or not 0 < limit <= MAX_FRAGMENT_BYTES:
            raise PixelSourceError("fragment_bytes: odd or too large; give an even size below 2^32")
        if fragment_bytes is None and size_bytes > MAX_FRAGMENT_BYTES:
            raise PixelSourceError(
                "size_bytes: over 2^32-2; use a fragmentable transfer syntax and fragment_bytes"
            )
        sizes = [min(limit, size_bytes - start) for start in range(0, size_bytes, limit)]
        return cls(tuple(Fragment(stream, size) for size in sizes))


Known = Callable[[Any], bytes | None]
PixelSource = NativePixels | EncapsulatedPixels


def write_instance(
    out: BinaryIO,
    dataset: Dataset,
    transfer_syntax_uid: str,
    pixels: PixelSource | None = None,
    known: Known | None = None,
) -> int:
    """Write a DICOM file (PS3.10 section 7) with nothing of the old file in it; bytes written.

    `dataset` without pixel data, as `deidentify_dataset` gives it. Explicit VR little endian by
    itself, or the compressed stream's own transfer syntax. Pixel data is copied in chunks, never
    held whole. `known`: see `encode_elements`. Raises PixelSourceError when a source ends early, or
    when source and transfer syntax disagree.
    """
    syntax = UID(transfer_syntax_uid)
    if not syntax.is_transfer_syntax or syntax in (ImplicitVRLittleEndian,):
        raise PixelSourceError("transfer_syntax_uid: not one that is written; use explicit VR")
    if syntax.is_deflated or not syntax.is_little_endian:
        raise PixelSourceError("transfer_syntax_uid: deflated or big endian; use explicit VR")
    if pixels is not None and isinstance(pixels, EncapsulatedPixels) != syntax.is_encapsulated:
        raise PixelSourceError("pixels: native against encapsulated; correct the transfer syntax")
    counter = _Counter(out)
    counter.write(bytes(128) + b"DICM" + _file_meta(dataset, syntax))
    tags = [
        tag
        for tag in sorted(dataset._dict, key=int.__int__)
        if tag >> 16 != 0x7FE0 and (tag & 0xFFFF or tag >> 16 <= 6)
    ]
    split = bisect_left(tags, 0x7FE00010, key=int.__int__)
    counter.write(_encode(dataset, tags[:split], known))
    if isinstance(pixels, NativePixels):
        _write_native(counter, pixels)
    elif pixels is not None:
        _write_encapsulated(counter, pixels)
    counter.write(_encode(dataset, tags[split:], known))
    return counter.count


class _Counter:
    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.count = 0

    def write(self, data: bytes | memoryview) -> None:
        self._out.write(data)
        self.count += len(data)


def _file_meta(dataset: Dataset, syntax: UID) -> bytes:
    """File Meta Information (PS3.10 section 7.1), explicit VR little endian."""
    parts = [struct.pack("<HH2sHIH", 2, 1, b"OB", 0, 2, 0x0100)]
    for element, vr, text in (
        (0x0002, b"UI", str(dataset.SOPClassUID)),
        (0x0003, b"UI", str(dataset.SOPInstanceUID)),
        (0x0010, b"UI", str(syntax)),
        (0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
        (0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
    ):
        value = text.encode("ascii")
        if not value:
            raise PixelSourceError("dataset: without its SOP Class or Instance UID; set both")
        value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
        parts.append(struct.pack("<HH2sH", 2, element, vr, len(value)) + value)
    meta = b"".join(parts)
    return struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta


def _encode(dataset: Dataset, tags: Sequence[BaseTag], known: Known | None) -> bytes:
    """Elements in explicit VR little endian, text in UTF-8 as the data set must say itself."""
    if tags and str(dataset.get("SpecificCharacterSet", "ISO_IR 192")) != "ISO_IR 192":
        part = Dataset()
        for tag in tags:
            part[tag] = dataset[tag]
        buffer = DicomBytesIO()
        buffer.is_little_endian = True
        buffer.is_implicit_VR = False
        write_dataset(buffer, part, parent_encoding="utf8")
        return bytes(buffer.getvalue())
    return encode_elements(dataset, tags, known)


def _copy(counter: _Counter, stream: BinaryIO | memoryview, size_bytes: int) -> None:
    left = size_bytes
    while left:
        size = min(left, _CHUNK_BYTES)
        if isinstance(stream, memoryview):
            chunk = stream[size_bytes - left : size_bytes - left + size]
        else:
            chunk = stream.read(size)  # type: ignore[assignment]
        if not chunk:
            raise PixelSourceError("pixels: the source ends early; give its true size")
        counter.write(chunk)
        left -= len(chunk)
    if size_bytes % 2:
        counter.write(b"\x00")


def _write_native(counter: _Counter, pixels: NativePixels) -> None:
    length = pixels.size_bytes + pixels.size_bytes % 2
    if length > MAX_FRAGMENT_BYTES:
        raise PixelSourceError("size_bytes: over 2^32-2; native pixel data cannot be longer")
    element, vr = 0x0010, b"OW" if pixels.bits_allocated > 8 else b"OB"
    if pixels.is_float:
        element, vr = (0x0008, b"OF") if pixels.bits_allocated == 32 else (0x0009, b"OD")
    counter.write(struct.pack("<HH2sHI", 0x7FE0, element, vr, 0, length))
    _copy(counter, pixels.stream, pixels.size_bytes)


def _write_encapsulated(counter: _Counter, pixels: EncapsulatedPixels) -> None:
    counter.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF))
    table = struct.pack(f"<{len(pixels.frame_offsets)}I", *pixels.frame_offsets)
    counter.write(struct.pack("<HHI", 0xFFFE, 0xE000, len(table)) + table)
    for fragment in pixels.fragments:
        length = fragment.size_bytes + fragment.size_bytes % 2
        counter.write(struct.pack("<HHI", 0xFFFE, 0xE000, length))
        _copy(counter, fragment.stream, fragment.size_bytes)
    counter.write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
