"""Tink's streaming AEAD ``AES256_GCM_HKDF_1MB``, with random access.

Wire format (Tink, "AES-GCM-HKDF streaming AEAD"; the STREAM construction of Hoang, Reyhanitabar,
Rogaway and Vizár, 2015)::

    header   = 0x28 || salt (32 bytes) || nonce prefix (7 bytes)
    key      = HKDF-SHA256(input key, salt, info = associated data, 32 bytes)
    segment  = AES-256-GCM(key, nonce = prefix || uint32 BE number || last?, plaintext)

Each ciphertext segment is 1 MiB (the first one including the header), the last may be shorter. A
segment is bound to its file (derived key), its place (number) and to being the last or not, so
that a cut, swapped, doubled or altered segment fails to authenticate.
"""

from __future__ import annotations

import io
import mmap
import os
from collections import OrderedDict, deque
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
SEGMENT_BYTES = 1 << 20
HEADER_BYTES = 1 + 32 + 7
TAG_BYTES = 16
_FIRST_PLAIN = SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES
_PLAIN = SEGMENT_BYTES - TAG_BYTES


class VaultCorruptError(Exception):
    """A stored file does not authenticate. Names the file and the segment, never its content."""


class _Sink(Protocol):
    """Done with ``data`` when ``write`` returns: the memory is written over after it."""

    def write(self, data: bytes | memoryview, /) -> object: ...


def _derive(key: bytes, salt: bytes, associated_data: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(key)}")
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=salt, info=associated_data)
    return AESGCM(hkdf.derive(key))


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


