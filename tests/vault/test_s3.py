"""Encrypted files in a real S3-compatible store: whole or not at all, read by range."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from environs import Env

from apps.intake.receiving import Incoming, take
from apps.keys.keyring import intake_key, open_vault_file
from apps.vault import files
from apps.vault.domain.streaming_aead import VaultCorruptError
from apps.vault.models import VaultFile
from apps.vault.s3_storage import PART_BYTES, S3Storage, StoreError
from clinical_annot.settings.stores import store_settings
from tests.vault.servers import Store

pytestmark = pytest.mark.django_db
SIZES = (0, 1, 70_000, PART_BYTES - 56, PART_BYTES, 2 * PART_BYTES + 12_345)


@pytest.fixture(autouse=True)
def vault(s3: Store) -> S3Storage:
    found = files.storage()
    assert isinstance(found, S3Storage)
    return found


def written(content: bytes) -> VaultFile:
    with files.create_file("original", intake_key()) as out:
        for start in range(0, len(content), 300_000):
            out.write(content[start : start + 300_000])
        file = out.finish()
    file.save(force_insert=True)
    return file


def uploads(vault: S3Storage) -> list[Any]:
    found = vault._client.list_multipart_uploads(Bucket=vault._bucket, Prefix=vault._prefix)
    return list(found.get("Uploads", []))


@pytest.mark.parametrize("size", SIZES)
def test_what_was_written_is_read_back_whole_and_in_pieces(size: int) -> None:
    content = os.urandom(size)
    with open_vault_file(written(content)) as source:
        assert source.read() == content
        for start in (0, size // 3, max(0, size - 10)):
            source.seek(start)
            assert source.read(1000) == content[start : start + 1000]


def test_a_read_by_range_fetches_the_segments_touched_and_no_more(vault: S3Storage) -> None:
    file = written(os.urandom(12 << 20))
    fetched: list[str] = []
    vault._client.meta.events.register(
        "provide-client-params.s3.GetObject", lambda params, **_: fetched.append(params["Range"])
    )
    with open_vault_file(file) as source:
        source.seek(7 << 20)
        assert len(source.read(65_536)) == 65_536
    asked = [tuple(map(int, each.removeprefix("bytes=").split("-"))) for each in fetched]
    assert sum(end - start + 1 for start, end in asked) <= (2 << 20) + 65_536


def test_an_object_is_not_there_before_it_is_whole_and_nothing_stays_of_a_broken_one(
    vault: S3Storage,
) -> None:
    out = files.create_file("original", intake_key())
    out.write(os.urandom(2 * PART_BYTES + (2 << 20)))
    assert len(uploads(vault)) == 1
    assert not vault.exists(out.id.hex) and not list(vault.names())
    out.abort()
    out.abort()
    assert not uploads(vault) and not list(vault.names())


def test_no_plaintext_reaches_the_store_or_a_temporary_file(
    vault: S3Storage, seaweedfs: Store, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = bytes(range(64)) * 4
    written(run * (PART_BYTES // 128))
    stored = [path for path in seaweedfs.folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in stored) > 2 * PART_BYTES
    assert not any(run in path.read_bytes() for path in stored)
    assert not list(tmp_path.iterdir())


def test_an_instance_is_sent_on_while_it_still_arrives(
    vault: S3Storage, command: Any, project: Any, tmp_path: Path, settings: Any
) -> None:
    """The writer that intake has, on a store: parts go out before the last byte has come."""
    path = tmp_path / "large.dcm"
    peers_instance(path, 3 * PART_BYTES)
    content = path.read_bytes()
    incoming = Incoming()
    seen = []
    for start in range(0, len(content), 1 << 20):
        incoming.write(content[start : start + (1 << 20)])
        seen.append(len(uploads(vault)))
    received = take(command, project, incoming)
    assert max(seen) == 1 and not uploads(vault)
    assert received.original is not None
    with open_vault_file(received.original) as source:
        assert source.read() == content


def peers_instance(path: Path, size: int) -> None:
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset

    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.1.1", "1.2.3.4.5"
    ds.StudyInstanceUID, ds.Modality, ds.PatientID = "1.2.3.4", "ES", "PID-1"
    ds.EncapsulatedDocument = os.urandom(size)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dcmwrite(path, ds, enforce_file_format=True)


def test_altered_cut_and_missing_objects_are_named_and_never_read(vault: S3Storage) -> None:
    file = written(os.urandom(1 << 21))
    key = {"Bucket": vault._bucket, "Key": vault._key(file.storage_name)}
    stored = bytearray(vault._client.get_object(**key)["Body"].read())
    for changed in (
        stored[:-5],
        stored[:30],
        stored[: 1 << 20] + b"\x00" + stored[(1 << 20) + 1 :],
    ):
        vault._client.put_object(**key, Body=bytes(changed))
        with pytest.raises(VaultCorruptError), open_vault_file(file) as source:
            source.read()
    with pytest.raises(SystemExit):
        call_command("verify_vault")
    vault.delete(file.storage_name)
    with pytest.raises(FileNotFoundError):
        open_vault_file(file)


def test_the_sweep_takes_what_no_row_names_and_uploads_that_nobody_writes(
    vault: S3Storage,
) -> None:
    named = written(b"named")
    with files.create_file("original", intake_key()) as out:
        out.write(b"unnamed")
        unnamed = out.finish()
    broken = files.create_file("original", intake_key())
    broken.write(os.urandom(2 * PART_BYTES))
    assert files.sweep(older_than_s=3600) == 0
    assert {name for name, _ in vault.names()} == {named.storage_name, unnamed.storage_name}
    time.sleep(1.1)
    assert files.sweep(older_than_s=0.0) == 2
    assert {name for name, _ in vault.names()} == {named.storage_name}
    assert not uploads(vault)
    with pytest.raises(FileNotFoundError):
        unnamed.save(force_insert=True)
    assert not list(vault._listed(f"{vault._prefix}unnamed/"))
    broken.abort()


def test_a_row_saved_while_the_sweep_looks_keeps_its_file_or_is_not_saved(
    vault: S3Storage, monkeypatch: Any
) -> None:
    """Both at once, over and over: never a row without its file."""
    for _ in range(8):
        with files.create_file("original", intake_key()) as out:
            out.write(b"pictures")
            name = out.finish().storage_name
        time.sleep(0.01)
        limit, saved = time.time() + 2.0, []
        # Objects count as old; a touch within this second does not.
        monkeypatch.setattr(
            vault, "_changed", lambda where, real=S3Storage._changed: _aged(vault, where, real)
        )

        def touch(name: str = name, saved: list[bool] = saved) -> None:
            try:
                vault.touch(name)
                saved.append(True)
            except FileNotFoundError:
                saved.append(False)

        thread = threading.Thread(target=touch)
        thread.start()
        gone = vault.delete_older(name, limit)
        thread.join()
        monkeypatch.undo()
        assert not (gone and saved == [True])


def _aged(vault: S3Storage, where: dict[str, str], real: Any) -> float | None:
    changed = real(vault, where)
    return None if changed is None else changed + (3600.0 if "in-use" in where["Key"] else 0.0)


def test_the_check_of_the_place_finds_a_missing_bucket(vault: S3Storage, s3: Store) -> None:
    vault.check()
    with pytest.raises(OSError):
        S3Storage("nowhere", "p", s3.endpoint, "us-east-1").check()


def test_a_store_that_is_away_is_an_os_error_without_key_or_address(settings: Any) -> None:
    away = S3Storage("clinical", "p", "http://127.0.0.1:9", "us-east-1")
    with pytest.raises(StoreError) as told:
        away.exists("ab")
    assert "127.0.0.1" not in str(told.value)
    pending = away.create("ab")
    pending.write(b"x")
    with pytest.raises(StoreError):
        pending.commit()
    pending.abort()


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"CLINICAL_ANNOT_STORAGE": "/mnt/store"}, "CLINICAL_ANNOT_STORAGE"),
        ({"CLINICAL_ANNOT_STORAGE": "s3://X"}, "CLINICAL_ANNOT_STORAGE"),
        (
            {
                "CLINICAL_ANNOT_STORAGE": "s3://clinical/vault",
                "CLINICAL_ANNOT_S3_ENDPOINT": "store:9000",
            },
            "CLINICAL_ANNOT_S3_ENDPOINT",
        ),
    ],
)
def test_a_wrong_place_stops_the_start_and_the_variable_is_named(
    environment: dict[str, str], variable: str, monkeypatch: Any
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=variable):
        store_settings(Env())
