"""Rotating the key-encryption key: every key anew, no file touched, whatever happens meanwhile."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from apps.access.actor import service
from apps.access.errors import Conflict
from apps.audit.models import Event
from apps.keys import keyring, rotation, services, wrapped
from apps.keys.models import KeyRotation, Subject
from apps.projects.models import Project
from apps.vault import master
from apps.vault.domain.sealed import seal
from apps.vault.files import create_file
from apps.vault.models import VaultFile
from apps.vault.providers import provider

ROOT = Path(__file__).parents[2]
SEED = 20261125


@pytest.fixture
def key_file(settings: Any, tmp_path: Path) -> Path:
    settings.CLINICAL_ANNOT_KEY_FILE = tmp_path / "keys" / "master.key"
    settings.CLINICAL_ANNOT_KEY_PROVIDER = "file"
    return Path(settings.CLINICAL_ANNOT_KEY_FILE)


def run(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("rotate_keys", *words, stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def stored_for(subject: Subject, text: bytes) -> VaultFile:
    with create_file("original", keyring.subject_key(subject)) as out:
        out.write(text)
        file = out.finish()
    file.save(force_insert=True)
    return file


def read(file: VaultFile) -> bytes:
    with keyring.open_vault_file(VaultFile.objects.get(pk=file.pk)) as source:
        return source.read()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["file", "transit"])
def test_a_rotation_wraps_every_key_anew_and_touches_no_file(
    kind: str, key_file: Path, request: Any, project: Any
) -> None:
    if kind == "transit":
        # The project of before was wrapped by the key file: it goes along.
        request.getfixturevalue("transit")
    subjects = [keyring.subject_for(f"P{n}") for n in range(7)]
    secret, lookup = project.secret(), master.master_key("lookup")
    files = {stored_for(s, str(s.pk).encode()): s for s in subjects}
    before = {f.pk: (f.wrapping_key, bytes(f.wrapped_data_key)) for f in VaultFile.objects.all()}
    old, keys = provider().key_id(), {s.pk: keyring.subject_key(s).key for s in subjects}
    code, said = run()
    assert code == 0 and said.startswith("ROTATED ")
    assert set(wrapped.counts()) == {provider().key_id()}
    if kind == "file":
        assert old != provider().key_id()
    for subject in Subject.objects.filter(pk__in=keys):
        assert keyring.subject_key(subject).key == keys[subject.pk]
    for file, subject in files.items():
        assert read(file) == str(subject.pk).encode()
    after = {f.pk: (f.wrapping_key, bytes(f.wrapped_data_key)) for f in VaultFile.objects.all()}
    assert after == before
    assert Project.objects.get(pk=project.pk).secret() == secret
    master.forget()
    assert master.master_key("lookup") == lookup
    actions = set(Event.objects.values_list("action", flat=True))
    assert {"keys.rotate", "keys.rewrap", "keys.rotated"} <= actions


@pytest.mark.django_db
def test_keys_that_were_wrapped_before_envelopes_were_go_along(key_file: Path) -> None:
    subject, key = keyring.subject_for("old"), os.urandom(32)
    old = seal(master.master_key("subjects"), key, f"subject/{subject.pk}")
    Subject.objects.filter(pk=subject.pk).update(wrapped_key=old)
    assert keyring.subject_key(Subject.objects.get(pk=subject.pk)).key == key
    assert run()[0] == 0
    subject.refresh_from_db()
    assert master.wrapped_by(bytes(subject.wrapped_key or b"")) == provider().key_id()
    assert keyring.subject_key(subject).key == key


@pytest.mark.django_db
def test_a_key_that_is_destroyed_while_it_is_wrapped_anew_stays_destroyed(key_file: Path) -> None:
    subject, command = keyring.subject_for("gone"), service("command")
    (found,) = [each for each in wrapped.every() if each.pk == subject.pk]
    provider().rotate()
    begun = services.begin_rotation(command, None, to_key=provider().key_id())
    new = found.rewrapped()
    services.destroy_subject_key(command, subject, reason="withdrawn")
    assert services.put_rewrapped(command, begun, [(found, new)]) == 0
    subject.refresh_from_db()
    assert subject.wrapped_key is None


@pytest.mark.django_db
def test_older_keys_are_given_up_only_later_and_only_what_wraps_nothing(key_file: Path) -> None:
    subject = keyring.subject_for("P1")
    copy_of_before = bytes(subject.wrapped_key or b"")
    assert run("--retire")[0] == 1
    assert run()[0] == 0
    assert run("--retire")[0] == 1
    assert master.unwrap_key(copy_of_before, f"subject/{subject.pk}", before="")
    kept = rotation.retire(service("command"), since_s=0.0)
    assert kept == [provider().key_id()]
    assert len(keyring.subject_key(Subject.objects.get(pk=subject.pk)).key) == 32
    with pytest.raises(master.MasterKeyError):
        master.unwrap_key(copy_of_before, f"subject/{subject.pk}", before="")


@pytest.mark.django_db
def test_a_rotation_does_not_end_while_a_key_is_left(key_file: Path) -> None:
    keyring.subject_for("P1")
    provider().rotate()
    begun = services.begin_rotation(service("command"), None, to_key=provider().key_id())
    with pytest.raises(Conflict):
        services.finish_rotation(service("command"), begun, key_id=provider().key_id())
    assert KeyRotation.objects.get().state == "running"


@pytest.mark.django_db
def test_keys_given_by_the_environment_are_rotated_when_a_new_one_is_given(settings: Any) -> None:
    settings.CLINICAL_ANNOT_KEY_PROVIDER = "environment"
    one, two = (f"key {'A' * 42}{end}=" for end in "AE")
    settings.CLINICAL_ANNOT_KEYS = f"root {'A' * 43}=, {one}"
    keyring.subject_for("P1")
    Project.objects.all().delete()
    assert run()[0] == 1
    settings.CLINICAL_ANNOT_KEYS += f", {two}"
    assert run()[0] == 0
    assert set(wrapped.counts()) == {provider().key_id()}


# Few keys a batch and a line after each, so that a kill finds the work half done.
_RUN = """
import django; django.setup()
from apps.access.actor import service
from apps.keys import rotation
rotation.BATCH = 4
rotation.rotate(service("command"), progress=lambda n: print(n, flush=True))
"""


@pytest.mark.django_db(transaction=True)
def test_a_rotation_killed_in_the_middle_goes_on_and_readers_never_notice(
    key_file: Path, settings: Any
) -> None:
    texts = {stored_for(keyring.subject_for(f"P{n}"), b"%d" % n): b"%d" % n for n in range(24)}
    files, failed, stop, n_read = list(texts), [], threading.Event(), [0]

    def keep_reading() -> None:
        pick = random.Random(SEED)
        while not stop.wait(0.01):
            file = pick.choice(files)
            try:
                assert read(file) == texts[file]
                n_read[0] += 1
            except Exception as error:
                failed.append(repr(error))
        connection.close()

    reader = threading.Thread(target=keep_reading)
    reader.start()
    try:
        process = rotating(settings, key_file)
        assert process.stdout is not None
        for _ in range(2):
            assert process.stdout.readline().strip().isdigit()
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
        assert len(wrapped.counts()) == 2, "the kill came after the end"
        # Another one from here, as an operator would.
        assert run()[0] == 0
    finally:
        stop.set()
        reader.join()
    assert not failed and n_read[0] > 0
    assert set(wrapped.counts()) == {provider().key_id()}
    (only,) = KeyRotation.objects.all()
    assert only.state == "finished" and only.n_rewrapped >= 24


def rotating(settings: Any, key_file: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _RUN],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": database_url(),
            "CLINICAL_ANNOT_DATA_DIR": str(settings.CLINICAL_ANNOT_DATA_DIR),
            "CLINICAL_ANNOT_KEY_FILE": str(key_file),
            "DJANGO_SETTINGS_MODULE": "clinical_annot.settings.test",
        },
        stdout=subprocess.PIPE,
    )


def database_url() -> str:
    """The database of this test, for another process."""
    held = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{held['NAME']}"
    where = f"{held['USER']}:{held['PASSWORD']}@{held['HOST']}:{held['PORT']}"
    return f"postgres://{where}/{held['NAME']}"
