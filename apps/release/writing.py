"""Writing a frozen release into a folder: the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

from apps.keys.keyring import open_vault_file
from apps.library.models import Clip
from apps.release.collecting import Progress, read_freeze
from apps.release.domain.build import build_release
from apps.release.models import Release
from apps.release.signing import release_key


def write_folder(
    release: Release, out: Path, formats: Iterable[str], progress: Progress | None = None
) -> dict[str, Any]:
    """Write the release into ``out`` (absent or empty); gives its manifest.

    Raises Refused, ReleaseRefused, MediaError, KeyDestroyedError.
    """
    key = release_key()
    return build_release(
        read_freeze(release),
        formats,
        out,
        _open_instance,
        key.sign,
        key.public_key().public_bytes_raw(),
        approval=release.approval,
        progress=progress,
    )


def _open_instance(clip_id: str) -> BinaryIO:
    clip = Clip.objects.select_related("instance__file").get(pk=clip_id)
    return cast(BinaryIO, open_vault_file(clip.instance.file))
