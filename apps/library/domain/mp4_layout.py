"""MP4 with its index first, muxed through an append-only spool: no file is sought or rewritten."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, Protocol, cast

COPY_BYTES = 1 << 20
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


class Spool(Protocol):
    """Where media bytes wait until the index is known; holds them encrypted or in memory."""

    def write(self, data: bytes, /) -> object: ...

    def reader(self) -> BinaryIO:
        """A seekable reader over all that was written."""


class SpoolFull(ValueError):
    """More media than the memory spool may hold."""


class MemorySpool:
    """Keeps the media in memory, up to `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._held = io.BytesIO()
        self._max_bytes = max_bytes

    def write(self, data: bytes) -> int:
        if self._held.tell() + len(data) > self._max_bytes:
            raise SpoolFull(
                f"review copy: larger than {self._max_bytes} bytes in memory; "
                "give an encrypted spool"
            )
        return self._held.write(data)

    def reader(self) -> BinaryIO:
        return self._held


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

    def write_index_first(self, out: BinaryIO) -> tuple[int, int]:
        """Writes ftyp, moov, mdat to an append-only writer; returns the bytes written and
        by how many bytes the media moved.

        Raises ValueError when what was muxed is not an MP4 with one moov.
        """
        source = self._spool.reader()
        boxes = list(self._boxes(source))
        kinds = [kind for kind, _, _ in boxes]
        if kinds.count(b"moov") != 1 or kinds.count(b"mdat") != 1:
            raise ValueError("mux: no complete MP4 was written")
        places = {kind: (start, size) for kind, start, size in boxes}
        moov_start, moov_size = places[b"moov"]
        mdat_start, mdat_size = places[b"mdat"]
        moov = bytearray(self.bytes_at(source, moov_start, moov_size))
        ftyp = self.bytes_at(source, *places[b"ftyp"]) if b"ftyp" in places else b""
        moved = len(ftyp) + len(moov) - mdat_start
        _shift_chunks(moov, 0, len(moov), moved)
        out.write(ftyp)
        out.write(bytes(moov))
        for start in range(mdat_start, mdat_start + mdat_size, COPY_BYTES):
            out.write(self.bytes_at(source, start, min(COPY_BYTES, mdat_start + mdat_size - start)))
        return len(ftyp) + len(moov) + mdat_size, moved

    def _boxes(self, source: BinaryIO):  # type: ignore[no-untyped-def]
        at = 0
        while at + 8 <= self._size:
            head = self.bytes_at(source, at, min(16, self._size - at))
            size, kind = struct.unpack(">I4s", head[:8])
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if size < 8 or at + size > self._size:
                raise ValueError("mux: no complete MP4 was written")
            yield kind, at, size
            at += size

    def bytes_at(self, source: BinaryIO, start: int, size: int) -> bytes:
        """Bytes [start, start + size) of what was muxed, patches applied."""
        source.seek(start)
        data = bytearray(source.read(size))
        for at, patch in self._patches:
            low, high = max(at, start), min(at + len(patch), start + size)
            if low < high:
                data[low - start : high - start] = patch[low - at : high - at]
        return bytes(data)


class _PatchedReader(io.RawIOBase):
    def __init__(self, target: SpooledMuxTarget, source: BinaryIO, size: int) -> None:
        super().__init__()
        self._target, self._source, self._size, self._at = target, source, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        data = self._target.bytes_at(self._source, self._at, left if size < 0 else min(size, left))
        self._at += len(data)
        return data


def _shift_chunks(moov: bytearray, start: int, end: int, shift: int) -> None:
    """Adds `shift` to every chunk offset (stco, co64; ISO/IEC 14496-12 8.7.5)."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", moov, start)
        if size < 8:
            raise ValueError("mux: a broken box in moov")
        if kind in _CONTAINERS:
            _shift_chunks(moov, start + 8, start + size, shift)
        elif kind in (b"stco", b"co64"):
            form = ">I" if kind == b"stco" else ">Q"
            (count,) = struct.unpack_from(">I", moov, start + 12)
            for i in range(count):
                at = start + 16 + i * struct.calcsize(form)
                moved = struct.unpack_from(form, moov, at)[0] + shift
                if form == ">I" and moved > 0xFFFFFFFF:
                    raise ValueError("mux: 32-bit chunk offsets do not reach; mux with co64")
                struct.pack_into(form, moov, at, moved)
        start += size
