"""A backup taken while instances arrive and annotators save, and what a restore of it holds."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clinical_annot.backup import manifest
from clinical_annot.backup.manifest import BackupError
from tests.backup.site import Answer, Lines, Sending, Site
from tests.intake import peers
from tests.intake.figures import note

SEED = 20261125
_PREPARE = """
from apps.access.actor import Actor, service
from apps.access.models import User
from apps.projects.services import create_project, grant_role
from tests.builders import label_set, ready_clip
actor = service("command")
project = create_project(actor, None, slug="demo", name="Demo", ae_title="CLINANNOT",
                         options={"keep_originals": True})
user = User.objects.create_user(username="anna", password="correct horse", printed_name="A")
grant_role(actor, project, user, "annotator")
print(label_set(project, Actor(user), ready_clip(project)).pk)
"""
_SAVE = """
import os, time, uuid
from apps.access.actor import Actor
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations
from tests.builders import interval, numbered
from apps.library.models import Clip
mine, clip = LabelSet.objects.get(), Clip.objects.get()
actor = Actor(mine.author)
client, revision, seq = str(uuid.uuid4()), mine.revision, 1
while not os.path.exists({stop!r}):
    done = save_operations(actor, mine, client_id=client, base_revision=revision,
                           operations=numbered(interval(clip, "bleeding", 7, 9), seq))
    revision, seq = done["revision"], seq + 1
    print(revision, flush=True)
    time.sleep(0.05)
"""
# One process for several commands: to start one takes seconds on a busy machine.
_AFTER = """
import json
from django.core.management import call_command
call_command("restore", {folder!r})
call_command("verify_vault")
call_command("verify_audit")
from apps.annotation.models import LabelSet
from apps.intake.models import ReceivedInstance
from apps.intake.queries import uids_of
rows = ReceivedInstance.objects.exclude(original=None)
print(json.dumps({{"revision": LabelSet.objects.get().revision,
                   "held": {{uids_of(row)["sop_instance_uid"]: row.sha256 for row in rows}}}}))
