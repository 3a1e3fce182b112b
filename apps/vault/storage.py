"""Where encrypted files lie: one small interface, the local folder behind it (``s3_storage.py`` is
the other place).

A file is written beside its place, renamed when it is complete, and synced with its folder before
``commit`` returns; only then may a row name it. (Synced after the rename and not before: the file
system writes both down at once.) Nothing here ever holds plaintext.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

_PAGE_BYTES = 4096
# Linux has it.
_DIRECT: int = getattr(os, "O_DIRECT", 0)


class PendingFile(Protocol):
    def write(self, data: bytes | memoryview, /) -> object: ...
    def commit(self) -> None: ...
    def abort(self) -> None: ...


class Storage(Protocol):
    """What the vault asks of a place for files. Names are ours: hexadecimal, no identifiers."""

    def create(self, name: str) -> PendingFile: ...
    def open(self, name: str) -> BinaryIO: ...
    def delete(self, name: str) -> None: ...
    def touch(self, name: str) -> None: ...
    def delete_older(self, name: str, limit: float) -> bool: ...
    def exists(self, name: str) -> bool: ...
    def free_bytes(self) -> int: ...
    def check(self) -> None: ...
    def names(self) -> Iterator[tuple[str, float]]: ...
    def sweep_incoming(self, older_than_s: float) -> int: ...


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _LocalPending:
    """Pieces of whole pages (those of a long file) are written past the page cache where the file
    system can: what must be synced before it counts need not lie there as well, and to find a page
    for it costs more than to write it. Their memory should begin with a page: else, as all else,
    they go the common way."""

    def __init__(self, partial: Path, final: Path) -> None:
        self._partial, self._final, self._is_placed = partial, final, False
        self._handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._size_bytes = 0
        self._is_direct, self._can_be_direct = False, bool(_DIRECT)

    def write(self, data: bytes | memoryview) -> int:
        left = memoryview(data)
        while left:
            if self._can_be_direct and (len(left) | self._size_bytes) % _PAGE_BYTES == 0:
                written = self._write_direct(left)
            else:
                self._be_direct(False)
                written = os.write(self._handle, left)
            self._size_bytes += written
            left = left[written:]
        return len(data)

    def _write_direct(self, pages: memoryview) -> int:
        try:
            self._be_direct(True)
            return os.write(self._handle, pages)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # Not on this file system, or not from this memory.
            self._can_be_direct = False
            return 0

    def _be_direct(self, wanted: bool) -> None:
        if wanted != self._is_direct:
            flags = fcntl.fcntl(self._handle, fcntl.F_GETFL)
            flags = flags | _DIRECT if wanted else flags & ~_DIRECT
            fcntl.fcntl(self._handle, fcntl.F_SETFL, flags)
            self._is_direct = wanted

    def commit(self) -> None:
        try:
            os.rename(self._partial, self._final)
        except FileNotFoundError:
            self._final.parent.mkdir(parents=True, exist_ok=True)
            _sync_folder(self._final.parent.parent)
            os.rename(self._partial, self._final)
        self._is_placed = True
        os.fsync(self._handle)
        self._close()
        _sync_folder(self._final.parent)

    def abort(self) -> None:
        self._close()
        (self._final if self._is_placed else self._partial).unlink(missing_ok=True)

    def _close(self) -> None:
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)


class LocalStorage:
    """A folder on this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._root_text = str(root)
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _path(self, name: str) -> Path:
        if not name.isalnum():
            raise ValueError("a vault name is letters and digits")
        return self._root / name[:2] / name

    def create(self, name: str) -> PendingFile:
        return _LocalPending(self._incoming / name, self._path(name))

    def open(self, name: str) -> BinaryIO:
        return open(self._path(name), "rb")

    def exists(self, name: str) -> bool:
        return self._path(name).exists()

    def delete(self, name: str) -> None:
        path = self._path(name)
        path.unlink(missing_ok=True)
        if path.parent.exists():
            _sync_folder(path.parent)

    def touch(self, name: str) -> None:
        """Say that a file is in use now. Raises FileNotFoundError when it is gone."""
        if not name.isalnum():
            raise ValueError("a vault name is letters and digits")
        # Asked for each instance: a Path costs more than the answer.
        os.utime(f"{self._root_text}/{name[:2]}/{name}")

    def delete_older(self, name: str, limit: float) -> bool:
        """Remove a file unless it was touched at or after ``limit`` (seconds since the epoch).

        It is taken aside before it is looked at: a ``touch`` comes before, and the file goes back
        to its place, or after, and fails.
        """
        path, aside = self._path(name), self._incoming / f"{name}.unnamed"
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return False
        if aside.stat().st_mtime >= limit:
            os.rename(aside, path)
            return False
        aside.unlink()
        _sync_folder(path.parent)
        return True

    def free_bytes(self) -> int:
        told = os.statvfs(self._root_text)
        return told.f_bavail * told.f_frsize

    def check(self) -> None:
        """Raises OSError where the place is not there."""
        self._root.stat()

    def names(self) -> Iterator[tuple[str, float]]:
        """Every complete file with its time of change (seconds since the epoch)."""
        for folder in self._root.iterdir():
            if folder.is_dir() and folder != self._incoming:
                for path in folder.iterdir():
                    yield path.name, path.stat().st_mtime

    def sweep_incoming(self, older_than_s: float) -> int:
        """Remove half-written files that nobody can be writing any more; the number removed."""
        limit, removed = time.time() - older_than_s, 0
        for path in self._incoming.iterdir():
            if path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)
                removed += 1
        return removed
