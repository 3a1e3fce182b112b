"""``list_instances`` and ``verify_vault``, as scripts call them."""

from __future__ import annotations

import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from apps.audit.models import Event
from apps.keys.keyring import open_vault_file
from apps.vault.files import storage
from apps.vault.models import VaultFile
from tests.intake.test_quarantine_page import arrive

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _room(settings: Any) -> None:
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0


def run(name: str, *arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command(name, *arguments, stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def stored_path(file: VaultFile, settings: Any) -> Path:
    root = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "vault"
    return next(root.rglob(file.storage_name))


def newest(action: str) -> Event:
    found = Event.objects.filter(action=action).order_by("-recorded_at").first()
    assert found is not None
    return found


def test_each_instance_is_listed_with_the_digest_of_its_data_set(
    command: Any, project: Any
) -> None:
    held = arrive(command, project, uid="1.2.3.44")
    assert held.original is not None
    code, text = run("list_instances", "--project", "demo", "--json")
    (line,) = [json.loads(row) for row in text.splitlines()]
    with open_vault_file(held.original) as source:
        part10 = source.read()
    data_set = part10[144 + int.from_bytes(part10[140:144], "little") :]
    assert code == 0
    assert line["sop_instance_uid"] == "1.2.3.44"
    assert line["state"] == "received"
    assert line["size_bytes"] == len(part10)
    assert line["sha256"] == sha256(data_set).hexdigest()
    assert line["received_at"].endswith("+00:00")
    assert newest("intake.list").outcome == "done"


def test_listing_an_unknown_project_is_wrong_use(project: Any) -> None:
    assert run("list_instances", "--project", "nowhere", "--json")[0] == 2


def test_a_whole_vault_holds_and_the_check_is_recorded(command: Any, project: Any) -> None:
    arrive(command, project)
    arrive(command, project, uid="1.2.3.5")
    code, text = run("verify_vault")
    assert (code, text.split()[0]) == (0, "HOLDS")
    assert int(text.split()[1]) == VaultFile.objects.count() == 2
    assert newest("vault.verify").outcome == "done"
    assert run("verify_vault", "--sample", "1")[1].split()[1] == "1"


@pytest.mark.parametrize("place", [20, 60, -1])
def test_one_altered_byte_is_found_and_its_file_is_named(
    place: int, command: Any, project: Any, settings: Any
) -> None:
    arrive(command, project)
    file = arrive(command, project, uid="1.2.3.6").original
    assert file is not None
    path = stored_path(file, settings)
    stored = bytearray(path.read_bytes())
    stored[place] ^= 1
    path.write_bytes(stored)
    code, text = run("verify_vault")
    assert code == 1
    assert str(file) in text
    assert newest("vault.verify").outcome == "failed"


def test_a_digest_that_is_not_its_data_sets_is_found(command: Any, project: Any) -> None:
    held = arrive(command, project, uid="1.2.3.45").original
    assert held is not None and held.digest_from > 144
    with open_vault_file(held) as source:
        whole = source.read()
    assert held.sha256 == sha256(whole[held.digest_from :]).hexdigest()
    held.sha256 = sha256(whole).hexdigest()
    held.save(update_fields=["sha256"])
    assert run("verify_vault")[0] == 1
    held.digest_from = 0
    held.save(update_fields=["digest_from"])
    assert run("verify_vault")[0] == 0


def test_a_missing_and_a_cut_file_are_found(command: Any, project: Any, settings: Any) -> None:
    file = arrive(command, project).original
    assert file is not None
    path = stored_path(file, settings)
    path.write_bytes(path.read_bytes()[:-5])
    assert run("verify_vault")[0] == 1
    storage().delete(file.storage_name)
    code, text = run("verify_vault")
    assert (code, str(file) in text) == (1, True)


def test_a_file_of_another_row_in_its_place_is_found(
    command: Any, project: Any, settings: Any
) -> None:
    one = arrive(command, project).original
    other = arrive(command, project, uid="1.2.3.6").original
    assert one is not None and other is not None
    stored_path(one, settings).write_bytes(stored_path(other, settings).read_bytes())
    code, text = run("verify_vault")
    assert (code, str(one) in text) == (1, True)


@pytest.mark.parametrize("sample", ["0", "-3"])
def test_a_sample_of_nothing_is_wrong_use_and_no_verdict(sample: str) -> None:
    code, text = run("verify_vault", "--sample", sample)
    assert code == 2 and text == ""
