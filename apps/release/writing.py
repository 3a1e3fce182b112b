"""Writing a frozen release into a folder: the same bytes every time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings

from apps.access.errors import NotFound
from apps.keys.keyring import open_vault_file
from apps.library.models import Clip
from apps.release.collecting import Progress, freeze_altered
from apps.release.domain.build import build_release
from apps.release.models import Release
from apps.release.signing import release_key


def write_folder(
    release: Release,
    out: Path,
    formats: Iterable[str],
    progress: Progress | None = None,
    workers: int = 1,
) -> dict[str, Any]:
    """Write the release into ``out`` (absent, empty, or where a stopped build of it lies); gives
    its manifest.

    Raises Refused, ReleaseRefused, MediaError, KeyDestroyedError.
    """
    key = release_key()
    with freeze_file(release) as path:
        return build_release(
            path,
            formats,
            out,
            _open_instance,
            key.sign,
            key.public_key().public_bytes_raw(),
            approval=release.approval,
            progress=progress,
            workers=workers,
            prepare=_set_up,
        )


@contextmanager
def freeze_file(release: Release) -> Iterator[Path]:
    """The stored freeze as a plain file among the releases that are being written, held to its
    digest. Raises Refused when it is not what was frozen."""
    if release.freeze_file is None:
        raise NotFound("This release is a draft: nothing is frozen yet.")
    place = Path(settings.CLINICAL_ANNOT_DATA_DIR) / "releases"
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    with tempfile.TemporaryDirectory(prefix="freeze-", dir=place) as folder:
        path, digest = Path(folder) / "freeze.json", sha256()
        with open_vault_file(release.freeze_file) as source, path.open("wb") as out:
            while block := source.read(1 << 20):
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != release.freeze_digest:
            raise freeze_altered()
        yield path


def _set_up() -> None:
    """Django in a process of its own."""
    import django

    django.setup()


def _open_instance(clip_id: str) -> BinaryIO:
    clip = Clip.objects.select_related("instance__file").get(pk=clip_id)
    return cast(BinaryIO, open_vault_file(clip.instance.file))
