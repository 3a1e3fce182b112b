"""The video inside a DICOM instance, read in place: the master is stored once."""

from __future__ import annotations

import bisect
import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

import pydicom

_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
UNDEFINED = 0xFFFFFFFF


class NoVideoPixelData(ValueError):
    """The instance holds no encapsulated pixel data that can be read as one stream."""


@dataclass(frozen=True)
class Fragment:
    """Place of one fragment's bytes in the DICOM file."""

    offset_bytes: int
    size_bytes: int


def video_fragments(f: BinaryIO) -> list[Fragment]:
    """Places of the fragments of Pixel Data (PS3.5 A.4), without the basic offset table.

    `f` is a whole DICOM file (Part 10), seekable. Raises NoVideoPixelData.
    """
    f.seek(0)
    try:
        header = pydicom.dcmread(f, stop_before_pixels=True, specific_tags=["Rows"])
    except (pydicom.errors.InvalidDicomError, EOFError, OSError, ValueError) as error:
        raise NoVideoPixelData(f"instance: not a DICOM file ({type(error).__name__})") from None
    syntax = getattr(header, "file_meta", {}).get("TransferSyntaxUID")
    if syntax is None or not syntax.is_encapsulated or syntax.is_deflated:
        raise NoVideoPixelData("TransferSyntaxUID: not an encapsulated one; a video needs one")
    head = f.read(12)
    if len(head) < 12 or head[:4] != b"\xe0\x7f\x10\x00":
        raise NoVideoPixelData("PixelData (7FE0,0010): missing; send the whole instance")
    if struct.unpack("<I", head[8:12])[0] != UNDEFINED:
        raise NoVideoPixelData("PixelData (7FE0,0010): not encapsulated (defined length)")
    fragments: list[Fragment] = []
    is_offset_table = True
    while True:
        item = f.read(8)
        if len(item) < 8 or item[:4] == _END:
            break
        size = struct.unpack("<I", item[4:])[0]
        if item[:4] != _ITEM or size == UNDEFINED:
            raise NoVideoPixelData("PixelData (7FE0,0010): broken item; send the instance again")
        if not is_offset_table and size:
            fragments.append(Fragment(f.tell(), size))
        is_offset_table = False
        f.seek(size, io.SEEK_CUR)
    if not fragments:
        raise NoVideoPixelData("PixelData (7FE0,0010): no fragment; send the whole instance")
    return fragments


class EncapsulatedVideo(io.RawIOBase):
    """Fragments of a DICOM file as one seekable read-only file, without copying.

    Holds `f` but does not close it; the two share one position, so use one at a time.
    """

    def __init__(self, f: BinaryIO, fragments: list[Fragment]) -> None:
        super().__init__()
        self._f = f
        self._fragments = fragments
        self._starts: list[int] = []
        total = 0
        for fragment in fragments:
            self._starts.append(total)
            total += fragment.size_bytes
        self.size_bytes = total
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size_bytes}[whence]
        if start + offset < 0:
            raise ValueError("seek: before the start")
        self._at = start + offset
        return self._at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        view = memoryview(buffer).cast("B")
        chunk = self.read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes (all that is left if negative); fewer only at the end."""
        left = max(0, self.size_bytes - self._at)
        left = left if size is None or size < 0 else min(size, left)
        parts = []
        while left:
            which = bisect.bisect_right(self._starts, self._at) - 1
            fragment, inside = self._fragments[which], self._at - self._starts[which]
            self._f.seek(fragment.offset_bytes + inside)
            chunk = self._f.read(min(left, fragment.size_bytes - inside))
            if not chunk:
                break
            parts.append(chunk)
            self._at += len(chunk)
            left -= len(chunk)
        return b"".join(parts)


def open_video_pixel_data(f: BinaryIO) -> EncapsulatedVideo:
    """The encapsulated video of a DICOM file as a seekable binary reader over its fragments.

    A padding byte may follow the stream (PS3.5 A.4). Raises NoVideoPixelData.
    """
    return EncapsulatedVideo(f, video_fragments(f))