"""


@dataclass
class Taken:
    """A running site and the backup that was taken of it."""

    site: Site
    folder: Path
    answer: Answer
    began_at: datetime
    until: datetime
    stored: list[tuple[datetime, bytes]]
    refused: list[str]
    saved: list[tuple[datetime, int]]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    place = tmp_path_factory.mktemp("backup")
    site, stop = Site(place), place / "stop"
    site.run(_PREPARE)
    try:
        site.start_node()
        saving = Lines(site.start("shell", "-v", "0", "-c", _SAVE.format(stop=str(stop))))
        lanes = [Sending(place, site.port, SEED + number) for number in range(2)]
        try:
            while not saving.seen or not all(lane.stored for lane in lanes):
                assert saving.process.poll() is None
                time.sleep(0.05)
            # A backup of little is over soon: another one, until something arrived during it.
            for number in range(8):
                folder = place / f"copy{number}"
                answer = site.manage("backup", "--out", str(folder))
                assert answer.code == 0, answer.err
                told = json.loads((folder / "manifest.json").read_bytes())
                began_at, until = (
                    datetime.fromisoformat(told[key]) for key in ("began_at", "complete_until")
                )
                if any(began_at < at < until for lane in lanes for at, _ in lane.stored):
                    break
        finally:
            stop.touch()
            for lines in (*lanes, saving):
                lines.end()
    finally:
        site.stop_node()
    yield Taken(
        site,
        folder,
        answer,
        began_at,
        until,
        [pair for lane in lanes for pair in lane.stored],
        [answer for lane in lanes for answer in lane.refused],
        [(at, int(line)) for at, line in saving.seen if line.isdigit()],
    )


def test_what_was_acknowledged_before_the_backup_ended_is_there_after_a_restore(
    taken: Taken, tmp_path: Path
) -> None:
    assert taken.answer.code == 0 and taken.answer.out.startswith("DONE"), taken.answer.err
    assert taken.began_at < taken.until
    stored = [content for at, content in taken.stored if at < taken.until]
    during = [at for at, _ in taken.stored if taken.began_at < at < taken.until]
    saved = [revision for at, revision in taken.saved if at < taken.until]
    assert during and saved, "instances arrived and annotations were saved meanwhile"
    # Whoever writes meanwhile waits. On a machine that is busy with other things the wait may run
    # out; then the sender is told so and sends again.
    assert all("Refused: OutOfResources" in answer for answer in taken.refused)
    assert len(taken.refused) * 10 <= len(taken.stored)

    successor = Site(tmp_path, taken.site.key_file)
    lines = successor.run(_AFTER.format(folder=str(taken.folder))).splitlines()
    assert lines[0].startswith("RESTORED") and lines[1].startswith("HOLDS"), lines
    vault = next(line for line in lines if line.endswith(" files"))
    assert vault.startswith("HOLDS") and not any("BROKEN" in line for line in lines), lines
    told = json.loads(lines[-1])
    held = told["held"]
    expected = {peers.uid_of(each): peers.digest_of_data_set(each) for each in stored}
    assert {uid: held.get(uid) for uid in expected} == expected
    assert told["revision"] >= max(saved)
    # Every file has its row: what was on its way stayed out.
    files = [path for path in (successor.folder / "vault").rglob("*") if path.is_file()]
    assert len(files) == int(vault.split()[1])
    note(
        f"{len(stored)} instances acknowledged before the backup ended, {len(during)} of them while"
        f" it ran, {len(saved)} revisions: all there; {len(taken.refused)} told to come again"
    )


def test_the_master_key_and_the_names_of_patients_are_nowhere_in_the_backup(taken: Taken) -> None:
    key = base64.b64decode(taken.site.key_file.read_bytes())
    wanted = (key, taken.site.key_file.read_bytes().strip(), key.hex().encode(), b"Planted")
    files = [path for path in taken.folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        content = path.read_bytes()
        assert not any(text in content for text in wanted), path.name
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_every_file_stands_in_the_list_that_sha256sum_checks(taken: Taken) -> None:
    done = subprocess.run(
        ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"],
        cwd=taken.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    named = {line.split("  ")[1] for line in (taken.folder / "SHA256SUMS").read_text().splitlines()}
    there = {
        str(path.relative_to(taken.folder)) for path in taken.folder.rglob("*") if path.is_file()
    }
    assert there - named == {"SHA256SUMS", "manifest.json", "COMPLETE"}


def test_a_backup_that_is_cut_or_altered_is_refused_and_its_file_is_named(
    taken: Taken, tmp_path: Path
) -> None:
    target = Site(tmp_path, taken.site.key_file)
    database = next(taken.folder.glob("database.*")).name
    file = str(next((taken.folder / "vault").rglob("?" * 32)).relative_to(taken.folder))
    harms = {
        database: lambda data: data[:-100],
        file: lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        "manifest.json": lambda data: data.replace(b'"n_files": ', b'"n_files": 1'),
        "SHA256SUMS": lambda data: data.replace(b"a", b"b", 1),
        "COMPLETE": lambda data: b"",
    }
    commands = []
    for number, (name, harm) in enumerate(harms.items()):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(taken.folder, copy)
        (copy / name).write_bytes(harm((copy / name).read_bytes()))
        commands.append(("restore", str(copy)))
    missing = tmp_path / "missing"
    shutil.copytree(taken.folder, missing)
    (missing / file).unlink()
    answers = target.steps(*commands, ("restore", str(missing)))
    for name, answer in zip([*harms, file], answers, strict=True):
        assert answer.code == 1 and name in answer.err, (name, answer)
        assert answer.out == ""
    assert target.steps(("restore", str(taken.folder)))[0].code == 0, "the target was left usable"


def test_another_key_file_is_refused_with_its_variable(
    taken: Taken, tmp_path: Path, settings: Any
) -> None:
    settings.CLINICAL_ANNOT_KEY_FILE = tmp_path / "another.key"
    with pytest.raises(BackupError, match="CLINICAL_ANNOT_KEY_FILE"):
        manifest.require_our_key(taken.folder, manifest.read(taken.folder)[0])


def test_an_older_restore_says_what_was_lost_keeps_newer_files_and_destroys_keys_again(
    taken: Taken, tmp_path: Path
) -> None:
    held_elsewhere = tmp_path / "elsewhere.txt"
    restore = ("restore", str(taken.folder))
    verify = ("verify_audit", "--checkpoint", str(held_elsewhere))
    copy = f"import shutil; shutil.copy({str(taken.site.outside)!r}, {str(held_elsewhere)!r})"
    _, _, refused, done, look, plain, other, files, swept, again, released, after, held, left = (
        taken.site.steps(
            _GO_ON, copy, restore, (*restore, "--replace"), _LOOK, ("verify_audit",), verify,
            ("kept_files",), _SWEEP, (*restore, "--replace"), ("kept_files", "--release"),
            ("kept_files",), ("verify_audit",), _SWEEP,
        )
    )  # fmt: skip
    assert refused.code == 1 and "--replace" in refused.err

    newest = max(int(n) for n in re.findall(r"^(\d+)$", held_elsewhere.read_text(), re.M))
    assert done.code == 0, done.err
    assert "1 keys destroyed again" in done.out
    kept = re.findall(r"^KEPT ([0-9a-f]{32}) ", done.out, re.M)
    assert kept, "the file that came after the backup is listed"
    lost = re.search(r"^LOST entries (\d+) to (\d+)$", done.out, re.M)
    assert lost is not None and int(lost[1]) < int(lost[2]) == newest - 1
    told = json.loads(look.out)
    assert told["outside"]["size"] == newest and told["kept_files"] == len(kept)
    assert told["readable"] == 0, "what was destroyed stays unreadable"
    assert told["erased_again"] == 1, "what was erased does not come back"
    note(f"restored to before checkpoint {newest}: {lost[0]}; {other.out.splitlines()[0][:60]}")

    assert plain.code == 0 and plain.out.startswith("HOLDS")
    assert lost[0] in plain.out
    assert other.code == 1 and other.out.startswith("BROKEN")
    assert set(re.findall(r"[0-9a-f]{32}", files.out)) == set(kept)
    # The sweep leaves them where they are until a person lets them go.
    assert json.loads(swept.out) == {"kept": sorted(kept)}
    assert again.code == 0 and "HOLDS" in again.out, again.err
    assert f"RELEASED {len(kept)} files" in released.out and after.out == ""
    assert held.code == 0 and lost[0] in held.out
    assert json.loads(left.out) == {"kept": []}


_GO_ON = """
from apps.access.actor import service
from apps.audit import tree
from apps.intake.receiving import Incoming, take
from apps.keys.keyring import subject_for
from apps.keys.services import destroy_subject_key
from apps.projects.models import Project
from tests.intake import peers
incoming = Incoming()
incoming.write(peers.instance(patient="LATER"))
take(service("node"), Project.objects.get(), incoming)
subject = subject_for("P0")
assert subject.wrapped_key is not None
destroy_subject_key(service("command"), subject, reason="consent withdrawn")
from apps.deid.retention import settle_original
from apps.intake.models import ReceivedInstance
project = Project.objects.get()
project.options = {**project.options, "originals": {"kind": "delete", "days": 0, "since": None}}
project.save()
row = ReceivedInstance.objects.exclude(original=None).order_by("received_at").first()
ReceivedInstance.objects.filter(pk=row.pk).update(state="cleared")
row.refresh_from_db()
assert settle_original(service("worker"), row)
from apps.access.people import note_process
for _ in range(9):
    note_process(service("worker"), None, process="worker", what="start")
    tree.sequence()
    tree.make_checkpoint()
"""
_LOOK = """
import json
from apps.audit.models import Event
from apps.keys.keyring import KeyDestroyedError, open_vault_file, subject_for
from apps.vault.models import VaultFile
event = Event.objects.filter(action="system.restore").order_by("-recorded_at").first()
told = json.loads(bytes(event.entry))["public"]
told["readable"] = 0
rows = VaultFile.objects.filter(wrapping_key=f"subject:{subject_for('P0').pk}")
assert rows.count()
for row in rows:
    try:
        open_vault_file(row)
        told["readable"] += 1
    except KeyDestroyedError:
        pass
print(json.dumps(told))
"""
_SWEEP = """
import json
from apps.audit.restores import kept_since
from apps.vault.files import storage, sweep
from apps.vault.models import VaultFile
sweep(older_than_s=-1, kept_since=kept_since())
rows = {name.hex for name in VaultFile.objects.values_list("pk", flat=True)}
print(json.dumps({"kept": sorted(set(name for name, _ in storage().names()) - rows)}))
"""
