"""A seekable place in memory for a muxer that must go back and patch what it wrote.

Vault writers only append, and an MP4 file's sample table is written last but belongs first. The
file is made in anonymous memory (``memfd_create``: no name in any folder, gone with the process)
and then copied. Memory is the size of the written file, so it has a limit; a longer video needs
a muxer that knows all sample sizes beforehand (two passes over the packets).
"""

from __future__ import annotations

import io
import os
from types import TracebackType
from typing import IO, BinaryIO

from .refusals import StreamRefusal

DEFAULT_LIMIT_BYTES = 2 << 30
_COPY_BYTES = 1 << 20


class MediaBuffer:
    """Anonymous memory with a path for libav and a copy to an append-only writer.

    >>> with MediaBuffer() as buffer:
    ...     size_bytes = buffer.copy_to(io.BytesIO())
    >>> size_bytes
    0
    """

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._descriptor = os.memfd_create("media", os.MFD_CLOEXEC)
        self._limit_bytes = limit_bytes

    @property
    def path(self) -> str:
        """A path of this process that libav can open twice (needed to move the table first)."""
        return f"/proc/self/fd/{self._descriptor}"

    @property
    def size_bytes(self) -> int:
        return os.fstat(self._descriptor).st_size

    def check_limit(self) -> None:
        """Raise ``StreamRefusal("stream_too_large")`` when more was written than may be held."""
        if self.size_bytes > self._limit_bytes:
            raise StreamRefusal(
                "stream_too_large",
                "video: larger than may be held in memory; split the recording or raise the limit",
            )

    def reader(self) -> BinaryIO:
        """A new reader from the first byte on; the caller closes it."""
        return open(self.path, "rb")

    def copy_to(self, out: IO[bytes]) -> int:
        """Append all bytes to ``out``; returns their number."""
        position, size = 0, self.size_bytes
        while position < size:
            part = os.pread(self._descriptor, _COPY_BYTES, position)
            if not part:
                raise io.UnsupportedOperation("media buffer: shorter than its own size")
            out.write(part)
            position += len(part)
        return position

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> MediaBuffer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
