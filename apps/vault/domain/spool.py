"""A place for bytes that wait for the rest of their file: written once, then read anywhere.

What is written is encrypted at once, under a key that never leaves the process; beyond a few MiB
the ciphertext lies in a file without a name in the temporary folder (TMPDIR), gone with the
process. Memory does not grow with what is written.
"""

from __future__ import annotations

import os
import tempfile
from types import TracebackType
from typing import BinaryIO, cast

from .streaming_aead import DecryptingReader, EncryptingWriter

_IN_MEMORY_BYTES = 4 << 20


class SealedSpool:
    """Append with ``write``; ``reader`` ends the writing.

    >>> with SealedSpool() as spool:
    ...     _ = spool.write(b"picture")
    ...     spool.reader().read()
    b'picture'
    """

    def __init__(self) -> None:
        self._stored = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115
        self._key, self._id = os.urandom(32), os.urandom(16)
        self._writer = EncryptingWriter(self._stored, self._key, self._id)
        self._reader: DecryptingReader | None = None
        self.size_bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Raises ValueError after ``reader`` was called, OSError where no room is left."""
        written = self._writer.write(data)
        self.size_bytes += written
        return written

    def reader(self) -> BinaryIO:
        """A seekable reader over all that was written; the same one each time."""
        if self._reader is None:
            self._writer.close()
            self._reader = DecryptingReader(
                cast(BinaryIO, self._stored), self._key, self._id, name="spool"
            )
        return cast(BinaryIO, self._reader)

    def close(self) -> None:
        self._stored.close()

    def __enter__(self) -> SealedSpool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
