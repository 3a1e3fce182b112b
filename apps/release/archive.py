"""The archive of a release: one ZIP, written straight into an encrypted file.

The folder it is made from holds de-identified data only, is readable by this account alone and is
removed as soon as the archive stands. A worker that was killed leaves it; the next goes on there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.keys.keyring import intake_key
from apps.release.collecting import Progress
from apps.release.domain.pieces import BUILDING
from apps.release.models import Release
from apps.release.writing import write_folder
from apps.vault.files import create_file
from apps.vault.models import VaultFile

_BLOCK = 1 << 20
_TEXT = {".json", ".jsonl", ".csv", ".txt", ".md", ".ini", ".py", ".sig", ""}


class BusyError(Exception):
    """Another process of this machine still writes the release's folder."""


def make_archive(release: Release, progress: Progress | None = None) -> VaultFile:
    """The unsaved row of the release's archive (ZIP64, deterministic names, times and order).

    Raises BusyError, and what `write_folder` raises.
    """
    places = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "releases"
    places.mkdir(parents=True, exist_ok=True)
    places.chmod(0o700)
    with _alone(places / f"{release.pk.hex}.lock"):
        place = places / release.pk.hex
        place.mkdir(exist_ok=True, mode=0o700)
        folder = place / f"{release.project.slug}-{release.version}"
        if not (folder / BUILDING).is_dir():
            # Written whole by a worker that was killed before it packed it, maybe before approval.
            shutil.rmtree(folder, ignore_errors=True)
        # What ends for a reason leaves nothing plain; what is killed goes on from its pieces.
        try:
            write_folder(release, folder, release.formats, progress)
            with create_file("release-archive", intake_key()) as out:
                zip_folder(folder, out)
                return out.finish()
        finally:
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the folder against a worker that took the job over while this one still runs."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_mine = os.fstat(lock.fileno()).st_ino == path.stat().st_ino
        except (BlockingIOError, FileNotFoundError):
            is_mine = False
        if not is_mine:
            raise BusyError
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def zip_folder(folder: Path, out: Any) -> None:
    """Every file under the folder's own name, in order of path, into a stream that cannot seek.
    Text is deflated; pictures and DICOM are stored."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(out, "w", allowZip64=True) as archive:
        for path in paths:
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            is_text = path.suffix in _TEXT
            entry.compress_type = zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, _BLOCK)
