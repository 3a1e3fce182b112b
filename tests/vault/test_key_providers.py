"""Key-encryption keys from a file, the environment and a real key server: the same promises."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from environs import Env

from apps.keys import keyring
from apps.projects.models import Project
from apps.vault import master
from apps.vault.domain import envelope, local_keys
from apps.vault.domain.sealed import SealBrokenError, derive_key, seal
from apps.vault.files import create_file
from apps.vault.models import StoredKey
from apps.vault.providers import KeyProviderError, MasterKeyError, provider
from apps.vault.providers.local import KeyFile
from clinical_annot.settings.keys import key_settings
from tests.vault.servers import KeyServer

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]


def b64(key: bytes) -> str:
    return base64.b64encode(key).decode()


@pytest.fixture(params=["file", "environment", "transit"])
def kind(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> str:
    settings.CLINICAL_ANNOT_KEY_FILE = tmp_path / "keys" / "master.key"
    if request.param == "transit":
        request.getfixturevalue("transit")
    else:
        settings.CLINICAL_ANNOT_KEY_PROVIDER = request.param
        settings.CLINICAL_ANNOT_KEYS = f"root {b64(os.urandom(32))}, key {b64(os.urandom(32))}"
    return str(request.param)


def test_a_wrapped_key_opens_for_its_purpose_and_for_no_other(kind: str) -> None:
    key = os.urandom(32)
    stored = master.wrap_key(key, "subject/1")
    assert key not in stored
    assert master.wrapped_by(stored) == provider().key_id()
    assert master.unwrap_key(stored, "subject/1", before="subjects") == key
    with pytest.raises(SealBrokenError):
        master.unwrap_key(stored, "subject/2", before="subjects")
    with pytest.raises(SealBrokenError):
        master.unwrap_key(stored[:-4] + b"AAA=", "subject/1", before="subjects")


def test_what_was_wrapped_before_a_rotation_opens_after_it(kind: str, settings: Any) -> None:
    key, before = os.urandom(32), provider().key_id()
    stored, intake = master.wrap_key(key, "subject/1"), master.master_key("intake")
    if kind == "environment":
        with pytest.raises(KeyProviderError, match="CLINICAL_ANNOT_KEYS"):
            provider().rotate()
        settings.CLINICAL_ANNOT_KEYS += f", key {b64(os.urandom(32))}"
    else:
        assert provider().rotate() == provider().key_id()
    assert provider().key_id() != before
    assert master.wrapped_by(master.wrap_key(key, "subject/1")) == provider().key_id()
    assert master.unwrap_key(stored, "subject/1", before="subjects") == key
    assert master.master_key("intake") == intake


def test_subjects_projects_and_files_live_under_each_provider(kind: str) -> None:
    project = Project.objects.create(slug="p", name="P", ae_title="P")
    subject = keyring.subject_for("4711", "HOSPITAL")
    with create_file("original", keyring.subject_key(subject)) as out:
        out.write(b"pictures")
        file = out.finish()
    file.save(force_insert=True)
    master.forget()
    assert keyring.subject_for("4711", "HOSPITAL") == subject
    with keyring.open_vault_file(file) as source:
        assert source.read() == b"pictures"
    assert len(Project.objects.get(pk=project.pk).secret()) == 32


def test_a_retired_key_opens_nothing_any_more_and_the_others_do(
    transit: dict[str, str], settings: Any, tmp_path: Path
) -> None:
    for name in ("transit", "file"):
        settings.CLINICAL_ANNOT_KEY_PROVIDER = name
        settings.CLINICAL_ANNOT_KEY_FILE = tmp_path / "two.key"
        lost = master.wrap_key(os.urandom(32), "subject/1")
        provider().rotate()
        kept, middle = master.wrap_key(b"k" * 32, "subject/1"), provider().key_id()
        provider().rotate()
        provider().retire({middle})
        assert master.unwrap_key(kept, "subject/1", before="") == b"k" * 32
        with pytest.raises((MasterKeyError, SealBrokenError)):
            master.unwrap_key(lost, "subject/1", before="")


def test_a_key_file_is_made_once_private_and_another_processes_key_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "new" / "master.key"
    one, other = KeyFile(path), KeyFile(path)
    assert one.key_id() == other.key_id()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    added = other.rotate()
    assert one.key_id() == added
    path.chmod(0o640)
    with pytest.raises(MasterKeyError, match="0600"):
        KeyFile(path).key_id()


def test_processes_that_rotate_at_once_lose_no_key(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    code = (
        "import sys; from pathlib import Path; from apps.vault.providers.local import KeyFile\n"
        "for _ in range(20): print(KeyFile(Path(sys.argv[1])).rotate())"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    made = [line for each in running for line in each.communicate(timeout=60)[0].split()]
    assert len(set(made)) == 60
    assert set(made) <= set(local_keys.parse(path.read_text()).keys)


def test_a_key_file_of_32_bytes_alone_still_opens_what_it_wrapped(
    settings: Any, tmp_path: Path
) -> None:
    """The form of the file, and of wrapped keys, before key-encryption keys had names."""
    root, key = os.urandom(32), os.urandom(32)
    path = tmp_path / "old.key"
    path.write_text(b64(root) + "\n")
    path.chmod(0o600)
    settings.CLINICAL_ANNOT_KEY_FILE = path
    assert master.master_key("lookup") == derive_key(root, "clinicalannot/lookup/v1")
    old = seal(derive_key(root, "clinicalannot/subjects/v1"), key, "subject/1")
    assert master.unwrap_key(old, "subject/1", before="subjects") == key
    new = master.wrap_key(key, "subject/1")
    provider().rotate()
    for stored in (old, new):
        assert master.unwrap_key(stored, "subject/1", before="subjects") == key
    assert master.master_key("lookup") == derive_key(root, "clinicalannot/lookup/v1")


def test_a_site_that_moves_from_a_key_file_to_a_key_server_keeps_its_root(
    settings: Any, tmp_path: Path, transit: dict[str, str]
) -> None:
    settings.CLINICAL_ANNOT_KEY_FILE = tmp_path / "master.key"
    settings.CLINICAL_ANNOT_KEY_PROVIDER = "file"
    subject = keyring.subject_for("4711")
    lookup, key = master.master_key("lookup"), keyring.subject_key(subject).key
    settings.CLINICAL_ANNOT_KEY_PROVIDER = "transit"
    assert master.master_key("lookup") == lookup
    assert keyring.subject_key(subject).key == key
    (tmp_path / "master.key").unlink()
    master.forget()
    assert master.master_key("lookup") == lookup
    with pytest.raises(MasterKeyError, match="CLINICAL_ANNOT_KEY_PROVIDER"):
        keyring.subject_key(subject)


def test_the_root_under_a_key_server_is_stored_wrapped_only(transit: dict[str, str]) -> None:
    master.master_key("intake")
    stored = bytes(StoredKey.objects.get(name="root").wrapped)
    assert envelope.unpack(stored) is not None
    assert b"vault:v1:" in stored and StoredKey.objects.count() == 1


def test_a_key_server_that_is_away_or_refuses_is_named_by_its_variable(
    transit: dict[str, str], openbao: KeyServer, settings: Any, tmp_path: Path
) -> None:
    def changed(**parts: str) -> None:
        settings.CLINICAL_ANNOT_TRANSIT = {**transit, **parts}
        with pytest.raises(KeyProviderError) as told:
            master.wrap_key(os.urandom(32), "subject/1")
        assert "CLINICAL_ANNOT_TRANSIT" in str(told.value)
        assert transit["token"] not in str(told.value)

    changed(url="http://127.0.0.1:9")
    changed(token="wrong")
    changed(mount="sys")
    changed(token_file=str(tmp_path / "none"))


def test_the_token_may_lie_in_a_file_that_an_agent_renews(
    transit: dict[str, str], settings: Any, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text("expired")
    settings.CLINICAL_ANNOT_TRANSIT = {**transit, "token": "", "token_file": str(path)}
    with pytest.raises(KeyProviderError):
        provider().key_id()
    path.write_text(transit["token"] + "\n")
    assert provider().key_id().endswith("/1")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "exactly one 'root"),
        ("c2hvcnQ=", "32 bytes"),
        (f"key {b64(b'k' * 32)}", "exactly one 'root"),
        (f"root {b64(b'k' * 32)}", "any 'key"),
        (f"root {b64(b'k' * 32)}\nkey c2hvcnQ=", "32 bytes"),
    ],
)
def test_a_text_without_proper_keys_is_refused_and_not_quoted(text: str, told: str) -> None:
    with pytest.raises(local_keys.NotKeysError) as error:
        local_keys.parse(text)
    assert told in str(error.value)
    assert "c2hvcnQ" not in str(error.value) and b64(b"k" * 32) not in str(error.value)


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"CLINICAL_ANNOT_KEY_PROVIDER": "hsm"}, "CLINICAL_ANNOT_KEY_PROVIDER"),
        ({"CLINICAL_ANNOT_KEY_PROVIDER": "environment"}, "CLINICAL_ANNOT_KEYS"),
        ({"CLINICAL_ANNOT_KEY_PROVIDER": "transit"}, "CLINICAL_ANNOT_TRANSIT_URL"),
        (
            {
                "CLINICAL_ANNOT_KEY_PROVIDER": "transit",
                "CLINICAL_ANNOT_TRANSIT_URL": "http://keys.example",
            },
            "CLINICAL_ANNOT_TRANSIT_URL",
        ),
        (
            {
                "CLINICAL_ANNOT_KEY_PROVIDER": "transit",
                "CLINICAL_ANNOT_TRANSIT_URL": "https://keys.example",
            },
            "CLINICAL_ANNOT_TRANSIT_KEY",
        ),
        (
            {
                "CLINICAL_ANNOT_KEY_PROVIDER": "transit",
                "CLINICAL_ANNOT_TRANSIT_URL": "https://keys.example",
                "CLINICAL_ANNOT_TRANSIT_KEY": "clin",
            },
            "CLINICAL_ANNOT_TRANSIT_TOKEN",
        ),
    ],
)
def test_a_start_with_wrong_keys_stops_and_names_the_variable(
    environment: dict[str, str], variable: str, monkeypatch: Any
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=variable):
        key_settings(Env())


@pytest.mark.parametrize(
    ("inside", "variable"),
    [("master.key", "CLINICAL_ANNOT_KEY_FILE"), ("list", "CLINICAL_ANNOT_DESTROYED_FILE")],
)
def test_production_refuses_keys_and_their_list_inside_the_data_directory(
    inside: str, variable: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    places = {
        "CLINICAL_ANNOT_DATA_DIR": str(data),
        "CLINICAL_ANNOT_KEY_FILE": str(tmp_path / "keys" / "master.key"),
        variable: str(data / inside),
    }
    done = subprocess.run(
        [sys.executable, "-c", "import clinical_annot.settings.production"],
        cwd=ROOT,
        env={**os.environ, **places, "CLINICAL_ANNOT_SECRET_KEY": "x" * 60},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert variable in done.stderr.splitlines()[-1]