def plaintext_size_bytes(ciphertext_size_bytes: int) -> int:
    """The plaintext's size of a file with this many stored bytes.

    Raises VaultCorruptError for a size that no complete file has.
    """
    segments = max(1, -(-ciphertext_size_bytes // SEGMENT_BYTES))
    plain = ciphertext_size_bytes - HEADER_BYTES - TAG_BYTES * segments
    if plain < 0:
        raise VaultCorruptError("stored file is shorter than its header")
    return plain


# Blocks of one segment, used again by what is written next: fresh memory for each instance would
# cost as much as the cipher. Whole pages, so that a sink may write them past the page cache.
_spare: deque[memoryview] = deque()
_SPARE_KEPT = 16


def _block() -> memoryview:
    try:
        return _spare.pop()
    except IndexError:
        pages = mmap.mmap(-1, SEGMENT_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        return memoryview(pages)


class EncryptingWriter:
    """Writes plaintext into ``sink`` as segments, a whole segment (the first with the header) in
    one piece. Holds one segment and its ciphertext; with an ``executor`` a second segment, so that
    one is encrypted and written while the next one comes. What fails there is raised by the next
    ``write`` or by ``close``. ``drop`` is for what is not closed.
    """

    def __init__(
        self, sink: _Sink, key: bytes, associated_data: bytes, executor: Executor | None = None
    ) -> None:
        salt, self._prefix = os.urandom(32), os.urandom(7)
        self._aead = _derive(key, salt, associated_data)
        self._sink, self._executor = sink, executor
        self._header = bytes([HEADER_BYTES]) + salt + self._prefix
        self._buffer, self._sealed = _block(), _block()
        self._behind: memoryview | None = None
        self._sealing: Future[None] | None = None
        self._filled = 0
        self._number = 0
        self._room = _FIRST_PLAIN
        self._closed = False

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take any number of plaintext bytes; a full segment goes out once more bytes follow it."""
        if self._closed:
            raise ValueError("the file is finished")
        view = memoryview(data).cast("B")
        taken = 0
        while taken < len(view):
            if self._filled == self._room:
                self._flush(last=False)
            step = min(self._room - self._filled, len(view) - taken)
            self._buffer[self._filled : self._filled + step] = view[taken : taken + step]
            self._filled += step
            taken += step
        return len(view)

    def close(self) -> None:
        """Write the last segment. Does not close ``sink``."""
        if not self._closed:
            self._flush(last=True)
            self._closed = True
            self._give_back()

    def drop(self) -> None:
        """Take no more, and be done with ``sink`` on return."""
        if not self._closed:
            self._closed = True
            if self._sealing is not None and not self._sealing.cancel():
                with suppress(Exception):
                    self._sealing.result()
            self._give_back()

    def _flush(self, last: bool) -> None:
        self._wait()
        plain = self._buffer[: self._filled]
        # What has one segment only is not worth another thread.
        if self._executor is None or last or self._number == 0:
            self._seal(self._number, last, plain)
        else:
            self._sealing = self._executor.submit(self._seal, self._number, last, plain)
            self._buffer, self._behind = self._behind or _block(), self._buffer
        self._filled = 0
        self._number += 1
        self._room = _PLAIN

    def _seal(self, number: int, last: bool, plain: memoryview) -> None:
        start = 0 if number else HEADER_BYTES
        sealed = self._sealed[: start + len(plain) + TAG_BYTES]
        sealed[:start] = self._header[:start]
        self._aead.encrypt_into(_nonce(self._prefix, number, last), plain, None, sealed[start:])
        self._sink.write(sealed)

    def _wait(self) -> None:
        if self._sealing is not None:
            sealing, self._sealing = self._sealing, None
            sealing.result()

    def _give_back(self) -> None:
        for block in (self._buffer, self._sealed, self._behind):
            if block is not None and len(_spare) < _SPARE_KEPT:
                _spare.append(block)
        self._buffer = self._sealed = memoryview(b"")
        self._behind = None


class DecryptingReader(io.RawIOBase):
    """A seekable binary reader over a stored file; decrypts only the segments touched.

    ``name`` is what errors call the file. Keeps the last ``cache_segments`` segments decrypted, in
    buffers that are used again: a fresh one costs page faults on each of its 256 pages.
    Raises VaultCorruptError on reading a segment that does not authenticate.
    """

    def __init__(
        self,
        source: BinaryIO,
        key: bytes,
        associated_data: bytes,
        *,
        name: str = "file",
        cache_segments: int = 4,
    ) -> None:
        super().__init__()
        self._source = source
        self._file_name = name
        self._stored = source.seek(0, io.SEEK_END)
        source.seek(0)
        header = source.read(HEADER_BYTES)
        if len(header) != HEADER_BYTES or header[0] != HEADER_BYTES:
            raise VaultCorruptError(f"{name}: no header of this format")
        self._prefix = header[33:40]
        self._aead = _derive(key, header[1:33], associated_data)
        self._segments = max(1, -(-self._stored // SEGMENT_BYTES))
        self.size_bytes = plaintext_size_bytes(self._stored)
        self._position = 0
        self._cache: OrderedDict[int, memoryview] = OrderedDict()
        self._cache_segments = cache_segments
        self._sealed = memoryview(b"")
        self._spare: list[memoryview] = []

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size_bytes}[whence]
        if base + offset < 0:
            raise ValueError("seek before the start")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self.size_bytes - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted == 0:
            if self.size_bytes == 0:
                self._segment(0)
            return b""
        # A read within the cache's size joins pieces of its buffers; a longer one would see the
        # first of them used again, so it copies each piece at once.
        last = self._place(self._position + wanted - 1)[0]
        fits = last - self._place(self._position)[0] < self._cache_segments
        parts: list[bytes | memoryview] = []
        while wanted:
            number, start = self._place(self._position)
            piece = self._segment(number)[start : start + wanted]
            if not piece:
                raise VaultCorruptError(f"{self._file_name}: segment {number} is short")
            parts.append(piece if fits else bytes(piece))
            self._position += len(piece)
            wanted -= len(piece)
        return b"".join(parts)

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def, override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self.read(-1)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()

    @staticmethod
    def _place(position: int) -> tuple[int, int]:
        if position < _FIRST_PLAIN:
            return 0, position
        beyond = position - _FIRST_PLAIN
        return 1 + beyond // _PLAIN, beyond % _PLAIN

    def _segment(self, number: int) -> memoryview:
        """The segment's plaintext, in a buffer that stays as it is while the segment is cached."""
        if number in self._cache:
            self._cache.move_to_end(number)
            return self._cache[number]
        start = HEADER_BYTES if number == 0 else number * SEGMENT_BYTES
        size = min((number + 1) * SEGMENT_BYTES, self._stored) - start
        if not self._sealed:
            self._sealed = memoryview(bytearray(min(SEGMENT_BYTES, self._stored)))
        sealed = self._read_sealed(start, size)
        buffer = self._spare.pop() if self._spare else memoryview(bytearray(len(self._sealed)))
        plain = buffer[: max(0, size - TAG_BYTES)]
        nonce = _nonce(self._prefix, number, number == self._segments - 1)
        try:
            self._aead.decrypt_into(nonce, sealed, None, plain)
        except (InvalidTag, ValueError):
            self._spare.append(buffer)
            raise VaultCorruptError(
                f"{self._file_name}: segment {number} of {self._segments} is not authentic"
            ) from None
        self._cache[number] = plain
        if len(self._cache) > self._cache_segments:
            _, oldest = self._cache.popitem(last=False)
            self._spare.append(memoryview(oldest.obj))
        return plain

    def _read_sealed(self, start: int, size: int) -> memoryview:
        """``size`` stored bytes from ``start``; fewer where the file has become shorter."""
        self._source.seek(start)
        got = 0
        while got < size:
            read = self._source.readinto(self._sealed[got:size])  # type: ignore[attr-defined]
            if not read:
                break
            got += read
        return self._sealed[:got]
