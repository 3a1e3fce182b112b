"""Backups that go on: from one that was cut off, and from the night before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.audit.models import Event
from apps.vault.files import delete_file
from apps.vault.models import VaultFile
from clinical_annot.backup import databases, making, manifest
from clinical_annot.backup.manifest import BackupError
from tests.intake.test_quarantine_page import arrive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _room(settings: Any, tmp_path: Path) -> None:
    settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES = 0
    settings.CLINICAL_ANNOT_DATA_DIR = tmp_path / "data"


def back_up(actor: Any, out: Path, previous: Path | None = None) -> making.Made:
    return making.make_backup(actor, out, previous=previous, pause_s=8, tell=lambda _: None)


def test_a_backup_that_was_cut_off_goes_on_without_copying_again(
    command: Any, project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(command, project)
    out = tmp_path / "copy"
    kind = type(databases.database())
    with monkeypatch.context() as broken:
        broken.setattr(kind, "dump", lambda *_: (_ for _ in ()).throw(BackupError("away")))
        with pytest.raises(BackupError, match="away"):
            back_up(command, out)
    with pytest.raises(BackupError, match="COMPLETE is missing"):
        manifest.read(out)
    arrive(command, project, uid="1.2.3.5")
    made = back_up(command, out)
    newer = VaultFile.objects.latest("created_at")
    held = out / manifest.vault_place(newer.storage_name)
    assert made.manifest.n_files == 2 and made.copied_bytes == held.stat().st_size
    outcomes = Event.objects.filter(action="system.backup").order_by("recorded_at")
    assert list(outcomes.values_list("outcome", flat=True)) == ["begun", "failed", "begun", "done"]
    with pytest.raises(BackupError, match="complete backup"):
        back_up(command, out)


def test_the_next_backup_links_what_the_one_before_holds_and_leaves_out_what_is_gone(
    command: Any, project: Any, tmp_path: Path
) -> None:
    first, let_go = arrive(command, project).original, arrive(command, project, uid="1.2.3.6")
    gone = let_go.original
    assert first is not None and gone is not None
    name_of_gone = gone.storage_name
    old, new = tmp_path / "old", tmp_path / "new"
    back_up(command, old)
    let_go.original = None
    let_go.save()
    delete_file(gone)
    arrive(command, project, uid="1.2.3.5")
    made = back_up(command, new, old)
    place = manifest.vault_place(first.storage_name)
    assert (made.linked, made.manifest.n_files) == (1, 2)
    assert (new / place).stat().st_ino == (old / place).stat().st_ino
    assert not (new / manifest.vault_place(name_of_gone)).exists()
    assert set(manifest.read(new)[1]) == {made.manifest.database} | {
        manifest.vault_place(file.storage_name) for file in VaultFile.objects.all()
    }


def test_a_backup_into_the_vault_or_over_other_things_is_refused(
    command: Any, project: Any, tmp_path: Path, settings: Any
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("mine")
    for place in (settings.CLINICAL_ANNOT_DATA_DIR / "vault/copy", tmp_path / "full"):
        with pytest.raises(BackupError):
            back_up(command, place)
    assert (tmp_path / "full/letter.txt").read_text() == "mine"
