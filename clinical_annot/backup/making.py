"""``manage.py backup``: of a running system, without stopping it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from apps.access.actor import Actor
from apps.audit import tree
from apps.vault.files import storage
from clinical_annot import services
from clinical_annot.backup import manifest as manifests
from clinical_annot.backup.copying import Copier, Progress
from clinical_annot.backup.databases import Database, Facts, Pause, Tell, database, patiently
from clinical_annot.backup.manifest import BackupError, Manifest

# Passes over the vault before writing is held up: each later one has only what came meanwhile.
_PASSES = 5
_SMALL_BYTES = 32 << 20
_TRIES = 3


@dataclass(frozen=True)
class Made:
    manifest: Manifest
    copied_bytes: int
    linked: int


def make_backup(
    actor: Actor, out: Path, *, previous: Path | None, pause_s: float, tell: Tell
) -> Made:
    """Write a complete backup into the folder ``out`` (made, or one that was cut off before).

    Raises BackupError; then ``out`` has no marker, and the same call goes on from there.
    """
    _require_place(out)
    older = None
    if previous is not None:
        held, sums = manifests.read(previous)
        manifests.require_our_key(previous, held)
        older = (previous, sums)
    patiently(lambda: services.note_backup(actor, None, outcome="begun", public={}))
    try:
        made = _make(out, older, pause_s, tell)
    except BaseException as error:
        kind = type(error).__name__
        patiently(
            lambda: services.note_backup(actor, None, outcome="failed", public={"error": kind})
        )
        raise
    told = {
        "files": made.manifest.n_files,
        "size_bytes": made.manifest.size_bytes,
        "log_entries": made.manifest.log_entries,
        "complete_until": made.manifest.complete_until,
    }
    patiently(lambda: services.note_backup(actor, None, outcome="done", public=told))
    return made


def _require_place(out: Path) -> None:
    vault = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "vault"
    if out.resolve().is_relative_to(vault.resolve()):
        raise BackupError("--out lies inside the vault: choose a folder outside")
    if manifests.is_complete(out):
        raise BackupError(
            "--out holds a complete backup: choose a new folder (and name this one as --previous)"
        )
    known = {"vault", "files.partial", manifests.SUMS, manifests.MANIFEST}
    if out.exists() and (
        others := [
            path.name
            for path in out.iterdir()
            if path.name not in known
            and not path.name.startswith("database.")
            and not path.name.endswith(".part")
        ]
    ):
        raise BackupError(
            f"--out holds something else ({len(others)} entries): choose a new folder"
        )
    out.mkdir(parents=True, exist_ok=True, mode=0o700)


def _make(out: Path, older: tuple[Path, dict[str, str]] | None, pause_s: float, tell: Tell) -> Made:
    began = datetime.now(UTC)
    copier, progress = Copier(out, older), Progress(tell)
    in_passes(copier, progress, tell)
    patiently(lambda: tree.sequence(100_000))
    patiently(tree.make_checkpoint)
    db = database()
    tell("copying the database; whoever writes waits")
    pause = db.pause(pause_s)
    try:
        facts = _one_moment(db, copier, pause, out / db.file_name)
        copier.drop_all_but(facts.vault_names)
        copier.close()
        sums = {manifests.vault_place(name): digest for name, digest in copier.sums.items()}
        sums[db.file_name] = manifests.digest_of(out / db.file_name)
        sums_sha256 = manifests.write_sums(out, sums)
        pause.look()
        made = Manifest(
            began_at=began.isoformat(),
            complete_until=(pause.until or datetime.now(UTC)).isoformat(),
            vendor=db.vendor,
            database=db.file_name,
            migrations=facts.migrations,
            log_entries=facts.log_entries,
            checkpoint=facts.checkpoint,
            key_fingerprint=manifests.key_fingerprint(),
            n_files=len(copier.sums),
            size_bytes=copier.size_bytes + (out / db.file_name).stat().st_size,
            sums_sha256=sums_sha256,
        )
        manifests.complete(out, made)
    finally:
        pause.release()
    return Made(made, copier.copied_bytes, copier.linked)


def in_passes(copier: Copier, progress: Callable[[str], None], tell: Tell) -> None:
    """Copy what the vault holds while everything runs, until little is left to a last look."""
    for number in range(_PASSES):
        names = [name for name, _ in storage().names() if name not in copier.sums]
        _require_room(copier.folder)
        before = copier.copied_bytes
        tell(f"pass {number + 1}: {len(names)} files")

        def look() -> None:
            progress(f"{len(copier.sums)} files, {copier.size_bytes >> 20} MiB")

        copier.copy(names, look)
        if copier.copied_bytes - before < _SMALL_BYTES:
            return


def _require_room(folder: Path) -> None:
    if shutil.disk_usage(folder).free < settings.CLINICAL_ANNOT_DISK_RESERVE_BYTES:
        raise BackupError(
            "--out has less free space than CLINICAL_ANNOT_DISK_RESERVE_BYTES: make room"
        )


def _one_moment(db: Database, copier: Copier, pause: Pause, target: Path) -> Facts:
    """The database and every file that its rows name. A file can be missing only where it was
    removed after the copy, with writing let go already: then a newer copy does not name it."""
    for _ in range(_TRIES):
        facts = db.dump(target, pause.look)
        wanted = facts.vault_names
        gone = copier.copy(sorted(wanted - set(copier.sums)), pause.look)
        if not gone:
            return facts
    raise BackupError(
        f"vault file {gone[0]} is named by its row and not there: run manage.py verify_vault"
    )
