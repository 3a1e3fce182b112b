"""MP4 with its index first, muxed through an append-only spool: no file is sought or rewritten.

The index (moov) is written anew from the boxes that playing needs (ISO/IEC 14496-12 8); other
boxes, as a colour profile that came along with the source, stay behind.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, Protocol, cast

import numpy as np

COPY_BYTES = 1 << 20
_CHILDREN = {
    b"moov": frozenset({b"mvhd", b"trak"}),
    b"trak": frozenset({b"tkhd", b"edts", b"mdia"}),
    b"mdia": frozenset({b"mdhd", b"hdlr", b"minf"}),
    b"minf": frozenset({b"vmhd", b"dinf", b"stbl"}),
    b"stbl": frozenset(
        {b"stsd", b"stts", b"ctts", b"cslg", b"stss", b"sdtp", b"stsc", b"stsz", b"stco", b"co64",
         b"sgpd", b"sbgp"}
    ),
}  # fmt: skip
_OF_ENTRY = frozenset(
    {b"avcC", b"hvcC", b"esds", b"pasp", b"colr", b"fiel", b"btrt", b"clli", b"mdcv"}
)
_ENTRY_BYTES, _NAME_AT, _NAME_BYTES = 86, 50, 32
_LAST_OF_32_BITS = 0xFFFFFFFF


class Spool(Protocol):
    """Where media bytes wait until the index is known; holds them encrypted or in memory."""

    def write(self, data: bytes, /) -> object: ...

    def reader(self) -> BinaryIO:
        """A seekable reader over all that was written."""


class SpooledMuxTarget:
    """File-like object for libav's MP4 muxer: appends to a spool, and keeps the few bytes that
    the muxer goes back for (the size of mdat) as patches."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._at = 0
        self._size = 0
        self._patches: list[tuple[int, bytes]] = []
        self.failure: Exception | None = None

    def write(self, data: bytes) -> int:
        # libav may not see an exception from here: it would go on to its trailer and fail anew.
        if self.failure is not None:
            return len(data)
        try:
            return self._append(bytes(data))
        except Exception as error:
            self.failure = error
            return len(data)

    def _append(self, data: bytes) -> int:
        inside = min(len(data), max(0, self._size - self._at))
        if inside:
            self._patches.append((self._at, data[:inside]))
        if inside < len(data):
            self._spool.write(data[inside:])
            self._size += len(data) - inside
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        if self._at > self._size and self.failure is None:
            self.failure = ValueError("mux: a hole cannot be written")
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def muxed(self) -> BinaryIO:
        """A seekable reader over what was muxed, patches applied. Raises what writing raised."""
        if self.failure is not None:
            raise self.failure
        return cast(BinaryIO, _PatchedReader(self, self._spool.reader(), self._size))

    def index_first(self) -> tuple[BinaryIO, int, int]:
        """(reader of ftyp, moov, mdat; its size in bytes; by how many bytes the media moved).

        Raises ValueError when what was muxed is not an MP4 with one moov.
        """
        source = self.muxed()
        places = {kind: (start, size) for kind, start, size in self._boxes(source)}
        if not {b"ftyp", b"moov", b"mdat"} <= places.keys():
            raise ValueError("mux: no complete MP4 was written")
        ftyp = _at(source, *places[b"ftyp"])
        moov = _at(source, *places[b"moov"])
        mdat_start, mdat_size = places[b"mdat"]
        # Offsets of 64 bits wherever 32 may not do once the index lies before the media.
        is_wide = mdat_start + mdat_size + 4 * len(moov) > _LAST_OF_32_BITS
        moved = len(ftyp) + len(_rebuilt(moov, 0, is_wide)) - mdat_start
        head = ftyp + _rebuilt(moov, moved, is_wide)
        media = _IndexFirst(head, source, mdat_start, mdat_size)
        return cast(BinaryIO, media), len(head) + mdat_size, moved

    def write_index_first(self, out: BinaryIO) -> tuple[int, int]:
        """Writes ftyp, moov, mdat to an append-only writer; returns the bytes written and
        by how many bytes the media moved.

        Raises ValueError when what was muxed is not an MP4 with one moov.
        """
        media, size_bytes, moved = self.index_first()
        while part := media.read(COPY_BYTES):
            out.write(part)
        return size_bytes, moved

    def _boxes(self, source: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
        at = 0
        found: set[bytes] = set()
        while at + 8 <= self._size:
            head = _at(source, at, min(16, self._size - at))
            size, kind = struct.unpack(">I4s", head[:8])
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if size < 8 or at + size > self._size or (kind in found and kind != b"free"):
                raise ValueError("mux: no complete MP4 was written")
            found.add(kind)
            yield kind, at, size
            at += size

    def bytes_at(self, source: BinaryIO, start: int, size: int) -> bytes:
        """Bytes [start, start + size) of what was muxed, patches applied."""
        data = bytearray(_at(source, start, size))
        for at, patch in self._patches:
            low, high = max(at, start), min(at + len(patch), start + size)
            if low < high:
                data[low - start : high - start] = patch[low - at : high - at]
        return bytes(data)


def _at(source: BinaryIO, start: int, size: int) -> bytes:
    source.seek(start)
    return source.read(size)


class _Reader(io.RawIOBase):
    """A seekable reader over ``size`` bytes that ``_bytes`` gives."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size, self._position = size, 0

    def _bytes(self, start: int, size: int) -> bytes:
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._position)
        data = self._bytes(self._position, left if size < 0 else min(size, left))
        self._position += len(data)
        return data


class _PatchedReader(_Reader):
    def __init__(self, target: SpooledMuxTarget, source: BinaryIO, size: int) -> None:
        super().__init__(size)
        self._target, self._source = target, source

    def _bytes(self, start: int, size: int) -> bytes:
        return self._target.bytes_at(self._source, start, size)


class _IndexFirst(_Reader):
    """The head, then the media from where it lies."""

    def __init__(self, head: bytes, source: BinaryIO, start: int, size: int) -> None:
        super().__init__(len(head) + size)
        self._head, self._source, self._start = head, source, start

    def _bytes(self, start: int, size: int) -> bytes:
        if start < len(self._head):
            first = self._head[start : start + size]
            if len(first) == size:
                return first
            return first + _at(self._source, self._start, size - len(first))
        return _at(self._source, self._start + start - len(self._head), size)


def _children(data: bytes, start: int) -> Iterator[tuple[bytes, bytes]]:
    """(kind, whole box) of the boxes from ``start`` to the end."""
    while start + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8 or start + size > len(data):
            raise ValueError("mux: a broken box in moov")
        yield kind, data[start : start + size]
        start += size


def _boxed(head: bytes, body: bytes) -> bytes:
    """A box whose own bytes ``head`` begin with a size to be set."""
    return struct.pack(">I", len(head) + len(body)) + head[4:] + body


def _rebuilt(box: bytes, shift: int, is_wide: bool) -> bytes:
    """The box with allowed children alone, ``shift`` added to every chunk offset."""
    kind = box[4:8]
    if kind in _CHILDREN:
        kept = (part for name, part in _children(box, 8) if name in _CHILDREN[kind])
        return _boxed(box[:8], b"".join(_rebuilt(part, shift, is_wide) for part in kept))
    if kind == b"stsd":
        return _boxed(box[:16], b"".join(_entry(part) for _, part in _children(box, 16)))
    if kind in (b"stco", b"co64"):
        return _chunks(box, shift, is_wide)
    return box


def _entry(box: bytes) -> bytes:
    """A visual sample entry without the compressor's name and unknown boxes."""
    head = box[:_NAME_AT] + bytes(_NAME_BYTES) + box[_NAME_AT + _NAME_BYTES : _ENTRY_BYTES]
    kept = (
        part
        for name, part in _children(box, _ENTRY_BYTES)
        if name in _OF_ENTRY and (name != b"colr" or part[8:12] in (b"nclx", b"nclc"))
    )
    return _boxed(head, b"".join(kept))


def _chunks(box: bytes, shift: int, is_wide: bool) -> bytes:
    """Chunk offsets (8.7.5), in 64 bits where asked or already so."""
    form = ">u4" if box[4:8] == b"stco" else ">u8"
    offsets = np.frombuffer(box, form, offset=16).astype(np.int64) + shift
    if form == ">u4" and not is_wide:
        return box[:16] + offsets.astype(">u4").tobytes()
    return _boxed(box[:4] + b"co64" + box[8:16], offsets.astype(">u8").tobytes())
