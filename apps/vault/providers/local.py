"""Keys that this machine holds itself: in a file of mode 0600, or in the environment."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.vault.domain import local_keys
from apps.vault.domain.local_keys import LocalKeys, NotKeysError
from apps.vault.domain.sealed import seal, unseal
from apps.vault.providers import KeyProviderError, MasterKeyError

_LOCK = os.O_WRONLY | os.O_CREAT


class _Local:
    """Wrapping with the keys that ``_keys`` gives."""

    def _keys(self) -> LocalKeys:
        raise NotImplementedError

    def key_id(self) -> str:
        return self._keys().current

    def owns(self, key_id: str) -> bool:
        return key_id.startswith("local:")

    def wrap(self, key: bytes, purpose: str) -> tuple[str, bytes]:
        keys = self._keys()
        return keys.current, seal(keys.keys[keys.current], key, f"kek/{purpose}")

    def unwrap(self, key_id: str, wrapped: bytes, purpose: str) -> bytes:
        found = self._keys().keys.get(key_id)
        if found is None:
            raise MasterKeyError(f"{self.variable} does not hold the key {key_id}")
        return unseal(found, wrapped, f"kek/{purpose}")

    def root(self) -> bytes:
        return self._keys().root

    variable = ""


class KeyFile(_Local):
    """``CLINICAL_ANNOT_KEY_FILE``: made on first start; what another process adds is seen at once.

    Of several processes starting, or rotating, at once none undoes what another did: a first file
    is linked into its place, and a changed one is written under a lock.
    """

    name, makes_keys, variable = "file", True, "CLINICAL_ANNOT_KEY_FILE"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int, int], LocalKeys] | None = None

    def _keys(self) -> LocalKeys:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._create()
            found = self._path.stat()
        if found.st_mode & 0o077:
            raise MasterKeyError(f"{self.variable} can be read by others: set its mode to 0600")
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if self._seen is None or self._seen[0] != stamp:
            try:
                self._seen = stamp, local_keys.parse(self._path.read_text())
            except (NotKeysError, UnicodeDecodeError) as error:
                told = error if isinstance(error, NotKeysError) else "is no text"
                raise MasterKeyError(f"{self.variable} {told}") from None
        return self._seen[1]

    def rotate(self) -> str:
        with self._alone():
            changed = self._keys().with_key(os.urandom(local_keys.KEY_BYTES))
            self._replace(changed)
        return changed.current

    def retire(self, keep: set[str]) -> None:
        with self._alone():
            keys = self._keys()
            self._replace(keys.without(set(keys.keys) - keep))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            lock = os.open(self._path.with_name(f"{self._path.name}.lock"), _LOCK, 0o600)
        except OSError:
            raise KeyProviderError(
                f"{self.variable}: its folder cannot be written to, and a new key must be kept"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _replace(self, keys: LocalKeys) -> None:
        os.replace(self._write(keys), self._path)
        self._sync_folder()

    def _create(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        key = os.urandom(local_keys.KEY_BYTES)
        partial = self._write(local_keys.new(os.urandom(local_keys.KEY_BYTES), key))
        try:
            # A link and not a rename: of several processes starting at once the first one's stays.
            os.link(partial, self._path)
        except FileExistsError:
            return
        finally:
            partial.unlink()
        self._sync_folder()

    def _write(self, keys: LocalKeys) -> Path:
        partial = self._path.with_name(f"{self._path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(local_keys.render(keys))
            out.flush()
            os.fsync(out.fileno())
        return partial

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


class Environment(_Local):
    """``CLINICAL_ANNOT_KEYS``: the text of a key file, given by whatever starts the processes."""

    name, makes_keys, variable = "environment", False, "CLINICAL_ANNOT_KEYS"

    def __init__(self, text: str) -> None:
        try:
            self._held = local_keys.parse(text)
        except NotKeysError as error:
            raise MasterKeyError(f"{self.variable} {error}") from None

    def _keys(self) -> LocalKeys:
        return self._held

    def rotate(self) -> str:
        raise KeyProviderError(
            f"{self.variable} is given from outside: add 'key <32 bytes in base64>' at its end, "
            "start every process with it, then run rotate_keys"
        )

    def retire(self, keep: set[str]) -> None:
        raise KeyProviderError(
            f"{self.variable} is given from outside: take the older 'key …' out of it"
        )
