"""A seekable copy of a stream that cannot be searched (a member of an archive): small ones in
memory, large ones encrypted. Plain bytes touch no disk."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from django.conf import settings

from apps.keys.keyring import intake_key
from apps.vault.files import create_file, open_file, storage

IN_MEMORY_BYTES = 32 << 20
_BLOCK_BYTES = 1 << 20


@contextmanager
def seekable(source: BinaryIO) -> Iterator[BinaryIO]:
    """A copy of ``source``, gone at the end. Raises OSError (ENOSPC: no room for it)."""
    held = io.BytesIO()
    while len(block := source.read(_BLOCK_BYTES)):
        held.write(block)
        if held.tell() > IN_MEMORY_BYTES:
            break
    else:
        held.seek(0)
        yield held
        return
    if storage().free_bytes() < settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES:
        raise OSError(errno.ENOSPC, "disk reserve reached")
    with create_file("spool", intake_key()) as writer:
        writer.write(held.getbuffer())
        del held
        while block := source.read(_BLOCK_BYTES):
            writer.write(block)
        file = writer.finish()
    try:
        with open_file(file, intake_key()) as opened:
            yield opened
    finally:
        storage().delete(file.storage_name)
