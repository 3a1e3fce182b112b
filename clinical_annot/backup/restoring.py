"""``manage.py restore``: vault files first, then the database, then what must hold before anything
is served. Until the last step the database lacks its append-only triggers, and node, worker and
health refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from apps.access import trail
from apps.access.actor import service
from apps.audit import restores, tree, triggers
from apps.audit.domain import checkpoint as notes
from apps.audit.verify import Verdict, read_notes
from apps.intake import erased
from apps.keys import destroyed as destroyed_keys
from apps.vault import master
from apps.vault.files import storage
from apps.vault.models import VaultFile
from apps.vault.providers import provider
from clinical_annot import services
from clinical_annot.backup import manifest as manifests
from clinical_annot.backup.copying import Progress, put_back
from clinical_annot.backup.databases import Database, Tell, database
from clinical_annot.backup.manifest import BackupError, Manifest


@dataclass(frozen=True)
class KeptFile:
    """A stored file that no row names and that is newer than the backup."""

    name: str
    changed_at: datetime


@dataclass(frozen=True)
class Restored:
    manifest: Manifest
    verdict: Verdict
    destroyed_again: int
    kept: list[KeptFile]


def restore_backup(
    folder: Path, *, replace: bool, checkpoint_file: Path | None, tell: Tell
) -> Restored:
    """Put a backup in the place that the settings name.

    Raises BackupError for a backup that is not whole (naming the file) and for a target that holds
    something (unless ``replace``) or is in use; then the target's database is as it was. Raises
    TrailBrokenError when the restored trail does not hold.
    """
    manifest, sums = manifests.read(folder)
    # A key server's site has its root in the database: it can be asked only once that is back.
    root_is_here = provider().root() is not None
    if root_is_here:
        manifests.require_our_key(folder, manifest)
    db = database()
    _require_fitting(manifest, db)
    manifests.require_files(folder, sums)
    # Read before anything changes: what cannot be read must not be found out half way.
    listed = _listed_as_destroyed() + (_known_here(destroyed_keys.records) if replace else [])
    originals = _listed_as_erased() + (_known_here(erased.records) if replace else [])
    outside = read_notes(checkpoint_file or Path(settings.CLINICAL_ANNOT_CHECKPOINT_FILE))
    _checked(outside)
    if manifests.digest_of(folder / manifest.database) != sums[manifest.database]:
        raise BackupError(f"{manifest.database} is not as it was backed up (cut or altered)")
    places = {place for place in sums if place != manifest.database}
    if not replace:
        _require_empty({Path(place).name for place in places})
    db.require_unused()
    progress = Progress(tell)
    tell(f"{len(places)} files")
    for number, place in enumerate(sorted(places), 1):
        put_back(folder, place, sums[place])
        progress(f"{number} of {len(places)} files")
    tell("replacing the database")
    db.load(folder / manifest.database)
    master.forget()
    if not root_is_here:
        manifests.require_our_key(folder, manifest)
    return _finish(manifest, outside, listed, originals, tell)


def _listed_as_destroyed() -> list[dict[str, str]]:
    """The list outside, for ``replay_destroyed``. Raises BackupError for a line that cannot be
    read: to leave one out would bring back what was promised to be gone."""
    path = Path(settings.CLINICAL_ANNOT_DESTROYED_FILE)
    if not path.exists():
        return []
    try:
        found = destroyed_keys.read_list(path)
    except destroyed_keys.BadListError as error:
        raise BackupError(str(error)) from None
    return [{"subject": str(key), "destroyed_at": when.isoformat()} for key, when in found]


def _listed_as_erased() -> list[dict[str, str]]:
    """The list of erased originals outside. Raises BackupError for a line that cannot be read."""
    try:
        return erased.read_list(erased.place())
    except erased.BadErasedListError as error:
        raise BackupError(str(error)) from None


def _known_here(records: Callable[[], list[dict[str, str]]]) -> list[dict[str, str]]:
    """What the database that is to be replaced knows; nothing where there is none of this
    version."""
    try:
        return records()
    except DatabaseError:
        return []


def _require_fitting(manifest: Manifest, db: Database) -> None:
    if manifest.vendor != db.vendor:
        raise BackupError(
            f"the backup is of {manifest.vendor}, DATABASE_URL names {db.vendor}: "
            "restore into the same kind"
        )
    known = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    strange = [f"{app}.{name}" for app, name in manifest.migrations if (app, name) not in known]
    if strange:
        raise BackupError(
            f"the backup is of a newer version ({strange[0]} is unknown here): install that one"
        )


def _require_empty(names: set[str]) -> None:
    """Nothing in it, or only files of this very backup (a restore that was cut off)."""
    others = sum(1 for name, _ in storage().names() if name not in names)
    if others or _has_events():
        raise BackupError(
            "the target holds data already: choose an empty one, or give --replace to put the "
            "backup in its place"
        )


def _has_events() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM audit_event LIMIT 1")
            return cursor.fetchone() is not None
    except DatabaseError:
        return False


def _finish(
    manifest: Manifest,
    outside: list[str],
    listed: list[dict[str, str]],
    originals: list[dict[str, str]],
    tell: Tell,
) -> Restored:
    call_command("migrate", verbosity=0, interactive=False)
    # Who was signed in when the backup was made signs in again.
    Session.objects.all().delete()
    actor = service("command")
    tell("destroying again what had been destroyed")
    destroyed = destroyed_keys.replay_destroyed(actor, listed) if listed else 0
    again = erased.replay(actor, None, listed=originals) if originals else 0
    until = datetime.fromisoformat(manifest.complete_until)
    kept = files_without_row((until - restores.ON_THEIR_WAY).timestamp())
    leaves = tree.size()
    tree.sequence(1_000_000)
    services.note_restore(
        actor,
        None,
        public={
            "backup_until": manifest.complete_until,
            "leaves": leaves,
            "entries_kept": tree.size(),
            "destroyed_again": destroyed,
            "erased_again": again,
            "kept_files": len(kept),
            **_of_notes(outside),
        },
    )
    tree.sequence(1_000_000)
    tree.make_checkpoint()
    tell("verifying the trail")
    triggers.install()
    return Restored(manifest, trail.verify(actor), destroyed, kept)


def _checked(outside: list[str]) -> list[notes.Checkpoint]:
    """Raises BackupError for a note that this log's key has not signed."""
    public = tree.signing_key().public_key().public_bytes_raw()
    try:
        return [notes.verify(note, public) for note in outside]
    except notes.CheckpointError as error:
        raise BackupError(f"the checkpoint file: {error}") from None


def _of_notes(outside: list[str]) -> dict[str, Any]:
    """What the event says of the notes held outside: the newest of them that no earlier restore of
    this log has spoken of already, how many there are, and their digest."""
    checked = _checked(outside)
    spoken_of = restores.excused(outside, [note.size for note in checked])
    fresh = [note for at, note in enumerate(checked) if at not in spoken_of]
    newest = max(fresh, key=lambda note: note.size, default=None)
    return {
        "outside": {"size": newest.size, "root": newest.root.hex()} if newest else None,
        "outside_notes": len(outside),
        "outside_sha256": restores.digest_of_notes(outside),
    }


def files_without_row(since: float) -> list[KeptFile]:
    """Stored files that no row names, newer than ``since`` (seconds since the epoch)."""
    named = {name.hex for name in VaultFile.objects.values_list("pk", flat=True).iterator()}
    found = [
        KeptFile(name, datetime.fromtimestamp(changed, UTC))
        for name, changed in storage().names()
        if changed >= since and name not in named
    ]
    return sorted(found, key=lambda file: file.changed_at)
