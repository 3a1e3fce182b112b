"""Vault files into a backup and back. They are copied as they are stored: encrypted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from apps.vault.files import storage
from clinical_annot.backup.manifest import BackupError, sync_folder, vault_place

_BLOCK_BYTES = 1 << 20
JOURNAL = "files.partial"


class Copier:
    """Copies vault files into ``folder``; knows what lies there already and its digests.

    The journal has a line a file that is complete and synced, so that a backup that was cut off
    goes on where it was. ``previous``: an older complete backup whose files are linked, not copied.
    """

    def __init__(self, folder: Path, previous: tuple[Path, dict[str, str]] | None) -> None:
        self.folder = folder
        self._previous = previous
        self.sums: dict[str, str] = {}
        self.size_bytes = self.copied_bytes = self.linked = 0
        self._read_journal()
        self._journal = open(folder / JOURNAL, "a", encoding="ascii")  # noqa: SIM115
        os.chmod(folder / JOURNAL, 0o600)

    def _read_journal(self) -> None:
        path = self.folder / JOURNAL
        for line in path.read_text().splitlines() if path.exists() else ():
            name, _, digest = line.partition(" ")
            # The last line may be cut.
            if len(digest) == 64 and (held := self.folder / vault_place(name)).exists():
                self.sums[name] = digest
                self.size_bytes += held.stat().st_size

    def copy(self, names: Iterable[str], look: Callable[[], None]) -> list[str]:
        """Bring each file that is not here yet; the names of those that are gone from the vault."""
        gone = []
        for name in names:
            look()
            if name not in self.sums and not self._take(name, look):
                gone.append(name)
        return gone

    def _take(self, name: str, look: Callable[[], None]) -> bool:
        target = self.folder / vault_place(name)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        digest = self._link(name, target)
        if digest is None:
            try:
                source = storage().open(name)
            except FileNotFoundError:
                return False
            with source:
                digest = _write(source, target, look)
            self.copied_bytes += target.stat().st_size
        self.sums[name] = digest
        self.size_bytes += target.stat().st_size
        self._journal.write(f"{name} {digest}\n")
        self._journal.flush()
        return True

    def _link(self, name: str, target: Path) -> str | None:
        if self._previous is None:
            return None
        older, sums = self._previous
        digest = sums.get(vault_place(name))
        if digest is None:
            return None
        target.unlink(missing_ok=True)
        try:
            os.link(older / vault_place(name), target)
        except OSError:
            return None
        self.linked += 1
        return digest

    def drop_all_but(self, names: set[str]) -> None:
        """Remove what no row of the copied database names."""
        for name in set(self.sums) - names:
            path = self.folder / vault_place(name)
            self.size_bytes -= path.stat().st_size
            path.unlink()
            del self.sums[name]

    def close(self) -> None:
        """The folders hold their files' names durably; the journal is no longer needed."""
        for each in {(self.folder / vault_place(name)).parent for name in self.sums}:
            sync_folder(each)
        if (self.folder / "vault").exists():
            sync_folder(self.folder / "vault")
        self._journal.close()
        (self.folder / JOURNAL).unlink()


def _write(source: BinaryIO, target: Path, look: Callable[[], None]) -> str:
    """Copy, sync, rename; hex SHA-256 of what was written."""
    partial = target.with_name(target.name + ".part")
    total = sha256()
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        while block := source.read(_BLOCK_BYTES):
            total.update(block)
            out.write(block)
            look()
        out.flush()
        os.fsync(out.fileno())
    os.rename(partial, target)
    return total.hexdigest()


def put_back(folder: Path, place: str, digest: str) -> bool:
    """One file of a backup into the vault; False when it lies there already, byte for byte.

    Raises BackupError naming the file when its bytes are not those that were backed up: then the
    vault does not get it.
    """
    name = Path(place).name
    if _is_there(name, digest):
        return False
    total, pending = sha256(), storage().create(name)
    try:
        with open(folder / place, "rb") as source:
            while block := source.read(_BLOCK_BYTES):
                total.update(block)
                pending.write(block)
        if total.hexdigest() != digest:
            raise BackupError(f"{place} is not as it was backed up (cut or altered)")
    except BaseException:
        pending.abort()
        raise
    pending.commit()
    return True


def _is_there(name: str, digest: str) -> bool:
    if not storage().exists(name):
        return False
    total = sha256()
    with storage().open(name) as source:
        while block := source.read(_BLOCK_BYTES):
            total.update(block)
    return total.hexdigest() == digest


class Progress:
    """A line on standard error at most every two seconds."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._told = tell, time.monotonic()

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if now - self._told >= 2.0:
            self._told = now
            self._tell(text)
