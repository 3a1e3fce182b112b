"""Stored files: what a row names is there; what no row names goes, and only that."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import time
from hashlib import sha256

import pytest

from apps.keys.keyring import intake_key, open_vault_file
from apps.vault import files, storage
from apps.vault.models import VaultFile

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def vault(tmp_path, monkeypatch) -> storage.LocalStorage:
    own = storage.LocalStorage(tmp_path / "vault")
    monkeypatch.setattr(files, "storage", lambda: own)
    return own


def written() -> VaultFile:
    with files.create_file("original", intake_key()) as out:
        out.write(b"pictures")
        return out.finish()


def age(vault: storage.LocalStorage, file: VaultFile, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(vault._path(file.storage_name), (moment, moment))


def test_a_file_that_no_row_names_is_swept_after_a_day(vault):
    old, young, named = written(), written(), written()
    named.save(force_insert=True)
    for file, seconds in ((old, 90_000), (young, 80_000), (named, 90_000)):
        age(vault, file, seconds)
    assert files.sweep() == 1
    assert not vault.exists(old.storage_name)
    assert vault.exists(young.storage_name) and vault.exists(named.storage_name)


def test_no_row_is_saved_for_a_file_that_was_swept(vault):
    file = written()
    assert files.sweep(older_than_s=-1) == 1
    with pytest.raises(FileNotFoundError):
        file.save(force_insert=True)
    assert not VaultFile.objects.exists()


def test_a_row_saved_while_the_vault_is_swept_keeps_its_file(vault, monkeypatch):
    """The sweep looked for the row before it was committed."""
    file = written()
    age(vault, file, 90_000)
    limit = time.time() - 86_400
    file.save(force_insert=True)
    assert not vault.delete_older(file.storage_name, limit)
    with open_vault_file(file) as source:
        assert source.read() == b"pictures"


@pytest.mark.parametrize("takes_pages", [True, False])
def test_pages_and_what_is_none_make_one_file(vault, monkeypatch, takes_pages):
    """Whole pages go past the page cache, where the file system lets them."""
    real, directly = os.write, []

    def write(handle: int, data: memoryview) -> int:
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_DIRECT:
            directly.append(len(data))
            if not takes_pages:
                raise OSError(errno.EINVAL, "not here")
            # Less than was given is no failure, and what is left may begin anywhere.
            return real(handle, data[:4096]) if len(directly) == 2 else real(handle, data)
        return real(handle, data)

    monkeypatch.setattr(storage.os, "write", write)
    pages = memoryview(mmap.mmap(-1, 5 * 4096))
    pages[:] = os.urandom(len(pages))
    pending = vault.create("ab12")
    for piece in (pages[:8192], pages, pages[: 3 * 4096 + 7], pages, b"end"):
        assert pending.write(piece) == len(piece)
    pending.commit()
    expected = bytes(pages[:8192]) + bytes(pages) + bytes(pages[: 3 * 4096 + 7]) + bytes(pages)
    with vault.open("ab12") as source:
        assert source.read() == expected + b"end"
    assert directly == ([8192, 20480, 16384] if takes_pages else [8192])


def test_a_file_that_is_dropped_while_it_is_written_leaves_nothing(vault):
    with files.create_file("original", intake_key()) as out:
        out.write(os.urandom(5 << 20))
    assert not list(vault._incoming.iterdir()) and not list(vault.names())


def test_a_digest_covers_what_comes_from_its_place_on():
    with files.create_file("original", intake_key()) as out:
        out.write(b"he")
        out.digest_from(6)
        out.write(b"ad: pic")
        out.write(b"tures")
        with pytest.raises(ValueError, match="passed"):
            out.digest_from(6)
        file = out.finish()
    assert (file.digest_from, file.sha256) == (6, sha256(b"pictures").hexdigest())
    with open_vault_file(file) as source:
        assert source.read() == b"head: pictures"
