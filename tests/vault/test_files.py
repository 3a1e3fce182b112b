"""Stored files: what a row names is there; what no row names goes, and only that."""

from __future__ import annotations

import os
import time

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
